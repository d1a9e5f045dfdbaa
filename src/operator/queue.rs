//! Which objects are to be looked at, and when: each at most once at a time, and the failing ones ever later.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use crate::api::{Kind, ObjectKey};

/// First pause after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause after failures.
const LONGEST_PAUSE: Duration = Duration::from_mins(5);

/// The queue of each kind.
#[derive(Default)]
pub(super) struct Queues {
    /// Of `ScimTenant`.
    pub(super) scim_tenants: Arc<Queue>,
    /// Of `AzureConnector`.
    pub(super) azure_connectors: Arc<Queue>,
    /// Of `UserMapping`.
    pub(super) user_mappings: Arc<Queue>,
}

impl Queues {
    /// The queue of `kind`.
    pub(super) fn of(&self, kind: Kind) -> &Arc<Queue> {
        match kind {
            Kind::ScimTenant => &self.scim_tenants,
            Kind::AzureConnector => &self.azure_connectors,
            Kind::UserMapping => &self.user_mappings,
        }
    }
}

/// The objects of one kind that are to be looked at.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    due: HashMap<ObjectKey, Instant>,
    running: HashSet<ObjectKey>,
    failures: HashMap<ObjectKey, u32>,
}

/// An object that is being looked at; when this is dropped, it may be looked at again.
pub(super) struct Turn {
    queue: Arc<Queue>,
    key: ObjectKey,
}

impl Queue {
    /// Looks at `key` as soon as possible.
    pub(super) fn wake(&self, key: ObjectKey) {
        self.schedule(key, Instant::now());
    }

    /// Looks at `key` after `pause`, if nothing wakes it earlier.
    pub(super) fn after(&self, key: ObjectKey, pause: Duration) {
        self.schedule(key, Instant::now() + pause);
    }

    /// The pause after one more failure of `key`; `jitter` is between 0 and 1 and shortens it by up to a quarter.
    pub(super) fn pause_after_failure(&self, key: &ObjectKey, jitter: f64) -> Duration {
        let mut state = self.state();
        let failures = state.failures.entry(key.clone()).or_default();
        let doubled = FIRST_PAUSE.saturating_mul(1 << (*failures).min(16));
        *failures += 1;
        doubled.min(LONGEST_PAUSE).mul_f64(1.0 - jitter / 4.0)
    }

    /// Forgets the failures of `key`.
    pub(super) fn succeeded(&self, key: &ObjectKey) {
        self.state().failures.remove(key);
    }

    /// Forgets all that is due: whoever acts next begins with everything.
    pub(super) fn clear(&self) {
        let mut state = self.state();
        state.due.clear();
        state.failures.clear();
    }

    /// Objects whose time has come and that nobody looks at yet.
    pub(super) fn depth(&self) -> usize {
        let now = Instant::now();
        self.state().due.values().filter(|it| **it <= now).count()
    }

    /// Waits for the next object whose time has come.
    pub(super) async fn next(self: &Arc<Self>) -> Turn {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // Listening begins before looking, so that no change falls in between.
            changed.as_mut().enable();
            match self.take() {
                Ok(key) => {
                    return Turn {
                        queue: Arc::clone(self),
                        key,
                    };
                }
                Err(Some(earliest)) => {
                    tokio::select! {
                        () = changed => {}
                        () = tokio::time::sleep_until(earliest) => {}
                    }
                }
                Err(None) => changed.await,
            }
        }
    }

    /// The object that has been due for longest, or the time at which one will be.
    fn take(&self) -> Result<ObjectKey, Option<Instant>> {
        let mut state = self.state();
        let idle = state
            .due
            .iter()
            .filter(|(key, _)| !state.running.contains(*key))
            .min_by_key(|(_, at)| **at)
            .map(|(key, at)| (key.clone(), *at));
        match idle {
            Some((key, at)) if at <= Instant::now() => {
                state.due.remove(&key);
                state.running.insert(key.clone());
                Ok(key)
            }
            Some((_, at)) => Err(Some(at)),
            None => Err(None),
        }
    }

    fn schedule(&self, key: ObjectKey, at: Instant) {
        self.state()
            .due
            .entry(key)
            .and_modify(|due| *due = (*due).min(at))
            .or_insert(at);
        self.changed.notify_waiters();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn {
    /// The object.
    pub(super) fn key(&self) -> &ObjectKey {
        &self.key
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.queue.state().running.remove(&self.key);
        self.queue.changed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("ns", name)
    }

    #[tokio::test]
    async fn an_object_woken_twice_is_looked_at_once() {
        let queue = Arc::new(Queue::default());
        queue.wake(key("a"));
        queue.wake(key("a"));

        let turn = queue.next().await;

        assert_eq!(turn.key(), &key("a"));
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test]
    async fn an_object_is_never_looked_at_twice_at_once() {
        let queue = Arc::new(Queue::default());
        queue.wake(key("a"));
        let turn = queue.next().await;
        queue.wake(key("a"));

        let second = tokio::time::timeout(Duration::from_millis(20), queue.next()).await;
        assert!(second.is_err());

        drop(turn);
        assert_eq!(queue.next().await.key(), &key("a"));
    }

    #[tokio::test]
    async fn the_earlier_of_two_times_counts() {
        let queue = Arc::new(Queue::default());
        let begin = Instant::now();
        queue.after(key("a"), Duration::from_mins(1));
        queue.after(key("a"), Duration::from_millis(10));
        queue.after(key("a"), Duration::from_secs(30));

        let _turn = queue.next().await;

        assert!(begin.elapsed() >= Duration::from_millis(10));
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn failures_double_the_pause_up_to_five_minutes_and_success_forgets_them() {
        let queue = Queue::default();
        let pauses: Vec<u64> = (0..11)
            .map(|_| queue.pause_after_failure(&key("a"), 0.0).as_secs())
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);

        queue.succeeded(&key("a"));

        assert_eq!(queue.pause_after_failure(&key("a"), 0.0).as_secs(), 1);
    }
}
