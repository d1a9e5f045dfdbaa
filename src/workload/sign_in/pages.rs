//! The pages as they are served: no script, nothing from elsewhere, kept by nobody on the way.

mod account;
mod second_factor;

use std::sync::LazyLock;

use askama::Template;
use axum::body::Body;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{Response, StatusCode};
use url::form_urlencoded;

use super::{Visit, called, status};
use crate::config;
use crate::scim::resource::Resource;
pub(super) use account::{Account, AccountPasskey, AccountSecondFactor, AccountSession};
pub(super) use second_factor::{
    AskPasskey, NewPasskey, RecoveryCodes, SecondFactorBox, SetUpSecondFactor,
};

/// The one style sheet.
const STYLE: &str = concat!(
    include_str!("templates/tokens.css"),
    include_str!("templates/style.css")
);

/// Its name, which changes with it, so that browsers may keep it.
static STYLE_NAME: LazyLock<String> =
    LazyLock::new(|| format!("style-{}.css", &config::digest(STYLE)[..12]));

/// The one script, of the pages that ask for a passkey.
const SCRIPT: &str = include_str!("templates/passkey.js");

/// Its name, as that of the style sheet.
static SCRIPT_NAME: LazyLock<String> =
    LazyLock::new(|| format!("passkey-{}.js", &config::digest(SCRIPT)[..12]));

/// The policy of pages with the script.
const SCRIPT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What every page has around it.
pub(in crate::workload::sign_in) struct Frame<'p> {
    /// The host of the directory.
    pub(super) host: &'p str,
    /// What paths of this directory begin with: pages lead to each other whatever name the browser knows the host by.
    pub(super) prefix: &'p str,
    pub(super) style: &'static str,
}

/// One of several ways in.
pub(super) struct Choice {
    pub(super) name: String,
    pub(super) url: String,
}

impl Frame<'_> {
    /// Where signing in begins.
    fn sign_in(&self, return_to: Option<&str>) -> String {
        with_return(format!("{}/sign-in", self.prefix), return_to)
    }
}

#[derive(Template)]
#[template(
    path = "identify.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct Identify<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) return_to: Option<&'p str>,
    pub(super) has_passkeys: bool,
    /// Whether who is signed in has to sign in again.
    pub(super) again: bool,
    /// Why what was typed is no user name.
    pub(super) wrong: Option<&'p str>,
}

#[derive(Template)]
#[template(
    path = "password_box.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct PasswordBox<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) user_name: &'p str,
    pub(super) return_to: Option<&'p str>,
    /// What was wrong with the one before, and what to do.
    pub(super) wrong: Option<(&'static str, &'static str)>,
    /// The ways in that need none.
    pub(super) others: Vec<Choice>,
    /// Whether a link can be sent to who forgot it.
    pub(super) writes: bool,
}

#[derive(Template)]
#[template(
    path = "forgotten.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct Forgotten<'p> {
    pub(super) frame: Frame<'p>,
    /// Whether a link was asked for.
    pub(super) is_asked: bool,
    /// Why what was typed is no user name.
    pub(super) wrong: Option<&'p str>,
}

#[derive(Template)]
#[template(
    path = "set_password.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct SetPassword<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) action: &'p str,
    pub(super) user_name: &'p str,
    pub(super) wrong: Option<String>,
}

#[derive(Template)]
#[template(
    path = "device.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct DeviceBox<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) user_code: String,
    /// Why what was typed lets no device in.
    pub(super) wrong: Option<&'p str>,
}

#[derive(Template)]
#[template(
    path = "device_question.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct DeviceQuestion<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) application: &'p str,
    pub(super) name: &'p str,
    pub(super) user_code: String,
    pub(super) proof: String,
    pub(super) profile: bool,
    pub(super) email: bool,
    pub(super) stays: bool,
}

#[derive(Template)]
#[template(
    path = "device_answered.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct DeviceAnswered<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) application: &'p str,
    pub(super) is_allowed: bool,
}

#[derive(Template)]
#[template(
    path = "onward.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
struct Onward<'p> {
    frame: Frame<'p>,
    url: &'p str,
}

#[derive(Template)]
#[template(
    path = "choose.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct Choose<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) choices: Vec<Choice>,
}

#[derive(Template)]
#[template(
    path = "signed_in.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct SignedIn<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) name: &'p str,
    /// Where the browser came from.
    pub(super) further: Option<&'p str>,
    pub(super) has_portal: bool,
}

#[derive(Template)]
#[template(
    path = "sign_out.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct SignOut<'p> {
    pub(super) frame: Frame<'p>,
}

#[derive(Template)]
#[template(
    path = "signed_out.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct SignedOut<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) provider: Option<String>,
    /// Where the browser signs out at the provider.
    pub(super) further: Option<String>,
}

