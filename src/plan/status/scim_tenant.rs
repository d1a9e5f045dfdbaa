//! The status of a `ScimTenant`.

use jiff::Timestamp;

use crate::api::conditions::{DEPROVISIONING, Finding, Reason, SERVING, Status, record};
use crate::api::scim_tenant::{
    EmailError, HeldRemovals, ReplayStatus, ScimClient, ScimClientStatus, ScimTenantStatus,
};
use crate::api::{ObjectKey, ScimTenant};
use crate::config::report::{self, ScimTenantReport};
use crate::config::{Report, scim_url};

use super::super::credential::client_secret_name;
use super::super::observed::{Site, WorkloadState};
use super::super::scim_tenant::store_problem;
use super::super::verdict::Verdict;
use super::super::workload_config::scim_tenant_name;
use super::azure_connector::{last_error, last_sync};
use super::time;

/// What is known of the workload.
#[derive(Clone, Debug, Default)]
pub struct TenantFacts {
    /// How the pods are; nothing when nobody looked.
    pub workload: Option<WorkloadState>,
    /// What they report; nothing when they could not be asked.
    pub report: Option<Report>,
    /// Names of the declared clients whose present password they accept; nothing when that is not known.
    pub accepted: Option<Vec<String>>,
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
    // A store that cannot be used has not lost its people.
    let counted = report.filter(|it| it.store_unavailable.is_none());
    findings.extend(counted.map(|report| deprovisioning(tenant, report)));
    let accepted = facts.and_then(|it| it.accepted.as_deref());
    let clients = tenant
        .spec
        .clients
        .iter()
        .map(|it| client(tenant, it, accepted, report))
        .collect();
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
        users: counted.map(|it| it.users).or(before.users),
        active_users: counted.map(|it| it.active_users).or(before.active_users),
        groups: counted.map(|it| it.groups).or(before.groups),
        replay: match counted {
            Some(report) => report.replay.map(|it| ReplayStatus {
                replayed: it.replayed,
                refused: it.refused,
                ended: it.ended,
            }),
            None => before.replay,
        },
        held: match counted {
            Some(report) => report.held.as_ref().map(held),
            None => before.held,
        },
        missing_break_glass: match counted {
            Some(report) => report.missing_break_glass.clone(),
            None => before.missing_break_glass,
        },
        email_error: match counted {
            Some(report) => report.email_trouble.as_ref().map(|it| EmailError {
                time: time(it.time),
                summary: it.summary.clone(),
            }),
            None => before.email_error,
        },
        clients,
    }
}

/// What is known of one declared client; without a report, what was known before.
fn client(
    tenant: &ScimTenant,
    client: &ScimClient,
    accepted: Option<&[String]>,
    report: Option<&ScimTenantReport>,
) -> ScimClientStatus {
    let key = ObjectKey::of(tenant);
    let mut before = tenant.status.iter().flat_map(|it| &it.clients);
    let before = before.find(|it| it.name == client.name);
    let secret_name = client_secret_name(&key.name, client);
    let accepted = accepted.map_or_else(
        || before.is_some_and(|it| it.accepted && it.secret_name == secret_name),
        |names| names.contains(&client.name),
    );
    let status = ScimClientStatus {
        name: client.name.clone(),
        secret_name,
        accepted,
        last_used_at: None,
        last_used_from: None,
        user_agent: None,
        last_sync: None,
        last_error: None,
    };
    let Some(report) = report.and_then(|it| it.client(&client.name)) else {
        return match before {
            Some(before) => ScimClientStatus {
                name: status.name,
                secret_name: status.secret_name,
                accepted,
                ..before.clone()
            },
            None => status,
        };
    };
    let used = report.credentials.iter().max_by_key(|it| it.last_used_at);
    ScimClientStatus {
        last_used_at: used.map(|it| time(it.last_used_at)),
        last_used_from: used.map(|it| it.last_used_from.clone()),
        user_agent: used.and_then(|it| it.user_agent.clone()),
        last_sync: report.last_cycle.as_ref().map(last_sync),
        last_error: report.last_error.as_ref().map(last_error),
        ..status
    }
}

/// The same without what moves with every request.
pub(super) fn without_use(status: ScimClientStatus) -> ScimClientStatus {
    ScimClientStatus {
        last_used_at: None,
        last_used_from: None,
        user_agent: None,
        last_sync: None,
        last_error: None,
        ..status
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
    let problem = facts
        .report
        .as_ref()
        .and_then(|report| store_problem(tenant, report));
    let (status, reason, message) = match (facts.workload.as_ref()?, problem) {
        (_, Some((reason, message))) => (Status::False, reason, message),
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
