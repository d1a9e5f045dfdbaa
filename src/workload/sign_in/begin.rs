//! The way to the identity provider: the choice among several, and the attempt that the browser comes back with.

use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Method, Response, StatusCode};

use super::pages::{self, Choice, Choose};
use super::refused::Refused;
use super::{Visit, identify, redirect, return_to};
use crate::config::sign_in::redirect_uri;
use crate::oidc::authorization::AuthorizationRequest;
use crate::store::sessions::SignInAttempt;
use crate::workload::sessions::digest;

impl Visit<'_> {
    /// Whether who is signed in has to sign in again.
    pub(super) fn wants_again(&self) -> bool {
        self.form.get("prompt") == Some("login")
    }

    /// Where the browser wants to go afterwards.
    pub(super) fn return_to(&self) -> Result<Option<String>, Refused> {
        let Some(wanted) = self.form.get("return_to") else {
            return Ok(None);
        };
        let hosts = &self.config.forward_auth.hosts;
        let allowed = return_to::allowed(wanted, &self.scim_tenant.config.url, hosts);
        allowed
            .map(|it| Some(it.to_owned()))
            .ok_or(Refused::ReturnTo)
    }
}

/// Whom to sign in with, where that is a question. Who is signed in already is not sent around: an application that does not see the
/// session would send the browser back at once.
pub(super) async fn choose(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let return_to = visit.return_to()?;
    // An application may want it all the same, and then there are answers to our questions.
    let again = visit.wants_again() || visit.head.method == Method::POST;
    if !again && let Some(person) = visit.person().await? {
        let person = &person.resource;
        return Ok(pages::signed_in(visit, person, return_to.as_deref()));
    }
    if let Some(provider) = visit.named_by_domain() {
        return begin(visit, &provider.connector).await;
    }
    if visit.config.built_in {
        return identify::identify(visit).await;
    }
    if let [only] = visit.config.providers.as_slice() {
        return begin(visit, &only.connector).await;
    }
    match identify::hinted(visit).await? {
        Some(provider) => begin(visit, &provider.connector).await,
        None => Ok(choices(visit, return_to.as_deref())),
    }
}

/// The choice among several connectors.
pub(super) fn choices(visit: &Visit<'_>, return_to: Option<&str>) -> Response<Body> {
    let choices = visit.config.providers.iter().map(|it| Choice {
        name: it.display_name.clone(),
        url: pages::begin_url_for(visit, &it.connector, return_to),
    });
    let choices = choices.collect();
    let page = Choose {
        frame: pages::frame(visit),
        choices,
    };
    pages::page(visit, StatusCode::OK, &page)
}

/// Remembers the attempt and sends the browser to the provider of `connector`.
pub(super) async fn begin(visit: &Visit<'_>, connector: &str) -> Result<Response<Body>, Refused> {
    let provider = visit.config.provider(connector).ok_or(Refused::NotFound)?;
    let return_to = visit.return_to()?;
    if let Some(seconds) = visit.shared.sign_ins.count(visit.from(), visit.now) {
        return Err(Refused::Limited(seconds));
    }
    let metadata = visit.shared.providers.metadata(provider, visit.now).await?;
    let cookies = visit.cookies();
    // One for all tabs: each has an attempt of its own.
    let browser = cookies.browser(&visit.head.headers);
    let browser = browser.unwrap_or_else(|| visit.secret());
    // The provider is told of no domain that it does not have.
    let domain_hint = visit.domain_hint();
    let domain_hint = domain_hint.filter(|it| provider.domains.contains(it));
    let (state, nonce, verifier) = (visit.secret(), visit.secret(), visit.secret());
    let request = AuthorizationRequest {
        client_id: &provider.client_id,
        redirect_uri: &redirect_uri(&visit.scim_tenant.config.url, connector),
        state: state.reveal(),
        nonce: nonce.reveal(),
        verifier: verifier.reveal(),
        login_hint: visit.user_name("login_hint"),
        domain_hint: domain_hint.as_deref(),
        again: visit.wants_again(),
        refresh: provider.refresh.is_some(),
        graph: provider.graph.as_ref(),
    };
    let url = request.url(&metadata.authorization_endpoint);
    let attempt = SignInAttempt {
        state: digest(&state),
        browser: digest(&browser),
        connector: connector.to_owned(),
        nonce: nonce.reveal().to_owned(),
        verifier: verifier.reveal().to_owned(),
        return_to,
        began: visit.now,
    };
    visit
        .scim_tenant
        .opened
        .store
        .begin_sign_in(attempt)
        .await?;
    let mut response = redirect(url.as_str());
    if let Some(cookie) = cookies.give_browser(&browser) {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}
