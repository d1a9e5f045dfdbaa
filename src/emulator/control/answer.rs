//! What is answered, and what is wrong with what was asked.

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::http::{Method, Response, StatusCode, Uri};
use axum::response::IntoResponse;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::emulator::failure::Failure;
use crate::emulator::on_demand::OnDemandError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Wrong {
    #[error("there is no {kind} {name:?}; GET /_emulator/{list} lists them")]
    Unknown {
        kind: &'static str,
        list: &'static str,
        name: String,
    },
    #[error("the body is not understood: {0}")]
    Body(String),
    #[error("{field}: got {got:?}, want {want}")]
    Field {
        field: String,
        got: String,
        want: &'static str,
    },
    #[error("there is {kind} {name:?} already")]
    Twice { kind: &'static str, name: String },
    #[error(
        "You appear to have entered invalid credentials. Please confirm you are using the correct information for an administrative account: {0}"
    )]
    Connection(#[from] Failure),
    #[error(transparent)]
    OnDemand(#[from] OnDemandError),
    #[error("the process is ending")]
    Ending,
    #[error("there is nothing at {0}; GET / says what there is")]
    Nothing(String),
    #[error("no signing key can be made")]
    Key,
    #[error("this is for programs, not for the pages of a site: the request has an Origin")]
    Page,
    #[error("Host: got {0:?}, want an address, localhost, or the host of --url")]
    Host(String),
}

impl Wrong {
    pub(super) fn person(name: &str) -> Self {
        Self::Unknown {
            kind: "person",
            list: "people",
            name: name.to_owned(),
        }
    }

    pub(super) fn group(name: &str) -> Self {
        Self::Unknown {
            kind: "group",
            list: "groups",
            name: name.to_owned(),
        }
    }

    pub(super) fn job(name: &str) -> Self {
        Self::Unknown {
            kind: "job",
            list: "jobs",
            name: name.to_owned(),
        }
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Unknown { .. } | Self::Nothing(_) | Self::OnDemand(OnDemandError::Unknown(_)) => {
                StatusCode::NOT_FOUND
            }
            Self::Body(_) | Self::Field { .. } | Self::Connection(_) | Self::OnDemand(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::Page | Self::Host(_) => StatusCode::FORBIDDEN,
            Self::Twice { .. } => StatusCode::CONFLICT,
            Self::Ending => StatusCode::SERVICE_UNAVAILABLE,
            Self::Key => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response<Body> {
        let mut response = said(&json!({"error": self.to_string()}));
        *response.status_mut() = self.status();
        response
    }
}

/// A JSON document.
pub(super) fn said(value: &impl Serialize) -> Response<Body> {
    // What is said here has texts as keys, and nothing that refuses to be written.
    let text = serde_json::to_string(value).unwrap_or_default();
    ([(CONTENT_TYPE, "application/json")], text).into_response()
}

/// The body as JSON; none is an empty object.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Wrong> {
    let text: &[u8] = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| Wrong::Body(error.to_string()))
}

/// What no other route is for.
pub(super) async fn nothing(method: Method, uri: Uri) -> Wrong {
    Wrong::Nothing(format!("{method} {}", uri.path()))
}
