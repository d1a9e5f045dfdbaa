//! Takes objects from the queues, a few at a time, reconciles them, and decides when to look again.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::api::{Kind, ObjectKey};
use crate::platform::Retry;
use crate::reconcile::{self, Context, Next, ReconcileError};
use crate::telemetry;

use super::metrics::Metrics;
use super::queue::{Queue, Queues};

/// How many objects of one kind are worked on at once.
const AT_ONCE: usize = 4;

/// How soon something that needs a person is looked at again, for help elsewhere sends no event.
const NEEDS_A_PERSON: Duration = Duration::from_mins(1);

/// Everything that works on objects.
#[derive(Clone)]
pub(super) struct Controllers {
    /// What reconciling works with.
    pub(super) context: Arc<Context>,
    /// Where objects wait.
    pub(super) queues: Arc<Queues>,
    /// What is counted.
    pub(super) metrics: Arc<Metrics>,
}

impl Controllers {
    /// Begins to work; dropping what is returned stops at the next await.
    pub(super) fn start(&self) -> JoinSet<()> {
        let mut workers = JoinSet::new();
        for kind in Kind::ALL {
            for _ in 0..AT_ONCE {
                workers.spawn(self.clone().work(kind));
            }
        }
        workers
    }

    async fn work(self, kind: Kind) {
        let queue = Arc::clone(self.queues.of(kind));
        loop {
            let turn = queue.next().await;
            let key = turn.key().clone();
            let began = Instant::now();
            let outcome = self.reconcile(kind, &key).await;
            self.metrics
                .reconciled(kind, outcome.as_ref().err(), began.elapsed());
            let next = self.next(kind, &key, &queue, outcome);
            drop(turn);
            match next {
                Next::After(pause) => queue.after(key, pause),
                Next::OnChange => {}
            }
        }
    }

    async fn reconcile(&self, kind: Kind, key: &ObjectKey) -> Result<Next, ReconcileError> {
        match kind {
            Kind::ScimTenant => reconcile::scim_tenant(&self.context, key).await,
            Kind::AzureConnector => reconcile::azure_connector(&self.context, key).await,
            Kind::UserMapping => reconcile::user_mapping(&self.context, key).await,
        }
    }

    /// When to look again; the one place where a failure is logged.
    fn next(
        &self,
        kind: Kind,
        key: &ObjectKey,
        queue: &Queue,
        outcome: Result<Next, ReconcileError>,
    ) -> Next {
        let error = match outcome {
            Ok(next) => {
                queue.succeeded(key);
                return next;
            }
            Err(error) => error,
        };
        let pause = queue.pause_after_failure(key, self.jitter());
        let pause = match error.retry() {
            Retry::Backoff => pause,
            Retry::After(least) => pause.max(least),
            Retry::OnChange => pause.max(NEEDS_A_PERSON),
        };
        let chain = telemetry::chain(&error);
        let kind = kind.as_str();
        match error {
            ReconcileError::Panicked { .. } => tracing::error!(
                kind, object = %key, error = chain, retry_after_s = pause.as_secs_f64(),
                "reconciling {kind} {key} panicked"
            ),
            ReconcileError::Platform(_) | ReconcileError::TimedOut { .. } => tracing::warn!(
                kind, object = %key, error = chain, retry_after_s = pause.as_secs_f64(),
                "reconciling {kind} {key} failed"
            ),
        }
        Next::After(pause)
    }

    fn jitter(&self) -> f64 {
        let mut byte = [0; 1];
        self.context.random.fill(&mut byte);
        f64::from(byte[0]) / 255.0
    }
}
