//! What applications ask us directly: the OpenID provider without its pages (OpenID Connect Core 1.0; RFC 6749, 7009, 7662, 9068).
//!
//! Whatever an application was given leads to a grant, the grant to a session, and the session to a person. Each is read anew each time, so
//! that who was deactivated or signed out is out here as well.

mod assertion;
mod claims;
mod client;
mod device;
mod discovery;
mod grant;
mod introspection;
mod keys;
mod logout;
mod refused;
mod token;
mod userinfo;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_MAX_AGE, ALLOW,
    HeaderValue,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Response, StatusCode};
use jiff::Timestamp;
use serde_json::Value;

use super::http::Shared;
use super::intake::Unread;
use super::oauth::{BAD_FORM, MAX_FORM, document};
use super::routing::{self, ScimTenant};
use super::sessions::Sessions;
use super::source;
use super::told::Told;
use crate::config::{ApplicationsConfig, SignInConfig};
use crate::telemetry::chain;
use client::Form;
pub(super) use device::{DEVICE_TIME, user_code_digest};
pub(super) use discovery::document as metadata;
pub(super) use grant::{CodeTerms, Secrets, Terms};
use keys::Keys;
pub(super) use keys::{Kind, KnownKeys};
pub(super) use logout::tell as tell_of_ends;
use refused::Refused;
pub(super) use token::is_grant;

/// An endpoint of this part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// What there is (OpenID Connect Discovery 1.0).
    Discovery,
    /// The keys that sign.
    Keys,
    /// Who it is.
    UserInfo,
    /// Whether a token is good.
    Introspection,
    /// The end of a token.
    Revocation,
    /// Codes for a device.
    DeviceAuthorization,
}

impl Route {
    /// The endpoint at `rest`, a path behind the prefix of a directory.
    fn parse(rest: &str) -> Option<Self> {
        let all = [
            Self::Discovery,
            Self::Keys,
            Self::UserInfo,
            Self::Introspection,
            Self::Revocation,
            Self::DeviceAuthorization,
        ];
        all.into_iter().find(|it| it.path() == rest)
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::Keys => "/oauth2/keys",
            Self::UserInfo => "/oauth2/userinfo",
            Self::Introspection => "/oauth2/introspect",
            Self::Revocation => "/oauth2/revoke",
            Self::DeviceAuthorization => "/oauth2/device_authorization",
        }
    }

    const fn methods(self) -> &'static str {
        match self {
            Self::Discovery | Self::Keys => "GET, HEAD",
            Self::UserInfo => "GET, HEAD, POST, OPTIONS",
            Self::Introspection | Self::Revocation | Self::DeviceAuthorization => "POST",
        }
    }
}

/// The directory and endpoint that a request is for, if it is one of this part and applications are declared there.
pub(super) fn find(shared: &Shared, head: &Parts) -> Option<(Arc<ScimTenant>, Route)> {
    let host = routing::host(&head.uri, &head.headers);
    let table = shared.table.load();
    let (scim_tenant, rest) = table.find(&host, head.uri.path())?;
    scim_tenant.config.applications()?;
    Some((Arc::clone(scim_tenant), Route::parse(rest)?))
}

/// One request to this part.
pub(super) struct Asked<'a> {
    shared: &'a Shared,
    scim_tenant: &'a ScimTenant,
    sign_in: &'a SignInConfig,
    config: &'a ApplicationsConfig,
    headers: &'a HeaderMap,
    from: IpAddr,
    now: Timestamp,
}

impl<'a> Asked<'a> {
    /// A request to `scim_tenant`; nothing when it has no applications.
    pub(super) fn of(
        shared: &'a Shared,
        scim_tenant: &'a ScimTenant,
        headers: &'a HeaderMap,
        (from, now): (IpAddr, Timestamp),
    ) -> Option<Self> {
        let sign_in = scim_tenant.config.sign_in.as_ref()?;
        Some(Self {
            shared,
            scim_tenant,
            sign_in,
            config: sign_in.applications.as_ref()?,
            headers,
            from,
            now,
        })
    }

    fn issuer(&self) -> &str {
        self.scim_tenant.base()
    }

