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
use super::{plain, refused, scim_tenant, with_passwords};
use crate::workload::core::Core;
use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
use crate::workload::mail::Letter;
use crate::workload::sessions::digest;
use crate::workload::sign_in::link_in;

/// Hours that a link holds, unless others are asked for, and at most.
const HOURS: i64 = 24;
const MOST_HOURS: i64 = 168;

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
    /// Whether it goes to the person, where that can be; it is shown otherwise.
    send: Option<bool>,
}

/// Makes a link, which is sent to the person, or shown here and nowhere else; to who has the report token.
pub(super) async fn make(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response<Body> {
    if let Some(refused) = refused(&core, &headers) {
        return refused;
    }
    let Ok(Query(wanted)) = wanted else {
        let text = format!(
            "name a person: /password-link?person=ID or /password-link?person=USERNAME, and if you like scim_tenant=NAMESPACE/NAME, hours=N (1 to {MOST_HOURS}), for=invitation or for=reset, send=true\n"
        );
        return plain(StatusCode::BAD_REQUEST, text);
    };
    let hours = wanted.hours.unwrap_or(HOURS);
    if !(1..=MOST_HOURS).contains(&hours) {
        let text = format!("hours is {hours}; write a number from 1 to {MOST_HOURS}\n");
        return plain(StatusCode::BAD_REQUEST, text);
    }
    let Some(scim_tenant) = scim_tenant(&core, wanted.scim_tenant.as_deref()) else {
        return plain(StatusCode::NOT_FOUND, "there is no such ScimTenant here\n");
    };
    let sign_in = match with_passwords(&scim_tenant) {
        Ok(sign_in) => sign_in,
        Err(refused) => return *refused,
    };
    let token = core.shared.secret();
    let requester = requester(&headers);
    let purpose = wanted.purpose.unwrap_or(Purpose::Reset);
    let link = WantedLink {
        purpose,
        digest: digest(&token),
        valid: SignedDuration::from_hours(hours),
    };
    let directory = &scim_tenant.directory;
    let made = directory.make_password_link(&wanted.person, link, sign_in, &requester);
    let made = match made.await {
        Ok(made) => made,
        Err(NoLink::Directory(error)) => return answer(Err(error)),
        Err(why) => return plain(StatusCode::CONFLICT, format!("{why}\n")),
    };
    let occasion = link_in(&scim_tenant, purpose, &token, made.expires);
    let letter = Letter::to(
        &made.person.resource,
        &scim_tenant.config,
        &occasion,
        &core.shared.secret(),
    );
    let mut said = json!({
        "person": made.person.id.as_str(),
        "userName": made.person.resource.user_name(),
        "expires": made.expires.to_string(),
    });
    let mail = &core.shared.mail;
    match letter.filter(|_| sign_in.email.is_some() && wanted.send == Some(true)) {
        Some(letter) => {
            let Some(place) = mail.place() else {
                mail.dropped(&scim_tenant.config, occasion.name());
                let text = "too many letters wait for the mail server; try again later, or have the link shown\n";
                return plain(StatusCode::SERVICE_UNAVAILABLE, text);
            };
            said["sentTo"] = json!(made.person.resource.email());
            mail.send(place, &scim_tenant.config, letter);
        }
        None => {
            let base = scim_tenant.base();
            said["link"] = json!(format!("{base}/set-password/{}", token.reveal()));
        }
    }
    answer(Ok(said))
}
