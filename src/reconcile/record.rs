//! Writes a status: never an unchanged one, moved counters at most once in an interval, and an event when the state changed.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::api::conditions::{self, DEPROVISIONING, IN_FORCE, PREVIEWED, READY, Reason, STALLED};
use crate::plan::{Announcement, AnnouncementType, Owner, StatusOf, Verdict};
use crate::platform::PlatformError;

use super::Context;

/// Removals that the brake holds: condition, reason, action of the event.
const REMOVALS: (&str, Reason, &str) = (DEPROVISIONING, Reason::RemovalsHeld, "Deprovision");

/// A change of a mapping that the brake holds.
const MAPPING: (&str, Reason, &str) = (IN_FORCE, Reason::MappingHeld, "Change");

/// When the status of each object was written last.
#[derive(Debug, Default)]
pub struct StatusLog(Mutex<HashMap<String, Timestamp>>);

impl StatusLog {
    fn written_at(&self, owner: &Owner) -> Option<Timestamp> {
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.get(&owner.uid).copied()
    }

    fn note(&self, owner: &Owner, at: Timestamp) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.insert(owner.uid.clone(), at);
    }

    /// Forgets the object with `uid`, which is gone.
    pub fn forget(&self, uid: &str) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.remove(uid);
    }
}

/// What became of a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recorded {
    /// It is as it was.
    Unchanged,
    /// It was written.
    Now,
    /// Only counters moved, so it waits for this long.
    Later(Duration),
}

/// Writes `status` where it differs from `before`.
pub(super) async fn record(
    ctx: &Context,
    before: Option<&StatusOf>,
    status: &StatusOf,
    verdict: &Verdict,
) -> Result<Recorded, PlatformError> {
    if before == Some(status) {
        return Ok(Recorded::Unchanged);
    }
    let now = ctx.clock.now();
    let only_counters = before.is_some_and(|it| it.without_counters() == status.without_counters());
    if only_counters && let Some(at) = ctx.status_log.written_at(status.owner()) {
        let since = Duration::try_from(now.duration_since(at)).unwrap_or_default();
        if let Some(rest) = ctx.settings.counters_every.checked_sub(since)
            && !rest.is_zero()
        {
            return Ok(Recorded::Later(rest));
        }
    }
    ctx.platform.write_status(status).await?;
    ctx.status_log.note(status.owner(), now);
    let changes = [
        change_of_state(before, status, verdict),
        change_of_hold(before, status, REMOVALS),
        change_of_hold(before, status, MAPPING),
        new_preview(before, status),
        new_warnings(before, status),
    ];
    for announcement in changes.into_iter().flatten() {
        ctx.platform.announce(status.owner(), &announcement).await;
    }
    Ok(Recorded::Now)
}

/// The event for a change of Ready, if it changed.
fn change_of_state(
    before: Option<&StatusOf>,
    status: &StatusOf,
    verdict: &Verdict,
) -> Option<Announcement> {
    let (old, new) = (
        before.and_then(|it| condition(it, READY)),
        condition(status, READY)?,
    );
    let same = old.is_some_and(|old| old.status == new.status && old.reason == new.reason);
    let finding = verdict
        .findings()
        .into_iter()
        .find(|it| it.type_ == READY)?;
    let alarming =
        condition(status, STALLED).is_some() || matches!(verdict, Verdict::Failed { .. });
    if same {
        return None;
    }
    Some(Announcement {
        type_: if alarming {
            AnnouncementType::Warning
        } else {
            AnnouncementType::Normal
        },
        reason: finding.reason,
        action: "Reconcile",
        note: finding.message,
    })
}

/// The event when something begins to be held, and when it is let go.
fn change_of_hold(
    before: Option<&StatusOf>,
    status: &StatusOf,
    (type_, held, action): (&str, Reason, &'static str),
) -> Option<Announcement> {
    let holds = |it: &Condition| it.reason == held.as_str();
    let new = condition(status, type_)?;
    let was_held = before
        .and_then(|it| condition(it, type_))
        .is_some_and(holds);
    if was_held == holds(new) {
        return None;
    }
    let (type_, reason) = if was_held {
        (AnnouncementType::Normal, Reason::Reconciled)
    } else {
        (AnnouncementType::Warning, held)
    };
    Some(Announcement {
        type_,
        reason,
        action,
        note: new.message.clone(),
    })
}

/// The event for a preview that says something else than the one before.
fn new_preview(before: Option<&StatusOf>, status: &StatusOf) -> Option<Announcement> {
    let there = |it: &Condition| it.status == conditions::Status::True.as_str();
    let new = condition(status, PREVIEWED).filter(|it| there(it))?;
    let old = before.and_then(|it| condition(it, PREVIEWED));
    let same = old.is_some_and(|it| it.message == new.message);
    (!same).then(|| Announcement {
        type_: AnnouncementType::Normal,
        reason: Reason::Previewed,
        action: "Preview",
        note: new.message.clone(),
    })
}

/// The event for what is likely a mistake in a mapping and was not said before.
fn new_warnings(before: Option<&StatusOf>, status: &StatusOf) -> Option<Announcement> {
    let warnings = |it: &StatusOf| match it {
        StatusOf::UserMapping(_, status) => status.warnings.clone(),
        StatusOf::ScimTenant(..) | StatusOf::AzureConnector(..) => Vec::new(),
    };
    let known = before.map(warnings).unwrap_or_default();
    let mut new = warnings(status);
    new.retain(|it| !known.contains(it));
    (!new.is_empty()).then(|| Announcement {
        type_: AnnouncementType::Warning,
        reason: Reason::LikelyMistake,
        action: "Check",
        note: new.join("; "),
    })
}

fn condition<'a>(status: &'a StatusOf, type_: &str) -> Option<&'a Condition> {
    status.conditions().iter().find(|it| it.type_ == type_)
}
