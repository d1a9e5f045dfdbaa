//! What went wrong, and whether it is worth to try again.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::connect::ConnectError;
use crate::scim::resource::CorruptResource;
use crate::store::{Fault, StoreError};

/// How long it is tried again.
const PATIENCE: Duration = Duration::from_secs(5);

/// The first and the longest pause before it is.
const PAUSE: Duration = Duration::from_millis(5);
const LONGEST: Duration = Duration::from_millis(320);

/// Why a call of the store failed.
#[derive(Debug)]
pub(super) enum Failure {
    Connect(Arc<ConnectError>),
    Database(sqlx::Error),
    Corrupt(CorruptResource),
}

/// What follows from a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Somebody else was in the way: nothing was written, and another try may do.
    Conflict,
    /// The connection was lost or has the wrong end; whether something was written is not known.
    Lost,
    /// Another try would not do.
    Final,
}

impl From<Arc<ConnectError>> for Failure {
    fn from(error: Arc<ConnectError>) -> Self {
        Self::Connect(error)
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<CorruptResource> for Failure {
    fn from(error: CorruptResource) -> Self {
        Self::Corrupt(error)
    }
}

impl From<Arc<ConnectError>> for StoreError {
    fn from(error: Arc<ConnectError>) -> Self {
        match *error {
            ConnectError::Closed => Self::Closed,
            ConnectError::Busy => Self::Crowded,
            _ => Self::Unreachable(error),
        }
    }
}

impl From<ConnectError> for StoreError {
    fn from(error: ConnectError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Database(sqlx::Error::PoolClosed) => Self::Closed,
            Failure::Connect(error) => error.into(),
            Failure::Database(error) => error.into(),
            Failure::Corrupt(error) => error.into(),
        }
    }
}

impl Failure {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Connect(error) => match &**error {
                ConnectError::Refused(error) | ConnectError::Migration(error) => {
                    match kind(error) {
                        Kind::Conflict | Kind::Lost => Kind::Lost,
                        Kind::Final => Kind::Final,
                    }
                }
                // The others waited long enough already.
                _ => Kind::Final,
            },
            Self::Database(error) => kind(error),
            Self::Corrupt(_) => Kind::Final,
        }
    }

    /// What it means for writes.
    pub(super) fn fault(&self) -> Fault {
        match self {
            Self::Database(sqlx::Error::Database(error))
                if error.code().as_deref() == Some("53100") =>
            {
                Fault::Full
            }
            Self::Connect(_) | Self::Database(_) | Self::Corrupt(_) => Fault::Failed,
        }
    }
}

/// By SQLSTATE, as PostgreSQL lists them in its appendix A.
fn kind(error: &sqlx::Error) -> Kind {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => Kind::Lost,
        sqlx::Error::Database(error) => match error.code().as_deref().unwrap_or_default() {
            // Serialization failure, deadlock; a group that is not waited for; a member that was deleted just then.
            "40001" | "40P01" | "55P03" | "23503" => Kind::Conflict,
            // Ended by an administrator, a crash or a start; too many connections; a password that is being changed; the
            // former primary, which may only be read.
            "57P01" | "57P02" | "57P03" | "53300" | "28P01" | "28000" | "25006" => Kind::Lost,
            code if code.starts_with("08") => Kind::Lost,
            _ => Kind::Final,
        },
        _ => Kind::Final,
    }
}

/// Tries that follow a first one, with growing pauses, for a limited time.
pub(super) struct Retry {
    began: Instant,
    pause: Duration,
    /// A try was cut off, so that it may have been done.
    pub(super) maybe_done: bool,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            began: Instant::now(),
            pause: PAUSE,
            maybe_done: false,
        }
    }
}

impl Retry {
    /// Whether to try again after `failure`; returns when it is time to.
    pub(super) async fn again(&mut self, failure: &Failure) -> bool {
        let kind = failure.kind();
        if kind == Kind::Final || self.began.elapsed() > PATIENCE {
            return false;
        }
        self.maybe_done |= kind == Kind::Lost && matches!(failure, Failure::Database(_));
        tokio::time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}
