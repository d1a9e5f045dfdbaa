//! A link for who forgot a password. The answer is the same for everybody, and is given before anybody is looked up: neither its text nor
//! its time tells whether there is such a person.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::Visit;
use super::identify::NO_NAME;
use super::pages::{self, Forgotten};
use super::refused::Refused;
use crate::config::Token;
use crate::scim::resource::Resource;
use crate::store::audit::Requester;
use crate::workload::attempts::{Attempts, network};
use crate::workload::directory::password::{NoLink, Purpose, WantedLink};
use crate::workload::mail::{Letter, Mail, Occasion, Place};
use crate::workload::routing::ScimTenant;
use crate::workload::sessions::digest;

/// Links that are asked for from one source in a minute, and for one account in an hour: a stranger can fill no mailbox.
const OF_SOURCE: u32 = 10;
const OF_ACCOUNT: u32 = 3;
const HOUR: i64 = 3600;

/// How long such a link holds.
const VALID: SignedDuration = SignedDuration::from_hours(1);

/// Counts links that are asked for.
pub(crate) struct AskedLinks {
    sources: Attempts,
    accounts: Attempts,
}

impl AskedLinks {
    pub(crate) fn new(key: [u8; 16]) -> Self {
        Self {
            sources: Attempts::new(key, OF_SOURCE),
            accounts: Attempts::new(key, OF_ACCOUNT).every(HOUR),
        }
    }
}

/// What is asked for, and by which request.
struct Asked {
    user_name: String,
    link: Token,
    unique: Token,
    requester: Requester,
    at: Timestamp,
}

/// Asks for the user name, or takes it.
pub(super) fn forgotten(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    if visit.head.method != Method::POST {
        return Ok(page(visit, StatusCode::OK, (false, None)));
    }
    let Some(user_name) = visit.user_name("user_name") else {
        let wrong = (false, Some(NO_NAME));
        return Ok(page(visit, StatusCode::BAD_REQUEST, wrong));
    };
    let asked = &visit.shared.asked_links;
    if let Some(seconds) = asked.sources.count_of(&network(visit.from()), visit.now) {
        return Err(Refused::Limited(seconds));
    }
    let config = &visit.scim_tenant.config;
    match visit.shared.mail.place(config) {
        Some(place) => offer_later(visit, user_name, place),
        None => visit.shared.mail.dropped(config, Purpose::Reset.name()),
    }
    Ok(page(visit, StatusCode::OK, (true, None)))
}

fn page(
    visit: &Visit<'_>,
    status: StatusCode,
    (is_asked, wrong): (bool, Option<&str>),
) -> Response<Body> {
    let page = Forgotten {
        frame: pages::frame(visit),
        is_asked,
        wrong,
    };
    pages::page(visit, status, &page)
}

fn offer_later(visit: &Visit<'_>, user_name: &str, place: Place) {
    let asked = Asked {
        user_name: user_name.to_owned(),
        link: visit.secret(),
        unique: visit.secret(),
        requester: Requester {
            request_id: visit.request_id.clone(),
            client: "sign-in".to_owned(),
            ..Requester::default()
        },
        at: visit.now,
    };
    let (scim_tenant, mail) = (
        Arc::clone(visit.scim_tenant),
        Arc::clone(&visit.shared.mail),
    );
    let links = Arc::clone(&visit.shared.asked_links);
    let work = async move {
        match offer(&scim_tenant, &asked, &links).await {
            Ok(Some(letter)) => mail.send(place, &scim_tenant.config, letter),
            Ok(None) => {}
            Err(error) => tracing::info!(
                scim_tenant = scim_tenant.config.name.0,
                request.id = asked.requester.request_id,
                error = crate::telemetry::chain(&error),
                "no link was made for a forgotten password"
            ),
        }
    };
    visit.shared.mail.prepare(work);
}

/// Makes a link for who has the name and an address; nothing for others. The link of an administrator,
/// an invitation above all, holds beside it: it is a stranger who may ask.
async fn offer(
    scim_tenant: &ScimTenant,
    asked: &Asked,
    links: &AskedLinks,
) -> Result<Option<Letter>, NoLink> {
    let (directory, config) = (&scim_tenant.directory, &scim_tenant.config);
    let person = directory.with_user_name(&asked.user_name).await?;
    let person = person.filter(|it| it.resource.email().is_some());
    let Some((person, sign_in)) = person.zip(config.sign_in.as_ref()) else {
        return Ok(None);
    };
    // Of accounts that are there: names that somebody makes up take no place among them. Whoever reaches this limit is told nothing either.
    let account = format!("{} {}", config.name, person.id);
    if links
        .accounts
        .count_of(account.as_bytes(), asked.at)
        .is_some()
    {
        return Ok(None);
    }
    let wanted = WantedLink {
        purpose: Purpose::Reset,
        digest: digest(&asked.link),
        valid: VALID,
        asked: true,
        expected: None,
    };
    let made = directory.make_password_link(person.id.as_str(), wanted, sign_in, &asked.requester);
    let made = made.await?;
    let occasion = link_in(scim_tenant, Purpose::Reset, &asked.link, made.expires);
    Ok(Letter::to(
        &made.person.resource,
        config,
        &occasion,
        &asked.unique,
    ))
}

/// The occasion on which somebody gets the link with this secret.
pub(crate) fn link_in(
    scim_tenant: &ScimTenant,
    purpose: Purpose,
    secret: &Token,
    expires: Timestamp,
) -> Occasion {
    let link = format!("{}/set-password/{}", scim_tenant.base(), secret.reveal());
    Occasion::Link {
        purpose,
        link,
        expires,
    }
}

/// Tells a person that the password is another one, if there is a way to.
pub(super) fn notify(visit: &Visit<'_>, person: &Resource) {
    let config = &visit.scim_tenant.config;
    if visit.config.email.is_none() {
        return;
    }
    let Some(letter) = Letter::to(person, config, &Occasion::Changed, &visit.secret()) else {
        return;
    };
    let mail: &Arc<Mail> = &visit.shared.mail;
    match mail.place(config) {
        Some(place) => mail.send(place, config, letter),
        None => mail.dropped(config, Occasion::Changed.name()),
    }
}
