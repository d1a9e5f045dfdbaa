//! What a passkey signs: kept like an attempt to sign in at a provider, so that it is good once, for the browser that got it, and shortly.

use axum::body::Body;
use axum::http::Response;
use axum::http::header::SET_COOKIE;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Visit;
use super::refused::Refused;
use crate::config::Token;
use crate::store::sessions::SignInAttempt;
use crate::workload::sessions::{ATTEMPT_TIME, digest};

/// No connector is called so.
const NO_CONNECTOR: &str = "";

/// A new challenge in Base64url, and the browser that it is for.
pub(super) async fn begin(visit: &Visit<'_>) -> Result<(String, Token), Refused> {
    if let Some(seconds) = visit.shared.sign_ins.count(visit.from(), visit.now) {
        return Err(Refused::Limited(seconds));
    }
    let challenge = URL_SAFE_NO_PAD.encode(visit.shared.random.secret());
    let browser = visit.cookies().browser(&visit.head.headers);
    let browser = browser.unwrap_or_else(|| visit.secret());
    let attempt = SignInAttempt {
        state: digest(&Token::presented(&challenge)),
        browser: digest(&browser),
        connector: NO_CONNECTOR.to_owned(),
        nonce: String::new(),
        verifier: String::new(),
        return_to: None,
        began: visit.now,
    };
    let store = &visit.scim_tenant.opened.store;
    store.begin_sign_in(attempt).await?;
    Ok((challenge, browser))
}

/// Lets the browser be known when it answers.
pub(super) fn remember(visit: &Visit<'_>, browser: &Token, response: &mut Response<Body>) {
    if let Some(cookie) = visit.cookies().give_browser(browser) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
}

/// Spends the challenge that the form answers.
pub(super) async fn redeem<'v>(visit: &'v Visit<'_>) -> Result<&'v str, Refused> {
    let challenge = visit.form.get("challenge").unwrap_or_default();
    let browser = visit.cookies().browser(&visit.head.headers);
    let browser = browser.ok_or(Refused::NotBegunHere)?;
    let state = digest(&Token::presented(challenge));
    let store = &visit.scim_tenant.opened.store;
    let found = store.redeem_sign_in(&state, &digest(&browser)).await?;
    let is_good = |it: &SignInAttempt| {
        it.connector == NO_CONNECTOR && visit.now.duration_since(it.began) < ATTEMPT_TIME
    };
    found.filter(is_good).ok_or(Refused::NotBegunHere)?;
    Ok(challenge)
}
