//! A provisioning job: what it knows between two cycles.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::failure::Failure;
use super::tenant::ObjectId;

/// Time between the starts of two cycles.
pub const CYCLE: SignedDuration = SignedDuration::from_mins(40);

/// How long a job is in quarantine until Entra disables it.
pub const QUARANTINE: SignedDuration = SignedDuration::from_hours(28 * 24);

/// After how many hours something that failed is tried again, the first time, the second, and ever after.
const RETRIES: [i64; 3] = [6, 12, 24];

/// Failed objects are looked at from so many on.
const EXAMINED_FROM: usize = 5_000;
/// More failed objects than this, in percent of all.
const MOST_PERCENT: usize = 40;
/// More failed objects than this, references left out.
const MOST_BASE: usize = 40_000;
/// More failed objects than this, references counted.
const MOST_TOTAL: usize = 60_000;

/// What a job remembers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Job {
    /// The version of the tenant up to which changes were provisioned; none before the initial cycle.
    pub(super) watermark: Option<u64>,
    pub(super) users: BTreeMap<ObjectId, UserLink>,
    pub(super) groups: BTreeMap<ObjectId, GroupLink>,
    /// Objects that failed.
    pub(super) escrows: BTreeMap<ObjectId, Escrow>,
    pub(super) quarantine: Option<Quarantine>,
    /// Whether an administrator has allowed the deletions that were staged.
    pub(super) deletions_allowed: bool,
    pub(super) cycles: u64,
}

/// A user and their resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct UserLink {
    /// The `id` at the target.
    pub(super) id: String,
    /// Whether Entra still looks after the resource; it lets go of who leaves the scope.
    pub(super) managed: bool,
    /// Whether the resource was active when it was seen last.
    pub(super) active: bool,
}

/// A group and its resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupLink {
    /// The `id` at the target.
    pub(super) id: String,
    /// Members that were sent; they are never read back.
    pub(super) sent: BTreeSet<ObjectId>,
    /// Members that were out of scope when they joined, whom only a restart picks up.
    pub(super) skipped: BTreeSet<ObjectId>,
}

/// An object that failed, and when it is tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Escrow {
    pub(super) attempts: usize,
    pub(super) next: Timestamp,
    pub(super) failure: Failure,
    /// Whether only a reference failed: manager or members.
    pub(super) reference: bool,
}

/// Why a job does next to nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Graph's `quarantineReason`.
    pub reason: String,
    /// What led to it.
    pub detail: String,
    /// When it began.
    pub since: Timestamp,
    /// Cycles that were tried in it.
    pub attempts: usize,
    /// When the next cycle is tried.
    pub next: Timestamp,
}

/// What a job is doing, in Graph's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum JobState {
    /// No cycle has run.
    NotRun,
    /// Cycles run every 40 minutes.
    Active,
    /// Cycles run about once a day.
    Quarantine,
    /// 28 days of quarantine are over.
    Disabled,
}

/// What a restart forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// The portal's button: watermark, escrows and quarantine.
    Button,
    /// Graph's `resetScope: Full`: the links between sources and targets as well.
    Full,
}

impl Job {
    /// What the job is doing at `now`.
    pub fn state(&self, now: Timestamp) -> JobState {
        match &self.quarantine {
            Some(it) if now.duration_since(it.since) >= QUARANTINE => JobState::Disabled,
            Some(_) => JobState::Quarantine,
            None if self.cycles == 0 => JobState::NotRun,
            None => JobState::Active,
        }
    }

    /// The quarantine that the job is in.
    pub const fn quarantine(&self) -> Option<&Quarantine> {
        self.quarantine.as_ref()
    }

    /// When the next cycle begins after one that began at `last`.
    pub fn next_cycle(&self, last: Timestamp) -> Timestamp {
        let usual = last.checked_add(CYCLE).unwrap_or(Timestamp::MAX);
        self.quarantine.as_ref().map_or(usual, |it| it.next)
    }

    /// Users and groups with a resource, and those that failed.
    pub fn counts(&self) -> [usize; 3] {
        [self.users.len(), self.groups.len(), self.escrows.len()]
    }

    /// The same, without what it knows of people and groups.
    pub(super) fn outline(&self) -> Self {
        Self {
            quarantine: self.quarantine.clone(),
            cycles: self.cycles,
            ..Self::default()
        }
    }

    /// Begins anew.
    pub fn restart(&mut self, restart: Restart) {
        self.watermark = None;
        self.escrows.clear();
        self.quarantine = None;
        self.deletions_allowed = false;
        for group in self.groups.values_mut() {
            group.skipped.clear();
        }
        if restart == Restart::Full {
            self.users.clear();
            self.groups.clear();
        }
    }

    /// Lets the next cycle disable and delete, however many that are.
    pub fn allow_deletions(&mut self) {
        self.deletions_allowed = true;
        self.quarantine = None;
    }

