//! The page of who is signed in: who that is, where else, in which applications, another password, and the second factor.

mod passkeys;
mod second_factor;

use axum::body::Body;
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::pages::{self, Account, AccountPasskey, AccountSecondFactor, AccountSession};
use super::password_refused::PasswordRefused;
use super::refused::Refused;
use super::{Route, Visit, called, passkey, password, photo, redirect, set_password};
use crate::scim::resource::Resource;
use crate::store::Stored;
use crate::store::passkeys::Passkey;
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

/// Ends what an application has of the person who asks: it signs the person in anew.
pub(super) async fn end_application(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some(person) = visit.person().await? else {
        return Ok(to_sign_in(visit));
    };
    if let Some(application) = visit.form.get("application") {
        let store = &visit.scim_tenant.opened.store;
        let ended = store.end_grants_of(person.id, application.to_owned());
        ended.await?;
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

/// Makes or removes a passkey, for who knows the password.
pub(super) async fn change_passkeys(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some(person) = visit.person().await? else {
        return Ok(to_sign_in(visit));
    };
    match passkeys::change(visit, &person).await {
        Err(wrong) if wrong.is_of_the_form() => {
            wrong.log(visit, &Route::ChangePasskeys);
            page(visit, &person, Wrong::Passkey(&wrong)).await
        }
        done => done,
    }
}

/// Sets another password for who knows the one before, which ends all sessions but a new one here.
pub(super) async fn change_password(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let Some((session, person)) = visit.signed_in().await? else {
        return Ok(to_sign_in(visit));
    };
    match change(visit, &person).await {
        Ok(hash) => {
            // Who has shown a code as well has not shown less by this.
            let by = match session.by {
                SignedInBy::PasswordAndCode => SignedInBy::PasswordAndCode,
                SignedInBy::Password | SignedInBy::Passkey | SignedInBy::Connector { .. } => {
                    SignedInBy::Password
                }
            };
            password::signed_in(visit, (&person.id, by), hash, None).await
        }
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
    Passkey(&'w Refused),
}

impl Wrong<'_> {
    fn of_the_password(&self) -> Option<String> {
        match self {
            Self::Password(refused) => Some(refused.advice()),
            _ => None,
        }
    }

    fn of_the_second_factor(&self) -> Option<String> {
        match self {
            Self::SecondFactor(refused) => Some(refused.advice()),
            _ => None,
        }
    }

    fn of_a_passkey(&self) -> Option<String> {
        match self {
            Self::Passkey(refused) => Some(refused.advice()),
            _ => None,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Nothing => StatusCode::OK,
            Self::Password(refused) | Self::SecondFactor(refused) | Self::Passkey(refused) => {
                refused.status()
            }
        }
    }
}

async fn page(
    visit: &Visit<'_>,
    person: &Stored,
    wrong: Wrong<'_>,
) -> Result<Response<Body>, Refused> {
    let store = &visit.scim_tenant.opened.store;
    let own = visit.presented().map(|it| digest(&it));
    let sessions = store.sessions_of(&person.id).await?.into_iter();
    let sessions = sessions.map(|it| AccountSession {
        is_here: Some(&it.digest) == own.as_ref(),
        by: by(visit, &it),
        opened: time(it.opened),
        seen: time(it.seen),
        device: it.device.unwrap_or_else(|| "A browser".to_owned()),
        digest: it.digest.0,
    });
    let method = SignInMethod::of(&person.resource, visit.config);
    let has_password = method == SignInMethod::BuiltIn;
    let page = Account {
        frame: pages::frame(visit),
        name: called(&person.resource),
        photo: photo::of(visit.config, &**store, &person.id)
            .await?
            .map(|_| format!("{}/account/photo", visit.scim_tenant.prefix)),
        user_name: person.resource.user_name().unwrap_or_default(),
        email: email(&person.resource),
        groups: person
            .related
            .iter()
            .filter_map(|it| it.display.as_deref())
            .collect(),
        sessions: sessions.collect(),
        applications: store.applications_of(&person.id, visit.now).await?,
        has_portal: visit.has_portal(&person.resource),
        has_password,
        wrong: wrong.of_the_password(),
        second_factor: match &visit.config.second_factor {
            Some(config) if has_password => {
                let kept = store.second_factor(&person.id).await?;
                Some(AccountSecondFactor {
                    added: kept.totp.map(|it| time(it.added)),
                    recovery_codes: kept.recovery_codes,
                    is_required: config.required,
                    wrong: wrong.of_the_second_factor(),
                })
            }
            _ => None,
        },
        passkeys: if has_password && passkey::are_there(visit) {
            let all = store.passkeys_of(&person.id).await?.into_iter();
            Some(all.map(account_passkey).collect())
        } else {
            None
        },
        wrong_passkey: wrong.of_a_passkey(),
    };
    let mut response = pages::page(visit, wrong.status(), &page);
    if page.photo.is_some() {
        pages::shows_photo(&mut response);
    }
    Ok(response)
}

fn account_passkey(passkey: Passkey) -> AccountPasskey {
    AccountPasskey {
        id: passkey.id,
        name: passkey.name,
        added: time(passkey.added),
        used: passkey.used.map(time),
    }
}

/// The primary address, else the first.
fn email(person: &Resource) -> Option<&str> {
    let all = person.attributes().get("emails")?.as_array()?;
    let is_primary = |it: &&Value| it.get("primary") == Some(&Value::Bool(true));
    let found = all.iter().find(is_primary).or(all.first())?;
    found.get("value")?.as_str()
}

/// By what a session was opened, as people know it.
fn by(visit: &Visit<'_>, session: &Session) -> String {
    match &session.by {
        SignedInBy::Password => "by password".to_owned(),
        SignedInBy::PasswordAndCode => "by password and code".to_owned(),
        SignedInBy::Passkey => "by passkey".to_owned(),
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
