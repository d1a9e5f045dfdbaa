//! Signing in: the pages, the way to the identity provider and back, signing out, and the question of proxies who somebody is.

mod account;
mod authorize;
mod begin;
mod callback;
mod cookies;
mod end_session;
mod forgotten;
mod form;
mod forward_auth;
mod identify;
mod logout;
mod pages;
mod password;
mod password_refused;
mod provider;
mod refused;
mod return_to;
mod set_password;
mod sign_out;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use jiff::Timestamp;

use super::http::Shared;
use super::routing::{self, ScimTenant};
use super::sessions::{Sessions, digest};
use super::source;
use super::told::Told;
use crate::config::{SignInConfig, Token};
use crate::scim::resource::Resource;
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{Session, SignedInBy};
use crate::store::{ResourceId, StoreError, Stored};
use cookies::Cookies;
pub(crate) use forgotten::{AskedLinks, link_in};
use form::Form;
use forward_auth::Shape;
pub(crate) use provider::Providers;
use refused::Refused;

/// An endpoint of this part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Where signing in begins: the user name, or the choice among several connectors.
    Choose,
    /// Where a password is presented.
    Password,
    /// Where a link for a forgotten password is asked for.
    Forgotten,
    /// The link by which a password is set.
    SetPassword(Token),
    /// The way to the provider of this connector.
    Begin(String),
    /// The way back from it.
    Callback(String),
    /// The provider of this connector ends sessions.
    Logout(String),
    /// Who is signed in.
    SignedIn,
    /// The page of who is signed in.
    Account,
    /// The end of sessions of the person who asks.
    EndSessions,
    /// Another password for the person who asks.
    ChangePassword,
    /// The question whether to sign out, and the answer yes.
    SignOut,
    /// That nobody is signed in any more.
    SignedOut,
    /// The style sheet.
    Style,
    /// An application asks who it is.
    Authorize,
    /// An application signs somebody out.
    EndSession,
    /// A proxy asks.
    ForwardAuth(Shape),
}

impl Route {
    /// The endpoint at `rest`, a path behind the prefix of a directory.
    fn parse(rest: &str) -> Option<Self> {
        let path = rest.strip_prefix('/')?;
        let (first, further) = path.split_once('/').unwrap_or((path, ""));
        let is_alone = !path.contains('/');
        match first {
            "sign-in" if path == "sign-in" => Some(Self::Choose),
            "sign-in" if further == pages::style_name() => Some(Self::Style),
            "sign-in" => match further.split_once('/') {
                None if !further.is_empty() => Some(Self::Begin(further.to_owned())),
                Some((connector, "callback")) => Some(Self::Callback(connector.to_owned())),
                Some((connector, "logout")) => Some(Self::Logout(connector.to_owned())),
                None | Some(_) => None,
            },
            "password" if is_alone => Some(Self::Password),
            "forgotten-password" if is_alone => Some(Self::Forgotten),
            "set-password" if !further.is_empty() && !further.contains('/') => {
                Some(Self::SetPassword(Token::presented(further)))
            }
            "account" if is_alone => Some(Self::Account),
            "account" if further == "sessions" => Some(Self::EndSessions),
            "account" if further == "password" => Some(Self::ChangePassword),
            "signed-in" if is_alone => Some(Self::SignedIn),
            "sign-out" if is_alone => Some(Self::SignOut),
            "signed-out" if is_alone => Some(Self::SignedOut),
            "oauth2" if further == "authorize" => Some(Self::Authorize),
            "oauth2" if further == "sign-out" => Some(Self::EndSession),
            "auth-request" if is_alone => Some(Self::ForwardAuth(Shape::AuthRequest)),
            "forward-auth" if is_alone => Some(Self::ForwardAuth(Shape::ForwardAuth)),
            // Envoy puts the path of the request behind it.
            "ext-authz" => Some(Self::ForwardAuth(Shape::ExtAuthz)),
            _ => None,
        }
    }

    /// Its name in logs and metrics.
    fn name(&self) -> &'static str {
        match self {
            Self::Choose => "/sign-in",
            Self::Password => "/password",
            Self::Forgotten => "/forgotten-password",
            Self::SetPassword(_) => "/set-password/{link}",
            Self::Begin(_) => "/sign-in/{connector}",
            Self::Callback(_) => "/sign-in/{connector}/callback",
            Self::Logout(_) => "/sign-in/{connector}/logout",
            Self::SignedIn => "/signed-in",
            Self::Account => "/account",
            Self::EndSessions => "/account/sessions",
            Self::ChangePassword => "/account/password",
            Self::SignOut => "/sign-out",
            Self::SignedOut => "/signed-out",
            Self::Style => "/sign-in/style.css",
            Self::Authorize => "/oauth2/authorize",
            Self::EndSession => "/oauth2/sign-out",
            Self::ForwardAuth(Shape::AuthRequest) => "/auth-request",
            Self::ForwardAuth(Shape::ForwardAuth) => "/forward-auth",
            Self::ForwardAuth(Shape::ExtAuthz) => "/ext-authz",
        }
    }

    /// The methods that it understands.
    fn methods(&self) -> &'static str {
        match self {
            Self::EndSessions | Self::ChangePassword => "POST",
            Self::Logout(_) => "GET, POST",
            Self::Choose
            | Self::Password
            | Self::Forgotten
            | Self::SetPassword(_)
            | Self::SignOut
            | Self::Authorize
            | Self::EndSession => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }

    fn allows(&self, method: &Method) -> bool {
        match self {
            // A proxy asks by the method of the request that it is about.
            Self::ForwardAuth(_) => true,
            _ => self.methods().split(", ").any(|it| it == method.as_str()),
        }
    }
}

