//! The page of who is signed in: who that is, where else, another password, and the second factor.

mod second_factor;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::pages::{self, Account, AccountSecondFactor, AccountSession};
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
        Some(person) => page(visit, &person, Wrong::Nothing).await,
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

/// Sets up a second factor, or makes other recovery codes, or removes it, for who knows the password.
pub(super) async fn change_second_factor(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some(person) = visit.person().await? else {
        return Ok(to_sign_in(visit));
    };
    match second_factor::change(visit, &person).await {
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::ChangeSecondFactor);
            page(visit, &person, Wrong::SecondFactor(&wrong)).await
        }
        done => done,
    }
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
            page(visit, &person, Wrong::Password(&wrong)).await
        }
        Err(refused) => Err(refused),
    }
}

async fn change(visit: &Visit<'_>, person: &Stored) -> Result<PasswordHash, Refused> {
    let before = knows_password(visit, person).await?;
    set_password::set(visit, person, PasswordProof::Password(before)).await
}

/// What is kept of the password that the form has, if it is that of `person`.
async fn knows_password(visit: &Visit<'_>, person: &Stored) -> Result<PasswordHash, Refused> {
    let user_name = person.resource.user_name().unwrap_or_default();
    let (known, hash) = password::check(visit, user_name).await?;
    if known != person.id {
        return Err(PasswordRefused::Wrong.into());
    }
    Ok(hash)
}

fn to_sign_in(visit: &Visit<'_>) -> Response<Body> {
    let here = format!("{}/account", visit.base());
    redirect(&pages::with_return(
        format!("{}/sign-in", visit.base()),
        Some(&here),
    ))
}

/// Which form is shown again, and why.
enum Wrong<'w> {
    Nothing,
    Password(&'w Refused),
    SecondFactor(&'w Refused),
}

impl Wrong<'_> {
    fn status(&self) -> StatusCode {
        match self {
            Self::Nothing => StatusCode::OK,
            Self::Password(refused) | Self::SecondFactor(refused) => refused.status(),
        }
    }
}

async fn page(
    visit: &Visit<'_>,
    person: &Stored,
    wrong: Wrong<'_>,
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
    let has_password = method == SignInMethod::BuiltIn;
    let second_factor = match &visit.config.second_factor {
        Some(config) if has_password => {
            let kept = visit.scim_tenant.opened.store.second_factor(&person.id);
            let kept = kept.await?;
            Some(AccountSecondFactor {
                added: kept.totp.map(|it| time(it.added)),
                recovery_codes: kept.recovery_codes,
                is_required: config.required,
                wrong: match &wrong {
                    Wrong::SecondFactor(refused) => Some(refused.advice()),
                    Wrong::Nothing | Wrong::Password(_) => None,
                },
            })
        }
        _ => None,
    };
    let page = Account {
        frame: pages::frame(visit),
        name: called(&person.resource),
        user_name: person.resource.user_name().unwrap_or_default(),
        sessions: sessions.collect(),
        has_password,
        wrong: match &wrong {
            Wrong::Password(refused) => Some(refused.advice()),
            Wrong::Nothing | Wrong::SecondFactor(_) => None,
        },
        second_factor,
    };
    Ok(pages::page(visit, wrong.status(), &page))
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
