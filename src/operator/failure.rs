//! What an answer of the API server means for the port.

use std::future::Future;
use std::time::Duration;

use kube::core::Status;

use crate::platform::PlatformError;

/// How long one request may take.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

/// Why a request failed, as far as callers tell it apart.
#[derive(Debug)]
pub(super) enum Failure {
    /// 404.
    Missing,
    /// 409.
    Conflict,
    /// Anything else.
    Other(PlatformError),
}

/// Sends a request, within its time limit. `action` is verb and object, for instance `patch Deployment contoso`.
pub(super) async fn request<T>(
    action: &str,
    send: impl Future<Output = kube::Result<T>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(REQUEST_LIMIT, send).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) => Err(classify(action, *status)),
        Ok(Err(error)) => Err(Failure::Other(unavailable(action, error))),
        Err(elapsed) => Err(Failure::Other(unavailable(action, elapsed))),
    }
}

impl Failure {
    /// The failure for a caller that expects neither absence nor conflict.
    pub(super) fn into_error(self, what: &str) -> PlatformError {
        match self {
            Self::Missing | Self::Conflict => PlatformError::Conflict {
                what: what.to_owned(),
            },
            Self::Other(error) => error,
        }
    }
}

fn classify(action: &str, status: Status) -> Failure {
    let retry_after = status
        .details
        .as_ref()
        .map(|it| Duration::from_secs(it.retry_after_seconds.into()));
    Failure::Other(match status.code {
        404 => return Failure::Missing,
        409 => return Failure::Conflict,
        // Not a right that is missing, but a rule of the cluster: a quota, a volume that cannot grow.
        403 if !status.message.contains(" cannot ") => PlatformError::Refused {
            action: action.to_owned(),
            message: status.message,
        },
        403 => PlatformError::Forbidden {
            action: action.to_owned(),
            source: Box::new(kube::Error::Api(Box::new(status))),
        },
        429 => PlatformError::Throttled {
            retry_after: retry_after.unwrap_or_default().max(Duration::from_secs(1)),
        },
        400 | 413 | 415 | 422 => PlatformError::Refused {
            action: action.to_owned(),
            message: status.message,
        },
        _ => unavailable(action, kube::Error::Api(Box::new(status))),
    })
}

fn unavailable(
    action: &str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> PlatformError {
    PlatformError::Unavailable {
        action: action.to_owned(),
        source: Box::new(source),
    }
}
