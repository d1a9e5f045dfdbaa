//! Who the bearer of an access token is (OpenID Connect Core 1.0, section 5.3).

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Response};
use serde_json::{Value, json};
use uuid::Uuid;

use super::claims::{GRAPH, userinfo};
use super::{header, json};
use crate::emulator::world::World;

/// Answers userinfo, where Entra asks Microsoft Graph.
pub(super) async fn asked(State(world): State<Arc<World>>, headers: HeaderMap) -> Response<Body> {
    let presented = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
    let token = presented.and_then(|it| it.strip_prefix("Bearer "));
    if let Some(said) = token.and_then(|it| bearer(&world, it)) {
        return json(200, &said);
    }
    let error = json!({"error": {
        "code": "InvalidAuthenticationToken",
        "message": "The access token is missing, has expired, or is not for this resource.",
    }});
    let mut response = json(401, &error);
    header(
        &mut response,
        WWW_AUTHENTICATE,
        "Bearer error=\"invalid_token\"",
    );
    response
}

fn bearer(world: &World, token: &str) -> Option<Value> {
    let claims = world.identity.keys.open(token)?;
    let text = |name: &str| claims[name].as_str();
    let is_good = text("aud") == Some(GRAPH)
        && claims["exp"].as_i64()? > world.clock.now().as_second()
        && text("scp")?.split(' ').any(|it| it == "openid");
    let person = Uuid::parse_str(text("oid")?).ok()?;
    let tenant = world.directory.read();
    let user = tenant.users().get(&person);
    let user = user.filter(|it| is_good && it.account_enabled && it.soft_deleted.is_none())?;
    Some(userinfo(user, text("sub")?))
}
