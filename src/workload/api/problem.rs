//! What is answered when something is not done: problem details (RFC 9457).

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{Response, StatusCode};
use serde_json::json;

use crate::workload::administration::{NotDone, Why};

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Problem {
    /// There is no such endpoint.
    NotFound,
    /// There is, with these methods.
    Method(String),
    /// A browser in which nobody is signed in, or none.
    NobodySignedIn,
    /// A token that is not good here.
    Token,
    /// Too many such tokens from one address; come again after so many seconds.
    TooMany(u32),
    /// A request of another site with the session of a browser.
    ForeignOrigin,
    /// A body that is not understood.
    Body(String),
    /// A parameter that is not understood.
    Parameter(String),
    /// The answer takes too long.
    TooSlow,
    /// The directory is not open, or nobody can say who asks.
    Unavailable,
    /// The domain says no.
    NotDone(NotDone),
}

impl From<NotDone> for Problem {
    fn from(why: NotDone) -> Self {
        Self::NotDone(why)
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::NobodySignedIn | Self::Token => StatusCode::UNAUTHORIZED,
            Self::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::Body(_) | Self::Parameter(_) => StatusCode::BAD_REQUEST,
            Self::TooSlow | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotDone(why) => match why.why() {
                Why::Forbidden => StatusCode::FORBIDDEN,
                Why::NotFound => StatusCode::NOT_FOUND,
                Why::Invalid => StatusCode::BAD_REQUEST,
                Why::Conflict => StatusCode::CONFLICT,
                Why::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::NotFound => "There is no such endpoint; /api/v1/openapi.json has all of them.".to_owned(),
            Self::Method(methods) => format!("Allowed are {methods}."),
            Self::NobodySignedIn => {
                "Nobody is signed in. Sign in with a browser, or by usher login.".to_owned()
            }
            Self::Token => "The access token is not good here: it has expired, or was issued to another application than usher-cli. Run usher login.".to_owned(),
            Self::TooMany(seconds) => format!(
                "Too many unknown tokens came from this address; wait {seconds} seconds."
            ),
            Self::ForeignOrigin => "What changes something must say by Origin that it is from this site, or present an access token.".to_owned(),
            Self::Body(why) => format!("The body is not understood: {why}."),
            Self::Parameter(why) => format!("The query is not understood: {why}."),
            Self::TooSlow => "The answer took too long; try again.".to_owned(),
            Self::Unavailable => "The directory cannot be asked at the moment; try again.".to_owned(),
            Self::NotDone(why) => sentence(&why.to_string()),
        }
    }

    /// The answer.
    pub(super) fn response(&self, request_id: &str) -> Response<Body> {
        let status = self.status();
        if let Self::NotDone(why) = self
            && why.why() == Why::Unavailable
        {
            let error = crate::telemetry::chain(why);
            tracing::warn!(error, "an administrator cannot be answered");
        }
        let body = json!({
            "type": "about:blank",
            "title": status.canonical_reason(),
            "status": status.as_u16(),
            "detail": self.detail(),
            "requestId": request_id,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        let problem = HeaderValue::from_static("application/problem+json");
        headers.insert(CONTENT_TYPE, problem);
        match self {
            Self::Method(methods) => {
                if let Ok(methods) = HeaderValue::from_str(methods) {
                    headers.insert(ALLOW, methods);
                }
            }
            Self::TooMany(seconds) => {
                headers.insert(RETRY_AFTER, (*seconds).into());
            }
            Self::NobodySignedIn => {
                let bearer = HeaderValue::from_static("Bearer");
                headers.insert(WWW_AUTHENTICATE, bearer);
            }
            Self::Token => {
                let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
                headers.insert(WWW_AUTHENTICATE, bearer);
            }
            _ => {}
        }
        response
    }
}

/// A text of an error as a sentence.
fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|it| it.to_uppercase().to_string());
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.unwrap_or_default(), characters.as_str())
}
