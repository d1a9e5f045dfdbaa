//! Signing in: the pages, the way to the identity provider and back, signing out, and the question of proxies who somebody is.

mod account;
mod authorize;
mod begin;
mod callback;
mod challenge;
mod cookies;
mod device;
mod end_session;
mod forgotten;
mod form;
mod forward_auth;
mod identify;
mod logout;
mod newcomer;
pub(super) mod pages;
mod passkey;
mod passkey_refused;
mod password;
mod password_refused;
pub(super) mod photo;
mod provider;
mod qr;
mod refresh;
mod refused;
mod return_to;
mod route;
mod second_factor;
mod second_factor_refused;
mod set_password;
mod sign_out;
mod ticket;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue, LOCATION, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};
use jiff::Timestamp;

use super::administration::Role;
use super::device::device;
use super::http::Shared;
use super::routing::{self, ScimTenant};
use super::sessions::{Sessions, SignedIn, digest};
use super::source;
use super::told::Told;
use crate::config::{SignInConfig, Token};
use crate::scim::resource::Resource;
use crate::store::audit::{AuditEntry, AuditEvent, Requester};
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{Session, SignedInBy};
use crate::store::{ResourceId, StoreError, Stored};
use cookies::Cookies;
pub(crate) use forgotten::{AskedLinks, link_in};
pub(super) use form::Form;
pub(crate) use provider::Providers;
use refused::Refused;
pub(super) use route::Route;

/// The directory and endpoint that a request is for, if it is one of this part and people sign in there.
pub(super) fn find(shared: &Shared, head: &Parts) -> Option<(Arc<ScimTenant>, Route)> {
    let host = routing::host(&head.uri, &head.headers);
    let table = shared.table.load();
    let (scim_tenant, rest) = table.find(&host, head.uri.path())?;
    let config = scim_tenant.config.sign_in.as_ref()?;
    let route = Route::parse(rest)?;
    let is_built_in = matches!(
        route,
        Route::Password
            | Route::SecondFactor
            | Route::Forgotten
            | Route::SetPassword(_)
            | Route::ChangePassword
            | Route::ChangeSecondFactor
            | Route::Passkey
            | Route::ChangePasskeys
    );
    let is_of_applications = matches!(route, Route::Authorize | Route::EndSession | Route::Device);
    let is_there = (config.built_in || !is_built_in)
        && (config.email.is_some() || route != Route::Forgotten)
        && (config.applications.is_some() || !is_of_applications);
    is_there.then(|| (Arc::clone(scim_tenant), route))
}

/// One request of a browser.
pub(super) struct Visit<'v> {
    pub(super) shared: &'v Shared,
    pub(super) scim_tenant: &'v Arc<ScimTenant>,
    pub(super) config: &'v SignInConfig,
    pub(super) head: &'v Parts,
    /// The form, or the query.
    pub(super) form: Form,
    pub(super) peer: SocketAddr,
    pub(super) now: Timestamp,
    pub(super) request_id: String,
}

impl Visit<'_> {
    /// The public URL of the directory without a trailing slash.
    pub(super) fn base(&self) -> &str {
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
    pub(super) fn presented(&self) -> Option<Token> {
        self.cookies().session(&self.head.headers)
    }

    /// Who is signed in with this browser.
    async fn person(&self) -> Result<Option<Stored>, StoreError> {
        Ok(self.signed_in().await?.map(|it| it.1))
    }

    /// The session of this browser, and who is signed in with it.
    pub(super) async fn signed_in(&self) -> Result<Option<(Session, Stored)>, StoreError> {
        let Some(token) = self.presented() else {
            return Ok(None);
        };
        let found = self.sessions().signed_in(&digest(&token)).await?;
        if let Some((session, _)) = &found {
            refresh::when_due(self, token, session);
        }
        Ok(found)
    }

    /// The same, for who asks again and again.
    async fn remembered(&self) -> Result<Option<Arc<SignedIn>>, StoreError> {
        let Some(token) = self.presented() else {
            return Ok(None);
        };
        let remembered = &self.scim_tenant.opened.sessions;
        let sessions = self.sessions();
        let found = sessions.remembered(&digest(&token), remembered).await?;
        if let Some(found) = &found {
            refresh::when_due(self, token, &found.session);
        }
        Ok(found)
    }

    /// Opens a session in the place of the one that the browser had, if the person may have one, which is said, and gives its cookie.
    async fn open_session(
        &self,
        who: (&ResourceId, SignedInBy),
        password: Option<PasswordHash>,
        response: &mut Response<Body>,
    ) -> Result<bool, StoreError> {
        let token = self.secret();
        self.open_session_of(&token, who, password, response).await
    }

    /// Does the same under a token that is there already.
    async fn open_session_of(
        &self,
        token: &Token,
        who: (&ResourceId, SignedInBy),
        password: Option<PasswordHash>,
        response: &mut Response<Body>,
    ) -> Result<bool, StoreError> {
        let had = self.presented();
        let sessions = self.sessions();
        let device = device(&self.head.headers);
        let opened = sessions.open(who, password, (token, had.as_ref(), device));
        let opened = opened.await?;
        let minutes = self.config.session.absolute_minutes;
        let cookie = self.cookies().give_session(token, minutes);
        if let Some(cookie) = cookie.filter(|_| opened) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        Ok(opened)
    }

    /// Whether there is a portal for this person.
    fn has_portal(&self, person: &Resource) -> bool {
        self.scim_tenant.config.portal.is_some() && Role::of(person).is_some()
    }

    /// Where it comes from.
    fn from(&self) -> IpAddr {
        let trusted = &self.scim_tenant.config.trusted_proxies;
        source::address(&self.head.headers, self.peer.ip(), trusted)
    }

    /// What is remembered of what a person does here to what the person signs in by.
    fn credential_entry(&self, person: &ResourceId, event: AuditEvent) -> AuditEntry {
        let requester = Requester {
            request_id: self.request_id.clone(),
            client: "sign-in".to_owned(),
            ..Requester::default()
        };
        let directory = &self.scim_tenant.directory;
        directory.credential_entry(person, event, &requester)
    }

    /// A secret of 256 random bits.
    fn secret(&self) -> Token {
        self.shared.secret()
    }
}

