//! The end of a session: the browser opens what applications have for it (Front-Channel Logout 1.0), and those that want a logout token get
//! one (Back-Channel Logout 1.0).

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::{CONTENT_TYPE, SET_COOKIE};
use axum::http::{HeaderMap, Response};
use futures::future::join_all;
use serde_json::json;
use url::form_urlencoded;

use super::browsers::{COOKIE, Session};
use super::claims::pairwise;
use super::client::registered;
use super::{cookie, header, pages, redirect, with_query};
use crate::emulator::application::Application;
use crate::emulator::tenant::EntraTenant;
use crate::emulator::world::World;
use crate::oidc::authentication_request::Parameters;

/// The event that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// Seconds for which a logout token is good.
const LOGOUT_SECONDS: i64 = 120;

/// Signs out whoever is signed in with the browser. As at Entra nobody is asked whether it is meant.
pub(super) async fn asked(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let tenant = match world.realm(&named) {
        Ok(tenant) => tenant,
        Err(refusal) => return pages::refusal(&world, &refusal),
    };
    let form = String::from_utf8_lossy(&body);
    let all = [query.as_deref().unwrap_or_default(), &form].join("&");
    let parameters = Parameters::parse(&all);
    let session = cookie(&headers).and_then(|it| world.identity.browsers.end(it));
    let mut frames = Vec::new();
    if let Some(session) = &session {
        tell(&world, session).await;
        frames = front_channel(&world, &tenant, session);
    }
    let to = back(&world, &tenant, &parameters);
    let mut response = match &to {
        Some(to) if frames.is_empty() => redirect(to),
        _ => pages::signed_out(&frames, to.as_deref()),
    };
    let line = format!("{COOKIE}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
    header(&mut response, SET_COOKIE, &line);
    response
}

/// Where the browser goes afterwards: only to where the application lets people come back to.
fn back(world: &World, tenant: &EntraTenant, parameters: &Parameters) -> Option<String> {
    let one = |name| parameters.one(name).ok().flatten();
    let wanted = one("post_logout_redirect_uri")?;
    let hinted = one("id_token_hint").and_then(|it| world.identity.keys.open(it));
    let hinted = hinted.and_then(|it| it["aud"].as_str().map(str::to_owned));
    let named = one("client_id").map(str::to_owned).or(hinted);
    // Without a name Entra goes by the address alone.
    let fits = |it: &Application| it.redirect_uris().any(|(uri, _)| uri == wanted);
    let is_known = match named {
        Some(named) => registered(tenant, &named).is_ok_and(fits),
        None => tenant.applications().values().any(fits),
    };
    let to = match one("state") {
        Some(state) => with_query(wanted, &[("state", state)]),
        None => wanted.to_owned(),
    };
    is_known.then_some(to)
}

/// What the browser opens.
fn front_channel(world: &World, tenant: &EntraTenant, session: &Session) -> Vec<String> {
    let (issuer, sid) = (world.issuer(tenant), session.sid.to_string());
    let entered = session.applications.iter();
    let entered = entered.filter_map(|id| tenant.applications().get(id));
    let urls = entered.filter_map(|it| it.web.logout_url.as_deref());
    urls.map(|url| with_query(url, &[("iss", &issuer), ("sid", &sid)]))
        .collect()
}

/// Sends logout tokens; an application that does not answer is logged and let be.
pub(super) async fn tell(world: &World, session: &Session) {
    let tenant = world.directory.read();
    let entered = session.applications.iter();
    let entered = entered.filter_map(|id| tenant.applications().get(id));
    let told = entered.filter_map(|application| {
        let url = application.backchannel_logout_uri.as_deref()?;
        let token = logout_token(world, &tenant, application, session)?;
        Some(send(world, url, token))
    });
    join_all(told.collect::<Vec<_>>()).await;
}

fn logout_token(
    world: &World,
    tenant: &EntraTenant,
    application: &Application,
    session: &Session,
) -> Option<String> {
    let now = world.clock.now().as_second();
    let claims = json!({
        "iss": world.issuer(tenant),
        "aud": application.app_id.to_string(),
        "sub": pairwise(tenant.id, application.app_id, session.person),
        "sid": session.sid.to_string(),
        "iat": now,
        "exp": now + LOGOUT_SECONDS,
        "jti": world.fresh_id().to_string(),
        "events": {EVENT: {}},
    });
    world.sign("logout+jwt", &claims).ok()
}

async fn send(world: &World, url: &str, token: String) {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("logout_token", &token)
        .finish();
    let request = world
        .identity
        .http
        .post(url)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    match request.send().await {
        Ok(answer) if answer.status().is_success() => {}
        Ok(answer) => {
            let status = answer.status().as_u16();
            tracing::warn!(url, status, "an application does not take a logout token");
        }
        Err(error) => {
            let error = error.without_url();
            tracing::warn!(url, %error, "an application cannot be told of a sign-out");
        }
    }
}
