//! The page where a person lets a device sign in that shows a code (RFC 8628, section 3.3). Who asks the person to type a code may be a
//! stranger, so the page says which application it is, and asks.

use axum::body::Body;
use axum::http::{Method, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::pages::{self, DeviceAnswered, DeviceBox, DeviceQuestion};
use super::refused::Refused;
use super::{Visit, called, redirect};
use crate::config;
use crate::oidc::authentication_request::Scope;
use crate::oidc::device_authorization::UserCode;
use crate::store::Stored;
use crate::store::devices::Device;
use crate::store::grants::Grant;
use crate::store::sessions::Session;
use crate::workload::applications::{Terms, user_code_digest};

/// How long a device has to fetch its tokens once it is let in, however late that is.
const FETCH_TIME: SignedDuration = SignedDuration::from_mins(1);

/// Codes that a person may type wrong in one window, on all pods together.
const WRONG_CODES: i64 = 10;

/// Seconds of that window.
const WINDOW: i64 = 600;

/// What is said of a code that no device waits for.
const UNKNOWN: &str = "No device waits with this code. Compare it with the one on the device; after ten minutes a device shows another one.";

/// Asks for the code, then whether to let the device in, and does that.
pub(super) async fn device(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let typed = visit.form.get("user_code").unwrap_or_default();
    let Some((session, person)) = visit.signed_in().await? else {
        return Ok(to_sign_in(visit, typed));
    };
    if visit.head.method != Method::POST {
        return Ok(ask_for_code(visit, typed, None));
    }
    let Some((code, device)) = waiting(visit, &person, typed).await? else {
        return Ok(ask_for_code(visit, typed, Some(UNKNOWN)));
    };
    match visit.form.get("answer") {
        None => Ok(question(visit, (&session, &person), (&code, &device))),
        // A page of before, of who was signed in then.
        Some(_) if visit.form.get("proof") != Some(&proof(&session, &code)) => {
            Err(Refused::ForeignForm)
        }
        Some(answer) => self::answer(visit, (session, person), device, answer == "allow").await,
    }
}

/// The device that waits with the code that was typed. Guesses are counted by person, for nobody else gets here.
async fn waiting(
    visit: &Visit<'_>,
    person: &Stored,
    typed: &str,
) -> Result<Option<(UserCode, Device)>, Refused> {
    let store = &visit.scim_tenant.opened.store;
    let (since, rest) = window(visit.now);
    let guessed = store.guess_user_code(person.id.clone(), since, WRONG_CODES);
    if !guessed.await? {
        return Err(Refused::UserCodes(rest));
    }
    let Some(code) = UserCode::parse(typed) else {
        return Ok(None);
    };
    let found = store.device_by_code(&user_code_digest(&code)).await?;
    let found = found.filter(|it| {
        let application = visit.config.application(&it.application);
        it.expires > visit.now
            && !it.denied
            && application.is_some_and(|it| it.device_authorization)
    });
    if found.is_some() {
        store.forgive_user_code(person.id.clone()).await?;
    }
    Ok(found.map(|it| (code, it)))
}

/// When the present window began, and the seconds that are left of it.
fn window(now: Timestamp) -> (Timestamp, u32) {
    let gone = now.as_second().rem_euclid(WINDOW);
    let since = Timestamp::from_second(now.as_second() - gone).unwrap_or(now);
    (since, u32::try_from(WINDOW - gone).unwrap_or(1))
}

async fn answer(
    visit: &Visit<'_>,
    (session, person): (Session, Stored),
    device: Device,
    is_allowed: bool,
) -> Result<Response<Body>, Refused> {
    let store = &visit.scim_tenant.opened.store;
    let application = device.application.clone();
    let done = if is_allowed {
        store.allow_device(grant(visit, &session, device)).await?
    } else {
        store.deny_device(device.key).await?
    };
    if !done {
        return Ok(ask_for_code(visit, "", Some(UNKNOWN)));
    }
    tracing::info!(
        scim_tenant = visit.scim_tenant.config.name.0,
        application,
        user.id = person.id.as_str(),
        is_allowed,
        "a device was answered"
    );
    let page = DeviceAnswered {
        frame: pages::frame(visit),
        application: &application,
        is_allowed,
    };
    Ok(pages::page(visit, StatusCode::OK, &page))
}

/// What the device is given: the code that it has becomes one as from the authorization endpoint.
fn grant(visit: &Visit<'_>, session: &Session, device: Device) -> Grant {
    let terms = Terms::of(session, Scope::parse(&device.scopes));
    let soon = visit.now.checked_add(FETCH_TIME).unwrap_or(visit.now);
    Grant {
        key: device.key,
        person: session.person.clone(),
        session: session.digest.clone(),
        application: device.application,
        terms: terms.to_json(),
        current: device.current,
        turn: 0,
        expires: device.expires.max(soon),
    }
}

/// What only a page for this session and this code holds.
fn proof(session: &Session, code: &UserCode) -> String {
    config::digest(&format!("{} {}", session.digest.0, code.letters()))
}

fn to_sign_in(visit: &Visit<'_>, typed: &str) -> Response<Body> {
    let mut here = format!("{}/device", visit.base());
    if let Some(code) = UserCode::parse(typed) {
        here = pages::with(here, "user_code", &code.shown());
    }
    redirect(&pages::with_return(
        format!("{}/sign-in", visit.base()),
        Some(&here),
    ))
}

fn ask_for_code(visit: &Visit<'_>, typed: &str, wrong: Option<&str>) -> Response<Body> {
    let known = UserCode::parse(typed).map(|it| it.shown());
    let page = DeviceBox {
        frame: pages::frame(visit),
        user_code: known.unwrap_or_default(),
        wrong,
    };
    let status = if wrong.is_some() {
        StatusCode::BAD_REQUEST
    } else {
        StatusCode::OK
    };
    pages::page(visit, status, &page)
}

fn question(
    visit: &Visit<'_>,
    (session, person): (&Session, &Stored),
    (code, device): (&UserCode, &Device),
) -> Response<Body> {
    let scopes = Scope::parse(&device.scopes);
    let page = DeviceQuestion {
        frame: pages::frame(visit),
        application: &device.application,
        name: called(&person.resource),
        user_code: code.shown(),
        proof: proof(session, code),
        profile: scopes.contains(&Scope::Profile),
        email: scopes.contains(&Scope::Email),
        stays: scopes.contains(&Scope::OfflineAccess),
    };
    pages::page(visit, StatusCode::OK, &page)
}
