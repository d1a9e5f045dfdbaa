//! The status of a `UserMapping`.

use jiff::Timestamp;

use crate::api::UserMapping;
use crate::api::conditions::{Finding, MAPPINGS_VALID, Reason, Status, record};
use crate::api::user_mapping::UserMappingStatus;

use super::super::mapping::Checked;
use super::super::verdict::{Rejection, Verdict};
use super::time;

/// The status of `mapping`; `checked` is there when every line fits.
pub fn user_mapping_status(
    mapping: &UserMapping,
    verdict: &Verdict,
    checked: Option<&Checked>,
    now: Timestamp,
) -> UserMappingStatus {
    let before = mapping.status.clone().unwrap_or_default();
    let mut findings = verdict.findings();
    findings.extend(valid(verdict, checked));
    let groups = mapping.spec.groups.as_ref();
    let lines = mapping.spec.users.attributes.len() + groups.map_or(0, |it| it.attributes.len());
    let lines = i64::try_from(lines).unwrap_or(i64::MAX);
    UserMappingStatus {
        observed_generation: mapping.metadata.generation,
        conditions: record(
            &before.conditions,
            &findings,
            mapping.metadata.generation,
            time(now).0,
        ),
        attributes: Some(if checked.is_some() { lines } else { 0 }),
        warnings: checked
            .map(|it| it.warnings.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
    }
}

fn valid(verdict: &Verdict, checked: Option<&Checked>) -> Option<Finding> {
    if checked.is_some() {
        let message = "every line fits the schema of the ScimTenant";
        return Some(Finding::new(
            MAPPINGS_VALID,
            Status::True,
            Reason::Reconciled,
            message,
        ));
    }
    match verdict {
        Verdict::Rejected(rejection @ Rejection::Invalid { .. }) => Some(Finding::new(
            MAPPINGS_VALID,
            Status::False,
            Reason::Invalid,
            rejection.to_string(),
        )),
        Verdict::Done { .. }
        | Verdict::Waiting { .. }
        | Verdict::Suspended
        | Verdict::Rejected(_)
        | Verdict::Failed { .. } => None,
    }
}
