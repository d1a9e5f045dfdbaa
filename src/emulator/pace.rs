//! How many requests a second are sent.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Spreads requests evenly; without a rate they go as fast as they can.
#[derive(Debug, Default)]
pub(super) struct Pace {
    between: Option<Duration>,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// At most so many a second; 0 is no bound.
    pub(super) fn of(a_second: u32) -> Self {
        Self {
            between: Duration::from_secs(1).checked_div(a_second),
            next: Mutex::default(),
        }
    }

    /// Waits for the turn of the next request.
    pub(super) async fn turn(&self) {
        let Some(between) = self.between else {
            return;
        };
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |it| it.max(now));
            *next = Some(turn + between);
            turn
        };
        sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn twenty_five_a_second_are_spread_over_it() {
        let (pace, started) = (Pace::of(25), Instant::now());

        for _ in 0..51 {
            pace.turn().await;
        }

        assert_eq!(started.elapsed(), Duration::from_secs(2));
    }
}
