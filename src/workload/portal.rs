//! The portal: pages by which administrators see a directory and act on it. What they may do is decided in
//! [`administration`](super::administration); here is what they see.

mod act;
mod chart;
mod connectors;
mod frame;
mod groups;
mod held;
mod overview;
mod parts;
mod people;
mod person;
mod refused;
mod requests;
mod route;
mod settings;

use std::net::SocketAddr;
use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::http::header::{ALLOW, HeaderValue};
use axum::http::request::Parts;
use axum::http::{Method, Response, StatusCode};

use super::administration::{Administration, Administrator, Through};
use super::http::{REQUEST_TIME, Shared};
use super::routing::{self, ScimTenant};
use super::sign_in::{self, Visit, called, pages, redirect, status};
use super::told::Told;
use crate::config::{self, Token};
use crate::store::StoreError;
use frame::{Frame, Place};
use parts::Link;
use refused::Refused;
pub(super) use route::Route;

/// The directory and page that a request is for, if it is one of the portal and there is one.
pub(super) fn find(shared: &Shared, head: &Parts) -> Option<(Arc<ScimTenant>, Route)> {
    let host = routing::host(&head.uri, &head.headers);
    let table = shared.table.load();
    let (scim_tenant, rest) = table.find(&host, head.uri.path())?;
    let config = &scim_tenant.config;
    let is_there = config.sign_in.is_some() && config.portal.is_some();
    let route = Route::parse(rest)?;
    is_there.then(|| (Arc::clone(scim_tenant), route))
}

/// Answers a request to a page.
pub(super) async fn serve(
    shared: &Shared,
    peer: SocketAddr,
    (head, body): (Parts, Body),
    (scim_tenant, route): (&Arc<ScimTenant>, &Route),
) -> Response<Body> {
    let told = Told::begin(shared).of(&scim_tenant.config.name.0);
    let portal = Administration::of(scim_tenant, told.began);
    let (Some(administration), Some(config)) = (portal, &scim_tenant.config.sign_in) else {
        let nothing = status(StatusCode::NOT_FOUND);
        return told.finish(shared, &head.method, route.name(), nothing);
    };
    let response = match route {
        Route::Style => pages::file(frame::STYLE, "text/css; charset=utf-8"),
        Route::Script => pages::file(frame::SCRIPT, "text/javascript; charset=utf-8"),
        route if !route.allows(&head.method) => {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED);
            let methods = HeaderValue::from_static(route.methods());
            response.headers_mut().insert(ALLOW, methods);
            response
        }
        route => {
            let form = sign_in::form(shared, scim_tenant, &head, body).await;
            let is_own = form.is_some();
            let visit = Visit {
                shared,
                scim_tenant,
                config,
                head: &head,
                form: form.unwrap_or_default(),
                peer,
                now: told.began,
                request_id: told.request_id(shared),
            };
            let answered = Box::pin(answer(&visit, &administration, route, is_own));
            let answered = tokio::time::timeout(REQUEST_TIME, answered).await;
            answered.unwrap_or_else(|_| {
                let bare = frame(&visit, &administration);
                Refused::TooSlow.into_response(&visit, bare, Link::new("Overview", "/portal"))
            })
        }
    };
    told.finish(shared, &head.method, route.name(), response)
}

/// A request of an administrator.
struct Desk<'d> {
    visit: &'d Visit<'d>,
    administration: &'d Administration<'d>,
    administrator: Administrator,
    /// What a form of this session has.
    csrf: String,
    here: Option<Place>,
}

impl Desk<'_> {
    /// What is around a page.
    fn frame(&self) -> Frame {
        Frame {
            who: self.administrator.name.clone(),
            role: Some(self.administrator.role.name()),
            csrf: self.csrf.clone(),
            here: self.here,
            ..frame(self.visit, self.administration)
        }
    }

    /// A field of the form or a parameter of the query, without what is around it; nothing when it is empty.
    fn field(&self, name: &str) -> Option<&str> {
        let value = self.visit.form.get(name)?.trim();
        (!value.is_empty()).then_some(value)
    }

    fn page(&self, page: &impl Template) -> Response<Body> {
        pages::page_with_script(self.visit, StatusCode::OK, page)
    }
}

