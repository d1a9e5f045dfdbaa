//! The link by which a person sets a password: for who holds the report token.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, Response, StatusCode};
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::json;

use super::people::{answer, requester};
use super::{Refused, asked, plain, scim_tenant, with_passwords};
use crate::workload::core::Core;
use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
use crate::workload::sessions::digest;

/// Hours that a link holds, unless others are asked for, and at most.
const HOURS: i64 = 24;
const MOST_HOURS: i64 = 168;

const HOW: &str = "name a person: /password-link?person=ID or /password-link?person=USERNAME, and if you like scim_tenant=NAMESPACE/NAME, hours=N (1 to 168), for=invitation or for=reset\n";

/// Whose link, and for how long.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// `namespace/name`; may be left out where there is one directory.
    scim_tenant: Option<String>,
    /// Id or user name.
    person: String,
    hours: Option<i64>,
    #[serde(rename = "for")]
    purpose: Option<Purpose>,
}

/// Makes a link, which is shown here and nowhere else; to who has the report token.
pub(super) async fn make(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Result<Response<Body>, Refused> {
    let wanted = asked(&core, &headers, wanted, HOW)?;
    let hours = wanted.hours.unwrap_or(HOURS);
    if !(1..=MOST_HOURS).contains(&hours) {
        let text = format!("hours is {hours}; write a number from 1 to {MOST_HOURS}\n");
        return Err(Refused::new(StatusCode::BAD_REQUEST, text));
    }
    let scim_tenant = scim_tenant(&core, wanted.scim_tenant.as_deref())?;
    let sign_in = with_passwords(&scim_tenant)?;
    let token = core.shared.secret();
    let requester = requester(&headers);
    let link = WantedLink {
        purpose: wanted.purpose.unwrap_or(Purpose::Reset),
        digest: digest(&token),
        valid: SignedDuration::from_hours(hours),
    };
    let directory = &scim_tenant.directory;
    let made = directory.make_password_link(&wanted.person, link, sign_in, &requester);
    Ok(match made.await {
        Ok(made) => {
            let base = scim_tenant.base();
            answer(Ok(json!({
                "person": made.person.id.as_str(),
                "userName": made.person.resource.user_name(),
                "link": format!("{base}/set-password/{}", token.reveal()),
                "expires": made.expires.to_string(),
            })))
        }
        Err(NoLink::Directory(error)) => answer(Err(error)),
        Err(why) => plain(StatusCode::CONFLICT, format!("{why}\n")),
    })
}
