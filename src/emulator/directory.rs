//! The tenant that is served: cycles look at it as it was, while others change it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::tenant::EntraTenant;

/// Changes of which the time is known.
const MOST_MARKS: usize = 1_000;

/// A tenant that changes.
pub(super) struct Directory(Mutex<Kept>);

struct Kept {
    tenant: Arc<EntraTenant>,
    /// When each of the last versions came, by the clock of provisioning; the newest last.
    marks: VecDeque<(Timestamp, u64)>,
    /// The last version that no mark is known of.
    before: u64,
}

impl Directory {
    pub(super) fn new(tenant: EntraTenant) -> Self {
        let before = tenant.version();
        Self(Mutex::new(Kept {
            tenant: Arc::new(tenant),
            marks: VecDeque::new(),
            before,
        }))
    }

    /// The tenant as it is.
    pub(super) fn read(&self) -> Arc<EntraTenant> {
        Arc::clone(&self.lock().tenant)
    }

    /// Changes the tenant. Whoever reads it meanwhile goes on with what was there before.
    pub(super) fn change<T>(
        &self,
        now: Timestamp,
        change: impl FnOnce(&mut EntraTenant) -> T,
    ) -> T {
        let mut kept = self.lock();
        let changed = change(Arc::make_mut(&mut kept.tenant));
        let version = kept.tenant.version();
        kept.marks.push_back((now, version));
        if kept.marks.len() > MOST_MARKS {
            kept.before = kept.marks.pop_front().map_or(kept.before, |it| it.1);
        }
        changed
    }

    /// Purges whoever has been deleted for 30 days.
    pub(super) fn purge_expired(&self, now: Timestamp) {
        if self.read().has_expired(now) {
            self.change(now, |it| it.purge_expired(now));
        }
    }

    /// The tenant, and up to which version whoever sees it only as it was at `then` sees its changes.
    pub(super) fn visible(&self, then: Timestamp) -> (Arc<EntraTenant>, u64) {
        let kept = self.lock();
        let seen = kept.marks.iter().rev().find(|(at, _)| *at <= then);
        let version = seen.map_or(kept.before, |(_, version)| *version);
        (Arc::clone(&kept.tenant), version)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::tenant::User;
    use super::*;

    #[test]
    fn a_change_is_seen_when_its_time_has_come() {
        let at = |second: i64| Timestamp::from_second(second).unwrap();
        let directory = Directory::new(EntraTenant::new(Uuid::nil()));
        for (second, number) in [(10, 1), (20, 2)] {
            directory.change(at(second), |it| {
                it.put_user(Uuid::from_u128(number), User::default());
            });
        }
        let check = |second: i64, expected: u64| {
            assert_eq!(directory.visible(at(second)).1, expected, "{second}");
        };
        check(9, 0);
        check(10, 1);
        check(19, 1);
        check(25, 2);
        assert_eq!(directory.read().users().len(), 2);
    }
}