    fn sessions(&self) -> Sessions<'_> {
        Sessions::new(&*self.scim_tenant.opened.store, self.sign_in, self.now)
    }

    async fn keys(&self) -> Result<Arc<Keys>, Refused> {
        let file = &self.config.signing_keys_file;
        let keys = self.shared.signing_keys.read(file).await;
        keys.map_err(Refused::Keys)
    }

    /// The answer of the token endpoint to a form with one of our grants.
    pub(super) async fn token(&self, body: &[u8]) -> Response<Body> {
        let answered = match Form::parse(self.headers, body) {
            Ok(form) => token::exchange(self, &form).await,
            Err(refused) => Err(refused),
        };
        for_any_site(self.answer(answered))
    }

    fn answer(&self, answered: Result<Value, Refused>) -> Response<Body> {
        let refused = match answered {
            Ok(value) => return document(&value),
            Err(refused) => self.limited(refused),
        };
        let scim_tenant = &self.scim_tenant.config.name.0;
        if let Some(reason) = refused.reason() {
            self.shared.metrics.denied(scim_tenant, reason);
        }
        let error = chain(&refused);
        if matches!(refused, Refused::Waiting(_)) {
            tracing::debug!(scim_tenant, "a device waits: {error}");
        } else if refused.is_ours() {
            tracing::warn!(scim_tenant, error, "applications cannot be answered");
        } else {
            tracing::info!(scim_tenant, error, "an application was refused");
        }
        refused.response()
    }

    /// Whoever guesses is made to wait.
    fn limited(&self, refused: Refused) -> Refused {
        match refused {
            Refused::Client(why) => match self.shared.attempts.count(self.from, self.now) {
                Some(seconds) => Refused::Limited(seconds),
                None => Refused::Client(why),
            },
            other => other,
        }
    }
}

/// Answers a request to one of this part's endpoints.
pub(super) async fn serve(
    shared: &Shared,
    peer: SocketAddr,
    (head, body): (Parts, Body),
    (scim_tenant, route): (&ScimTenant, Route),
) -> Response<Body> {
    let told = Told::begin(shared).of(&scim_tenant.config.name.0);
    let trusted = &scim_tenant.config.trusted_proxies;
    let from = source::address(&head.headers, peer.ip(), trusted);
    let response = match Asked::of(shared, scim_tenant, &head.headers, (from, told.began)) {
        Some(_) if head.method == Method::OPTIONS && route == Route::UserInfo => preflight(),
        Some(asked) => asked.answer(answer(&asked, &head.method, body, route).await),
        None => Refused::NotFound.response(),
    };
    let response = match route {
        // Only what keeps a secret asks there, and no page does.
        Route::Introspection => response,
        Route::Discovery
        | Route::Keys
        | Route::UserInfo
        | Route::Revocation
        | Route::DeviceAuthorization => for_any_site(response),
    };
    told.finish(shared, &head.method, route.path(), response)
}

async fn answer(
    asked: &Asked<'_>,
    method: &Method,
    body: Body,
    route: Route,
) -> Result<Value, Refused> {
    if !route.methods().split(", ").any(|it| it == method.as_str()) {
        return Err(Refused::Method(route.methods()));
    }
    if !asked.shared.handover.is_open().await {
        return Err(Refused::NotOpen);
    }
    match route {
        Route::Discovery => Ok(metadata(asked.scim_tenant)),
        Route::Keys => Ok(asked.keys().await?.published()),
        Route::UserInfo => userinfo::userinfo(asked).await,
        Route::Introspection => introspection::introspect(asked, &form(asked, body).await?).await,
        Route::Revocation => introspection::revoke(asked, &form(asked, body).await?).await,
        Route::DeviceAuthorization => device::authorize(asked, &form(asked, body).await?).await,
    }
}

async fn form(asked: &Asked<'_>, body: Body) -> Result<Form, Refused> {
    match asked.shared.intake.read_form(body, MAX_FORM).await {
        Ok(body) => Form::parse(asked.headers, &body),
        Err(Unread::NoRoom) => Err(Refused::NotOpen),
        Err(Unread::TooLarge | Unread::Broken) => Err(Refused::Request(BAD_FORM)),
    }
}

/// A page of another site may ask, for what it presents is in no cookie (Fetch, section 3.2.2).
fn for_any_site(mut response: Response<Body>) -> Response<Body> {
    let anybody = HeaderValue::from_static("*");
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, anybody);
    response
}

/// The answer to a browser that asks whether a page may present a token.
fn preflight() -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    let token = HeaderValue::from_static("authorization");
    headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, token);
    let day = HeaderValue::from_static("86400");
    headers.insert(ACCESS_CONTROL_MAX_AGE, day);
    response
}

/// An answer that says which methods there are.
fn allow(response: &mut Response<Body>, methods: &'static str) {
    let methods = HeaderValue::from_static(methods);
    response.headers_mut().insert(ALLOW, methods);
}
