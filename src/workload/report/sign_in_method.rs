//! How a person signs in, to see and to change: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::people::{answer, requester};
use super::{Refused, asked, plain, scim_tenant, with_passwords};
use crate::config::SignInConfig;
use crate::scim::schema::ResourceType;
use crate::store::Stored;
use crate::workload::core::Core;
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::{SignInMethod, declared};

/// What takes the attribute away.
const DEFAULT: &str = "Default";

const HOW: &str = "name a person: /sign-in-method?person=ID or /sign-in-method?person=USERNAME, by POST with method=Entra, BuiltIn or Default, and if you like scim_tenant=NAMESPACE/NAME\n";

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
) -> Result<Response<Body>, Refused> {
    let wanted = asked(&core, &headers, wanted, HOW)?;
    if wanted.method.is_some() {
        let text = "a method is set by POST\n";
        return Err(Refused::new(StatusCode::BAD_REQUEST, text));
    }
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let config = with_passwords(&scim_tenant)?;
    let found = scim_tenant.directory.person(&wanted.person).await;
    Ok(answer(found.map(|it| said(&it, config))))
}

/// Says how a person signs in from now on, to who has the report token.
pub(super) async fn set(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let wanted = asked(&core, &headers, wanted, HOW)?;
    let method = match wanted.method.as_deref() {
        Some(DEFAULT) => Some(None),
        named => named.and_then(SignInMethod::named).map(Some),
    };
    let method = method.ok_or_else(|| Refused::new(StatusCode::BAD_REQUEST, HOW))?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let config = with_passwords(&scim_tenant)?;
    let directory = &scim_tenant.directory;
    let requester = requester(&headers);
    let set = directory.set_sign_in_method((&wanted.person, None), method, &requester);
    Ok(match set.await {
        Ok(set) if set.not_owned > 0 => plain(
            StatusCode::CONFLICT,
            "another client owns signInMethod, by spec.attributeOwners of the ScimTenant; change it there\n",
        ),
        Err(DirectoryError::BreakGlass(ResourceType::User | ResourceType::Group)) => plain(
            StatusCode::CONFLICT,
            "the person is in spec.breakGlass of the ScimTenant and out of reach\n",
        ),
        set => answer(set.map(|it| said(&it.stored, config))),
    })
}

fn said(person: &Stored, config: &SignInConfig) -> Value {
    json!({
        "person": person.id.as_str(),
        "userName": person.resource.user_name(),
        "signInMethod": SignInMethod::of(&person.resource, config).name(),
        "declared": declared(&person.resource),
    })
}
