//! The question of a reverse proxy: who is signed in, and may the request pass? Nobody's word is taken for what was requested but that of
//! a declared proxy, and a question that cannot be answered is answered no.

mod access;
mod bearer;
mod identity;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderName, HeaderValue, LOCATION, WWW_AUTHENTICATE,
};
use axum::http::{Method, Response, StatusCode};
use url::Url;

use access::{Access, OddPath};
use bearer::Unanswered;

use super::pages::with_return;
use super::{Visit, return_to};
use crate::store::{StoreError, Stored};
use crate::telemetry::chain;
use crate::workload::sessions::SignedIn;
use crate::workload::source;

/// How long a proxy waits for an answer at most.
const CHECK_TIME: Duration = Duration::from_secs(1);

/// How a proxy asks, and which answers it understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Shape {
    /// nginx `auth_request`: `X-Original-URL`; of answers it knows 2xx, 401 and 403.
    AuthRequest,
    /// Traefik's `forwardAuth`, Caddy's `forward_auth`: `X-Forwarded-*`; what is not 2xx goes to the browser.
    ForwardAuth,
    /// Envoy's `ext_authz` over HTTP: the request itself behind a prefix; what is not 200 goes to the client.
    ExtAuthz,
}

/// What was requested of the proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requested<'c> {
    url: String,
    /// Whether a person waits for a page, who can be led elsewhere and back.
    is_page: bool,
    /// Who may pass.
    access: Access<'c>,
}

/// Why nobody passes, whoever it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum NotAsked {
    #[error("The proxy is not one of trustedProxies of the ScimTenant; add its address.")]
    Stranger,
    #[error(
        "The proxy does not say what is requested, or says it twice; see the documentation of this kind of proxy."
    )]
    Unclear,
    #[error("The host is not one of signIn.forwardAuth.hosts of the ScimTenant; add it.")]
    OtherHost,
    #[error(
        "Applications read the spelling of this path in different ways, so it is not said who may reach it."
    )]
    OddPath,
}

impl From<OddPath> for NotAsked {
    fn from(OddPath: OddPath) -> Self {
        Self::OddPath
    }
}

/// Answers a proxy.
pub(super) async fn answer(visit: &Visit<'_>, shape: Shape) -> Response<Body> {
    let requested = match requested(visit, shape) {
        Ok(requested) => requested,
        // Anybody can request that.
        Err(NotAsked::OddPath) => {
            return plain(StatusCode::FORBIDDEN, &NotAsked::OddPath.to_string());
        }
        Err(refused) => {
            let scim_tenant = visit.scim_tenant.config.name.0.as_str();
            let proxy = visit.peer.ip().to_canonical();
            tracing::warn!(scim_tenant, %proxy, "a proxy got no answer: {refused}");
            return plain(StatusCode::FORBIDDEN, &refused.to_string());
        }
    };
    match tokio::time::timeout(CHECK_TIME, person(visit)).await {
        Ok(Ok(Some(known))) if requested.access.admits(known.person()) => pass(&known.headers()),
        Ok(Ok(Some(_))) => {
            let words =
                "Your account may not open this page. Ask whoever looks after the application.";
            plain(StatusCode::FORBIDDEN, words)
        }
        _ if requested.access == Access::Public => pass(&identity::of_nobody()),
        Ok(Ok(None)) if bearer::is_presented(visit) => bad_token(),
        Ok(Ok(None)) => ask_to_sign_in(visit, shape, &requested),
        failed => {
            let error = match &failed {
                Ok(Err(error)) => chain(&**error),
                Ok(Ok(_)) | Err(_) => "it takes too long".to_owned(),
            };
            let scim_tenant = visit.scim_tenant.config.name.0.as_str();
            tracing::warn!(scim_tenant, error, "nobody can say who is signed in");
            let words = "It is not known at the moment who is signed in. Try again.";
            plain(StatusCode::SERVICE_UNAVAILABLE, words)
        }
    }
}

/// How somebody is known.
enum Known {
    Session(Arc<SignedIn>),
    Token(Box<Stored>),
}

