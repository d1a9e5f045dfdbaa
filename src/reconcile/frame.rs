//! What every reconcile has around its work: limits before it, a verdict and the time of the next look after it.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;
use jiff::Timestamp;

use crate::api::conditions::{RECONCILING, Reason};
use crate::plan::{Rejection, StatusOf, Verdict};
use crate::platform::PlatformError;

use super::record::Recorded;
use super::{Context, Next, ReconcileError};

/// How often a run begins anew because somebody else was faster.
const TRIES: usize = 3;

/// How soon a name that somebody else has is looked at again.
const NAME_TAKEN_AGAIN: Duration = Duration::from_secs(30);

/// How soon a Secret that was not there is looked for again.
const SECRET_AGAIN: Duration = Duration::from_secs(5);

/// How soon at the latest something that takes its time is looked at again.
const LONGEST_PATIENCE: Duration = Duration::from_mins(1);

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
            Verdict::Waiting { reason, .. } => {
                Next::After(patience(*reason, status, ctx.clock.now()))
            }
            // Nobody tells when a name becomes free, or when the Secret of a database arrives, which is not ours to watch.
            Verdict::Rejected(Rejection::NameTaken { .. }) => {
                Next::After(ctx.jittered(NAME_TAKEN_AGAIN))
            }
            Verdict::Rejected(
                Rejection::ReferenceNotFound { kind: "Secret", .. } | Rejection::KeyNotFound { .. },
            ) => Next::After(ctx.jittered(SECRET_AGAIN)),
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
fn patience(reason: Reason, status: &StatusOf, now: Timestamp) -> Duration {
    let since = status
        .conditions()
        .iter()
        .find(|it| it.type_ == RECONCILING)
        .map_or(now, |it| it.last_transition_time.0);
    let lasted = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    let patience = match reason {
        // No event tells that a workload has loaded its configuration, and people wait for that.
        Reason::ConfigurationPending | Reason::ReportUnavailable => {
            (lasted / 8).max(Duration::from_millis(100))
        }
        // Events tell of the Deployment, but not why its pods do not start.
        Reason::WorkloadStarting => (lasted / 2).max(Duration::from_secs(5)),
        // Whatever ends it wakes this object.
        _ => LONGEST_PATIENCE,
    };
    patience.min(LONGEST_PATIENCE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::ScimTenant;
    use crate::plan::Owner;

    #[test]
    fn what_tells_nothing_is_looked_at_often_and_nothing_longer_than_a_minute_later() {
        let begun = "2026-02-01T00:00:00Z";
        let tenant: ScimTenant = serde_json::from_value(json!({
            "apiVersion": "usher.dev/v1alpha1", "kind": "ScimTenant", "metadata": {"namespace": "ns", "name": "a"},
            "spec": {"host": "a.example.com", "store": {"sqlite": {"size": "1Gi"}}},
            "status": {"conditions": [{
                "type": "Reconciling", "status": "True", "reason": "X", "message": "", "lastTransitionTime": begun,
            }]},
        }))
        .unwrap();
        let status = StatusOf::ScimTenant(Owner::of(&tenant), tenant.status.unwrap());
        let begun: Timestamp = begun.parse().unwrap();
        for (reason, lasted, expected) in [
            (Reason::ConfigurationPending, 0, 100),
            (Reason::ConfigurationPending, 4, 500),
            (Reason::ReportUnavailable, 3600, 60_000),
            (Reason::WorkloadStarting, 0, 5_000),
            (Reason::WorkloadStarting, 20, 10_000),
            (Reason::ReferenceNotReady, 0, 60_000),
        ] {
            let pause = patience(reason, &status, begun + Duration::from_secs(lasted));
            assert_eq!(pause.as_millis(), expected, "{reason:?} after {lasted} s");
        }
    }
}
