//! The clock that provisioning goes by: forty minutes may pass in a second.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::clock::Clock;

/// Runs so many times as fast as another clock, and can be put forward.
pub(super) struct JobClock {
    clock: Arc<dyn Clock>,
    started: Timestamp,
    speed: f64,
    put_forward: Mutex<SignedDuration>,
}

impl JobClock {
    pub(super) fn new(clock: Arc<dyn Clock>, speed: f64) -> Self {
        Self {
            started: clock.now(),
            clock,
            speed,
            put_forward: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        let passed = self.clock.now().duration_since(self.started).as_secs_f64();
        let passed = SignedDuration::try_from_secs_f64(passed * self.speed);
        let put_forward = *self
            .put_forward
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let passed = passed.unwrap_or(SignedDuration::MAX);
        let passed = passed.saturating_add(put_forward);
        self.started
            .saturating_add(passed)
            .unwrap_or(Timestamp::MAX)
    }

    /// How many times as fast it is.
    pub(super) const fn speed(&self) -> f64 {
        self.speed
    }

    /// How long it takes until it shows `at`, by a clock on the wall.
    pub(super) fn until(&self, at: Timestamp) -> Duration {
        let left = at.duration_since(self.now()).as_secs_f64();
        Duration::try_from_secs_f64((left / self.speed).max(0.0)).unwrap_or(Duration::MAX)
    }

    /// Puts it forward.
    pub(super) fn advance(&self, by: SignedDuration) {
        let mut put_forward = self
            .put_forward
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *put_forward = put_forward.saturating_add(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    #[test]
    fn forty_minutes_pass_in_a_second() {
        let wall = ManualClock::at(Timestamp::UNIX_EPOCH);
        let clock = JobClock::new(Arc::new(wall.clone()), 2_400.0);
        let minutes = |it: &JobClock| it.now().as_second() / 60;

        wall.advance(Duration::from_secs(2));
        assert_eq!(minutes(&clock), 80);
        let next = Timestamp::from_second(120 * 60).unwrap();
        assert_eq!(clock.until(next), Duration::from_secs(1));
        clock.advance(SignedDuration::from_hours(28 * 24));
        assert_eq!(minutes(&clock), 80 + 28 * 24 * 60);
        assert_eq!(clock.until(next), Duration::ZERO);
    }
}
