//! Two accounts of the same client as one, whichever was first.

use jiff::Timestamp;

use super::{CREDENTIALS, QUIET, settle};
use crate::config::report::{ClientReport, Cycle, Evidence, RefusedRequest};

/// Adds what was seen elsewhere.
pub(super) fn merge(into: &mut ClientReport, seen: &ClientReport) {
    if let Some(cycle) = &seen.last_cycle {
        settle(into, cycle.started_at);
        into.last_cycle = Some(match into.last_cycle.take() {
            Some(known) if are_one(&known, cycle) => sum(&known, cycle),
            Some(known) if known.started_at > cycle.started_at => known,
            Some(_) | None => cycle.clone(),
        });
    }
    let is_later = |known: &RefusedRequest| {
        seen.last_error
            .as_ref()
            .is_some_and(|it| it.time >= known.time)
    };
    if into.last_error.as_ref().is_none_or(is_later) {
        into.last_error.clone_from(&seen.last_error);
    }
    let Evidence {
        first_request,
        first_user,
        first_group,
        first_sign_in,
    } = &mut into.evidence;
    earliest(first_request, seen.evidence.first_request);
    earliest(first_user, seen.evidence.first_user);
    earliest(first_group, seen.evidence.first_group);
    earliest(first_sign_in, seen.evidence.first_sign_in);
    for used in seen.credentials.iter().rev() {
        match into.credentials.iter_mut().find(|it| it.id == used.id) {
            None => into.credentials.insert(0, used.clone()),
            Some(known) if known.last_used_at <= used.last_used_at => known.clone_from(used),
            Some(_) => {}
        }
    }
    into.credentials.truncate(CREDENTIALS);
}

/// Whether less than the quiet time lies between them.
fn are_one(one: &Cycle, other: &Cycle) -> bool {
    let gap =
        |first: &Cycle, second: &Cycle| second.started_at.duration_since(first.last_request_at);
    gap(one, other) < QUIET && gap(other, one) < QUIET
}

fn sum(one: &Cycle, other: &Cycle) -> Cycle {
    let mut repairs = one.repairs.clone();
    for (name, count) in &other.repairs {
        *repairs.entry(name.clone()).or_default() += count;
    }
    Cycle {
        started_at: one.started_at.min(other.started_at),
        last_request_at: one.last_request_at.max(other.last_request_at),
        ended: false,
        requests: one.requests + other.requests,
        created: one.created + other.created,
        updated: one.updated + other.updated,
        deactivated: one.deactivated + other.deactivated,
        deleted: one.deleted + other.deleted,
        failed: one.failed + other.failed,
        repairs,
    }
}

fn earliest(known: &mut Option<Timestamp>, seen: Option<Timestamp>) {
    *known = match (*known, seen) {
        (Some(known), Some(seen)) => Some(known.min(seen)),
        (known, seen) => known.or(seen),
    };
}
