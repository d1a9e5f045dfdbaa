//! The listener for the operator and the kubelet, on a port of its own: report, health, readiness, metrics.

mod people;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;

use super::core::Core;
use super::credentials;
use crate::config;

/// The service of the report listener.
pub(super) fn router(core: Arc<Core>) -> Router {
    Router::new()
        .route("/report", get(report))
        .route(
            "/scim-tenants/{namespace}/{name}/people/{person}",
            get(people::person),
        )
        .route("/scim-tenants/{namespace}/{name}/audit", get(people::audit))
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state(core)
}

/// The report, to who has its token; unchanged ones are not sent again.
async fn report(State(core): State<Arc<Core>>, headers: HeaderMap) -> Response<Body> {
    if !is_known(&core, &headers) {
        return plain(
            StatusCode::UNAUTHORIZED,
            "the report token is missing or wrong\n",
        );
    }
    let report = match core.report().await {
        Ok(report) => report,
        Err(error) => {
            tracing::warn!(
                error = crate::telemetry::chain(&error),
                "no report can be made"
            );
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be read\n",
            );
        }
    };
    let Ok(text) = serde_json::to_string(&report) else {
        return plain(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the report cannot be written\n",
        );
    };
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
    response
}

/// Whether a request has the report token.
fn is_known(core: &Core, headers: &HeaderMap) -> bool {
    let wanted = core.shared.table.load().report_token.clone();
    credentials::bearer(headers).is_some_and(|token| wanted.matches(&token))
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
        if scim_tenant.opened.store.counts().await.is_err() {
            return plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be read\n",
            );
        }
    }
    plain(StatusCode::OK, "ok\n")
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response
}
