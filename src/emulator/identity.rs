//! The identity platform: OpenID Connect as Entra speaks it, its version 2.0.
//!
//! What it says of itself, its errors and its tokens have Entra's shape. Whoever is there signs in by being picked: there are no passwords.

mod assertion;
mod authorize;
mod browsers;
mod claims;
mod client;
mod grant;
mod keys;
mod metadata;
mod pages;
mod refusal;
mod sign_out;
mod token;
mod userinfo;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue,
};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::Value;
use url::form_urlencoded;
use uuid::Uuid;

pub(super) use self::authorize::find as find_person;
use self::browsers::Browsers;
use self::grant::{Codes, RefreshTokens};
pub use self::keys::KeyError;
use self::keys::Keys;
use self::refusal::Refusal;
use super::tenant::{EntraTenant, ObjectId};
use super::world::World;
use crate::clock::Random;

/// Time for an application to take a logout token.
const LOGOUT_TIME: Duration = Duration::from_secs(5);

/// What the platform remembers.
pub(super) struct Identity {
    keys: Keys,
    codes: Codes,
    refresh_tokens: RefreshTokens,
    browsers: Browsers,
    /// Since when tokens of somebody are good, whose were revoked: Graph's `signInSessionsValidFromDateTime`.
    valid_from: Mutex<HashMap<ObjectId, Timestamp>>,
    /// The way to issuers of federated credentials, and to applications that are told of sign-outs.
    http: reqwest::Client,
}

/// Why there is no platform.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The key.
    #[error("tokens cannot be signed")]
    Key(#[from] KeyError),
    /// The way out.
    #[error("cannot make an HTTP client")]
    Client(#[from] reqwest::Error),
}

impl Identity {
    pub(super) fn new(signing_key: &[u8], random: &dyn Random) -> Result<Self, IdentityError> {
        let http = reqwest::Client::builder()
            .timeout(LOGOUT_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            keys: Keys::new(signing_key)?,
            codes: Codes::default(),
            refresh_tokens: RefreshTokens::new(random),
            browsers: Browsers::default(),
            valid_from: Mutex::default(),
            http,
        })
    }

    /// Signs by another key from now on.
    pub(super) fn rotate(&self, signing_key: &[u8]) -> Result<(), KeyError> {
        self.keys.rotate(signing_key)
    }

    /// Whether what somebody got by signing in `at` this time is good no longer.
    fn is_revoked(&self, person: ObjectId, at: Timestamp) -> bool {
        let from = self.valid_from.lock();
        let from = from.unwrap_or_else(PoisonError::into_inner);
        from.get(&person).is_some_and(|from| at < *from)
    }

    fn revoke(&self, person: ObjectId, now: Timestamp) {
        let from = self.valid_from.lock();
        let mut from = from.unwrap_or_else(PoisonError::into_inner);
        from.insert(person, now);
    }
}

impl World {
    /// The issuer of tokens.
    fn issuer(&self, tenant: &EntraTenant) -> String {
        format!("{}/{}/v2.0", self.base, tenant.id)
    }

    /// The tenant that an address names: by its id, by a domain, or by a word that stands for any.
    fn realm(&self, named: &str) -> Result<Arc<EntraTenant>, Refusal> {
        let tenant = self.directory.read();
        let is_it = Uuid::parse_str(named).map_or_else(
            |_| matches!(named, "common" | "organizations") || claims::has_domain(&tenant, named),
            |id| id == tenant.id,
        );
        if is_it {
            return Ok(tenant);
        }
        Err(Refusal::Tenant(named.to_owned()))
    }

    /// A token with these claims.
    fn sign(&self, typ: &str, claims: &Value) -> Result<String, Refusal> {
        let wrong = self.faults().wrong_keys;
        let signed = self.identity.keys.sign(typ, claims, wrong);
        signed.ok_or(Refusal::Keys)
    }

    /// An id that nobody can guess.
    pub(super) fn fresh_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.random.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    /// Ends everything that somebody is signed in to, and tells the applications that want to be told.
    pub(super) async fn revoke_sessions(&self, person: ObjectId) {
        self.identity.revoke(person, self.clock.now());
        for session in self.identity.browsers.end_all(person) {
            sign_out::tell(self, &session).await;
        }
    }
}

/// Where it is served.
pub(super) fn router() -> Router<Arc<World>> {
    let authorize = get(authorize::asked).post(authorize::picked);
    let logout = get(sign_out::asked).post(sign_out::asked);
    Router::new()
        .route(
            "/{tenant}/v2.0/.well-known/openid-configuration",
            get(metadata::configuration),
        )
        .route("/{tenant}/discovery/v2.0/keys", get(metadata::keys))
        .route("/{tenant}/oauth2/v2.0/authorize", authorize)
        .route("/{tenant}/oauth2/v2.0/token", post(token::asked))
        .route("/{tenant}/oauth2/v2.0/logout", logout)
        .route("/oidc/userinfo", get(userinfo::asked).post(userinfo::asked))
}

/// A JSON document that browsers of other origins may read.
fn json(status: u16, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    for (name, value) in [
        (CONTENT_TYPE, "application/json; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    ] {
        header(&mut response, name, value);
    }
    response
}

/// The error of an endpoint that applications ask.
fn refused(world: &World, refusal: &Refusal) -> Response<Body> {
    let said = refusal.to_json(world.fresh_id(), world.clock.now(), &world.base);
    let mut response = json(refusal.status(), &said);
    if *refusal == Refusal::Throttled {
        let after = HeaderName::from_static("retry-after");
        header(&mut response, after, "1");
    }
    response
}

/// Sends the browser on.
fn redirect(to: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::FOUND;
    header(&mut response, axum::http::header::LOCATION, to);
    header(&mut response, CACHE_CONTROL, "no-store");
    response
}

fn header(response: &mut Response<Body>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().append(name, value);
    }
}

/// `url` with these parameters at the end of its query.
fn with_query(url: &str, parameters: &[(&str, &str)]) -> String {
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}{query}")
}

/// What the browser holds of a session here.
fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(axum::http::header::COOKIE).into_iter();
    let mut pairs = all
        .filter_map(|it| it.to_str().ok())
        .flat_map(|it| it.split(';'))
        .filter_map(|it| it.trim().split_once('='));
    pairs
        .find(|(name, _)| *name == browsers::COOKIE)
        .map(|it| it.1)
}
