//! The end of a person's second factor: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response};
use serde_json::json;

use super::people::{WantedPerson, answer, requester};
use super::{Refused, asked, scim_tenant};
use crate::workload::core::Core;

/// Removes the second factor of a person, who sets up another one, and ends the sessions; to who has the report token.
pub(super) async fn reset(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<WantedPerson>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let how = "name a person: /second-factor-reset?person=ID or /second-factor-reset?person=USERNAME, and if you like scim_tenant=NAMESPACE/NAME\n";
    let wanted = asked(&core, &headers, wanted, how)?;
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let directory = &scim_tenant.directory;
    let requester = requester(&headers);
    let reset = directory.reset_second_factor(&wanted.person, None, &requester);
    Ok(answer(reset.await.map(|(person, had)| {
        json!({
            "person": person.id.as_str(),
            "userName": person.resource.user_name(),
            "hadSecondFactor": had,
        })
    })))
}
