//! Refusals of the token endpoint (RFC 6749, section 5.2).

use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::document;

/// Why there is no access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// The form lacks something, or has it twice.
    Request(&'static str),
    /// Nobody was recognized.
    Client(String),
    /// The client is known and may not ask for tokens.
    UnauthorizedClient,
    /// Another grant than `client_credentials`.
    GrantType,
    /// Too many unknown clients from one address; come again after so many seconds.
    Limited(u32),
    /// The check could not be made.
    Unavailable,
    /// No directory here, or none with such clients.
    NotFound,
    /// Another method than these.
    Method(&'static str),
}

impl Refused {
    /// What was wrong with the credential, for the metrics.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Client(_) => Some("unknown"),
            Self::Limited(_) => Some("limited"),
            Self::Request(_)
            | Self::UnauthorizedClient
            | Self::GrantType
            | Self::Unavailable
            | Self::NotFound
            | Self::Method(_) => None,
        }
    }

    /// The response.
    pub(super) fn response(&self) -> Response<Body> {
        let (status, error, description) = match self {
            Self::Request(why) => (StatusCode::BAD_REQUEST, "invalid_request", *why),
            Self::Client(why) => (StatusCode::UNAUTHORIZED, "invalid_client", why.as_str()),
            Self::UnauthorizedClient => (
                StatusCode::BAD_REQUEST,
                "unauthorized_client",
                "This client presents its password itself; declare OAuth for it to let it ask for access tokens.",
            ),
            Self::GrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "The grant_type must be client_credentials.",
            ),
            Self::Limited(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "invalid_client",
                "Too many unknown credentials came from this address; wait as long as Retry-After says.",
            ),
            Self::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "The client cannot be checked at the moment; try again later.",
            ),
            Self::NotFound => (
                StatusCode::NOT_FOUND,
                "invalid_request",
                "There is no token endpoint at this address.",
            ),
            Self::Method(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "This endpoint does not have this method.",
            ),
        };
        let body = json!({"error": error, "error_description": description});
        let mut response = document(&body);
        *response.status_mut() = status;
        let headers = response.headers_mut();
        match self {
            Self::Client(_) => {
                let basic = HeaderValue::from_static("Basic realm=\"oauth2\"");
                headers.insert(WWW_AUTHENTICATE, basic);
            }
            Self::Limited(seconds) => {
                headers.insert(RETRY_AFTER, (*seconds).into());
            }
            Self::Unavailable => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
            }
            Self::Method(methods) => {
                headers.insert(ALLOW, HeaderValue::from_static(methods));
            }
            Self::Request(_) | Self::UnauthorizedClient | Self::GrantType | Self::NotFound => {}
        }
        response
    }
}
