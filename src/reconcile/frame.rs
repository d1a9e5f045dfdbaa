//! What every reconcile has around its work: limits before it, a verdict and the time of the next look after it.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;

use crate::api::conditions::RECONCILING;
use crate::plan::{Rejection, StatusOf, Verdict};
use crate::platform::PlatformError;

use super::record::Recorded;
use super::{Context, Next, ReconcileError};

/// How often a run begins anew because somebody else was faster.
const TRIES: usize = 3;

/// How soon a name that somebody else has is looked at again.
const NAME_TAKEN_AGAIN: Duration = Duration::from_secs(30);

/// A finished run: what it came to, and what was learned when somebody could look.
pub(super) struct Run<F> {
    /// What it came to.
    pub(super) verdict: Verdict,
    /// What was learned.
    pub(super) facts: Option<F>,
    error: Option<ReconcileError>,
}

/// Runs `work` within the time limit, survives its panic, and begins anew when somebody else was faster.
pub(super) async fn run<F, W>(ctx: &Context, work: impl Fn() -> W) -> Run<F>
where
    W: Future<Output = Result<(Verdict, F), ReconcileError>>,
{
    let mut tries = 0;
    let outcome = loop {
        tries += 1;
        let outcome = guarded(ctx.settings.time_limit, work()).await;
        let beaten = matches!(
            outcome,
            Err(ReconcileError::Platform(PlatformError::Conflict { .. }))
        );
        if !beaten || tries == TRIES {
            break outcome;
        }
    };
    match outcome {
        Ok((verdict, facts)) => Run {
            verdict,
            facts: Some(facts),
            error: None,
        },
        Err(error) => Run {
            verdict: error.verdict(),
            facts: None,
            error: Some(error),
        },
    }
}

async fn guarded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, ReconcileError>>,
) -> Result<T, ReconcileError> {
    // Whatever the work shares is behind a lock or computed anew at each run.
    let survived = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(limit, survived).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(panic)) => Err(ReconcileError::Panicked {
            message: panic_message(panic.as_ref()),
        }),
        Err(_) => Err(ReconcileError::TimedOut { limit }),
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|it| (*it).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}

impl<F> Run<F> {
    /// When to look again, once `status` is recorded.
    pub(super) fn next(
        self,
        ctx: &Context,
        status: &StatusOf,
        recorded: Recorded,
    ) -> Result<Next, ReconcileError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let next = match &self.verdict {
            Verdict::Waiting { .. } => Next::After(patience(status, ctx.clock.now())),
            // Nobody tells when a name becomes free, or when the Secret of a database arrives, which is not ours to watch.
            Verdict::Rejected(Rejection::NameTaken { .. }) => {
                Next::After(ctx.jittered(NAME_TAKEN_AGAIN))
            }
            Verdict::Rejected(
                Rejection::ReferenceNotFound { kind: "Secret", .. } | Rejection::KeyNotFound { .. },
            ) => Next::After(patience(status, ctx.clock.now())),
            Verdict::Done { .. }
            | Verdict::Suspended
            | Verdict::Rejected(_)
            | Verdict::Failed { .. } => Next::After(ctx.jittered(ctx.settings.resync)),
        };
        Ok(match (next, recorded) {
            (Next::After(after), Recorded::Later(later)) => Next::After(after.min(later)),
            (Next::OnChange, Recorded::Later(later)) => Next::After(later),
            (next, Recorded::Now | Recorded::Unchanged) => next,
        })
    }
}

/// How long to wait for something that takes its time: shortly at first, longer the longer it lasts.
fn patience(status: &StatusOf, now: Timestamp) -> Duration {
    let since = status
        .conditions()
        .iter()
        .find(|it| it.type_ == RECONCILING)
        .map_or(now, |it| it.last_transition_time.0);
    let lasted = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    (lasted / 8).clamp(Duration::from_millis(100), Duration::from_secs(5))
}
