//! What can end a reconcile early, what it means for the status, and when to try again.

use std::time::Duration;

use crate::api::conditions::Reason;
use crate::plan::{Rejection, Remedy, Verdict};
use crate::platform::{PlatformError, Retry};

/// What can end a reconcile early.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The platform failed or refused.
    #[error(transparent)]
    Platform(#[from] PlatformError),
    /// The code has a mistake that this object brings to light.
    #[error("reconciling this object panicked: {message}")]
    Panicked {
        /// What the panic says.
        message: String,
    },
    /// Something hangs.
    #[error("reconciling this object took longer than {} s", limit.as_secs())]
    TimedOut {
        /// How long it may take.
        limit: Duration,
    },
}

impl ReconcileError {
    /// When to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Platform(error) => error.retry(),
            Self::Panicked { .. } | Self::TimedOut { .. } => Retry::Backoff,
        }
    }

    /// The stable word for conditions and metrics.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Platform(PlatformError::NameTaken { .. }) => Reason::NameTaken,
            Self::Platform(PlatformError::ReportUnavailable { .. }) => Reason::ReportUnavailable,
            Self::Platform(
                PlatformError::Conflict { .. }
                | PlatformError::Forbidden { .. }
                | PlatformError::Refused { .. }
                | PlatformError::KindMissing { .. }
                | PlatformError::Throttled { .. }
                | PlatformError::Unavailable { .. },
            )
            | Self::TimedOut { .. } => Reason::PlatformFailed,
            Self::Panicked { .. } => Reason::Panicked,
        }
    }

    /// What it comes to for the status.
    pub(super) fn verdict(&self) -> Verdict {
        let failed = |message: String, remedy| Verdict::Failed {
            reason: self.reason(),
            message,
            remedy,
        };
        match self {
            Self::Platform(PlatformError::NameTaken { child }) => {
                Verdict::Rejected(Rejection::NameTaken {
                    child: child.clone(),
                    field: "metadata.name",
                })
            }
            Self::Platform(PlatformError::Forbidden { .. }) => failed(
                format!("{self}; grant it to the operator's service account"),
                Remedy::Person,
            ),
            Self::Platform(PlatformError::KindMissing { .. }) => failed(
                format!("{self}; install its CRDs or choose another spec.exposure"),
                Remedy::Person,
            ),
            Self::Platform(PlatformError::Refused { .. }) => {
                failed(self.to_string(), Remedy::Person)
            }
            Self::Platform(
                PlatformError::Conflict { .. }
                | PlatformError::Throttled { .. }
                | PlatformError::Unavailable { .. }
                | PlatformError::ReportUnavailable { .. },
            )
            | Self::TimedOut { .. } => failed(format!("{self}; trying again"), Remedy::Retry),
            Self::Panicked { .. } => failed(
                "a mistake in Usher was met while working on this object; other objects go on. See the operator's log and report it".to_owned(),
                Remedy::Retry,
            ),
        }
    }
}
