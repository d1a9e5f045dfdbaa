//! What can go wrong on a platform, and what each failure means for the next try.

use std::time::Duration;

use crate::plan::ChildKey;

/// Whatever lies below a failure.
type Source = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong on a platform.
#[derive(Debug, thiserror::Error)]
pub enum PlatformError {
    /// An object that Usher would have to write belongs to somebody else.
    #[error("{child} exists and does not belong to Usher")]
    NameTaken {
        /// The object.
        child: ChildKey,
    },

    /// Somebody else was faster; a look at the present state decides anew.
    #[error("{what} was changed by somebody else at the same moment")]
    Conflict {
        /// The object.
        what: String,
    },

    /// Usher lacks a right.
    #[error("not allowed to {action}")]
    Forbidden {
        /// Verb and object, for instance `patch Deployment contoso`.
        action: String,
        /// The answer.
        #[source]
        source: Source,
    },

    /// The object as Usher would write it is not acceptable.
    #[error("the platform refused to {action}: {message}")]
    Refused {
        /// Verb and object.
        action: String,
        /// What the platform says about it.
        message: String,
    },

    /// The platform does not have this kind of object.
    #[error("the platform does not know the kind {kind}")]
    KindMissing {
        /// The kind.
        kind: &'static str,
    },

    /// The platform asked to slow down.
    #[error("the platform asked to slow down")]
    Throttled {
        /// How long to wait at least.
        retry_after: Duration,
    },

    /// The platform could not be reached, or answered nonsense.
    #[error("could not {action}")]
    Unavailable {
        /// Verb and object.
        action: String,
        /// The cause.
        #[source]
        source: Source,
    },

    /// The workload's report could not be read.
    #[error("the report of {workload} cannot be read")]
    ReportUnavailable {
        /// Namespace and name of its `ScimTenant`.
        workload: String,
        /// The cause.
        #[source]
        source: Source,
    },
}

/// When a failed step is worth another try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Soon, then ever later.
    Backoff,
    /// Not before this time has passed.
    After(Duration),
    /// Once somebody has changed something; and now and then, for a right granted elsewhere sends no event.
    OnChange,
}

impl PlatformError {
    /// When a failed step is worth another try.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Conflict { .. } | Self::Unavailable { .. } | Self::ReportUnavailable { .. } => {
                Retry::Backoff
            }
            Self::Throttled { retry_after } => Retry::After(*retry_after),
            Self::NameTaken { .. }
            | Self::Forbidden { .. }
            | Self::Refused { .. }
            | Self::KindMissing { .. } => Retry::OnChange,
        }
    }
}
