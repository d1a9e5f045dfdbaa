//! The status of a `UserMapping`.

use jiff::Timestamp;

use crate::api::UserMapping;
use crate::api::conditions::{
    Finding, IN_FORCE, MAPPINGS_VALID, PREVIEWED, Reason, Status, record,
};
use crate::api::user_mapping::{MappingInForce, MappingPreview, UserMappingStatus};

use super::super::mapping::Checked;
use super::super::user_mapping::change::Decision;
use super::super::verdict::{Rejection, Verdict};
use super::time;

/// What is known of a `UserMapping`, as far as it was looked at.
#[derive(Clone, Debug, Default)]
pub struct MappingFacts {
    /// What its check found; there when every line fits.
    pub checked: Option<Checked>,
    /// What became of its last change.
    pub decision: Option<Decision>,
    /// The mapping in force.
    pub in_force: Option<MappingInForce>,
    /// How many lines it has, if that is known.
    pub lines: Option<usize>,
    /// What the change would do.
    pub preview: Option<MappingPreview>,
    /// Whether somebody wants to know that, and the directory could not be looked at.
    pub lacks_preview: bool,
}

/// The status of `mapping`; of what nobody could look at, what was known stays.
pub fn user_mapping_status(
    mapping: &UserMapping,
    verdict: &Verdict,
    facts: Option<&MappingFacts>,
    now: Timestamp,
) -> UserMappingStatus {
    let before = mapping.status.clone().unwrap_or_default();
    let checked = facts.and_then(|it| it.checked.as_ref());
    let mut findings = verdict.findings();
    findings.extend(valid(verdict, checked));
    findings.extend(facts.and_then(in_force));
    findings.extend(facts.and_then(|it| previewed(mapping, it)));
    let decided = facts.filter(|it| it.decision.is_some());
    let lines = match decided {
        // Of one that does not fit none is in effect.
        None => Some(0),
        Some(facts) => match facts.lines {
            Some(lines) => Some(i64::try_from(lines).unwrap_or(i64::MAX)),
            None => before.attributes,
        },
    };
    UserMappingStatus {
        observed_generation: mapping.metadata.generation,
        conditions: record(
            &before.conditions,
            &findings,
            mapping.metadata.generation,
            time(now).0,
        ),
        attributes: lines,
        warnings: checked
            .map(|it| it.warnings.iter().map(ToString::to_string).collect())
            .unwrap_or_default(),
        in_force: decided.map_or(before.in_force, |it| it.in_force.clone()),
        preview: decided.map_or(before.preview, |it| it.preview.clone()),
    }
}

fn in_force(facts: &MappingFacts) -> Option<Finding> {
    let (status, reason, message) = match facts.decision.as_ref()? {
        Decision::InForce => (
            Status::True,
            Reason::Reconciled,
            "what is declared is in force".to_owned(),
        ),
        Decision::Held { message } => (Status::False, Reason::MappingHeld, message.clone()),
        Decision::Waiting => (
            Status::Unknown,
            Reason::ReportUnavailable,
            UNREADABLE.to_owned(),
        ),
    };
    Some(Finding::new(IN_FORCE, status, reason, message))
}

/// What is said while a change waits for the directory.
pub(in crate::plan) const UNREADABLE: &str = "the people of the ScimTenant cannot be read yet, so that nobody knows what the change would do; what was in force stays until then";

fn previewed(mapping: &UserMapping, facts: &MappingFacts) -> Option<Finding> {
    mapping.spec.preview?;
    facts.decision.as_ref()?;
    Some(match &facts.preview {
        None if !facts.lacks_preview => return None,
        None => Finding::new(
            PREVIEWED,
            Status::Unknown,
            Reason::ReportUnavailable,
            "the people of the ScimTenant cannot be read yet",
        ),
        Some(preview) => Finding::new(PREVIEWED, Status::True, Reason::Reconciled, told(preview)),
    })
}

/// A preview in a sentence.
fn told(preview: &MappingPreview) -> String {
    let MappingPreview {
        people,
        changed,
        disabled,
        rejected,
        undecided,
        ..
    } = preview;
    let counts = format!(
        "of {people} people who are active the mapping changes {changed}, disables {disabled}, and has {rejected} refused"
    );
    let counts = if preview.incomplete {
        format!("{counts}; others were not looked at, for there are very many")
    } else {
        counts
    };
    if *undecided == 0 {
        return counts;
    }
    let unknown = match preview.unknown.as_slice() {
        [] => "what is in the directory is not understood".to_owned(),
        names => format!(
            "the mapping before it does not send {}; give people as they are in Entra to usher mapping preview",
            names.join(", ")
        ),
    };
    format!("{counts}; of {undecided} it cannot be told: {unknown}")
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
