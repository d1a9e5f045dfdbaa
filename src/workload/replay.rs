//! What clients sent last of people: kept sealed, and read once more when the rules by which it is read have changed.

mod progress;
mod sent;

use std::path::Path;

use axum::http::header::{HeaderValue, IF_MATCH};
use axum::http::{HeaderMap, Method};
use jiff::Timestamp;

use super::directory::{DirectoryError, Effect};
use super::http::Shared;
use super::routing::{Endpoint, ScimTenant};
use super::scim::Call;
use super::sealing::Sealing;
use crate::config::ScimClientConfig;
use crate::config::report::ReplayReport;
use crate::scim::schema::ResourceType;
use crate::store::audit::Requester;
use crate::store::payloads::{ForgottenPayloads, Payload, Subject};
use crate::store::{Related, StoreError, Version};
use progress::Progress;
pub(crate) use sent::{MAX_PAYLOAD, Sent, Waiting};

/// Payloads that are read again at a time; then others have their turn.
const AT_ONCE: usize = 100;

/// What the audit has as the credential of what is read again.
pub(crate) const CREDENTIAL: &str = "replay";

/// What became of a payload that was read again.
enum Outcome {
    /// It is what is there now.
    Taken,
    /// It is refused as before.
    Refused,
    /// It says nothing new, or nothing that is still so.
    Passed,
    /// Not now: the brake holds it, or the store fails.
    Later,
}

/// Saves what was sent, and reads again what has to be.
pub(super) async fn turn(shared: &Shared, scim_tenant: &ScimTenant) {
    let Some(config) = &scim_tenant.config.replay else {
        return;
    };
    if let Err(error) = save(shared, scim_tenant, &config.sealing_key_file).await {
        tracing::debug!(
            scim_tenant = %scim_tenant.config.name,
            error = crate::telemetry::chain(&error),
            "what clients sent was not kept"
        );
    }
    if let Err(error) = go_on(shared, scim_tenant, &config.sealing_key_file).await {
        tracing::debug!(
            scim_tenant = %scim_tenant.config.name,
            error = crate::telemetry::chain(&error),
            "what clients sent was not read again"
        );
    }
}

/// Forgets what strangers sent long ago, and what was sent of people whom another version of the program deleted; of a directory that replays nothing any more, everything.
pub(super) async fn forget(scim_tenant: &ScimTenant, now: Timestamp) {
    let which = match scim_tenant.config.replay {
        Some(_) => {
            let before = now.checked_sub(sent::OF_STRANGERS);
            ForgottenPayloads::OfStrangers(before.unwrap_or(Timestamp::MIN))
        }
        None => ForgottenPayloads::All,
    };
    let store = &scim_tenant.opened.store;
    while matches!(store.forget_payloads(which).await, Ok(1..)) {}
    if scim_tenant.opened.sent.looks_for_orphans(now) {
        while matches!(store.forget_orphaned_payloads().await, Ok(1..)) {}
    }
}

/// How far it is; nothing when nothing is kept, or nobody has looked yet.
pub(super) async fn report(scim_tenant: &ScimTenant) -> Option<ReplayReport> {
    scim_tenant.config.replay.as_ref()?;
    let (progress, _) = Progress::read(scim_tenant).await.ok()??;
    Some(progress.report())
}

