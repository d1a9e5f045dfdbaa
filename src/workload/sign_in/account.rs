//! The page of who is signed in: who that is, where else, and another password.

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::pages::{self, Account, AccountSession};
use super::password_refused::PasswordRefused;
use super::refused::Refused;
use super::{Route, Visit, called, password, redirect, set_password};
use crate::store::Stored;
use crate::store::passwords::{PasswordHash, PasswordProof};
use crate::store::sessions::{Session, SignedInBy};
use crate::workload::directory::sign_in_method::SignInMethod;
use crate::workload::sessions::digest;

/// The page; whoever is not signed in may do so.
pub(super) async fn account(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    match visit.person().await? {
        Some(person) => page(visit, &person, None).await,
        None => Ok(to_sign_in(visit)),
    }
}

/// Ends one session of the person who asks, or all others.
pub(super) async fn end_sessions(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some((own, person)) = visit.signed_in().await? else {
        return Ok(to_sign_in(visit));
    };
    let store = &visit.scim_tenant.opened.store;
    if visit.form.get("others").is_some() {
        store.end_other_sessions(person.id, own.digest).await?;
    } else if let Some(wanted) = visit.form.get("session") {
        // Whose it is, is looked at: a digest alone ends nothing.
        let mut all = store.sessions_of(&person.id).await?.into_iter();
        if let Some(session) = all.find(|it| it.digest.0 == wanted) {
            store.end_session(session.digest).await?;
        }
    }
    Ok(redirect(&format!("{}/account", visit.base())))
}

/// Sets another password for who knows the one before, which ends all sessions but a new one here.
pub(super) async fn change_password(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some(person) = visit.person().await? else {
        return Ok(to_sign_in(visit));
    };
    match change(visit, &person).await {
        Ok(hash) => password::signed_in(visit, &person.id, hash, None).await,
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::ChangePassword);
            page(visit, &person, Some(&wrong)).await
        }
        Err(refused) => Err(refused),
    }
}

async fn change(visit: &Visit<'_>, person: &Stored) -> Result<PasswordHash, Refused> {
    let user_name = person.resource.user_name().unwrap_or_default();
    let (known, before) = password::check(visit, user_name).await?;
    if known != person.id {
        return Err(PasswordRefused::Wrong.into());
    }
    set_password::set(visit, person, PasswordProof::Password(before)).await
}

fn to_sign_in(visit: &Visit<'_>) -> Response<Body> {
    let here = format!("{}/account", visit.base());
    redirect(&pages::with_return(
        format!("{}/sign-in", visit.base()),
        Some(&here),
    ))
}

async fn page(
    visit: &Visit<'_>,
    person: &Stored,
    wrong: Option<&Refused>,
) -> Result<Response<Body>, Refused> {
    let own = visit.presented().map(|it| digest(&it));
    let sessions = visit.scim_tenant.opened.store.sessions_of(&person.id);
    let sessions = sessions.await?.into_iter().map(|it| AccountSession {
        is_here: Some(&it.digest) == own.as_ref(),
        by: by(visit, &it),
        opened: time(it.opened),
        seen: time(it.seen),
        digest: it.digest.0,
    });
    let method = SignInMethod::of(&person.resource, visit.config);
    let page = Account {
        frame: pages::frame(visit),
        name: called(&person.resource),
        user_name: person.resource.user_name().unwrap_or_default(),
        sessions: sessions.collect(),
        has_password: method == SignInMethod::BuiltIn,
        wrong: wrong.map(Refused::advice),
    };
    let status = wrong.map_or(StatusCode::OK, Refused::status);
    Ok(pages::page(visit, status, &page))
}

/// By what a session was opened, as people know it.
fn by(visit: &Visit<'_>, session: &Session) -> String {
    match &session.by {
        SignedInBy::Password => "by password".to_owned(),
        SignedInBy::Connector { name, .. } => {
            let provider = visit.config.provider(name);
            format!("through {}", provider.map_or(name, |it| &it.display_name))
        }
    }
}

/// A time as people read it.
fn time(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::UTC);
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}
