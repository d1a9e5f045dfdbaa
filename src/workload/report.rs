//! The listener for the operator and the kubelet, on a port of its own: report, health, readiness, metrics.

mod password_link;
pub(super) mod people;
mod second_factor;
mod sign_in_method;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use serde::Deserialize;

use super::core::Core;
use super::credentials;
use super::routing::ScimTenant;
use crate::config::{self, SignInConfig};
use crate::store::{Fault, RECORDS_PER_CLIENT};

/// The service of the report listener.
pub(super) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/report", get(report))
        .route("/requests", get(requests))
        .route("/audit", get(people::audit))
        .route("/person", get(people::person))
        .route("/people", get(people::people))
        .route("/password-link", post(password_link::make))
        .route("/second-factor-reset", post(second_factor::reset))
        .route(
            "/sign-in-method",
            get(sign_in_method::show).post(sign_in_method::set),
        )
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(core)
}

/// The report, to who has its token; unchanged ones are not sent again.
async fn report(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
) -> Result<Response<Body>, Refused> {
    admit(&core, &headers)?;
    let text = serde_json::to_string(&core.report().await).map_err(|_| {
        let text = "the report cannot be written\n";
        Refused::new(StatusCode::INTERNAL_SERVER_ERROR, text)
    })?;
    let tag = format!("\"{}\"", config::digest(&text));
    let sent_before = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|value| value.as_bytes() == tag.as_bytes());
    let mut response = if sent_before {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(Body::from(text));
        let json = HeaderValue::from_static("application/json");
        response.headers_mut().insert(CONTENT_TYPE, json);
        response
    };
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

/// What is asked of the records.
#[derive(Deserialize)]
struct Wanted {
    /// `namespace/name`; may be left out where there is one directory.
    scim_tenant: Option<String>,
    client: String,
    /// Only those with a smaller number: the last one of the page before.
    before: Option<i64>,
    /// How many at most.
    limit: Option<i64>,
}

/// The last requests of one client, the newest first, as lines of JSON; to who has the report token.
async fn requests(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let how = "name a client: /requests?client=NAME, and if you like scim_tenant=NAMESPACE/NAME, limit=N, before=NUMBER\n";
    let wanted = asked(&core, &headers, wanted, how)?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    scim_tenant.opened.save_records().await;
    let limit = wanted
        .limit
        .unwrap_or(RECORDS_PER_CLIENT)
        .clamp(1, RECORDS_PER_CLIENT);
    let records = scim_tenant
        .opened
        .store
        .records(&wanted.client, wanted.before, limit);
    let records = records.await.map_err(|_| {
        let text = "the store cannot be read\n";
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })?;
    let lines = records.iter().map(|it| {
        let text = it.record.text.strip_prefix('{').unwrap_or("}");
        format!("{{\"number\":{},{text}\n", it.number)
    });
    Ok(Response::new(Body::from(lines.collect::<String>())))
}

/// Why a request is not done, as its answer.
struct Refused(Box<Response<Body>>);

impl Refused {
    fn new(status: StatusCode, text: impl Into<Body>) -> Self {
        Self(Box::new(plain(status, text)))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response<Body> {
        *self.0
    }
}

/// What is asked for by who has the report token; `how` says how to ask.
fn asked<T>(
    core: &Core,
    headers: &HeaderMap,
    wanted: Result<Query<T>, QueryRejection>,
    how: &'static str,
) -> Result<T, Refused> {
    admit(core, headers)?;
    let wanted = wanted.map(|Query(it)| it);
    wanted.map_err(|_| Refused::new(StatusCode::BAD_REQUEST, how))
}

/// Refuses who has not the report token.
fn admit(core: &Core, headers: &HeaderMap) -> Result<(), Refused> {
    let wanted = core.shared.table.load().report_token.clone();
    let known = credentials::bearer(headers).is_some_and(|token| wanted.matches(&token));
    let text = "the report token is missing or wrong\n";
    known
        .then_some(())
        .ok_or_else(|| Refused::new(StatusCode::UNAUTHORIZED, text))
}

/// The directory called `name`, which may be left out where there is one.
fn scim_tenant(core: &Core, name: Option<&str>) -> Result<Arc<ScimTenant>, Refused> {
    let table = core.shared.table.load();
    let mut all = table.scim_tenants.iter();
    let found = match name {
        Some(name) => all.find(|it| it.config.name.0 == name),
        None => all.next().filter(|_| table.scim_tenants.len() == 1),
    };
    let text = "there is no such ScimTenant here\n";
    found
        .map(Arc::clone)
        .ok_or_else(|| Refused::new(StatusCode::NOT_FOUND, text))
}

/// How people sign in to `scim_tenant`, if some may do so by a password.
fn with_passwords(scim_tenant: &ScimTenant) -> Result<&SignInConfig, Refused> {
    let declared = scim_tenant.config.sign_in.as_ref();
    let text =
        "nobody signs in by a password here: set spec.signIn.builtIn.enabled of the ScimTenant\n";
    declared
        .filter(|it| it.built_in)
        .ok_or_else(|| Refused::new(StatusCode::CONFLICT, text))
}

async fn metrics(State(core): State<Arc<Core>>) -> Response<Body> {
    for scim_tenant in &core.shared.table.load_full().scim_tenants {
        let store = &scim_tenant.opened.store;
        if let Ok(counts) = store.counts().await {
            let name = &scim_tenant.config.name.0;
            core.shared
                .metrics
                .scim_tenant(name, counts, store.commits());
        }
        if let Ok(held) = scim_tenant.directory.held().await {
            let name = &scim_tenant.config.name.0;
            core.shared.metrics.held(name, &held);
        }
    }
    let mut response = Response::new(Body::from(core.shared.metrics.text()));
    let text =
        HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, text);
    response
}

/// Whether requests should be sent here.
async fn ready(State(core): State<Arc<Core>>) -> Response<Body> {
    if !core.shared.handover.takes_requests() {
        return plain(
            StatusCode::SERVICE_UNAVAILABLE,
            "the stores are not open yet\n",
        );
    }
    for scim_tenant in &core.shared.table.load_full().scim_tenants {
        let store = &scim_tenant.opened.store;
        // One that is damaged serves what it can, and its report is read only when it is ready.
        if let Err(error) = store.ready().await
            && store.fault() != Some(Fault::Damaged)
        {
            let name = &scim_tenant.config.name;
            let why = crate::telemetry::chain(&error);
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("the store of {name} cannot be used: {why}\n"),
            );
        }
    }
    plain(StatusCode::OK, "ok\n")
}

fn plain(status: StatusCode, text: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(text.into());
    *response.status_mut() = status;
    response
}
