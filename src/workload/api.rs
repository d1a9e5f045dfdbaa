//! The API for administrators: JSON below `/api/v1`, described by `OpenAPI` 3.1, with the rights of the domain. Who asks is known by the session
//! of a browser, or by an access token of the command line; those of applications are good for nothing here.

mod call;
mod endpoints;
mod openapi;
mod problem;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, ORIGIN};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use serde_json::Value;

use super::administration::{Administration, Administrator, Through};
use super::applications::Asked;
use super::credentials;
use super::http::{REQUEST_TIME, Shared};
use super::routing::{self, ScimTenant};
use super::sign_in;
use super::source;
use super::told::Told;
use crate::store::StoreError;
use call::Call;
use endpoints::Endpoint;
use problem::Problem;

/// What every path begins with.
const PREFIX: &str = "/api/v1";

/// Where the description is, which anybody may read.
const DESCRIPTION: &str = "/api/v1/openapi.json";

/// Bytes of a body at most; the longest has a few words.
const LONGEST: usize = 4 * 1024;

/// The directory that a request is for, if it is one to this part and a portal is declared there.
pub(super) fn find(shared: &Shared, head: &Parts) -> Option<Arc<ScimTenant>> {
    let host = routing::host(&head.uri, &head.headers);
    let table = shared.table.load();
    let (scim_tenant, rest) = table.find(&host, head.uri.path())?;
    let below = rest.strip_prefix(PREFIX)?;
    let is_here = below.is_empty() || below.starts_with('/');
    let is_declared = Administration::of(scim_tenant, shared.clock.now()).is_some();
    (is_here && is_declared).then(|| Arc::clone(scim_tenant))
}

/// One request to this part.
struct Visit<'v> {
    shared: &'v Shared,
    scim_tenant: &'v Arc<ScimTenant>,
    administration: Administration<'v>,
    head: &'v Parts,
    peer: SocketAddr,
    request_id: String,
}

/// Answers a request to this part.
pub(super) async fn serve(
    shared: &Shared,
    peer: SocketAddr,
    (head, body): (Parts, Body),
    scim_tenant: &Arc<ScimTenant>,
) -> Response<Body> {
    let told = Told::begin(shared).of(&scim_tenant.config.name.0);
    let request_id = told.request_id(shared);
    let rest = head.uri.path().strip_prefix(scim_tenant.prefix.as_str());
    let rest = rest.unwrap_or_default();
    let (route, answered) = match Administration::of(scim_tenant, told.began) {
        None => ("other", Err(Problem::NotFound)),
        Some(_) if rest == DESCRIPTION => {
            let described = openapi::description(scim_tenant.base());
            (DESCRIPTION, Ok((StatusCode::OK, Some(described))))
        }
        Some(administration) => {
            let visit = Visit {
                shared,
                scim_tenant,
                administration,
                head: &head,
                peer,
                request_id: request_id.clone(),
            };
            match endpoints::find(&head.method, rest) {
                Ok((endpoint, places)) => {
                    let answer = visit.answer(endpoint, places, body);
                    let answer = tokio::time::timeout(REQUEST_TIME, answer).await;
                    (endpoint.path, answer.unwrap_or(Err(Problem::TooSlow)))
                }
                Err(problem) => ("other", Err(problem)),
            }
        }
    };
    let mut response = match answered {
        Ok((status, value)) => json(status, value.as_ref()),
        Err(problem) => problem.response(&request_id),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert("x-content-type-options", nosniff);
    told.finish(shared, &head.method, route, response)
}

impl Visit<'_> {
    async fn answer(
        &self,
        endpoint: &'static Endpoint,
        places: Vec<String>,
        body: Body,
    ) -> Result<(StatusCode, Option<Value>), Problem> {
        if !self.shared.handover.is_open().await {
            return Err(Problem::Unavailable);
        }
        let who = self.administrator().await?;
        let body = self.shared.intake.read_form(body, LONGEST).await;
        let body = body.map_err(|_| Problem::Body("send less than 4 KiB".to_owned()))?;
        let call = Call {
            administration: &self.administration,
            shared: self.shared,
            who: &who,
            query: self.head.uri.query().unwrap_or_default(),
            body: &body,
            places,
        };
        Box::pin(call.perform(endpoint.operation)).await
    }

    /// Who asks.
    async fn administrator(&self) -> Result<Administrator, Problem> {
        let now = self.shared.clock.now();
        let (person, through) = if self.head.headers.contains_key(AUTHORIZATION) {
            let from = self.from();
            let asked = Asked::of(
                self.shared,
                self.scim_tenant,
                &self.head.headers,
                (from, now),
            );
            let presented = asked.zip(credentials::bearer(&self.head.headers));
            let (asked, token) = presented.ok_or(Problem::Token)?;
            let audience = [Through::CommandLine.client().to_owned()];
            let person = asked.person(&token, &audience).await;
            let person = person.map_err(|_| Problem::Unavailable)?;
            let Some(person) = person else {
                let limited = self.shared.attempts.count(from, now);
                return Err(limited.map_or(Problem::Token, Problem::TooMany));
            };
            (person, Through::CommandLine)
        } else {
            self.check_origin()?;
            let signed_in = sign_in::person(self.shared, self.scim_tenant, self.peer, self.head);
            let person = signed_in.await.map_err(|it| Problem::store(&it))?;
            (person.ok_or(Problem::NobodySignedIn)?, Through::Portal)
        };
        let admitted = self
            .administration
            .admit(&person, through, &self.request_id);
        Ok(admitted?)
    }

    /// A browser presents the session wherever a request is from, so that what acts must be from this site; browsers say so.
    fn check_origin(&self) -> Result<(), Problem> {
        if matches!(self.head.method, Method::GET | Method::HEAD) {
            return Ok(());
        }
        let own = self.scim_tenant.config.url.origin().ascii_serialization();
        let origin = self.head.headers.get(ORIGIN);
        let is_own = origin.is_some_and(|it| it.as_bytes() == own.as_bytes());
        is_own.then_some(()).ok_or(Problem::ForeignOrigin)
    }

    /// Where it comes from.
    fn from(&self) -> IpAddr {
        let trusted = &self.scim_tenant.config.trusted_proxies;
        source::address(&self.head.headers, self.peer.ip(), trusted)
    }
}

impl Problem {
    fn store(error: &StoreError) -> Self {
        tracing::debug!(
            error = crate::telemetry::chain(error),
            "nobody can say who asks"
        );
        Self::Unavailable
    }
}

fn json(status: StatusCode, value: Option<&Value>) -> Response<Body> {
    let Some(value) = value else {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        return response;
    };
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