/// Why something was not kept or read.
#[derive(Debug, thiserror::Error)]
enum ReplayError {
    #[error("the sealing key cannot be read")]
    Key(#[from] std::io::Error),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Keeps what was sent since the last time.
pub(super) async fn save_of(shared: &Shared, scim_tenant: &ScimTenant) {
    if let Some(config) = &scim_tenant.config.replay {
        let saved = save(shared, scim_tenant, &config.sealing_key_file).await;
        drop(saved);
    }
}

async fn save(shared: &Shared, scim_tenant: &ScimTenant, key: &Path) -> Result<(), ReplayError> {
    let waiting = scim_tenant.opened.sent.waiting();
    if waiting.is_empty() {
        return Ok(());
    }
    let sealing = match Sealing::read(key).await {
        Ok(it) => it,
        Err(error) => {
            scim_tenant.opened.sent.take_back(waiting);
            return Err(error.into());
        }
    };
    let payloads = waiting
        .iter()
        .filter_map(|it| it.sealed(&sealing, &*shared.random));
    let payloads: Vec<Payload> = payloads.collect();
    if let Err(error) = scim_tenant.opened.store.keep_payloads(payloads).await {
        scim_tenant.opened.sent.take_back(waiting);
        return Err(error.into());
    }
    Ok(())
}

/// Reads some of them again, if the rules are others than those by which they were read last.
async fn go_on(shared: &Shared, scim_tenant: &ScimTenant, key: &Path) -> Result<(), ReplayError> {
    let opened = &scim_tenant.opened;
    let rules = progress::rules(scim_tenant);
    if opened.sent.is_done(&rules, shared.clock.now()) {
        return Ok(());
    }
    let (mut progress, before) = match Progress::read(scim_tenant).await? {
        Some((progress, text)) => (progress, Some(text)),
        None => (Progress::default(), None),
    };
    progress.begin(&rules);
    if !progress.ended {
        let sealing = Sealing::read(key).await?;
        let is_stopped = some(shared, scim_tenant, &sealing, &mut progress).await?;
        if is_stopped {
            opened.sent.pause(shared.clock.now());
        }
    }
    // Another process that was faster has counted the same.
    match opened.store.keep_note(progress.note(), before).await {
        Ok(()) | Err(StoreError::VersionConflict) => {}
        Err(error) => return Err(error.into()),
    }
    if progress.ended {
        opened.sent.done(rules);
    }
    Ok(())
}

/// Reads the next ones again; says whether one of them has to wait.
async fn some(
    shared: &Shared,
    scim_tenant: &ScimTenant,
    sealing: &Sealing,
    progress: &mut Progress,
) -> Result<bool, ReplayError> {
    let store = &scim_tenant.opened.store;
    let kept = store.payloads(progress.after, AT_ONCE).await?;
    progress.ended = kept.len() < AT_ONCE;
    for one in kept {
        match again(shared, scim_tenant, sealing, &one.payload).await {
            Outcome::Taken => progress.replayed += 1,
            Outcome::Refused => progress.refused += 1,
            Outcome::Passed => {}
            Outcome::Later => {
                progress.ended = false;
                return Ok(true);
            }
        }
        progress.after = one.number;
    }
    Ok(false)
}

/// Reads one of them again, as a request of its client.
async fn again(
    shared: &Shared,
    scim_tenant: &ScimTenant,
    sealing: &Sealing,
    payload: &Payload,
) -> Outcome {
    let Some(client) = client(scim_tenant, &payload.client) else {
        return Outcome::Passed;
    };
    let Some((method, body)) = sent::opened(sealing, payload) else {
        return Outcome::Passed;
    };
    let kind = ResourceType::User;
    let (method, endpoint) = match &payload.subject {
        Subject::Stranger(_) => (method, Endpoint::Resources(kind)),
        // Who was created by it is there.
        Subject::Person { id, .. } if method == Method::POST => {
            let there = Endpoint::Resource(kind, id.as_str().to_owned());
            (Method::PUT, there)
        }
        Subject::Person { id, .. } => (method, Endpoint::Resource(kind, id.as_str().to_owned())),
    };
    let version = match unchanged(scim_tenant, payload).await {
        Ok(version) => version,
        Err(outcome) => return outcome,
    };
    let mut headers = HeaderMap::new();
    if let Some(version) = version
        && let Ok(version) = HeaderValue::from_str(&format!("W/\"{}\"", version.0))
    {
        headers.insert(IF_MATCH, version);
    }
    let requester = Requester {
        request_id: "replay".to_owned(),
        client: payload.client.clone(),
        credential: CREDENTIAL.to_owned(),
        person: None,
    };
    let call = Call {
        scim_tenant,
        client,
        now: shared.clock.now(),
        endpoint: &endpoint,
        requester: &requester,
        method: &method,
        query: "",
        headers: &headers,
        body: body.as_bytes(),
    };
    match call.perform().await {
        Ok((_, Effect::Read | Effect::Unchanged))
        | Err(
            DirectoryError::NotFound(_)
            | DirectoryError::Precondition
            | DirectoryError::BreakGlass(_)
            | DirectoryError::Store(
                StoreError::Taken { .. }
                | StoreError::VersionConflict
                | StoreError::UnknownMembers { .. },
            ),
        ) => Outcome::Passed,
        Ok(_) => Outcome::Taken,
        Err(DirectoryError::Refused(error)) if error.status < 500 => Outcome::Refused,
        Err(DirectoryError::Refused(_) | DirectoryError::Store(_)) => Outcome::Later,
    }
}

/// The version of the person that a payload may be said again of: nobody has changed the person since. There is none of who is to be
/// created.
async fn unchanged(
    scim_tenant: &ScimTenant,
    payload: &Payload,
) -> Result<Option<Version>, Outcome> {
    let id = match (&payload.subject, payload.version) {
        (Subject::Person { id, .. }, None) => id,
        (_, version) => return Ok(version),
    };
    let store = &scim_tenant.opened.store;
    match store.find(ResourceType::User, id, Related::Skip).await {
        Ok(Some(person)) if person.last_modified <= payload.at => Ok(Some(person.version)),
        Ok(_) => Err(Outcome::Passed),
        Err(_) => Err(Outcome::Later),
    }
}

/// The client of this name, if it may still write people.
fn client<'t>(scim_tenant: &'t ScimTenant, name: &str) -> Option<&'t ScimClientConfig> {
    let mut clients = scim_tenant.config.clients.iter();
    let found = clients.find(|it| it.name == name)?;
    let may = found.rights.check(Some(ResourceType::User), true);
    may.is_ok().then_some(found)
}