#[derive(Template)]
#[template(
    path = "refusal.html",
    config = "src/workload/sign_in/templates/askama.toml"
)]
pub(super) struct Refusal<'p> {
    pub(super) frame: Frame<'p>,
    pub(super) title: &'p str,
    pub(super) text: &'p str,
    pub(super) reason: Option<String>,
    /// Where to begin again.
    pub(super) again: Option<String>,
    pub(super) request_id: &'p str,
}

/// What is around the pages of this directory.
pub(super) fn frame<'v>(visit: &'v Visit<'_>) -> Frame<'v> {
    Frame {
        host: visit.scim_tenant.config.url.host_str().unwrap_or_default(),
        prefix: &visit.scim_tenant.prefix,
        style: style_name(),
    }
}

/// The page that says who is signed in, and leads on to where the browser came from.
pub(super) fn signed_in(
    visit: &Visit<'_>,
    person: &Resource,
    further: Option<&str>,
) -> Response<Body> {
    let page = SignedIn {
        frame: frame(visit),
        name: called(person),
        has_portal: visit.has_portal(person),
        further,
    };
    self::page(visit, StatusCode::OK, &page)
}

/// Where signing in through `connector` begins.
pub(super) fn begin_url(visit: &Visit<'_>, connector: &str, return_to: Option<&str>) -> String {
    let url = format!("{}/sign-in/{connector}", visit.scim_tenant.prefix);
    let url = with_return(url, return_to);
    if visit.wants_again() {
        with(url, "prompt", "login")
    } else {
        url
    }
}

/// The same, with what the provider is told of who comes.
pub(super) fn begin_url_for(visit: &Visit<'_>, connector: &str, return_to: Option<&str>) -> String {
    let mut url = begin_url(visit, connector, return_to);
    if let Some(name) = visit.user_name("login_hint") {
        url = with(url, "login_hint", name);
    }
    if let Some(domain) = visit.form.get("domain_hint") {
        url = with(url, "domain_hint", domain);
    }
    url
}

/// `url` with the place to return to.
pub(in crate::workload) fn with_return(url: String, return_to: Option<&str>) -> String {
    match return_to {
        Some(return_to) => with(url, "return_to", return_to),
        None => url,
    }
}

/// `url` with one more parameter.
pub(super) fn with(url: String, name: &str, value: &str) -> String {
    let begins = if url.contains('?') { "&" } else { "?" };
    let pair = form_urlencoded::Serializer::new(String::new())
        .append_pair(name, value)
        .finish();
    url + begins + &pair
}

/// A page that leads on by itself. A browser lets a form lead to where `form-action` says, with all redirects that follow; what
/// follows on this page is no form.
pub(super) fn onward(visit: &Visit<'_>, url: &str) -> Response<Body> {
    let page = Onward {
        frame: frame(visit),
        url,
    };
    self::page(visit, StatusCode::OK, &page)
}

pub(super) fn style_name() -> &'static str {
    &STYLE_NAME
}

pub(super) fn script_name() -> &'static str {
    &SCRIPT_NAME
}

/// The style sheet.
pub(super) fn style() -> Response<Body> {
    file(STYLE, "text/css; charset=utf-8")
}

/// The script.
pub(super) fn script() -> Response<Body> {
    file(SCRIPT, "text/javascript; charset=utf-8")
}

/// What browsers may keep, for its name changes with it.
pub(in crate::workload) fn file(text: &'static str, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    guard(&mut response);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    headers.insert(CACHE_CONTROL, for_ever);
    response
}

/// A page as a response.
pub(in crate::workload) fn page(
    visit: &Visit<'_>,
    code: StatusCode,
    page: &impl Template,
) -> Response<Body> {
    let mut response = match page.render() {
        Ok(text) => Response::new(Body::from(text)),
        Err(error) => {
            let scim_tenant = visit.scim_tenant.config.name.0.as_str();
            let error = crate::telemetry::chain(&error);
            tracing::error!(scim_tenant, error, "a page cannot be written");
            return status(StatusCode::INTERNAL_SERVER_ERROR);
        }
    };
    *response.status_mut() = code;
    guard(&mut response);
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, html);
    response
}

/// A page that asks the browser for a passkey.
pub(in crate::workload) fn page_with_script(
    visit: &Visit<'_>,
    code: StatusCode,
    page: &impl Template,
) -> Response<Body> {
    let mut response = self::page(visit, code, page);
    let policy = HeaderValue::from_static(SCRIPT_POLICY);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, policy);
    response
}

/// Lets a page show a picture of this origin.
pub(in crate::workload) fn shows_photo(response: &mut Response<Body>) {
    let Some(policy) = response.headers().get(CONTENT_SECURITY_POLICY) else {
        return;
    };
    let policy = [policy.as_bytes(), b"; img-src 'self'"].concat();
    if let Ok(policy) = HeaderValue::from_bytes(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
}

/// What every answer to a browser has.
pub(in crate::workload) fn guard(response: &mut Response<Body>) {
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, "no-store"),
        // Under `no-referrer` the form that signs out would have no origin (Fetch, section 3.2).
        (REFERRER_POLICY, "same-origin"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}
