//! The token endpoint (RFC 6749, section 4.4) and its metadata (RFC 8414).

mod client;
mod refused;

use std::net::{IpAddr, SocketAddr};

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, PRAGMA};
use axum::http::request::Parts;
use axum::http::{Method, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::applications::{self, Asked};
use super::credentials::Identity;
use super::http::Shared;
use super::intake::Unread;
use super::routing::{self, ScimTenant};
use super::source;
use super::told::Told;
use crate::config::AccessToken;
use client::Form;
use refused::Refused;

/// Path of the token endpoint below the URL of a directory.
const TOKEN: &str = "/oauth2/token";

/// RFC 8414, section 3.1: the path of an issuer follows what is well known.
const METADATA: &str = "/.well-known/oauth-authorization-server";

/// By which algorithms a client may sign its assertion.
pub(super) const ASSERTION_ALGORITHMS: &[&str] = &["RS256", "PS256", "ES256"];

/// `client_assertion_type` (RFC 7523, section 2.2).
pub(super) const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Seconds of an access token whose client has just lost its declaration and may go on for a day.
const ACCESS_TOKEN_SECONDS: u32 = 3600;

/// Bytes of a form at most; an assertion fits.
pub(super) const MAX_FORM: usize = 32 * 1024;

/// What is said of a form that is not there as a whole.
pub(super) const BAD_FORM: &str = "The form is too large, ended too early, or took too long.";

/// Whether the path is one of this file's endpoints.
pub(super) fn is_here(path: &str) -> bool {
    path.ends_with(TOKEN) || path.starts_with(METADATA)
}

/// Answers a request to one of this file's endpoints.
pub(super) async fn serve(
    shared: &Shared,
    peer: SocketAddr,
    head: Parts,
    body: Body,
) -> Response<Body> {
    let told = Told::begin(shared);
    if !shared.handover.is_open().await {
        return told.finish(
            shared,
            &head.method,
            "/oauth2",
            Refused::Unavailable.response(),
        );
    }
    let is_metadata = head.uri.path().starts_with(METADATA);
    let path = match head.uri.path().strip_prefix(METADATA) {
        Some(prefix) => format!("{prefix}/"),
        None => head.uri.path().to_owned(),
    };
    let table = shared.table.load_full();
    let host = routing::host(&head.uri, &head.headers);
    let found = table.find(&host, &path).filter(|(scim_tenant, rest)| {
        let is_served =
            scim_tenant.clients.any_oauth() || scim_tenant.config.applications().is_some();
        is_served && (is_metadata || *rest == TOKEN)
    });
    let Some((scim_tenant, _)) = found else {
        return told.finish(
            shared,
            &head.method,
            "/oauth2",
            Refused::NotFound.response(),
        );
    };
    let told = told.of(&scim_tenant.config.name.0);
    if is_metadata {
        let response = match head.method {
            Method::GET | Method::HEAD => document(&metadata(scim_tenant)),
            _ => Refused::Method("GET, HEAD").response(),
        };
        return told.finish(shared, &head.method, METADATA, response);
    }
    token(shared, peer, (&head, body), (scim_tenant, told)).await
}

/// Answers a request to the token endpoint, which SCIM clients and applications have in common.
async fn token(
    shared: &Shared,
    peer: SocketAddr,
    (head, body): (&Parts, Body),
    (scim_tenant, told): (&ScimTenant, Told<'_>),
) -> Response<Body> {
    let trusted = &scim_tenant.config.trusted_proxies;
    let from = source::address(&head.headers, peer.ip(), trusted);
    let body = match head.method {
        Method::POST => read(shared, body).await,
        _ => Err(Refused::Method("POST")),
    };
    if let Ok(body) = &body
        && applications::is_grant(body)
        && let Some(asked) = Asked::of(shared, scim_tenant, &head.headers, (from, told.began))
    {
        let response = Box::pin(asked.token(body)).await;
        return told.finish(shared, &head.method, TOKEN, response);
    }
    let form = body.and_then(|it| Form::parse(&head.headers, &it));
    let result = match form {
        Ok(form) => Box::pin(grant(shared, scim_tenant, form, from, told.began)).await,
        Err(refused) => Err(refused),
    };
    match result {
        Ok((identity, granted)) => {
            let told = told.by(&identity.client.name);
            told.finish(shared, &head.method, TOKEN, document(&granted))
        }
        Err(refused) => {
            if let Some(reason) = refused.reason() {
                shared.metrics.denied(&scim_tenant.config.name.0, reason);
            }
            told.finish(shared, &head.method, TOKEN, refused.response())
        }
    }
}

async fn read(shared: &Shared, body: Body) -> Result<Vec<u8>, Refused> {
    let form = shared.intake.read_form(body, MAX_FORM).await;
    form.map_err(|unread| match unread {
        Unread::NoRoom => Refused::Unavailable,
        Unread::TooLarge | Unread::Broken => Refused::Request(BAD_FORM),
    })
}

/// Recognizes the client and makes its access token.
async fn grant(
    shared: &Shared,
    scim_tenant: &ScimTenant,
    form: Form,
    from: IpAddr,
    now: Timestamp,
) -> Result<(Identity, Value), Refused> {
    let known = form.identify(scim_tenant, &shared.issuers, now).await;
    let (identity, digest) = match known {
        Err(Refused::Client(why)) => {
            return Err(match shared.attempts.count(from, now) {
                Some(seconds) => Refused::Limited(seconds),
                None => Refused::Client(why),
            });
        }
        known => known?,
    };
    let oauth = identity.client.oauth.as_ref();
    let seconds = oauth.map_or(ACCESS_TOKEN_SECONDS, |it| it.access_token_seconds);
    let end = now
        .checked_add(SignedDuration::from_secs(seconds.into()))
        .unwrap_or(now);
    let mut nonce = [0; 8];
    shared.random.fill(&mut nonce);
    let token = AccessToken::issue(&digest, end, nonce);
    let granted = json!({
        "access_token": token.reveal(),
        "token_type": "Bearer",
        "expires_in": seconds,
    });
    Ok((identity, granted))
}

fn metadata(scim_tenant: &ScimTenant) -> Value {
    if scim_tenant.config.applications().is_some() {
        return applications::metadata(scim_tenant);
    }
    let base = scim_tenant.base();
    json!({
        "issuer": base,
        "token_endpoint": format!("{base}{TOKEN}"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": [],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        "token_endpoint_auth_signing_alg_values_supported": ASSERTION_ALGORITHMS,
    })
}

/// RFC 6749, section 5.1: what holds a token is not kept by anybody on the way.
pub(super) fn document(body: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(body.to_string()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    response
}
