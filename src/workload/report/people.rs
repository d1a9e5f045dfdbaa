//! Of one person everything, and of changes what is remembered: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Refused, asked, plain, scim_tenant};
use crate::store::ResourceId;
use crate::store::audit::{AuditQuery, Requester};
use crate::workload::core::Core;
use crate::workload::credentials;
use crate::workload::directory::DirectoryError;

/// Entries of a page, unless fewer are asked for.
const PAGE: usize = 1000;

/// People of a page, unless fewer are asked for.
pub(in crate::workload) const PEOPLE: usize = 500;

/// Which person.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPerson {
    /// `namespace/name`; may be left out where there is one directory.
    pub(super) scim_tenant: Option<String>,
    /// Id or user name.
    pub(super) person: String,
}

/// What is asked of the audit; times as in RFC 3339.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedEntries {
    /// `namespace/name`; may be left out where there is one directory.
    scim_tenant: Option<String>,
    id: Option<String>,
    client: Option<String>,
    from: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    /// The `position` of the last entry of the page before.
    before: Option<i64>,
    limit: Option<usize>,
}

/// All that is kept of one person, to who has the report token.
pub(super) async fn person(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<WantedPerson>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let how = "name a person: /person?person=ID or /person?person=USERNAME, and if you like scim_tenant=NAMESPACE/NAME\n";
    let wanted = asked(&core, &headers, wanted, how)?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let directory = &scim_tenant.directory;
    let requester = requester(&headers);
    Ok(answer(directory.export(&wanted.person, &requester).await))
}

/// Which of all people.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WantedPeople {
    /// `namespace/name`; may be left out where there is one directory.
    scim_tenant: Option<String>,
    /// `next` of the page before.
    after: Option<i64>,
    limit: Option<usize>,
}

/// A page of people, with what clients wrote of each; to who has the report token.
pub(super) async fn people(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<WantedPeople>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let how = "ask for /people, and if you like scim_tenant=NAMESPACE/NAME, limit=N, after=NEXT\n";
    let wanted = asked(&core, &headers, wanted, how)?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let count = wanted.limit.unwrap_or(PEOPLE).clamp(1, PEOPLE);
    let page = scim_tenant.directory.people(wanted.after, count).await;
    Ok(answer(page.map(|it| json!(it))))
}

/// Who asks here, as the audit has it.
pub(super) fn requester(headers: &HeaderMap) -> Requester {
    let credential = credentials::bearer(headers).map(|token| token.digest().id());
    Requester {
        client: "report".to_owned(),
        credential: credential.map_or_else(String::new, |it| it.to_string()),
        ..Requester::default()
    }
}

/// A page of the audit, the newest entry first; to who has the report token.
pub(super) async fn audit(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<WantedEntries>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let how = "ask for /audit, and if you like scim_tenant=NAMESPACE/NAME, id=ID, client=NAME, from=TIME, until=TIME, limit=N, before=POSITION\n";
    let wanted = asked(&core, &headers, wanted, how)?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let query = AuditQuery {
        id: wanted.id.map(ResourceId::new),
        client: wanted.client,
        from: wanted.from,
        until: wanted.until,
        before: wanted.before,
        count: wanted.limit.unwrap_or(PAGE).min(PAGE),
    };
    let found = scim_tenant.directory.audit(&query).await.map(|found| {
        let entries = found.into_iter().map(|it| {
            let mut entry = json!(it.entry);
            entry["position"] = json!(it.position);
            entry
        });
        json!({"entries": entries.collect::<Vec<_>>()})
    });
    Ok(answer(found))
}

pub(super) fn answer(result: Result<Value, DirectoryError>) -> Response<Body> {
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
