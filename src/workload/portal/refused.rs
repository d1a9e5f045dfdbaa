//! Why a page is not shown or nothing is done: what it says to the administrator, and the log to who runs it.

use askama::Template;
use axum::body::Body;
use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{Response, StatusCode};

use super::frame::Frame;
use super::parts::Link;
use crate::store::StoreError;
use crate::workload::administration::{NotDone, Why};
use crate::workload::sign_in::{Visit, pages};

const UNAVAILABLE: (&str, &str) = (
    "The directory cannot be used at the moment",
    "Try again in a minute. If that does not help, look at the status of the ScimTenant: it says what is wrong with the store.",
);

/// Why a page is not shown or nothing is done.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("a form of another site or of another session")]
    ForeignForm,
    #[error("a page was refused")]
    NotDone(#[from] NotDone),
    #[error("the store failed")]
    Store(#[source] StoreError),
    #[error("the page took longer than a request may")]
    TooSlow,
}

#[derive(Template)]
#[template(
    path = "error.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct ErrorPage<'p> {
    frame: Frame,
    title: &'p str,
    text: &'p str,
    reason: Option<String>,
    link: Option<Link>,
    request_id: &'p str,
}

impl Refused {
    fn status(&self) -> StatusCode {
        match self {
            Self::ForeignForm => StatusCode::FORBIDDEN,
            Self::Store(_) | Self::TooSlow => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotDone(why) => match why.why() {
                Why::Forbidden => StatusCode::FORBIDDEN,
                Why::NotFound => StatusCode::NOT_FOUND,
                Why::Invalid => StatusCode::BAD_REQUEST,
                Why::Conflict => StatusCode::CONFLICT,
                Why::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    /// A title, and what to do.
    fn words(&self) -> (&'static str, &'static str) {
        match self {
            Self::ForeignForm => (
                "The form was not accepted",
                "Nothing was changed. The form was of another site or of an earlier session. Go back, open the page again and send it from there.",
            ),
            Self::Store(_) | Self::TooSlow => UNAVAILABLE,
            Self::NotDone(NotDone::NoRole) => (
                "The portal is for administrators",
                "You are signed in, and your account has none of the roles ReadOnly, User, Admin and EnterpriseAdmin. Whoever assigns roles can give you one.",
            ),
            Self::NotDone(why) => match why.why() {
                Why::Forbidden => ("You may not do that", "Nothing was changed."),
                Why::NotFound => (
                    "It is not here",
                    "What was at this address may be gone, or the address is not whole.",
                ),
                Why::Invalid => ("That was not understood", "Nothing was changed."),
                Why::Conflict => ("It was not done", "Nothing was changed."),
                Why::Unavailable => UNAVAILABLE,
            },
        }
    }

    /// What is said by who refuses, as a sentence.
    fn reason(&self) -> Option<String> {
        match self {
            Self::ForeignForm | Self::Store(_) | Self::TooSlow | Self::NotDone(NotDone::NoRole) => {
                None
            }
            Self::NotDone(why) if why.why() == Why::Unavailable => None,
            Self::NotDone(why) => Some(sentence(&why.to_string())),
        }
    }

    /// Where to go on, which is `back` where the person can do something there.
    fn link(&self, back: Link) -> Option<Link> {
        match self {
            Self::NotDone(NotDone::NoRole) => Some(Link::new("My account", "/account")),
            Self::Store(_) | Self::TooSlow => None,
            Self::ForeignForm | Self::NotDone(_) => Some(back),
        }
    }

    /// The page, once the log has it.
    pub(super) fn into_response(
        self,
        visit: &Visit<'_>,
        frame: Frame,
        back: Link,
    ) -> Response<Body> {
        let scim_tenant = visit.scim_tenant.config.name.0.as_str();
        let error = crate::telemetry::chain(&self);
        let request_id = visit.request_id.as_str();
        tracing::info!(scim_tenant, error, request_id, "a page was refused");
        let (title, text) = self.words();
        let page = ErrorPage {
            frame,
            title,
            text,
            reason: self.reason(),
            link: self.link(back),
            request_id,
        };
        let status = self.status();
        let mut response = pages::page_with_script(visit, status, &page);
        if status == StatusCode::SERVICE_UNAVAILABLE {
            let soon = HeaderValue::from_static("10");
            response.headers_mut().insert(RETRY_AFTER, soon);
        }
        response
    }
}

/// With a capital letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    let sentence: String = first.into_iter().flatten().chain(letters).collect();
    if sentence.ends_with('.') {
        sentence
    } else {
        sentence + "."
    }
}
