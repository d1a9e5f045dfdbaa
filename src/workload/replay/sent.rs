//! What was sent and is not kept yet, and how it is sealed.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::clock::Random;
use crate::scim::fold_case;
use crate::store::payloads::{Payload, Subject};
use crate::store::second_factors::Sealed;
use crate::store::{ResourceId, Version};
use crate::workload::sealing::Sealing;

/// Bytes of a payload; a longer one is not kept.
pub(crate) const MAX_PAYLOAD: usize = 16 * 1024;

/// Bytes that wait to be kept; what comes when there are more is not.
const MAX_WAITING: usize = 8 * 1024 * 1024;

/// How long is kept what was refused of who is not in the directory. Entra sends it again within a day; of whom it says nothing any more,
/// somebody who has left perhaps, nobody may be made, for Entra would not know the account and never disable it.
pub(super) const OF_STRANGERS: SignedDuration = SignedDuration::from_hours(3 * 24);

/// How often it is looked for what was sent of people who are gone.
const ORPHANS_EVERY: SignedDuration = SignedDuration::from_hours(1);

/// How long nothing is read again once something had to wait.
const PAUSE: SignedDuration = SignedDuration::from_mins(1);

/// A request that would create or change a person, and what became of it.
#[derive(Clone)]
pub(crate) struct Sent {
    pub(crate) client: String,
    pub(crate) method: Method,
    /// The person; nothing if nobody was created.
    pub(crate) id: Option<ResourceId>,
    /// The version of the person afterwards; nothing if it was refused.
    pub(crate) version: Option<Version>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: Timestamp,
}

impl Sent {
    /// As it is kept; nothing if it says not of whom it is.
    pub(super) fn sealed(&self, sealing: &Sealing, random: &dyn Random) -> Option<Payload> {
        let body = &without_password(std::str::from_utf8(&self.body).ok()?)?;
        let stranger = (self.method == Method::POST).then(|| stranger(body, sealing));
        let stranger = stranger.flatten();
        let subject = match &self.id {
            Some(id) => Subject::Person {
                id: id.clone(),
                stranger,
            },
            None => Subject::Stranger(stranger?),
        };
        let content = json!({"method": self.method.as_str(), "body": body}).to_string();
        let about = about(&self.client, &subject);
        Some(Payload {
            client: self.client.clone(),
            at: self.at,
            version: self.version,
            sealed: Sealed(sealing.seal(&about, content.as_bytes(), random)),
            subject,
        })
    }
}

/// A body as it may be kept: of a password nothing is. Nothing if it is not understood.
fn without_password(body: &str) -> Option<String> {
    let is_password = |name: &str| name.eq_ignore_ascii_case("password");
    let mut read: Value = serde_json::from_str(body).ok()?;
    let members = read.as_object_mut()?;
    members.retain(|name, _| !is_password(name));
    let operations = members.iter_mut();
    let operations = operations.filter(|(name, _)| name.eq_ignore_ascii_case("Operations"));
    for operation in operations.filter_map(|(_, it)| it.as_array_mut()).flatten() {
        let Some(operation) = operation.as_object_mut() else {
            continue;
        };
        let mut parts = operation.iter();
        let has_path = |(name, path): (&String, &Value)| {
            name.eq_ignore_ascii_case("path") && path.as_str().is_some_and(is_password)
        };
        let is_all = parts.any(has_path);
        for (name, value) in operation {
            if let Some(values) = value.as_object_mut() {
                values.retain(|name, _| !is_password(name));
            } else if is_all && name.eq_ignore_ascii_case("value") {
                *value = Value::Null;
            }
        }
    }
    Some(read.to_string())
}

/// Method and body of a payload; nothing if another key sealed it.
pub(super) fn opened(sealing: &Sealing, payload: &Payload) -> Option<(Method, String)> {
    let about = about(&payload.client, &payload.subject);
    let content = sealing.open(&about, &payload.sealed.0)?;
    let content: Value = serde_json::from_slice(&content).ok()?;
    let method = content["method"].as_str()?.parse().ok()?;
    Some((method, content["body"].as_str()?.to_owned()))
}

