//! The HTTP side of Entra's provisioning client: its headers, its encoding of queries, and a count of what was sent.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

/// Users that are read at a time.
const PAGE: &str = "200";

/// What Entra sends with a body.
const SCIM_JSON: &str = "application/scim+json; charset=utf-8";

/// A Tenant URL and a Secret Token, as pasted into Entra's portal.
pub struct Connection {
    client: Client,
    url: String,
    token: String,
    at_once: usize,
    requests: AtomicU64,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// Why a server cannot be provisioned at all.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// No answer.
    #[error("no answer to {request}")]
    Unreachable {
        /// Method and path.
        request: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// What must be answered is refused.
    #[error("{request} was answered with {status}: {detail}")]
    Refused {
        /// What was asked, in words.
        request: String,
        /// HTTP status.
        status: u16,
        /// What the server says.
        detail: String,
    },
}

/// An answer that is no success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// HTTP status.
    pub(super) status: u16,
    /// `scimType` and `detail` of the SCIM error.
    pub(super) detail: String,
}

impl Connection {
    /// A connection to the SCIM server at `url`, the Tenant URL.
    pub fn new(url: &str, token: &str) -> Result<Self, ConnectionError> {
        let client = Client::builder()
            .timeout(Duration::from_secs(30))
            .build()
            .map_err(ConnectionError::Client)?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self {
            client,
            url,
            token: token.to_owned(),
            at_once: 1,
            requests: AtomicU64::new(0),
        })
    }

    /// The same connection, on which so many people or groups are provisioned at once.
    #[must_use]
    pub fn with_at_once(self, at_once: usize) -> Self {
        Self { at_once, ..self }
    }

    /// How many people or groups are provisioned at once.
    pub(super) fn at_once(&self) -> usize {
        self.at_once
    }

    /// How many requests were sent.
    pub(super) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// The resources at `endpoint` whose `attribute` is `value`.
    pub(super) async fn find(
        &self,
        endpoint: &str,
        attribute: &str,
        value: &str,
    ) -> Result<Result<Vec<Value>, Refusal>, ConnectionError> {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("{attribute} eq \"{escaped}\"");
        let mut query = vec![("filter", filter.as_str())];
        if endpoint == "Groups" {
            query.insert(0, ("excludedAttributes", "members"));
        }
        let answer = self.send(Method::GET, endpoint, &query, None).await?;
        Ok(answer.and_then(|list| match list["Resources"].as_array() {
            Some(found) => Ok(found.clone()),
            None => Err(Refusal {
                status: 200,
                detail: "the list has no Resources".to_owned(),
            }),
        }))
    }

    /// Creates a resource.
    pub(super) async fn create(
        &self,
        endpoint: &str,
        body: &Value,
    ) -> Result<Result<Value, Refusal>, ConnectionError> {
        self.send(Method::POST, endpoint, &[], Some(body)).await
    }

    /// Changes the resource at `path`.
    pub(super) async fn change(
        &self,
        path: &str,
        body: &Value,
    ) -> Result<Result<Value, Refusal>, ConnectionError> {
        self.send(Method::PATCH, path, &[], Some(body)).await
    }

    /// Every user, as Entra's account discovery reads them: page by page, by `startIndex` and `count`.
    pub async fn discover_users(&self) -> Result<Vec<Value>, ConnectionError> {
        let mut users = Vec::new();
        loop {
            let start = (users.len() + 1).to_string();
            let query = [("startIndex", start.as_str()), ("count", PAGE)];
            let answer = self.send(Method::GET, "Users", &query, None).await?;
            let list = answer.map_err(|refusal| ConnectionError::Refused {
                request: "the list of users".to_owned(),
                status: refusal.status,
                detail: refusal.detail,
            })?;
            let (page, total) = page(list).map_err(|detail| ConnectionError::Refused {
                request: "the list of users".to_owned(),
                status: 200,
                detail,
            })?;
            let is_last = page.is_empty();
            users.extend(page);
            if is_last || users.len() >= total {
                return Ok(users);
            }
        }
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        query: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Result<Value, Refusal>, ConnectionError> {
        let request = format!("{method} {path}");
        let unreachable = |source| ConnectionError::Unreachable { request, source };
        let mut sent = self
            .client
            .request(method, format!("{}/{path}", self.url))
            .query(query)
            .bearer_auth(&self.token);
        if let Some(body) = body {
            sent = sent
                .header("Content-Type", SCIM_JSON)
                .body(body.to_string());
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = match sent.send().await {
            Ok(answer) => answer,
            Err(error) => return Err(unreachable(error)),
        };
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        Ok(read(status, &text))
    }
}

/// The resources of a page, and how many there are in all.
fn page(mut list: Value) -> Result<(Vec<Value>, usize), String> {
    // RFC 7644, section 3.4.2: totalResults is REQUIRED. Without it nobody knows whether this is all.
    let total = list["totalResults"].as_u64();
    let total = total.and_then(|it| usize::try_from(it).ok());
    let total = total.ok_or("the list has no totalResults")?;
    // The same: Resources is REQUIRED if totalResults is not zero.
    match list.get_mut("Resources").map(Value::take) {
        Some(Value::Array(page)) => Ok((page, total)),
        None if total == 0 => Ok((Vec::new(), total)),
        _ => Err("the list has no Resources".to_owned()),
    }
}

fn read(status: StatusCode, text: &str) -> Result<Value, Refusal> {
    if status == StatusCode::NO_CONTENT {
        return Ok(Value::Null);
    }
    let body: Value = serde_json::from_str(text).unwrap_or_default();
    if status.is_success() && !body.is_null() {
        return Ok(body);
    }
    let words = [&body["scimType"], &body["detail"]].map(|it| it.as_str().unwrap_or_default());
    let detail = match words {
        ["", ""] => "an answer that is no SCIM message".to_owned(),
        ["", detail] => detail.to_owned(),
        [type_, detail] => format!("{type_}: {detail}"),
    };
    Err(Refusal {
        status: status.as_u16(),
        detail,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_that_does_not_say_how_long_it_is_is_refused() {
        let check = |list: Value, expected: Result<usize, &str>| {
            let found = page(list.clone());
            let found = found.as_ref().map(|(page, _)| page.len());
            assert_eq!(found.map_err(String::as_str), expected, "{list}");
        };
        check(json!({"totalResults": 201, "Resources": [{}, {}]}), Ok(2));
        check(json!({"totalResults": 0}), Ok(0));
        check(json!({"totalResults": 2, "Resources": []}), Ok(0));
        check(json!({"totalResults": 2}), Err("the list has no Resources"));
        let unsaid = Err("the list has no totalResults");
        check(json!({"Resources": [{}]}), unsaid);
        check(json!([]), unsaid);
        check(json!("x"), unsaid);
    }
}
