//! The HTTP side of Entra's provisioning client: its headers, its encoding of queries, and what its error codes are.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Client, Method, Response};
use serde_json::Value;

use super::dialect::Dialect;
use super::failure::{
    ConnectionError, Failure, code, detail, incompatible, invalid_anchor, resources, throttled,
    unanswered,
};
use super::faults::Faults;
use super::pace::Pace;
use super::shapes::{Shapes, shape};

/// Users that account discovery reads at a time.
const PAGE: &str = "100";

/// What Entra sends with a body.
const SCIM_JSON: &str = "application/scim+json; charset=utf-8";

/// The query parameter of a Tenant URL that asks for the other dialect.
const FLAG: &str = "aadOptscim062020";

/// A Tenant URL and a Secret Token, as pasted into Entra's portal.
pub struct Connection {
    client: Client,
    url: String,
    /// What the Tenant URL has after its `?`, but for the flag.
    query: Vec<(String, String)>,
    token: String,
    dialect: Dialect,
    pace: Pace,
    faults: Mutex<Faults>,
    requests: AtomicU64,
    /// Requests in a row that were not answered.
    unanswered: AtomicU64,
    shapes: Shapes,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Connection")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

/// A request, and what Entra calls it if it finds nothing.
struct Call<'a> {
    method: Method,
    endpoint: &'a str,
    id: Option<&'a str>,
    query: Vec<(&'a str, &'a str)>,
    body: Option<&'a Value>,
}

