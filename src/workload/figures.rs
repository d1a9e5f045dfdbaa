//! Figures that are counted row by row: memberships and sessions. They are counted anew when somebody looks, but for a small part of the
//! time; who looks waits for a moment, and else sees what was counted before.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::config::SessionConfig;
use crate::store::browsing::SessionCounts;
use crate::store::{Store, StoreError};

/// How long who looks waits for a count.
const PATIENCE: Duration = Duration::from_millis(20);

/// Counts take one part in so many of the time at most.
const SPARE: u32 = 50;

/// What was counted last; nothing before that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Figures {
    /// Memberships of all groups together.
    pub(crate) memberships: Option<i64>,
    /// Sessions that last.
    pub(crate) sessions: Option<SessionCounts>,
}

/// Keeps what was counted.
#[derive(Default)]
pub(crate) struct Counting {
    counted: Mutex<(Figures, Option<Instant>)>,
    /// Held by who counts.
    turn: tokio::sync::Mutex<()>,
}

impl Counting {
    /// What was counted last, now where that can be done soon.
    pub(crate) async fn figures(
        self: &Arc<Self>,
        store: &Arc<dyn Store>,
        session: SessionConfig,
        now: Timestamp,
    ) -> Figures {
        let (figures, due) = self.counted();
        if due.is_some_and(|it| Instant::now() < it) {
            return figures;
        }
        let counting = Arc::clone(self).count(Arc::clone(store), session, now);
        // Who does not wait any longer lets it go on.
        drop(tokio::time::timeout(PATIENCE, tokio::spawn(counting)).await);
        self.counted().0
    }

    async fn count(self: Arc<Self>, store: Arc<dyn Store>, session: SessionConfig, now: Timestamp) {
        let Ok(_one_at_a_time) = self.turn.try_lock() else {
            return;
        };
        let began = Instant::now();
        let counted = count(&*store, session, now).await;
        let due = Instant::now() + began.elapsed() * SPARE;
        let mut kept = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        kept.1 = Some(due);
        match counted {
            Ok(figures) => kept.0 = figures,
            Err(error) => {
                let error = crate::telemetry::chain(&error);
                tracing::debug!(error, "memberships and sessions could not be counted");
            }
        }
    }

    fn counted(&self) -> (Figures, Option<Instant>) {
        *self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(
    store: &dyn Store,
    session: SessionConfig,
    now: Timestamp,
) -> Result<Figures, StoreError> {
    let ago = |minutes: u32| {
        let time = SignedDuration::from_mins(minutes.into());
        now.checked_sub(time).unwrap_or(Timestamp::MIN)
    };
    let (opened, seen) = (ago(session.absolute_minutes), ago(session.idle_minutes));
    Ok(Figures {
        memberships: Some(store.memberships().await?),
        sessions: Some(store.session_counts(opened, seen).await?),
    })
}
