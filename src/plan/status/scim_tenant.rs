//! The status of a `ScimTenant`.

use jiff::Timestamp;

use crate::api::conditions::{DEPROVISIONING, Finding, Reason, SERVING, Status, record};
use crate::api::scim_tenant::{HeldRemovals, ScimTenantStatus};
use crate::api::{ObjectKey, ScimTenant};
use crate::config::report::{self, ScimTenantReport};
use crate::config::{Report, scim_url};

use super::super::observed::{Site, WorkloadState};
use super::super::scim_tenant::{read_only, store_fault};
use super::super::verdict::Verdict;
use super::super::workload_config::scim_tenant_name;
use super::time;

/// What is known of the workload.
#[derive(Clone, Debug, Default)]
pub struct TenantFacts {
    /// How the pods are; nothing when nobody looked.
    pub workload: Option<WorkloadState>,
    /// What they report; nothing when they could not be asked.
    pub report: Option<Report>,
}

/// The status of `tenant`. Without facts, because nobody could look, what was known before stays.
pub fn scim_tenant_status(
    tenant: &ScimTenant,
    site: &Site,
    verdict: &Verdict,
    facts: Option<&TenantFacts>,
    now: Timestamp,
) -> ScimTenantStatus {
    let before = tenant.status.clone().unwrap_or_default();
    let mut findings = verdict.findings();
    findings.extend(facts.and_then(|it| serving(tenant, it)));
    let name = scim_tenant_name(&ObjectKey::of(tenant));
    let report = facts
        .and_then(|it| it.report.as_ref())
        .and_then(|it| it.scim_tenant(&name));
    findings.extend(report.map(|report| deprovisioning(tenant, report)));
    ScimTenantStatus {
        observed_generation: tenant.metadata.generation,
        conditions: record(
            &before.conditions,
            &findings,
            tenant.metadata.generation,
            time(now).0,
        ),
        scim_url: Some(scim_url(&site.public_url)),
        // A workload that cannot be asked has not lost its people.
        users: report.map(|it| it.users).or(before.users),
        active_users: report.map(|it| it.active_users).or(before.active_users),
        groups: report.map(|it| it.groups).or(before.groups),
        held: match report {
            Some(report) => report.held.as_ref().map(held),
            None => before.held,
        },
        missing_break_glass: match report {
            Some(report) => report.missing_break_glass.clone(),
            None => before.missing_break_glass,
        },
    }
}

fn held(held: &report::HeldRemovals) -> HeldRemovals {
    let number = |it: u64| i64::try_from(it).unwrap_or(i64::MAX);
    HeldRemovals {
        since: Some(time(held.since)),
        deactivations: number(held.deactivations),
        deletions: number(held.deletions),
        membership_removals: number(held.membership_removals),
        examples: held.examples.clone(),
    }
}

/// Whether people go as clients ask, and what to edit when they do not.
fn deprovisioning(tenant: &ScimTenant, report: &ScimTenantReport) -> Finding {
    let Some(held) = &report.held else {
        let message = "deactivations, deletions and removals of members pass";
        return Finding::new(DEPROVISIONING, Status::True, Reason::Reconciled, message);
    };
    let brake = &tenant.spec.deprovisioning.brake;
    let held: Vec<String> = [
        (held.deactivations, brake.deactivations, "deactivations"),
        (held.deletions, brake.deletions, "deletions"),
        (
            held.membership_removals,
            brake.membership_removals,
            "removals of members",
        ),
    ]
    .into_iter()
    .filter(|it| it.0 > 0)
    .map(|(_, most, what)| format!("{what} (more than {most} in {})", brake.per))
    .collect();
    let message = format!(
        "the brake holds {}; see status.held. If they are meant, set spec.deprovisioning.brake.openUntil to a time behind Entra's next cycle, such as an hour from now; if not, correct the scope or the group in Entra, then set openUntil to the present",
        held.join(", ")
    );
    Finding::new(DEPROVISIONING, Status::False, Reason::RemovalsHeld, message)
}

fn serving(tenant: &ScimTenant, facts: &TenantFacts) -> Option<Finding> {
    let fault = facts
        .report
        .as_ref()
        .and_then(|report| store_fault(tenant, report));
    let (status, reason, message) = match (facts.workload.as_ref()?, fault) {
        (_, Some(fault)) => (
            Status::False,
            Reason::StoreReadOnly,
            read_only(tenant, fault),
        ),
        (WorkloadState::Available, None) => (
            Status::True,
            Reason::Reconciled,
            "the pods take requests".to_owned(),
        ),
        (WorkloadState::Rolling { message, serving }, None) => (
            if *serving {
                Status::True
            } else {
                Status::False
            },
            Reason::WorkloadStarting,
            message.clone(),
        ),
        (WorkloadState::Absent, None) => (
            Status::False,
            Reason::WorkloadStarting,
            "there are no pods yet".to_owned(),
        ),
    };
    Some(Finding::new(SERVING, status, reason, message))
}
