//! Writes children: by server-side apply, only when something differs, and only what is ours.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{
    Api, DeleteParams, DynamicObject, ListParams, ObjectMeta, Patch, PatchParams, PostParams,
    Preconditions,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::Value;

use crate::config::digest;
use crate::plan::child::{MANAGED_BY, MANAGED_BY_USHER};
use crate::plan::{Child, ChildKey, ChildKind, Owner, Ownership};
use crate::platform::PlatformError;

use super::FIELD_MANAGER;
use super::failure::{Failure, request};

/// What was applied to each child, and how the child looked afterwards.
#[derive(Default)]
pub(super) struct Applied(Mutex<HashMap<ChildKey, Imprint>>);

/// Digests only: some children hold secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Imprint {
    desired: String,
    live: String,
}

/// Where children of `kind` are in the API.
pub(super) fn resource(kind: ChildKind) -> ApiResource {
    ApiResource::from_gvk_with_plural(
        &GroupVersionKind::gvk(kind.group(), "v1", kind.as_str()),
        kind.plural(),
    )
}

fn api(client: &Client, key: &ChildKey) -> Api<DynamicObject> {
    Api::namespaced_with(client.clone(), &key.object.namespace, &resource(key.kind))
}

/// Applies `child` of `owner` unless it is known to be as wished; the metadata that it has once it is applied.
pub(super) async fn apply(
    client: &Client,
    applied: &Applied,
    owner: &Owner,
    child: &Child,
) -> Result<Option<ObjectMeta>, PlatformError> {
    let key = child.key();
    let mut body = json(child)?;
    let seen = take_seen(&mut body);
    let desired = digest(&body.to_string());
    let api = api(client, &key);

    if let Some(live) = get(&api, &key).await? {
        check_ours(owner, &key, &live)?;
        let imprint = Imprint {
            desired: desired.clone(),
            live: live_digest(&live),
        };
        if applied.knows(&key, &imprint) {
            return Ok(None);
        }
    }
    if let Some(meta) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        meta.extend(seen);
    }
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let action = format!("patch {key}");
    let answer = request(
        &action,
        api.patch(&key.object.name, &params, &Patch::Apply(&body)),
    )
    .await;
    match answer {
        Ok(live) => {
            tracing::info!(child = %key, object = %owner.object, "applied {key} of {}", owner.object);
            applied.note(key, desired, &live);
            Ok(Some(live.metadata))
        }
        // An apply creates what is missing, so it is the kind or the namespace that is not there.
        Err(Failure::Missing) => Err(PlatformError::KindMissing {
            kind: key.kind.as_str(),
        }),
        Err(failure) => Err(failure.into_error(&key.to_string())),
    }
}

/// Makes `secret` unless there is one of that name; its key and metadata.
pub(super) async fn create_secret(
    client: &Client,
    applied: &Applied,
    secret: &Secret,
) -> Result<(ChildKey, ObjectMeta), PlatformError> {
    let child = Child::Secret(Box::new(secret.clone()));
    let key = child.key();
    let body = json(&child)?;
    let desired = digest(&body.to_string());
    let object: DynamicObject = serde_json::from_value(body).map_err(|it| no_json(&key, it))?;
    let api = api(client, &key);
    let params = PostParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PostParams::default()
    };
    let live = request(&format!("create {key}"), api.create(&params, &object))
        .await
        .map_err(|failure| failure.into_error(&key.to_string()))?;
    tracing::info!(child = %key, "made {key}");
    applied.note(key.clone(), desired, &live);
    Ok((key, live.metadata))
}

/// Deletes the object of this key and uid.
pub(super) async fn delete(
    client: &Client,
    key: &ChildKey,
    uid: &str,
) -> Result<(), PlatformError> {
    let params = DeleteParams::background().preconditions(Preconditions {
        uid: Some(uid.to_owned()),
        resource_version: None,
    });
    let action = format!("delete {key}");
    let api = api(client, key);
    match request(&action, api.delete(&key.object.name, &params)).await {
        Ok(_) => {
            tracing::info!(child = %key, "deleted {key}");
            Ok(())
        }
        // It is gone, or another object has its name.
        Err(Failure::Missing | Failure::Conflict) => Ok(()),
        Err(failure) => Err(failure.into_error(&key.to_string())),
    }
}

/// Metadata of our children of `kind` in `namespace`, asked of the API server; nothing when it does not know the kind.
pub(super) async fn list(
    client: &Client,
    kind: ChildKind,
    namespace: &str,
) -> Result<Vec<ObjectMeta>, PlatformError> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource(kind));
    let ours = format!("{MANAGED_BY}={MANAGED_BY_USHER}");
    let params = ListParams::default().labels(&ours);
    match request(&format!("list {kind}"), api.list_metadata(&params)).await {
        Ok(list) => Ok(list.items.into_iter().map(|it| it.metadata).collect()),
        Err(Failure::Missing) => Ok(Vec::new()),
        Err(failure) => Err(failure.into_error(kind.plural())),
    }
}

async fn get(
    api: &Api<DynamicObject>,
    key: &ChildKey,
) -> Result<Option<DynamicObject>, PlatformError> {
    match request(&format!("get {key}"), api.get(&key.object.name)).await {
        Ok(live) => Ok(Some(live)),
        Err(Failure::Missing) => Ok(None),
        Err(failure) => Err(failure.into_error(&key.to_string())),
    }
}

fn check_ours(owner: &Owner, key: &ChildKey, live: &DynamicObject) -> Result<(), PlatformError> {
    if live.metadata.deletion_timestamp.is_some() {
        // Its name is free once it is gone.
        return Err(PlatformError::Conflict {
            what: key.to_string(),
        });
    }
    match owner.ownership(&live.metadata) {
        Ownership::Ours | Ownership::Predecessor | Ownership::Orphan => Ok(()),
        Ownership::Foreign => Err(PlatformError::NameTaken { child: key.clone() }),
    }
}

fn json(child: &Child) -> Result<Value, PlatformError> {
    child.to_json().map_err(|it| no_json(&child.key(), it))
}

fn no_json(key: &ChildKey, error: serde_json::Error) -> PlatformError {
    PlatformError::Unavailable {
        action: format!("write {key} as JSON"),
        source: Box::new(error),
    }
}

/// Takes out what pins an apply to the state that was seen: it is no part of what is desired.
fn take_seen(body: &mut Value) -> Vec<(String, Value)> {
    let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) else {
        return Vec::new();
    };
    let pins = ["uid", "resourceVersion"].into_iter();
    let taken = pins.filter_map(|it| Some((it.to_owned(), metadata.shift_remove(it)?)));
    taken.collect()
}

/// Digest of what a live object is, without what moves by itself.
fn live_digest(live: &DynamicObject) -> String {
    let mut live = live.clone();
    live.metadata.managed_fields = None;
    live.metadata.resource_version = None;
    live.metadata.generation = None;
    if let Some(data) = live.data.as_object_mut() {
        data.shift_remove("status");
    }
    digest(&serde_json::to_string(&live).unwrap_or_default())
}

impl Applied {
    fn knows(&self, key: &ChildKey, imprint: &Imprint) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key) == Some(imprint)
    }

    fn note(&self, key: ChildKey, desired: String, live: &DynamicObject) {
        let live = live_digest(live);
        let imprint = Imprint { desired, live };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(key, imprint);
    }

    /// Forgets a child that is gone.
    pub(super) fn forget(&self, key: &ChildKey) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(key);
    }
}