fn about(client: &str, subject: &Subject) -> String {
    match subject {
        Subject::Person { id, .. } => format!("payload of {client} about person {id}"),
        Subject::Stranger(name) => format!("payload of {client} about stranger {name}"),
    }
}

/// What tells again whom a body would create, and nothing to who has not the key.
fn stranger(body: &str, sealing: &Sealing) -> Option<String> {
    let body: Value = serde_json::from_str(body).ok()?;
    let members = body.as_object()?;
    let named = |(name, _): &(&String, &Value)| name.eq_ignore_ascii_case("userName");
    let (_, name) = members.iter().find(named)?;
    Some(sealing.mark(&fold_case(name.as_str()?)))
}

/// What waits to be kept, and whether something has to be read again.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    sent: HashMap<(String, String), Sent>,
    weight: usize,
    /// The rules by which everything was read.
    done: Option<String>,
    not_before: Option<Timestamp>,
    /// When it was looked last for what was sent of people who are gone.
    looked: Option<Timestamp>,
}

impl Waiting {
    /// Takes in what was sent, in the place of what the client sent before of the same person.
    pub(crate) fn take(&self, sent: Sent) {
        let mut state = self.state();
        // Of who has no id yet each stands alone.
        let about = sent.id.as_ref().map_or_else(
            || String::from_utf8_lossy(&sent.body).into_owned(),
            |it| it.as_str().to_owned(),
        );
        if state.weight + sent.body.len() > MAX_WAITING {
            return;
        }
        state.weight += sent.body.len();
        if let Some(before) = state.sent.insert((sent.client.clone(), about), sent) {
            state.weight -= before.body.len();
        }
    }

    /// What has to be kept since this was last asked.
    pub(super) fn waiting(&self) -> Vec<Sent> {
        let mut state = self.state();
        state.weight = 0;
        let mut sent: Vec<Sent> = std::mem::take(&mut state.sent).into_values().collect();
        sent.sort_by_key(|it| it.at);
        sent
    }

    /// Takes back what could not be kept, unless something newer came.
    pub(super) fn take_back(&self, sent: Vec<Sent>) {
        let newer = self.waiting();
        for one in sent.into_iter().chain(newer) {
            self.take(one);
        }
    }

    /// Whether nothing has to be read again now.
    pub(super) fn is_done(&self, rules: &str, now: Timestamp) -> bool {
        let state = self.state();
        state.done.as_deref() == Some(rules) || state.not_before.is_some_and(|it| now < it)
    }

    /// Everything was read by these rules.
    pub(super) fn done(&self, rules: String) {
        let mut state = self.state();
        state.done = Some(rules);
        state.not_before = None;
    }

    /// Reads nothing again for a while.
    pub(super) fn pause(&self, now: Timestamp) {
        self.state().not_before = now.checked_add(PAUSE).ok();
    }

    /// Whether it is time to look for what was sent of people who are gone.
    pub(super) fn looks_for_orphans(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_soon = |it: Timestamp| now.duration_since(it) < ORPHANS_EVERY;
        if state.looked.is_some_and(is_soon) {
            return false;
        }
        state.looked = Some(now);
        true
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_password_nothing_is_kept() {
        for (body, kept) in [
            (
                json!({"userName": "a", "Password": "x"}),
                json!({"userName": "a"}),
            ),
            (
                json!({"Operations": [{"op": "add", "path": "password", "value": "x"}]}),
                json!({"Operations": [{"op": "add", "path": "password", "value": null}]}),
            ),
            (
                json!({"operations": [{"op": "add", "value": {"password": "x", "title": "t"}}]}),
                json!({"operations": [{"op": "add", "value": {"title": "t"}}]}),
            ),
        ] {
            assert_eq!(without_password(&body.to_string()), Some(kept.to_string()));
        }
        assert_eq!(without_password("no JSON"), None);
    }
}