/// The directory and endpoint that a request is for, if it is one of this part and people sign in there.
pub(super) fn find(shared: &Shared, head: &Parts) -> Option<(Arc<ScimTenant>, Route)> {
    let host = routing::host(&head.uri, &head.headers);
    let table = shared.table.load();
    let (scim_tenant, rest) = table.find(&host, head.uri.path())?;
    let config = scim_tenant.config.sign_in.as_ref()?;
    let route = Route::parse(rest)?;
    let is_built_in = matches!(
        route,
        Route::Password | Route::Forgotten | Route::SetPassword(_) | Route::ChangePassword
    );
    let is_of_applications = matches!(route, Route::Authorize | Route::EndSession);
    let is_there = (config.built_in || !is_built_in)
        && (config.email.is_some() || route != Route::Forgotten)
        && (config.applications.is_some() || !is_of_applications);
    is_there.then(|| (Arc::clone(scim_tenant), route))
}

/// One request to this part.
struct Visit<'v> {
    shared: &'v Shared,
    scim_tenant: &'v Arc<ScimTenant>,
    config: &'v SignInConfig,
    head: &'v Parts,
    /// The form, or the query.
    form: Form,
    peer: SocketAddr,
    now: Timestamp,
    request_id: String,
}

impl Visit<'_> {
    /// The public URL of the directory without a trailing slash.
    fn base(&self) -> &str {
        self.scim_tenant.base()
    }

    fn cookies(&self) -> Cookies<'_> {
        let domain = self.config.forward_auth.cookie_domain.as_deref();
        Cookies::of(&self.scim_tenant.config.url, domain)
    }

    fn sessions(&self) -> Sessions<'_> {
        Sessions::new(&*self.scim_tenant.opened.store, self.config, self.now)
    }

    /// The session that the browser presents.
    fn presented(&self) -> Option<Token> {
        self.cookies().session(&self.head.headers)
    }

    /// Who is signed in with this browser.
    async fn person(&self) -> Result<Option<Stored>, StoreError> {
        Ok(self.signed_in().await?.map(|it| it.1))
    }

    /// The session of this browser, and who is signed in with it.
    async fn signed_in(&self) -> Result<Option<(Session, Stored)>, StoreError> {
        match self.presented() {
            Some(token) => self.sessions().signed_in(&digest(&token)).await,
            None => Ok(None),
        }
    }

    /// Opens a session in the place of the one that the browser had, if the person may have one, which is said, and gives its cookie.
    async fn open_session(
        &self,
        who: (&ResourceId, SignedInBy),
        password: Option<PasswordHash>,
        response: &mut Response<Body>,
    ) -> Result<bool, StoreError> {
        let (token, had) = (self.secret(), self.presented());
        let sessions = self.sessions();
        let opened = sessions.open(who, password, (&token, had.as_ref()));
        let opened = opened.await?;
        let minutes = self.config.session.absolute_minutes;
        let cookie = self.cookies().give_session(&token, minutes);
        if let Some(cookie) = cookie.filter(|_| opened) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(opened)
    }

    /// Where it comes from.
    fn from(&self) -> IpAddr {
        let trusted = &self.scim_tenant.config.trusted_proxies;
        source::address(&self.head.headers, self.peer.ip(), trusted)
    }

    /// A secret of 256 random bits.
    fn secret(&self) -> Token {
        self.shared.secret()
    }
}

/// What a person is called on a page: the display name, else the name by which the person signs in.
fn called(person: &Resource) -> &str {
    let name = person.display_name().filter(|it| !it.trim().is_empty());
    name.or_else(|| person.user_name()).unwrap_or("somebody")
}