/// What is around a page for nobody in particular.
fn frame(visit: &Visit<'_>, administration: &Administration<'_>) -> Frame {
    Frame {
        name: administration.display_name().to_owned(),
        prefix: visit.scim_tenant.prefix.clone(),
        style: &frame::STYLE_NAME,
        script: &frame::SCRIPT_NAME,
        who: String::new(),
        role: None,
        csrf: String::new(),
        here: None,
    }
}

async fn answer(
    visit: &Visit<'_>,
    administration: &Administration<'_>,
    route: &Route,
    is_own: bool,
) -> Response<Body> {
    let bare = || frame(visit, administration);
    let back = match route {
        Route::Act(id, _) => Link::new("Back to the person", route::person(id)),
        _ => Link::new("Overview", "/portal"),
    };
    if !visit.shared.handover.is_open().await {
        return Refused::Store(StoreError::Closed).into_response(visit, bare(), back);
    }
    let (_, person) = match visit.signed_in().await {
        Ok(Some(found)) => found,
        Ok(None) => return to_sign_in(visit),
        Err(error) => return Refused::Store(error).into_response(visit, bare(), back),
    };
    let who = Frame {
        who: called(&person.resource).to_owned(),
        ..bare()
    };
    let admitted = administration.admit(&person, Through::Portal, &visit.request_id);
    let administrator = match admitted {
        Ok(administrator) => administrator,
        Err(why) => return Refused::NotDone(why).into_response(visit, who, back),
    };
    let desk = Desk {
        visit,
        administration,
        administrator,
        csrf: visit.presented().map(|it| csrf(&it)).unwrap_or_default(),
        here: route.place(),
    };
    let done = match route {
        Route::Act(..) if !is_own || desk.field("csrf") != Some(&desk.csrf) => {
            Err(Refused::ForeignForm)
        }
        route => page(&desk, route).await,
    };
    done.unwrap_or_else(|why| why.into_response(visit, desk.frame(), back))
}

async fn page(desk: &Desk<'_>, route: &Route) -> Result<Response<Body>, Refused> {
    match route {
        Route::Overview => overview::page(desk).await,
        Route::People => people::page(desk).await,
        Route::Person(id) => person::page(desk, id).await,
        Route::Photo(id) => person::photo(desk, id).await,
        Route::Act(id, act) => act::act(desk, id, *act).await,
        Route::Groups => groups::page(desk).await,
        Route::Group(id) => groups::one(desk, id).await,
        Route::Connectors => connectors::page(desk).await,
        Route::Connector(name) => connectors::one(desk, name).await,
        Route::Requests => requests::page(desk).await,
        Route::Request(connector, number) => requests::one(desk, connector, *number).await,
        Route::Held => held::page(desk).await,
        Route::Settings => settings::page(desk),
        Route::Style | Route::Script => Ok(status(StatusCode::NOT_FOUND)),
    }
}

/// What each form of a session has, and nobody knows who has neither its cookie nor a page of it.
fn csrf(session: &Token) -> String {
    config::digest(&format!("{} portal", session.reveal()))
}

/// Whoever is not signed in may do so, and comes back; a form is not sent again.
fn to_sign_in(visit: &Visit<'_>) -> Response<Body> {
    let base = visit.base();
    let here = match (&visit.head.method, visit.head.uri.path_and_query()) {
        (&Method::POST, _) | (_, None) => format!("{base}/portal"),
        (_, Some(here)) => {
            let path = here.as_str();
            let rest = path.strip_prefix(visit.scim_tenant.prefix.as_str());
            format!("{base}{}", rest.unwrap_or("/portal"))
        }
    };
    redirect(&pages::with_return(format!("{base}/sign-in"), Some(&here)))
}