impl Known {
    fn person(&self) -> &Stored {
        match self {
            Self::Session(signed_in) => &signed_in.person,
            Self::Token(person) => person,
        }
    }

    fn headers(&self) -> Cow<'_, [(HeaderName, HeaderValue)]> {
        match self {
            Self::Session(signed_in) => {
                let made = || identity::headers(&signed_in.person).into();
                Cow::Borrowed(signed_in.headers.get_or_init(made))
            }
            Self::Token(person) => Cow::Owned(identity::headers(person).into()),
        }
    }
}

/// Whoever presents a token is whose token it is, and nobody when it is not good, whatever the session is.
async fn person(visit: &Visit<'_>) -> Result<Option<Known>, Unanswered> {
    if !visit.shared.handover.is_open().await {
        return Err(StoreError::Closed.into());
    }
    if bearer::is_presented(visit) {
        let person = bearer::person(visit).await?;
        return Ok(person.map(|it| Known::Token(Box::new(it))));
    }
    Ok(visit.remembered().await?.map(Known::Session))
}

/// Who presents a token is no browser to lead elsewhere.
fn bad_token() -> Response<Body> {
    let words = "The access token is not good here, or its person is not signed in any more.";
    let mut response = plain(StatusCode::UNAUTHORIZED, words);
    let bearer = HeaderValue::from_static("Bearer error=\"invalid_token\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, bearer);
    response
}

/// The request that the proxy is asked to let through.
fn requested<'v>(visit: &Visit<'v>, shape: Shape) -> Result<Requested<'v>, NotAsked> {
    let trusted = &visit.scim_tenant.config.trusted_proxies;
    if !source::is_trusted(visit.peer.ip(), trusted) {
        return Err(NotAsked::Stranger);
    }
    let own = &visit.scim_tenant.config.url;
    let url = match shape {
        Shape::AuthRequest => one(visit, "x-original-url")?.to_owned(),
        Shape::ForwardAuth => format!(
            "{}://{}{}",
            scheme(one(visit, "x-forwarded-proto")?),
            one(visit, "x-forwarded-host")?,
            one(visit, "x-forwarded-uri")?
        ),
        Shape::ExtAuthz => format!(
            "{}://{}{}",
            scheme(one(visit, "x-forwarded-proto")?),
            one(visit, HOST.as_str())?,
            behind_prefix(visit, own)
        ),
    };
    let method = match shape {
        Shape::AuthRequest => one(visit, "x-original-method").unwrap_or("GET"),
        Shape::ForwardAuth => one(visit, "x-forwarded-method")?,
        Shape::ExtAuthz => visit.head.method.as_str(),
    };
    let declared = &visit.config.forward_auth;
    let (host, path) = target(&url, own, &declared.hosts)?;
    let access = access::of(&declared.rules, &host, path)?;
    let accept = visit.head.headers.get(ACCEPT);
    let wants_page = accept
        .and_then(|it| it.to_str().ok())
        .is_some_and(|it| it.contains("text/html"));
    let is_read = method == Method::GET.as_str() || method == Method::HEAD.as_str();
    Ok(Requested {
        url,
        is_page: is_read && wants_page,
        access,
    })
}

/// The protocol of a websocket is that of the page that opens it.
fn scheme(forwarded: &str) -> &str {
    match forwarded {
        "wss" => "https",
        "ws" => "http",
        other => other,
    }
}

/// The value of a header that is there once. Other spellings of its name are other headers.
fn one<'v>(visit: &Visit<'v>, name: &str) -> Result<&'v str, NotAsked> {
    let mut all = visit.head.headers.get_all(name).iter();
    let value = all.next().and_then(|it| it.to_str().ok());
    match (value, all.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        _ => Err(NotAsked::Unclear),
    }
}

/// What Envoy puts behind the prefix: path and query of the request.
fn behind_prefix<'v>(visit: &Visit<'v>, own: &Url) -> &'v str {
    let whole = visit
        .head
        .uri
        .path_and_query()
        .map_or("/", |it| it.as_str());
    let below = whole
        .strip_prefix(own.path().trim_end_matches('/'))
        .and_then(|it| it.strip_prefix("/ext-authz"));
    below.filter(|it| it.starts_with('/')).unwrap_or("/")
}

