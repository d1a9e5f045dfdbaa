//! The brake: how much may be taken away in a while, counted in the store, so that neither a restart nor a second replica forgets it.

use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::ResourceId;

/// What a brake counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Removal {
    /// A person is deactivated.
    Deactivation,
    /// A person or a group is deleted.
    Deletion,
    /// A member leaves a group that stays, or a group with members is deleted.
    Membership,
}

impl Removal {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Deactivation, Self::Deletion, Self::Membership];

    /// The number under which it is stored.
    pub(super) fn number(self) -> i64 {
        match self {
            Self::Deactivation => 0,
            Self::Deletion => 1,
            Self::Membership => 2,
        }
    }
}

impl fmt::Display for Removal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Deactivation => "deactivations",
            Self::Deletion => "deletions",
            Self::Membership => "removals of members",
        })
    }
}

/// How much may be taken away.
///
/// Once a write was held, all further ones of its kind are, until [`open_until`](Self::open_until) is moved behind that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Deactivations at most in the window.
    pub deactivations: u32,
    /// Deletions at most in the window.
    pub deletions: u32,
    /// Removals of members at most in the window.
    pub membership_removals: u32,
    /// The window, in whole minutes.
    pub window: SignedDuration,
    /// What happened before is neither counted nor held; while it is in the future, nothing is.
    pub open_until: Option<Timestamp>,
}

impl Brake {
    /// How many of `what` may happen in the window.
    pub fn at_most(&self, what: Removal) -> u32 {
        match what {
            Removal::Deactivation => self.deactivations,
            Removal::Deletion => self.deletions,
            Removal::Membership => self.membership_removals,
        }
    }

    /// Whether everything passes at the time `now`.
    pub fn is_open(&self, now: Timestamp) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Since when a write that was held holds those after it.
    pub fn holds_since(&self) -> Timestamp {
        self.open_until.unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The first minute since 1970 that is counted at the time `now`; the one in which the brake was opened last is not.
    pub(super) fn first_minute(&self, now: Timestamp) -> i64 {
        let window = minute(now) - self.window.as_mins() + 1;
        let opened = self.open_until.map_or(i64::MIN, |it| minute(it) + 1);
        window.max(opened)
    }
}

/// Minutes since 1970.
pub(super) fn minute(time: Timestamp) -> i64 {
    time.as_second().div_euclid(60)
}

/// What is held at present.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// Since when; nothing is held when absent.
    pub since: Option<Timestamp>,
    /// People who would have been deactivated.
    pub deactivations: u64,
    /// People and groups that would have been deleted.
    pub deletions: u64,
    /// Memberships that would have been removed.
    pub membership_removals: u64,
    /// Some of the people and groups.
    pub examples: Vec<ResourceId>,
}

/// People and groups that are named as examples.
pub(super) const EXAMPLES: i64 = 5;

impl Held {
    /// From rows of what, since when (in milliseconds) and how many, and from examples.
    pub(super) fn of(rows: &[(i64, i64, i64)], examples: Vec<String>) -> Self {
        let mut held = Self {
            examples: examples.into_iter().map(ResourceId::new).collect(),
            ..Self::default()
        };
        for &(what, at, count) in rows {
            let count = u64::try_from(count).unwrap_or_default();
            let first = Timestamp::from_millisecond(at).ok();
            held.since = held.since.into_iter().chain(first).min();
            match Removal::ALL.into_iter().find(|it| it.number() == what) {
                Some(Removal::Deactivation) => held.deactivations = count,
                Some(Removal::Deletion) => held.deletions = count,
                Some(Removal::Membership) => held.membership_removals = count,
                None => {}
            }
        }
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_happened_before_the_brake_was_opened_is_not_counted() {
        let second = |it| Timestamp::from_second(it).unwrap();
        let brake = |open_until| Brake {
            deactivations: 1,
            deletions: 1,
            membership_removals: 1,
            window: SignedDuration::from_hours(1),
            open_until,
        };

        assert_eq!(brake(None).first_minute(second(60 * 100 + 5)), 41);
        let opened = brake(Some(second(60 * 90 + 59)));
        assert_eq!(opened.first_minute(second(60 * 100)), 91);
        assert!(!opened.is_open(second(60 * 100)));
        assert!(opened.is_open(second(60 * 90 + 58)));
    }
}