impl Connection {
    /// A connection to the SCIM server at `url`, the Tenant URL, in the dialect that it asks for.
    pub fn new(url: &str, token: &str) -> Result<Self, ConnectionError> {
        let builder = Client::builder().timeout(Duration::from_secs(30));
        let client = builder.build().map_err(ConnectionError::Client)?;
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(ConnectionError::Url(url.to_owned()));
        }
        let pairs = query.split('&').filter(|it| !it.is_empty());
        let pairs = pairs.map(|it| it.split_once('=').unwrap_or((it, "")));
        let mut query: Vec<(String, String)> = pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let count = query.len();
        query.retain(|(name, _)| name != FLAG);
        Ok(Self {
            client,
            url: base.trim_end_matches('/').to_owned(),
            dialect: if query.len() == count {
                Dialect::Default
            } else {
                Dialect::AadOptscim062020
            },
            query,
            token: token.to_owned(),
            pace: Pace::default(),
            faults: Mutex::default(),
            requests: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            shapes: Shapes::default(),
        })
    }

    /// The same connection, on which at most so many requests a second are sent; 0 is no bound.
    #[must_use]
    pub fn with_rate(self, a_second: u32) -> Self {
        Self {
            pace: Pace::of(a_second),
            ..self
        }
    }

    /// The same connection in another dialect.
    #[must_use]
    pub fn with_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// The Tenant URL, without what follows its `?`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// How PATCH requests are written.
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How many requests were sent.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// How many requests in a row were not answered by now.
    pub(super) fn unanswered(&self) -> u64 {
        self.unanswered.load(Ordering::Relaxed)
    }

    /// The shapes of the requests that were sent.
    pub const fn shapes(&self) -> &Shapes {
        &self.shapes
    }

    /// Puts faults in the place of those that are in effect.
    pub fn set_faults(&self, faults: Faults) {
        *self.faults.lock().unwrap_or_else(PoisonError::into_inner) = faults;
    }

    /// The faults in effect.
    pub fn faults(&self) -> Faults {
        self.faults
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The resources at `endpoint` whose `attribute` is `value`.
    pub(super) async fn find(
        &self,
        endpoint: &str,
        attribute: &str,
        value: &str,
    ) -> Result<Vec<Value>, Failure> {
        let escaped = value.replace('\\', "\\\\").replace('"', "\\\"");
        let filter = format!("{attribute} eq \"{escaped}\"");
        let mut query = vec![("filter", filter.as_str())];
        if endpoint == "Groups" {
            query.insert(0, ("excludedAttributes", "members"));
        }
        let call = Call {
            method: Method::GET,
            endpoint,
            id: None,
            query,
            body: None,
        };
        let shape = shape(&format!("GET {endpoint}"), &call.query, None);
        let answered = self.send(call).await?;
        match resources(answered.unwrap_or_default()) {
            Ok((found, _)) => {
                self.look_for_members(endpoint, found.first());
                Ok(found)
            }
            Err(detail) => {
                let request = format!("GET {endpoint}");
                let failure = Failure {
                    status: Some(200),
                    ..Failure::of(&incompatible("Filtering"), &request, detail)
                };
                self.shapes.failed(&shape, &failure, None);
                Err(failure)
            }
        }
    }

    /// The resource with an id; none if there is none.
    pub(super) async fn get(&self, endpoint: &str, id: &str) -> Result<Option<Value>, Failure> {
        let query = match endpoint {
            "Groups" => vec![("excludedAttributes", "members")],
            _ => Vec::new(),
        };
        let found = self.send(Call {
            method: Method::GET,
            endpoint,
            id: Some(id),
            query,
            body: None,
        });
        let found = found.await?;
        self.look_for_members(endpoint, found.as_ref());
        Ok(found)
    }

    /// Creates a resource, and gives it as it was answered, with its id.
    pub(super) async fn create(&self, endpoint: &str, body: &Value) -> Result<Value, Failure> {
        let created = self.send(Call {
            method: Method::POST,
            endpoint,
            id: None,
            query: Vec::new(),
            body: Some(body),
        });
        let created = created.await?.unwrap_or_default();
        if created["id"].as_str().is_some_and(|it| !it.is_empty()) {
            return Ok(created);
        }
        let request = format!("POST {endpoint}");
        let failure = Failure::of(&incompatible(""), &request, "the answer has no id");
        self.shapes
            .failed(&shape(&request, &[], Some(body)), &failure, Some(body));
        Err(failure)
    }

    /// Changes a resource; gives it if it was answered, and none without a body. A resource that is not there is a failure.
    pub(super) async fn change(
        &self,
        endpoint: &str,
        id: &str,
        body: &Value,
    ) -> Result<Option<Value>, Failure> {
        let changed = self.send(Call {
            method: Method::PATCH,
            endpoint,
            id: Some(id),
            query: Vec::new(),
            body: Some(body),
        });
        let changed = changed.await?;
        changed
            .map(|it| Some(it).filter(|it| !it.is_null()))
            .ok_or_else(|| Failure {
                status: Some(404),
                ..invalid_anchor("PATCH", endpoint)
            })
    }

    /// Deletes a resource; one that is not there is as good.
    pub(super) async fn delete(&self, endpoint: &str, id: &str) -> Result<(), Failure> {
        let call = Call {
            method: Method::DELETE,
            endpoint,
            id: Some(id),
            query: Vec::new(),
            body: None,
        };
        self.send(call).await.map(|_| ())
    }

    /// Every user, as Entra's account discovery reads them: page by page, by `startIndex` and `count`.
    pub async fn discover_users(&self) -> Result<Vec<Value>, Failure> {
        let mut users = Vec::new();
        loop {
            let start = (users.len() + 1).to_string();
            let list = self.send(Call {
                method: Method::GET,
                endpoint: "Users",
                id: None,
                query: vec![("startIndex", start.as_str()), ("count", PAGE)],
                body: None,
            });
            let list = list.await?.unwrap_or_default();
            // RFC 7644, section 3.4.2: totalResults is REQUIRED. Without it nobody knows whether this is all.
            let page = resources(list).and_then(|(page, total)| {
                let total = total.ok_or("the list has no totalResults")?;
                Ok((page, total))
            });
            let (page, total) =
                page.map_err(|detail| Failure::of(&incompatible(""), "GET Users", detail))?;
            let is_last = page.is_empty();
            users.extend(page);
            if is_last || users.len() >= total {
                return Ok(users);
            }
        }
    }

    /// Sends a request. None is a resource that is not there; null an answer without a body.
    async fn send(&self, call: Call<'_>) -> Result<Option<Value>, Failure> {
        self.pace.turn().await;
        let faults = self.faults();
        if let Some(between) = Duration::from_secs(1).checked_div(faults.requests_per_second) {
            tokio::time::sleep(between).await;
        }
        let path = match call.id {
            Some(id) => format!("{}/{}/{id}", self.url, call.endpoint),
            None => format!("{}/{}", self.url, call.endpoint),
        };
        let token = if faults.expired_secret {
            "expired"
        } else {
            self.token.as_str()
        };
        let request = self.client.request(call.method.clone(), path);
        let mut request = request.query(&self.query).query(&call.query);
        request = request.bearer_auth(token);
        if let Some(body) = call.body {
            request = request
                .header(CONTENT_TYPE, SCIM_JSON)
                .body(body.to_string());
        }
        let number = self.requests.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("{} {}", call.method, call.endpoint);
        let shape = shape(&name, &call.query, call.body);
        self.shapes.sent(&shape);
        if faults.throttles(number) {
            return Err(throttled(&name));
        }
        let answered = match request.send().await {
            Ok(answer) => self.read(&call, answer, &name, &shape).await,
            Err(error) => Err(unanswered(&name, &error)),
        };
        let is_lost = faults.loses(number);
        let answered = if is_lost {
            Err(Failure::of(
                "Timeout",
                &name,
                "the answer was lost, as a fault asks for",
            ))
        } else {
            answered
        };
        match &answered {
            Err(failure) if failure.status.is_none() && !is_lost => {
                self.unanswered.fetch_add(1, Ordering::Relaxed);
            }
            _ => self.unanswered.store(0, Ordering::Relaxed),
        }
        if let Err(failure) = &answered {
            self.shapes.failed(&shape, failure, call.body);
        }
        answered
    }

    async fn read(
        &self,
        call: &Call<'_>,
        answer: Response,
        name: &str,
        shape: &str,
    ) -> Result<Option<Value>, Failure> {
        let status = answer.status().as_u16();
        let type_ = answer.headers().get(CONTENT_TYPE);
        let is_scim = type_.is_some_and(|it| it.as_bytes().starts_with(b"application/scim+json"));
        let has_location = answer.headers().contains_key(LOCATION);
        let text = answer.text().await;
        let text = text.map_err(|error| unanswered(name, &error))?;
        let body: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_success = (200..300).contains(&status);
        if is_success && !text.is_empty() && !is_scim {
            self.shapes
                .remark(shape, "a success is not application/scim+json");
        }
        if status == 200 && call.method == Method::POST {
            self.shapes
                .remark(shape, "the answer is 200 instead of 201");
        }
        if status == 201 && !has_location {
            self.shapes.remark(shape, "there is no Location");
        }
        match status {
            204 => Ok(Some(Value::Null)),
            404 if call.id.is_some() => Ok(None),
            _ if is_success && (!body.is_null() || text.is_empty()) => Ok(Some(body)),
            _ => Err(Failure {
                code: code(&call.method, status),
                request: name.to_owned(),
                status: Some(status),
                detail: detail(&body),
            }),
        }
    }

    /// Remarks that a group was given with what the client asked to leave out.
    fn look_for_members(&self, endpoint: &str, resource: Option<&Value>) {
        let members = resource.and_then(|it| it["members"].as_array());
        if endpoint == "Groups" && members.is_some_and(|it| !it.is_empty()) {
            let shape = "GET Groups?excludedAttributes=members";
            self.shapes
                .remark(shape, "the group is answered with its members");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_flag_in_the_tenant_url_is_for_entra_alone() {
        let check = |url: &str, base: &str, query: &[(&str, &str)], dialect: Dialect| {
            rustls::crypto::ring::default_provider()
                .install_default()
                .ok();
            let connection = Connection::new(url, "token").unwrap();
            let own = connection.query.iter();
            let own: Vec<_> = own.map(|(a, b)| (a.as_str(), b.as_str())).collect();
            assert_eq!(
                (connection.url.as_str(), own.as_slice()),
                (base, query),
                "{url}"
            );
            assert_eq!(connection.dialect, dialect, "{url}");
        };
        check("http://a/scim/", "http://a/scim", &[], Dialect::Default);
        check(
            "http://a/?aadOptscim062020",
            "http://a",
            &[],
            Dialect::AadOptscim062020,
        );
        check(
            "http://a?x=1&aadOptscim062020",
            "http://a",
            &[("x", "1")],
            Dialect::AadOptscim062020,
        );
        assert!(Connection::new("a.example/scim", "token").is_err());
    }
}
