//! App registrations.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use serde_json::{Value, json};

use super::Said;
use super::answer::{read, said};
use crate::emulator::application::Application;
use crate::emulator::world::World;

/// What is shown of a registration: no secret.
pub(super) fn shown(application: &Application) -> Value {
    let uris: Vec<&str> = application.redirect_uris().map(|it| it.0).collect();
    json!({
        "appId": application.app_id,
        "displayName": application.shown(),
        "redirectUris": uris,
        "logoutUrl": application.web.logout_url,
        "backchannelLogoutUri": application.backchannel_logout_uri,
        "passwordCredentials": application.password_credentials.len(),
        "keyCredentials": application.key_credentials.len(),
        "federatedIdentityCredentials": application.federated_identity_credentials,
    })
}

/// All registrations.
pub(super) async fn list(State(world): State<Arc<World>>) -> Said {
    let tenant = world.directory.read();
    let all: Vec<Value> = tenant.applications().values().map(shown).collect();
    Ok(said(&json!({ "applications": all })))
}

/// Registers an application, or puts it in the place of the one with its id.
pub(super) async fn register(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let application: Application = read(&body)?;
    let answer = shown(&application);
    let now = world.job_clock.now();
    world
        .directory
        .change(now, |it| it.put_application(application));
    Ok(said(&answer))
}
