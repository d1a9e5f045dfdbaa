//! The passkeys of who is signed in. To make or remove one asks for the password.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;

use super::knows_password;
use crate::store::Stored;
use crate::store::audit::AuditEvent;
use crate::store::passkeys::Passkey;
use crate::store::passwords::PasswordHash;
use crate::workload::device::device;
use crate::workload::sign_in::pages::{self, NewPasskey};
use crate::workload::sign_in::passkey::party;
use crate::workload::sign_in::passkey_refused::PasskeyRefused;
use crate::workload::sign_in::refused::Refused;
use crate::workload::sign_in::second_factor::sealing;
use crate::workload::sign_in::second_factor_refused::SecondFactorRefused;
use crate::workload::sign_in::ticket::Ticket;
use crate::workload::sign_in::{Visit, called, challenge, redirect};
use crate::workload::webauthn::{Answer, Unproven};

/// Does what the form says.
pub(super) async fn change(visit: &Visit<'_>, person: &Stored) -> Result<Response<Body>, Refused> {
    if visit.form.get("ticket").is_some() {
        keep(visit, person).await?;
    } else {
        let hash = knows_password(visit, person).await?;
        let Some(id) = visit.form.get("remove") else {
            return ask(visit, person, &hash).await;
        };
        let audit = visit.credential_entry(&person.id, AuditEvent::PasskeyRemoved);
        let which = (id.to_owned(), person.id.clone());
        let store = &visit.scim_tenant.opened.store;
        store.remove_passkey(which, hash, audit).await?;
    }
    Ok(redirect(&format!("{}/account", visit.base())))
}

/// The page that has the browser make one.
async fn ask(
    visit: &Visit<'_>,
    person: &Stored,
    hash: &PasswordHash,
) -> Result<Response<Body>, Refused> {
    let party = party(visit)?;
    let sealing = sealing(visit).await?;
    let (challenge, browser) = challenge::begin(visit).await?;
    let known = visit
        .scim_tenant
        .opened
        .store
        .passkeys_of(&person.id)
        .await?;
    let known: Vec<&str> = known.iter().map(|it| it.id.as_str()).collect();
    let page = NewPasskey {
        frame: pages::frame(visit),
        script: pages::script_name(),
        host: party.id,
        challenge: &challenge,
        ticket: &Ticket::new(visit, &person.id, hash).seal(visit, &sealing),
        user: &URL_SAFE_NO_PAD.encode(person.id.as_str()),
        user_name: person.resource.user_name().unwrap_or_default(),
        name: called(&person.resource),
        known: &known.join(" "),
    };
    let mut response = pages::page_with_script(visit, StatusCode::OK, &page);
    challenge::remember(visit, &browser, &mut response);
    Ok(response)
}

/// Keeps the one that the browser made.
async fn keep(visit: &Visit<'_>, person: &Stored) -> Result<(), Refused> {
    let party = party(visit)?;
    let field = |name| visit.form.get(name).unwrap_or_default();
    let ticket = Ticket::open(visit, &sealing(visit).await?, field("ticket"))?;
    let store = &visit.scim_tenant.opened.store;
    let hash = store.password(&person.id).await?;
    let hash = hash.filter(|it| ticket.is_of(it) && ticket.person == person.id.as_str());
    let hash = hash.ok_or(SecondFactorRefused::TooLate)?;
    let challenge = challenge::redeem(visit).await?;
    let answer = Answer::decode(field("client_data"), field("authenticator_data"));
    let answer = answer.ok_or(PasskeyRefused::Unproven(Unproven::Malformed))?;
    let made = party.made(challenge, &answer);
    let made = made.map_err(PasskeyRefused::Unproven)?;
    let passkey = Passkey {
        id: made.id,
        person: person.id.clone(),
        public_key: made.key.0,
        counter: made.counter,
        name: device(&visit.head.headers).unwrap_or_else(|| "A passkey".to_owned()),
        added: Timestamp::from_millisecond(visit.now.as_millisecond()).unwrap_or(visit.now),
        used: None,
    };
    let audit = visit.credential_entry(&person.id, AuditEvent::PasskeyAdded);
    let kept = store.add_passkey(passkey, hash, audit).await?;
    Ok(kept.then_some(()).ok_or(PasskeyRefused::NotKept)?)
}
