//! Of one person everything, and of changes what is remembered: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{is_known, plain};
use crate::config::ScimTenantName;
use crate::store::ResourceId;
use crate::store::audit::{AuditQuery, Requester};
use crate::workload::core::Core;
use crate::workload::credentials;
use crate::workload::directory::DirectoryError;
use crate::workload::routing::ScimTenant;

/// Entries of a page, unless fewer are asked for.
const PAGE: usize = 1000;

/// What is asked of the audit; times as in RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    id: Option<String>,
    client: Option<String>,
    from: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    before: Option<i64>,
    count: Option<usize>,
}

/// `GET /scim-tenants/{namespace}/{name}/people/{person}`: the person by id or user name.
pub(super) async fn person(
    State(core): State<Arc<Core>>,
    Path((namespace, name, person)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let scim_tenant = match find(&core, &headers, &namespace, &name) {
        Ok(scim_tenant) => scim_tenant,
        Err((status, text)) => return plain(status, text),
    };
    let credential = credentials::bearer(&headers).map(|token| token.digest().id());
    let requester = Requester {
        client: "report".to_owned(),
        credential: credential.map_or_else(String::new, |it| it.to_string()),
        ..Requester::default()
    };
    answer(scim_tenant.directory.export(&person, &requester).await)
}

/// `GET /scim-tenants/{namespace}/{name}/audit`: a page of entries; `before` of the next page is the last `position`.
pub(super) async fn audit(
    State(core): State<Arc<Core>>,
    Path((namespace, name)): Path<(String, String)>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Response<Body> {
    let scim_tenant = match find(&core, &headers, &namespace, &name) {
        Ok(scim_tenant) => scim_tenant,
        Err((status, text)) => return plain(status, text),
    };
    let query = AuditQuery {
        id: wanted.id.map(ResourceId::new),
        client: wanted.client,
        from: wanted.from,
        until: wanted.until,
        before: wanted.before,
        count: wanted.count.unwrap_or(PAGE).min(PAGE),
    };
    let found = scim_tenant.directory.audit(&query).await.map(|found| {
        let entries = found.into_iter().map(|it| {
            let mut entry = json!(it.entry);
            entry["position"] = json!(it.position);
            entry
        });
        json!({"entries": entries.collect::<Vec<_>>()})
    });
    answer(found)
}

fn find(
    core: &Core,
    headers: &HeaderMap,
    namespace: &str,
    name: &str,
) -> Result<Arc<ScimTenant>, (StatusCode, &'static str)> {
    if !is_known(core, headers) {
        let text = "the report token is missing or wrong\n";
        return Err((StatusCode::UNAUTHORIZED, text));
    }
    let name = ScimTenantName(format!("{namespace}/{name}"));
    let table = core.shared.table.load();
    let found = table.scim_tenants.iter().find(|it| it.config.name == name);
    found
        .map(Arc::clone)
        .ok_or((StatusCode::NOT_FOUND, "there is no such ScimTenant here\n"))
}

fn answer(result: Result<Value, DirectoryError>) -> Response<Body> {
    match result {
        Ok(value) => {
            let mut response = Response::new(Body::from(format!("{value:#}\n")));
            let json = HeaderValue::from_static("application/json");
            response.headers_mut().insert(CONTENT_TYPE, json);
            response
        }
        Err(DirectoryError::NotFound(_) | DirectoryError::Refused(_)) => {
            plain(StatusCode::NOT_FOUND, "there is no such person here\n")
        }
        Err(error) => {
            let error = crate::telemetry::chain(&error);
            tracing::warn!(error, "the store cannot be read");
            plain(
                StatusCode::SERVICE_UNAVAILABLE,
                "the store cannot be read\n",
            )
        }
    }
}
