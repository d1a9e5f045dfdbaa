//! The status of a `ScimTenant`.

use jiff::Timestamp;

use crate::api::conditions::{Finding, Reason, SERVING, Status, record};
use crate::api::scim_tenant::ScimTenantStatus;
use crate::api::{ObjectKey, ScimTenant};
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
    }
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