    /// Puts the job into quarantine, or leaves it there for longer.
    pub fn quarantine_for(&mut self, reason: &str, detail: impl Into<String>, now: Timestamp) {
        let before = self.quarantine.take();
        let attempts = before.as_ref().map_or(0, |it| it.attempts + 1);
        self.quarantine = Some(Quarantine {
            reason: reason.to_owned(),
            detail: detail.into(),
            since: before.map_or(now, |it| it.since),
            attempts,
            next: later(now, attempts),
        });
    }

    /// Remembers that an object failed.
    pub(super) fn escrow(
        &mut self,
        id: ObjectId,
        failure: Failure,
        reference: bool,
        now: Timestamp,
    ) {
        let attempts = self.escrows.get(&id).map_or(0, |it| it.attempts) + 1;
        // The first time it is tried again in the next cycle, then after growing gaps.
        let next = attempts.checked_sub(2).map_or(now, |it| later(now, it));
        self.escrows.insert(
            id,
            Escrow {
                attempts,
                next,
                failure,
                reference,
            },
        );
    }

    /// Objects whose time to be tried again has come.
    pub(super) fn due(&self, now: Timestamp) -> impl Iterator<Item = ObjectId> {
        let due = self.escrows.iter().filter(move |(_, it)| it.next <= now);
        due.map(|(id, _)| *id)
    }

    /// Objects that failed and have no resource.
    pub(super) fn unlinked_escrows(&self) -> usize {
        let ids = self.escrows.keys();
        let is_linked = |id: &ObjectId| self.users.contains_key(id) || self.groups.contains_key(id);
        ids.filter(|id| !is_linked(id)).count()
    }

    /// Why so many failed objects put the job into quarantine.
    pub(super) fn too_many_escrows(&self) -> Option<(&'static str, String)> {
        let references = self.escrows.values().filter(|it| it.reference).count();
        let all = self.users.len() + self.groups.len() + self.unlinked_escrows();
        too_many(self.escrows.len() - references, references, all)
    }
}

/// The time after so many attempts.
fn later(now: Timestamp, attempts: usize) -> Timestamp {
    let hours = RETRIES[attempts.min(RETRIES.len() - 1)];
    let after = now.checked_add(SignedDuration::from_hours(hours));
    after.unwrap_or(Timestamp::MAX)
}

fn too_many(base: usize, references: usize, all: usize) -> Option<(&'static str, String)> {
    let total = base + references;
    if base > MOST_BASE {
        let why = format!("{base} objects failed, more than {MOST_BASE}");
        return Some(("EncounteredBaseEscrowThreshold", why));
    }
    if total > MOST_TOTAL {
        let why = format!("{total} objects and references failed, more than {MOST_TOTAL}");
        return Some(("EncounteredTotalEscrowThreshold", why));
    }
    let is_share = base >= EXAMINED_FROM && base * 100 > all * MOST_PERCENT;
    is_share.then(|| {
        let why = format!("{base} of {all} objects failed, more than {MOST_PERCENT} %");
        ("EncounteredEscrowProportionThreshold", why)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_that_microsoft_names() {
        let check = |base, references, all, expected: Option<&str>| {
            let found = too_many(base, references, all).map(|(reason, _)| reason);
            assert_eq!(found, expected, "{base} and {references} of {all}");
        };
        check(4_999, 0, 4_999, None);
        check(5_000, 0, 12_500, None);
        check(
            5_000,
            0,
            12_499,
            Some("EncounteredEscrowProportionThreshold"),
        );
        check(40_000, 20_000, 1_000_000, None);
        check(40_001, 0, 1_000_000, Some("EncounteredBaseEscrowThreshold"));
        check(
            40_000,
            20_001,
            1_000_000,
            Some("EncounteredTotalEscrowThreshold"),
        );
    }

    #[test]
    fn what_failed_is_tried_in_the_next_cycle_then_after_6_12_and_24_hours() {
        let mut job = Job::default();
        let id = ObjectId::nil();
        let now = Timestamp::UNIX_EPOCH;
        let mut gaps = Vec::new();
        for _ in 0..6 {
            job.escrow(
                id,
                Failure::of("EntryConflict", "POST Users", ""),
                false,
                now,
            );
            gaps.push(job.escrows[&id].next.duration_since(now).as_hours());
        }
        assert_eq!(gaps, [0, 6, 12, 24, 24, 24]);
    }

    #[test]
    fn a_quarantine_ends_after_28_days_with_a_job_that_is_disabled() {
        let mut job = Job::default();
        let mut now = Timestamp::UNIX_EPOCH;
        let mut hours = Vec::new();
        while job.state(now) != JobState::Disabled {
            job.quarantine_for("EncounteredQuarantineException", "401", now);
            let next = job.next_cycle(now);
            hours.push(next.duration_since(now).as_hours());
            now = next;
        }
        assert_eq!(hours[..4], [6, 12, 24, 24]);
        assert_eq!(
            now.duration_since(Timestamp::UNIX_EPOCH).as_hours() / 24,
            28
        );

        job.restart(Restart::Button);
        assert_eq!(job.state(now), JobState::NotRun);
    }
}
