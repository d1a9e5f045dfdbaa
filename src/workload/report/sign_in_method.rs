//! How a person signs in, to see and to change: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::{answer, requester};
use super::{plain, refused, scim_tenant, with_passwords};
use crate::config::SignInConfig;
use crate::scim::schema::{ResourceType, SIGN_IN_METHODS};
use crate::store::Stored;
use crate::workload::core::Core;
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::{SignInMethod, declared};

/// What takes the attribute away.
const DEFAULT: &str = "Default";

/// Whose method, and which one from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `namespace/name`; may be left out where there is one directory.
    scim_tenant: Option<String>,
    /// Id or user name.
    person: String,
    method: Option<String>,
}

/// How a person signs in, to who has the report token.
pub(super) async fn show(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response<Body> {
    match wanted {
        Ok(Query(wanted)) if wanted.method.is_some() => {
            plain(StatusCode::BAD_REQUEST, "a method is set by POST\n")
        }
        wanted => serve(&core, &headers, wanted).await,
    }
}

/// Says how a person signs in from now on, to who has the report token.
pub(super) async fn set(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response<Body> {
    match wanted {
        Ok(Query(wanted)) if wanted.method.is_none() => usage(),
        wanted => serve(&core, &headers, wanted).await,
    }
}

fn usage() -> Response<Body> {
    let [entra, built_in] = SIGN_IN_METHODS;
    let text = format!(
        "name a person: /sign-in-method?person=ID or /sign-in-method?person=USERNAME, by POST with method={entra}, {built_in} or {DEFAULT}, and if you like scim_tenant=NAMESPACE/NAME\n"
    );
    plain(StatusCode::BAD_REQUEST, text)
}

async fn serve(
    core: &Core,
    headers: &HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response<Body> {
    if let Some(refused) = refused(core, headers) {
        return refused;
    }
    let Ok(Query(wanted)) = wanted else {
        return usage();
    };
    let Some(scim_tenant) = scim_tenant(core, wanted.scim_tenant.as_deref()) else {
        return plain(StatusCode::NOT_FOUND, "there is no such ScimTenant here\n");
    };
    let config = match with_passwords(&scim_tenant) {
        Ok(config) => config,
        Err(refused) => return *refused,
    };
    let directory = &scim_tenant.directory;
    let method = match wanted.method.as_deref() {
        None => {
            let found = directory.person(&wanted.person).await;
            return answer(found.map(|it| said(&it, config)));
        }
        Some(DEFAULT) => None,
        Some(name) => match SignInMethod::named(name) {
            Some(method) => Some(method),
            None => return usage(),
        },
    };
    let requester = requester(headers);
    let set = directory.set_sign_in_method(&wanted.person, method, &requester);
    match set.await {
        Ok(set) if set.not_owned > 0 => plain(
            StatusCode::CONFLICT,
            "another client owns signInMethod, by spec.attributeOwners of the ScimTenant; change it there\n",
        ),
        Err(DirectoryError::BreakGlass(ResourceType::User | ResourceType::Group)) => plain(
            StatusCode::CONFLICT,
            "the person is in spec.breakGlass of the ScimTenant and out of reach\n",
        ),
        set => answer(set.map(|it| said(&it.stored, config))),
    }
}

fn said(person: &Stored, config: &SignInConfig) -> Value {
    json!({
        "person": person.id.as_str(),
        "userName": person.resource.user_name(),
        "signInMethod": SignInMethod::of(&person.resource, config).name(),
        "declared": declared(&person.resource),
    })
}
