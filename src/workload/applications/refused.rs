//! Why an application gets no answer (RFC 6749, section 5.2; RFC 6750, section 3.1).

use std::io;

use axum::body::Body;
use axum::http::header::{HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::json;

use super::allow;
use crate::store::StoreError;
use crate::workload::jwt::Untrusted;
use crate::workload::oauth::document;

/// Why nobody was recognized.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnknownClient {
    #[error("The application does not show who it is; send client_id and client_secret.")]
    Missing,
    #[error("There is no such application; client_id is its name in the ScimTenant.")]
    Unknown,
    #[error("The client_id is not the one of the Authorization header.")]
    OtherName,
    #[error("The client_secret is not the one of this application.")]
    Secret,
    #[error("This application has a client_secret; send it.")]
    NoSecret,
    #[error("This application is public; it has no client_secret.")]
    Public,
    #[error("The Authorization header must be Basic with client_id and client_secret.")]
    Header,
    #[error("The client_assertion must be a JWT whose iss is the client_id.")]
    Issuer,
    #[error("{0}")]
    Assertion(Untrusted),
    #[error("The client_assertion is good for longer than an hour; let it expire sooner.")]
    LongLived,
    #[error(
        "The client_assertion was presented before, or there are too many; make one for each request, with a jti of its own."
    )]
    Spent,
    #[error("This application has public keys; send a client_assertion that its key signs.")]
    NoAssertion,
    #[error("This application has no jwks and no jwksUri, so it presents no client_assertion.")]
    NoKeys,
}

/// Why a code or a refresh token is not good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadGrant {
    #[error("It is not known here, or was revoked.")]
    Unknown,
    #[error("It was given to another application.")]
    OtherApplication,
    #[error("It was used before, so all that came of it was revoked; sign in again.")]
    Used,
    #[error("A code is no refresh token, nor the other way around.")]
    OtherKind,
    #[error("It has expired.")]
    Expired,
    #[error("The redirect_uri is not the one of the request for the code.")]
    RedirectUri,
    #[error("The code_verifier is not the one of the code_challenge.")]
    Verifier,
    #[error("The person is not signed in any more; sign in again.")]
    SignedOut,
}

/// Why a device gets no tokens (RFC 8628, section 3.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Waiting {
    #[error("Nobody has typed the code yet; ask again.")]
    Pending,
    #[error("The device asks too often; let it wait five seconds longer each time.")]
    SlowDown,
    #[error("The person does not let the device sign in.")]
    Denied,
    #[error("The code of the device has expired; ask for another one.")]
    Expired,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{0}")]
    Request(&'static str),
    #[error("{0}")]
    Client(#[source] UnknownClient),
    #[error("{0}")]
    Grant(#[source] BadGrant),
    #[error("{0}")]
    Waiting(#[source] Waiting),
    #[error("The grant_type must be authorization_code, refresh_token or that of devices.")]
    GrantType,
    #[error("The application has no DeviceCode among its grantTypes; add it in the ScimTenant.")]
    NoDevices,
    #[error("The scope must have openid.")]
    NoOpenId,
    #[error("Too many sign-ins were begun from this address; wait as long as Retry-After says.")]
    TooMany(u32),
    #[error("A refresh token gives openid, and no more scopes than the person signed in for.")]
    Scope,
    #[error("The access token is missing.")]
    NoToken,
    #[error("The access token is not good, or the person is not signed in any more.")]
    Token,
    #[error("This endpoint is for applications that have a client_secret or keys.")]
    Unauthorized,
    #[error(
        "Too many unknown credentials came from this address; wait as long as Retry-After says."
    )]
    Limited(u32),
    #[error("The keys of the application cannot be fetched at the moment; try again later.")]
    KeysOfApplication,
    #[error("The signing keys cannot be used.")]
    Keys(#[source] io::Error),
    #[error("The store cannot be used at the moment; try again later.")]
    Store(#[from] StoreError),
    #[error("The directory is not open yet; try again later.")]
    NotOpen,
    #[error("There are no applications at this address.")]
    NotFound,
    #[error("This endpoint does not have this method.")]
    Method(&'static str),
}

impl Refused {
    /// What was wrong with the credential, for the metrics.
    pub(super) fn reason(&self) -> Option<&'static str> {
        match self {
            Self::Client(_) | Self::Token => Some("unknown"),
            Self::Limited(_) => Some("limited"),
            _ => None,
        }
    }

    /// Whether who runs the directory has to look.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Keys(_) | Self::Store(_))
    }

    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Request(_) => (StatusCode::BAD_REQUEST, "invalid_request"),
            Self::Client(_) => (StatusCode::UNAUTHORIZED, "invalid_client"),
            Self::Grant(_) => (StatusCode::BAD_REQUEST, "invalid_grant"),
            Self::GrantType => (StatusCode::BAD_REQUEST, "unsupported_grant_type"),
            Self::Scope | Self::NoOpenId => (StatusCode::BAD_REQUEST, "invalid_scope"),
            Self::Waiting(Waiting::Pending) => (StatusCode::BAD_REQUEST, "authorization_pending"),
            Self::Waiting(Waiting::SlowDown) => (StatusCode::BAD_REQUEST, "slow_down"),
            Self::Waiting(Waiting::Denied) => (StatusCode::BAD_REQUEST, "access_denied"),
            Self::Waiting(Waiting::Expired) => (StatusCode::BAD_REQUEST, "expired_token"),
            Self::NoDevices => (StatusCode::BAD_REQUEST, "unauthorized_client"),
            Self::TooMany(_) => (StatusCode::TOO_MANY_REQUESTS, "slow_down"),
            Self::NoToken | Self::Token => (StatusCode::UNAUTHORIZED, "invalid_token"),
            Self::Unauthorized => (StatusCode::FORBIDDEN, "unauthorized_client"),
            Self::Limited(_) => (StatusCode::TOO_MANY_REQUESTS, "invalid_client"),
            Self::Keys(_) | Self::Store(_) | Self::NotOpen | Self::KeysOfApplication => {
                (StatusCode::SERVICE_UNAVAILABLE, "temporarily_unavailable")
            }
            Self::NotFound => (StatusCode::NOT_FOUND, "invalid_request"),
            Self::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, "invalid_request"),
        }
    }

    /// The response.
    pub(super) fn response(&self) -> Response<Body> {
        let (status, code) = self.status_and_code();
        let mut response = document(&json!({"error": code, "error_description": self.to_string()}));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        match self {
            Self::Client(_) => {
                let basic = HeaderValue::from_static("Basic realm=\"oauth2\"");
                headers.insert(WWW_AUTHENTICATE, basic);
            }
            // RFC 6750, section 3.1: who presents nothing is told no error.
            Self::NoToken => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Token => {
                let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(WWW_AUTHENTICATE, bearer);
            }
            Self::Limited(seconds) | Self::TooMany(seconds) => {
                headers.insert(RETRY_AFTER, (*seconds).into());
            }
            Self::Keys(_) | Self::Store(_) | Self::NotOpen | Self::KeysOfApplication => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("10"));
            }
            Self::Method(methods) => allow(&mut response, methods),
            Self::Request(_)
            | Self::Grant(_)
            | Self::GrantType
            | Self::Scope
            | Self::Waiting(_)
            | Self::NoDevices
            | Self::NoOpenId
            | Self::Unauthorized
            | Self::NotFound => {}
        }
        response
    }
}
