//! Signing in by a password.

use axum::body::Body;
use axum::http::Response;
use axum::http::header::SET_COOKIE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::identify::password_box;
use super::pages;
use super::password_refused::PasswordRefused;
use super::refused::Refused;
use super::{Route, Visit, second_factor};
use crate::config::Token;
use crate::store::passwords::PasswordHash;
use crate::store::sessions::SignedInBy;
use crate::store::{ResourceId, Stored};
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::guesses::Guess;
use crate::workload::passwords::{Password, Verified};

/// Signs in who knows the password; who does not gets the box again, and is told nothing of whether there is such a person.
pub(super) async fn password(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let return_to = visit.return_to()?;
    let Some(user_name) = visit.user_name("user_name") else {
        return Err(PasswordRefused::Wrong.into());
    };
    let presented = async {
        let (person, hash) = check(visit, user_name).await?;
        second_factor::after_password(visit, &person, hash, return_to.as_deref()).await
    };
    match presented.await {
        Err(wrong @ Refused::Password(PasswordRefused::Wrong)) => {
            wrong.log(visit, &Route::Password);
            let page = password_box(visit, user_name, return_to.as_deref(), Some(&wrong));
            Ok(page)
        }
        done => done,
    }
}

/// Who it is, and what is kept of the password that was right.
pub(super) async fn check(
    visit: &Visit<'_>,
    user_name: &str,
) -> Result<(ResourceId, PasswordHash), Refused> {
    let presented = visit.form.get("password").unwrap_or_default();
    // What cannot be a password is none, and costs nothing.
    let presented = Password::presented(presented).map_err(|_| PasswordRefused::Wrong)?;
    let known = visit.cookies().known(&visit.head.headers);
    let too_many = visit.shared.guesses.are_too_many(visit.from(), visit.now);
    if let Some(seconds) = too_many.filter(|_| known.is_none()) {
        return Err(PasswordRefused::TooManyGuesses(seconds).into());
    }
    let directory = &visit.scim_tenant.directory;
    let person = directory.with_user_name(user_name).await?;
    let kept = kept(visit, person.as_ref()).await?;
    let account = person.as_ref().map_or_else(
        || crate::scim::fold_case(user_name),
        |it| it.id.as_str().to_owned(),
    );
    let account = format!("{} {account}", visit.scim_tenant.config.name);
    let both = person.as_ref().zip(kept.as_ref());
    let guess = Guess {
        from: visit.from(),
        account: &account,
        is_known: both.is_some_and(|(person, hash)| is_known(visit, &person.id, hash)),
    };
    if let Some(seconds) = visit.shared.guesses.count(guess, visit.now) {
        return Err(PasswordRefused::TooManyGuesses(seconds).into());
    }
    let passwords = &visit.shared.passwords;
    let verified = passwords.verify(presented.clone(), kept.as_ref()).await;
    if verified.is_err() {
        // Nobody looked at it.
        visit.shared.guesses.forgive(guess, visit.now);
    }
    let (Verified::Right { rehashed }, Some(person), Some(kept)) = (verified?, person, kept) else {
        return Err(PasswordRefused::Wrong.into());
    };
    visit.shared.guesses.forgive(guess, visit.now);
    if !person.resource.is_active() {
        return Err(Refused::Deactivated(person.id));
    }
    let kept = match rehashed {
        Some(rehashed) => rehash(visit, &person.id, presented, (kept, rehashed)).await?,
        None => kept,
    };
    Ok((person.id, kept))
}

/// Keeps `after` in the place of `before`; what is kept then of the password that was presented.
async fn rehash(
    visit: &Visit<'_>,
    person: &ResourceId,
    presented: Password,
    (before, after): (PasswordHash, PasswordHash),
) -> Result<PasswordHash, Refused> {
    let store = &visit.scim_tenant.opened.store;
    let rehashed = store.rehash_password(person.clone(), before, after.clone());
    if rehashed.await? {
        return Ok(after);
    }
    // Another sign-in was faster, or somebody with another password.
    let kept = store.password(person).await?;
    let verified = visit.shared.passwords.verify(presented, kept.as_ref());
    match (verified.await?, kept) {
        (Verified::Right { .. }, Some(kept)) => Ok(kept),
        _ => Err(PasswordRefused::Wrong.into()),
    }
}

/// What is kept of a person's password; nothing of who signs in another way. It is looked for whether there is a person or not.
async fn kept(visit: &Visit<'_>, person: Option<&Stored>) -> Result<Option<PasswordHash>, Refused> {
    let nobody = ResourceId::new("");
    let id = person.map_or(&nobody, |it| &it.id);
    let kept = visit.scim_tenant.opened.store.password(id).await?;
    let method = person.map(|it| SignInMethod::of(&it.resource, visit.config));
    Ok(kept.filter(|_| method == Some(SignInMethod::BuiltIn)))
}

/// Signs in who has shown all that is asked for, and leads on.
pub(super) async fn signed_in(
    visit: &Visit<'_>,
    who: (&ResourceId, SignedInBy),
    hash: PasswordHash,
    return_to: Option<&str>,
) -> Result<Response<Body>, Refused> {
    let here = format!("{}/signed-in", visit.scim_tenant.prefix);
    let response = pages::onward(visit, return_to.unwrap_or(&here));
    let_in(visit, who, hash, response).await
}

/// Opens a session for who has shown the password of which `hash` is kept, and lets the browser be known when it comes again.
pub(super) async fn let_in(
    visit: &Visit<'_>,
    (person, by): (&ResourceId, SignedInBy),
    hash: PasswordHash,
    mut response: Response<Body>,
) -> Result<Response<Body>, Refused> {
    let mark = known_mark(person, &hash);
    let opened = visit.open_session((person, by), Some(hash), &mut response);
    if !opened.await? {
        // Somebody was faster: with another password, or by deactivating the person.
        return Err(PasswordRefused::Wrong.into());
    }
    tracing::info!(
        scim_tenant = visit.scim_tenant.config.name.0,
        user.id = person.as_str(),
        "{person} signed in by a password"
    );
    if let Some(cookie) = visit.cookies().give_known(&mark) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Whether the person signed in with this browser before, by the password of which `hash` is kept.
pub(super) fn is_known(visit: &Visit<'_>, person: &ResourceId, hash: &PasswordHash) -> bool {
    let known = visit.cookies().known(&visit.head.headers);
    known.is_some_and(|it| known_mark(person, hash).digest().matches(&it))
}

/// What a browser has in which the person signed in before. It follows from the hash, which nobody outside knows, so that it is worth
/// nothing once another password is set.
fn known_mark(person: &ResourceId, hash: &PasswordHash) -> Token {
    let mut code = Hmac::<Sha256>::new_from_slice(hash.reveal().as_bytes())
        .expect("HMAC takes keys of any length");
    code.update(b"known browser of ");
    code.update(person.as_str().as_bytes());
    Token::presented(&URL_SAFE_NO_PAD.encode(code.finalize().into_bytes()))
}