/// Answers a request to one of this part's endpoints.
pub(super) async fn serve(
    shared: &Shared,
    peer: SocketAddr,
    (head, body): (Parts, Body),
    (scim_tenant, route): (&Arc<ScimTenant>, &Route),
) -> Response<Body> {
    let told = Told::begin(shared).of(&scim_tenant.config.name.0);
    let Some(config) = &scim_tenant.config.sign_in else {
        let nothing = status(StatusCode::NOT_FOUND);
        return told.finish(shared, &head.method, route.name(), nothing);
    };
    // A proxy asks by the method of the request that it is about, and sends no form.
    // An application may send one from its own site.
    let is_foreign = matches!(
        route,
        Route::ForwardAuth(_) | Route::Authorize | Route::EndSession | Route::Logout(_)
    );
    let takes_form = !is_foreign && route.allows(&head.method);
    let (body, foreign) = if takes_form {
        (body, Body::empty())
    } else {
        (Body::empty(), body)
    };
    let (form, unread) = match Form::read(shared, &scim_tenant.config, &head, body).await {
        Ok(form) => (form, None),
        Err(refused) => (Form::default(), Some(refused)),
    };
    let visit = Visit {
        shared,
        scim_tenant,
        config,
        head: &head,
        form,
        peer,
        now: told.began,
        request_id: told.request_id(shared),
    };
    let answered = match route {
        Route::Style => Ok(pages::style()),
        route if !route.allows(&head.method) => {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            let methods = HeaderValue::from_static(route.methods());
            response.headers_mut().insert(ALLOW, methods);
            Ok(response)
        }
        Route::Authorize | Route::EndSession if head.method == Method::POST => {
            authorize::as_query(&visit, foreign).await
        }
        Route::Logout(connector) => Ok(logout::answer(&visit, connector, foreign).await),
        Route::ForwardAuth(shape) => Ok(forward_auth::answer(&visit, *shape).await),
        route => page(&visit, route, unread).await,
    };
    let response = answered.unwrap_or_else(|refused| refused.into_response(&visit, route));
    told.finish(shared, &head.method, route.name(), response)
}

async fn page(
    visit: &Visit<'_>,
    route: &Route,
    unread: Option<Refused>,
) -> Result<Response<Body>, Refused> {
    if let Some(refused) = unread {
        return Err(refused);
    }
    if !visit.shared.handover.is_open().await {
        return Err(Refused::Store(StoreError::Closed));
    }
    match route {
        Route::Choose => begin::choose(visit).await,
        Route::Begin(connector) => begin::begin(visit, connector).await,
        Route::Callback(connector) => callback::callback(visit, connector).await,
        Route::Password if visit.head.method == Method::POST => password::password(visit).await,
        Route::Password => Ok(redirect(&format!("{}/sign-in", visit.base()))),
        Route::Forgotten => forgotten::forgotten(visit).await,
        Route::SetPassword(link) => set_password::set_password(visit, link).await,
        Route::Account => account::account(visit).await,
        Route::EndSessions => account::end_sessions(visit).await,
        Route::ChangePassword => account::change_password(visit).await,
        Route::SignedIn => sign_out::signed_in(visit).await,
        Route::SignOut if visit.head.method == Method::POST => sign_out::sign_out(visit).await,
        Route::SignOut => Ok(sign_out::question(visit)),
        Route::SignedOut => sign_out::signed_out(visit).await,
        Route::Authorize => authorize::authorize(visit).await,
        Route::EndSession => end_session::end_session(visit).await,
        Route::Style | Route::ForwardAuth(_) | Route::Logout(_) => {
            Ok(status(StatusCode::NOT_FOUND))
        }
    }
}

/// An answer without a body.
fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sends the browser elsewhere, where it asks by GET.
fn redirect(url: &str) -> Response<Body> {
    let mut response = status(StatusCode::SEE_OTHER);
    if let Ok(location) = HeaderValue::from_str(url) {
        response.headers_mut().insert(LOCATION, location);
    }
    pages::guard(&mut response);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_found_by_its_path() {
        let check = |path: &str, expected: Option<&str>| {
            let found = Route::parse(path);
            assert_eq!(found.as_ref().map(Route::name), expected, "{path}");
        };
        check("/sign-in", Some("/sign-in"));
        check("/sign-in/entra", Some("/sign-in/{connector}"));
        check(
            "/sign-in/entra/callback",
            Some("/sign-in/{connector}/callback"),
        );
        let style = format!("/sign-in/{}", pages::style_name());
        check(&style, Some("/sign-in/style.css"));
        check("/sign-in/entra/logout", Some("/sign-in/{connector}/logout"));
        check("/signed-in", Some("/signed-in"));
        check("/password", Some("/password"));
        check("/forgotten-password", Some("/forgotten-password"));
        check("/account", Some("/account"));
        check("/account/sessions", Some("/account/sessions"));
        check("/account/password", Some("/account/password"));
        check("/set-password/usher_x", Some("/set-password/{link}"));
        check("/sign-out", Some("/sign-out"));
        check("/signed-out", Some("/signed-out"));
        check("/oauth2/authorize", Some("/oauth2/authorize"));
        check("/oauth2/sign-out", Some("/oauth2/sign-out"));
        check("/oauth2/token", None);
        check("/auth-request", Some("/auth-request"));
        check("/forward-auth", Some("/forward-auth"));
        check("/ext-authz", Some("/ext-authz"));
        check("/ext-authz/scim/v2/Users", Some("/ext-authz"));
        for other in [
            "/",
            "/sign-in/",
            "/sign-in/entra/",
            "/sign-in/entra/other",
            "/sign-in/entra/callback/more",
            "/sign-out/",
            "/password/x",
            "/set-password",
            "/set-password/",
            "/set-password/x/y",
            "/account/",
            "/account/other",
            "/forward-auth/x",
            "/scim/v2/Users/sign-in",
            "sign-in",
        ] {
            check(other, None);
        }
    }
}