/// The host, which is declared, as it is declared; and the path as it was requested, without a query.
fn target<'u>(url: &'u str, own: &Url, hosts: &[String]) -> Result<(String, &'u str), NotAsked> {
    let rest = url.strip_prefix("https://");
    let rest = rest.or_else(|| url.strip_prefix("http://"));
    let rest = rest.ok_or(NotAsked::Unclear)?;
    let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
    let host = rest[..end].to_ascii_lowercase();
    let usual = match own.scheme() {
        "https" => ":443",
        _ => ":80",
    };
    let host = host.strip_suffix(usual).unwrap_or(&host);
    if !hosts.iter().any(|it| it == host) && return_to::authority_of(own) != host {
        return Err(NotAsked::OtherHost);
    }
    let path = rest[end..].split('?').next().unwrap_or_default();
    let path = if path.is_empty() { "/" } else { path };
    Ok((host.to_owned(), path))
}

/// Who it is, for the application, if anybody. Each header is always there, so that none that the client sent stays.
fn pass(headers: &[(HeaderName, HeaderValue)]) -> Response<Body> {
    let mut response = plain(StatusCode::OK, "");
    response.headers_mut().extend(headers.iter().cloned());
    response
}

fn ask_to_sign_in(visit: &Visit<'_>, shape: Shape, requested: &Requested) -> Response<Body> {
    let hosts = &visit.config.forward_auth.hosts;
    let own = &visit.scim_tenant.config.url;
    let back = return_to::allowed(&requested.url, own, hosts).filter(|_| requested.is_page);
    let sign_in = with_return(format!("{}/sign-in", visit.base()), back);
    // nginx makes a redirect of 401, where it is told to.
    let status = if requested.is_page && shape != Shape::AuthRequest {
        StatusCode::FOUND
    } else {
        StatusCode::UNAUTHORIZED
    };
    let mut response = plain(status, "Sign in first.");
    if let Ok(location) = HeaderValue::from_str(&sign_in)
        && (requested.is_page || shape == Shape::AuthRequest)
    {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

fn plain(status: StatusCode, text: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(text.to_owned()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, plain);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_declared_host_is_asked_about() {
        let check = |url: &str, expected: Result<(&str, &str), NotAsked>| {
            let own = "https://id.contoso.example".parse().unwrap();
            let hosts = ["wiki.contoso.example", "crm.contoso.example:8443"].map(str::to_owned);
            let found = target(url, &own, &hosts);
            let found = found.as_ref().map(|(host, path)| (host.as_str(), *path));
            assert_eq!(found, expected.as_ref().copied(), "{url}");
        };
        let wiki = "wiki.contoso.example";
        check("https://wiki.contoso.example/a?b=/c", Ok((wiki, "/a")));
        check("https://WIKI.contoso.example:443", Ok((wiki, "/")));
        check("https://wiki.contoso.example?/a", Ok((wiki, "/")));
        check("https://wiki.contoso.example\\a", Ok((wiki, "\\a")));
        check("https://wiki.contoso.example#/a", Ok((wiki, "#/a")));
        check(
            "https://id.contoso.example/?a",
            Ok(("id.contoso.example", "/")),
        );
        check(
            "https://crm.contoso.example:8443/",
            Ok(("crm.contoso.example:8443", "/")),
        );
        for other in [
            "https://crm.contoso.example/",
            "https://evil.example/",
            "https://evil.example/wiki.contoso.example",
            "https://wiki.contoso.example@evil.example/",
            "https://wiki.contoso.example.evil.example/",
            "https://evil.example\\wiki.contoso.example/",
            "https://",
        ] {
            check(other, Err(NotAsked::OtherHost));
        }
        check("http,https://wiki.contoso.example/", Err(NotAsked::Unclear));
        check("/a", Err(NotAsked::Unclear));
        check("", Err(NotAsked::Unclear));
    }
}
