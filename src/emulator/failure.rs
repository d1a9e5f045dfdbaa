//! Requests that did not do what they should, and the codes that Entra's provisioning log has for them.

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Why there is no connection at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// The Tenant URL is none.
    #[error("the Tenant URL must begin with http:// or https://, got {0:?}")]
    Url(String),
}

/// A request that did not do what it should, as Entra's log has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{request}: {} {detail} ({code})", status.map_or_else(|| "no answer,".to_owned(), |it| it.to_string()))]
pub struct Failure {
    /// The error code of the provisioning log.
    pub code: String,
    /// Method and endpoint.
    pub request: String,
    /// HTTP status; none without an answer.
    pub status: Option<u16>,
    /// `scimType` and `detail` of the SCIM error, or what is wrong with the answer.
    pub detail: String,
}

impl Failure {
    /// A failure that no answer is to blame for.
    pub(super) fn of(code: &str, request: &str, detail: impl Into<String>) -> Self {
        Self {
            code: code.to_owned(),
            request: request.to_owned(),
            status: None,
            detail: detail.into(),
        }
    }
}

/// What Entra says of a resource that is gone although it knows its id.
pub(super) fn invalid_anchor(method: &str, endpoint: &str) -> Failure {
    Failure::of(
        "InvalidAnchor",
        &format!("{method} {endpoint}"),
        "there is no resource with the id that an earlier answer had; restart provisioning to match anew",
    )
}

/// The error code of a server that does not speak SCIM well enough.
pub(super) fn incompatible(what: &str) -> String {
    format!("SystemForCrossDomainIdentityManagementServiceIncompatible{what}")
}

pub(super) fn unanswered(request: &str, error: &reqwest::Error) -> Failure {
    let code = if error.is_timeout() || error.is_connect() {
        "Timeout"
    } else {
        "WebExceptionProtocolError"
    };
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        detail = cause.to_string();
        source = cause.source();
    }
    Failure::of(code, request, detail)
}

/// The answer that somebody on the way gives in the place of the server.
pub(super) fn throttled(request: &str) -> Failure {
    let detail = "too many requests, as a fault asks for";
    Failure {
        status: Some(429),
        ..Failure::of("TooManyRequests", request, detail)
    }
}

pub(super) fn code(method: &Method, status: u16) -> String {
    let word = match status {
        200..300 => return incompatible(""),
        401 => "SystemForCrossDomainIdentityManagementInvalidCredentials",
        403 => "InsufficientRights",
        404 if *method == Method::GET => return incompatible(""),
        404 => "InvalidAnchor",
        405 => "MethodNotAllowed",
        409 => "EntryConflict",
        422 => "UnprocessableEntity",
        429 => "TooManyRequests",
        501 => "NotImplemented",
        500.. => "InternalServerError",
        _ => "SystemForCrossDomainIdentityManagementBadRequest",
    };
    word.to_owned()
}

pub(super) fn detail(body: &Value) -> String {
    let words = [&body["scimType"], &body["detail"]].map(|it| it.as_str().unwrap_or_default());
    let detail = match words {
        ["", ""] => "an answer that is no SCIM message".to_owned(),
        ["", detail] => detail.to_owned(),
        [type_, detail] => format!("{type_}: {detail}"),
    };
    // On one line.
    detail.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The resources of a list, and how many there are in all, if it says so.
pub(super) fn resources(mut list: Value) -> Result<(Vec<Value>, Option<usize>), &'static str> {
    let total = list["totalResults"].as_u64();
    let total = total.and_then(|it| usize::try_from(it).ok());
    // RFC 7644, section 3.4.2: Resources is REQUIRED if totalResults is not zero; Entra wants it always, and no null.
    match list.get_mut("Resources").map(Value::take) {
        Some(Value::Array(page)) => Ok((page, total)),
        _ => Err("the list has no Resources, which must be an array also when it is empty"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_without_resources_is_incompatible() {
        let check = |list: Value, expected: Option<(usize, Option<usize>)>| {
            let found = resources(list.clone())
                .ok()
                .map(|(page, total)| (page.len(), total));
            assert_eq!(found, expected, "{list}");
        };
        check(
            json!({"totalResults": 201, "Resources": [{}, {}]}),
            Some((2, Some(201))),
        );
        check(json!({"Resources": []}), Some((0, None)));
        check(json!({"totalResults": 0}), None);
        check(json!({"totalResults": 0, "Resources": null}), None);
        check(json!([]), None);
    }
}
