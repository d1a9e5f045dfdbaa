//! Signing in by a passkey: without a name and without a password, for the device verifies the person.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::pages::{self, AskPasskey};
use super::passkey_refused::PasskeyRefused;
use super::refused::Refused;
use super::{Route, Visit, challenge};
use crate::scim::schema::ResourceType;
use crate::store::sessions::SignedInBy;
use crate::store::{Related, ResourceId};
use crate::workload::directory::DirectoryError;
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::webauthn::{Answer, PublicKey, RelyingParty, Unproven};

/// Asks for a passkey, or signs in who has shown one.
pub(super) async fn passkey(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let return_to = visit.return_to()?;
    let return_to = return_to.as_deref();
    let party = party(visit)?;
    if visit.form.get("id").is_none() {
        return ask(visit, &party, return_to, None).await;
    }
    match prove(visit, &party).await {
        Ok(person) => signed_in(visit, &person, return_to).await,
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::Passkey);
            ask(visit, &party, return_to, Some(&wrong)).await
        }
        Err(refused) => Err(refused),
    }
}

/// Whether people may have passkeys here.
pub(super) fn are_there(visit: &Visit<'_>) -> bool {
    party(visit).is_ok()
}

/// Who asks, where people may have passkeys.
pub(super) fn party<'v>(visit: &'v Visit<'_>) -> Result<RelyingParty<'v>, Refused> {
    let party = RelyingParty::at(&visit.scim_tenant.config.url);
    let party = party.filter(|_| visit.config.built_in && visit.config.second_factor.is_some());
    party.ok_or(Refused::NotFound)
}

async fn ask(
    visit: &Visit<'_>,
    party: &RelyingParty<'_>,
    return_to: Option<&str>,
    wrong: Option<&Refused>,
) -> Result<Response<Body>, Refused> {
    let (challenge, browser) = challenge::begin(visit).await?;
    let page = AskPasskey {
        frame: pages::frame(visit),
        script: pages::script_name(),
        host: party.id,
        challenge: &challenge,
        return_to,
        wrong: wrong.map(Refused::words),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    let mut response = pages::page_with_script(visit, status, &page);
    challenge::remember(visit, &browser, &mut response);
    Ok(response)
}

/// Whose passkey signed the challenge.
async fn prove(visit: &Visit<'_>, party: &RelyingParty<'_>) -> Result<ResourceId, Refused> {
    let challenge = challenge::redeem(visit).await?;
    let field = |name| visit.form.get(name).unwrap_or_default();
    let store = &visit.scim_tenant.opened.store;
    let kept = store.passkey(field("id")).await?;
    let kept = kept.ok_or(PasskeyRefused::Unknown)?;
    let answer = Answer::decode(field("client_data"), field("authenticator_data"));
    let answer = answer.ok_or(PasskeyRefused::Unproven(Unproven::Malformed))?;
    let key = PublicKey(kept.public_key.clone());
    let counter = party
        .proven(
            challenge,
            (&answer, field("signature")),
            (&key, kept.counter),
        )
        .map_err(PasskeyRefused::Unproven)?;
    // Section 7.2, step 6: the authenticator and this side say the same of whose it is.
    if URL_SAFE_NO_PAD.encode(kept.person.as_str()) != field("user_handle") {
        return Err(PasskeyRefused::Unknown.into());
    }
    let directory = &visit.scim_tenant.directory;
    let found = directory.find(ResourceType::User, &kept.person, Related::Skip);
    let person = match found.await {
        Err(DirectoryError::NotFound(_)) => return Err(PasskeyRefused::Unknown.into()),
        found => found?,
    };
    if SignInMethod::of(&person.resource, visit.config) != SignInMethod::BuiltIn {
        return Err(PasskeyRefused::Unknown.into());
    }
    if !person.resource.is_active() {
        return Err(Refused::Deactivated(person.id));
    }
    if !store.use_passkey(&kept, counter, visit.now).await? {
        return Err(PasskeyRefused::Unproven(Unproven::Counter).into());
    }
    Ok(person.id)
}

async fn signed_in(
    visit: &Visit<'_>,
    person: &ResourceId,
    return_to: Option<&str>,
) -> Result<Response<Body>, Refused> {
    let here = format!("{}/signed-in", visit.scim_tenant.prefix);
    let mut response = pages::onward(visit, return_to.unwrap_or(&here));
    let opened = visit.open_session((person, SignedInBy::Passkey), None, &mut response);
    if !opened.await? {
        return Err(Refused::Deactivated(person.clone()));
    }
    tracing::info!(
        scim_tenant = visit.scim_tenant.config.name.0,
        user.id = person.as_str(),
        "{person} signed in by a passkey"
    );
    Ok(response)
}