/// The form that a browser sends to another part; nothing where it is of another site, or did not arrive whole.
pub(super) async fn form(
    shared: &Shared,
    scim_tenant: &ScimTenant,
    head: &Parts,
    body: Body,
) -> Option<Form> {
    let form = Form::read(shared, &scim_tenant.config, head, body).await;
    form.ok()
}

/// Who is signed in with the browser that sent a request to another part.
pub(super) async fn person(
    shared: &Shared,
    scim_tenant: &Arc<ScimTenant>,
    peer: SocketAddr,
    head: &Parts,
) -> Result<Option<Stored>, StoreError> {
    let Some(config) = &scim_tenant.config.sign_in else {
        return Ok(None);
    };
    let visit = Visit {
        shared,
        scim_tenant,
        config,
        head,
        form: Form::default(),
        peer,
        now: shared.clock.now(),
        request_id: String::new(),
    };
    visit.person().await
}

/// What a person is called on a page: the display name, else the name by which the person signs in.
pub(super) fn called(person: &Resource) -> &str {
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
        Route::Script => Ok(pages::script()),
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
        route => Box::pin(page(&visit, route, unread)).await,
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
        Route::SecondFactor if visit.head.method == Method::POST => {
            second_factor::present(visit).await
        }
        Route::Passkey if visit.head.method == Method::POST => passkey::passkey(visit).await,
        Route::Password | Route::SecondFactor | Route::Passkey => {
            Ok(redirect(&format!("{}/sign-in", visit.base())))
        }
        Route::Forgotten => forgotten::forgotten(visit),
        Route::SetPassword(link) => set_password::set_password(visit, link).await,
        Route::Account => account::account(visit).await,
        Route::Photo => photo::own(visit).await,
        Route::EndSessions => account::end_sessions(visit).await,
        Route::EndApplication => account::end_application(visit).await,
        Route::ChangePassword => account::change_password(visit).await,
        Route::ChangeSecondFactor => account::change_second_factor(visit).await,
        Route::ChangePasskeys => account::change_passkeys(visit).await,
        Route::SignedIn => sign_out::signed_in(visit).await,
        Route::SignOut if visit.head.method == Method::POST => sign_out::sign_out(visit).await,
        Route::SignOut => Ok(sign_out::question(visit)),
        Route::SignedOut => sign_out::signed_out(visit).await,
        Route::Authorize => authorize::authorize(visit).await,
        Route::EndSession => end_session::end_session(visit).await,
        Route::Device => device::device(visit).await,
        Route::Style | Route::Script | Route::ForwardAuth(_) | Route::Logout(_) => {
            Ok(status(StatusCode::NOT_FOUND))
        }
    }
}

/// An answer without a body.
pub(super) fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

/// Sends the browser elsewhere, where it asks by GET.
pub(super) fn redirect(url: &str) -> Response<Body> {
    let mut response = status(StatusCode::SEE_OTHER);
    if let Ok(location) = HeaderValue::from_str(url) {
        response.headers_mut().insert(LOCATION, location);
    }
    pages::guard(&mut response);
    response
}
