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
use super::{Refused, asked, scim_tenant, with_passwords};
use crate::workload::core::Core;
use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
use crate::workload::mail::{Letter, Place};
use crate::workload::routing::ScimTenant;
use crate::workload::sessions::digest;
use crate::workload::sign_in::link_in;

/// Hours that a link holds, unless others are asked for, and at most.
const HOURS: i64 = 24;
const MOST_HOURS: i64 = 168;

const HOW: &str = "name a person: /password-link?person=ID or /password-link?person=USERNAME, and if you like scim_tenant=NAMESPACE/NAME, hours=N (1 to 168), for=invitation or for=reset, send=true\n";

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
    let purpose = wanted.purpose.unwrap_or(Purpose::Reset);
    let link = WantedLink {
        purpose,
        digest: digest(&token),
        valid: SignedDuration::from_hours(hours),
        asked: false,
        expected: None,
    };
    let directory = &scim_tenant.directory;
    let mut place = None;
    if sign_in.email.is_some() && wanted.send == Some(true) {
        place = Some(room(&core, &scim_tenant, purpose)?);
    }
    let made = directory.make_password_link(&wanted.person, link, sign_in, &requester);
    let made = match made.await {
        Ok(made) => made,
        Err(NoLink::Directory(error)) => return Ok(answer(Err(error))),
        Err(why) => return Err(Refused::new(StatusCode::CONFLICT, format!("{why}\n"))),
    };
    let (person, config) = (&made.person.resource, &scim_tenant.config);
    let mut said = json!({
        "person": made.person.id.as_str(),
        "userName": person.user_name(),
        "expires": made.expires.to_string(),
    });
    let occasion = link_in(&scim_tenant, purpose, &token, made.expires);
    let letter = Letter::to(person, config, &occasion, &core.shared.secret());
    match place.zip(letter) {
        Some((place, letter)) => {
            said["sentTo"] = json!(person.email());
            core.shared.mail.send(place, config, letter);
        }
        None => said["link"] = json!(occasion.link()),
    }
    Ok(answer(Ok(said)))
}

/// Room for a letter; without it no link is made, so that the one before holds.
fn room(core: &Core, scim_tenant: &ScimTenant, purpose: Purpose) -> Result<Place, Refused> {
    let (mail, config) = (&core.shared.mail, &scim_tenant.config);
    mail.place(config).ok_or_else(|| {
        mail.dropped(config, purpose.name());
        let text = "too many letters wait for the mail server; try again later, or have the link shown by --show\n";
        Refused::new(StatusCode::SERVICE_UNAVAILABLE, text)
    })
}
