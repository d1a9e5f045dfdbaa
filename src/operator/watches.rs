//! Watches custom resources and the metadata of their children, and keeps the caches. A watch that fails is tried again for ever.

use std::collections::HashSet;
use std::pin::pin;
use std::time::Duration;

use backon::ExponentialBuilder;
use futures::StreamExt;
use kube::Client;
use kube::api::{Api, DynamicObject};
use kube::core::{
    DeserializeGuard, NamespaceResourceScope, PartialObjectMeta, Resource, ResourceExt,
};
use kube::runtime::WatchStreamExt;
use kube::runtime::utils::{Backoff, ResetTimerBackoff};
use kube::runtime::watcher::{self, Event, ExponentialBackoff, watcher};
use serde::de::DeserializeOwned;

use crate::api::ObjectKey;
use crate::plan::child::{MANAGED_BY, MANAGED_BY_USHER};
use crate::plan::{ChildKey, ChildKind};
use crate::telemetry;

use super::cache::{Cache, Change};
use super::children;
use super::triggers::Triggers;

/// How soon the API server is asked again for a kind that it does not know.
const KIND_AGAIN: Duration = Duration::from_secs(30);

/// Pauses before a watch that failed begins again. They stay short, or what was declared during an outage of the API server would
/// wait half a minute after it; they are few watches of few replicas.
fn again() -> impl Backoff {
    let pauses = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(500))
        .with_max_delay(Duration::from_secs(4))
        .with_jitter()
        .without_max_times();
    ResetTimerBackoff::new(ExponentialBackoff::from(pauses), Duration::from_mins(1))
}

/// A way to the objects of one kind in one namespace, or in all.
pub(super) struct Scope<'a> {
    /// The way to the API server.
    pub(super) client: Client,
    /// The namespace; every one when absent.
    pub(super) namespace: Option<String>,
    /// Who is woken.
    pub(super) triggers: &'a Triggers,
}

/// Watches one kind of custom resource for ever. An object that cannot be understood is logged and passed over.
pub(super) async fn custom_resources<K>(
    scope: Scope<'_>,
    cache: &Cache<K>,
    wake: impl Fn(&Triggers, &Change<K>),
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + Sync
        + 'static,
{
    let api: Api<DeserializeGuard<K>> = match &scope.namespace {
        Some(namespace) => Api::namespaced(scope.client, namespace),
        None => Api::all(scope.client),
    };
    let mut events = pin!(watcher(api, watcher::Config::default().any_semantic()).backoff(again()));
    let mut listed = HashSet::new();
    let mut arrived = false;
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(guarded)) => {
                listed.insert(ObjectKey::of(&guarded));
                take_up(scope.triggers, cache, guarded, &wake);
            }
            Ok(Event::InitDone) => {
                for change in cache.retain(scope.namespace.as_deref(), &listed) {
                    wake(scope.triggers, &change);
                }
                if !arrived {
                    arrived = true;
                    scope.triggers.caches.arrived();
                }
            }
            Ok(Event::Apply(guarded)) => take_up(scope.triggers, cache, guarded, &wake),
            Ok(Event::Delete(guarded)) => {
                let change = cache.remove(&ObjectKey::of(&guarded));
                wake(scope.triggers, &change);
            }
            Err(error) => complain(K::plural(&()).as_ref(), &error),
        }
    }
}

fn take_up<K>(
    triggers: &Triggers,
    cache: &Cache<K>,
    guarded: DeserializeGuard<K>,
    wake: &impl Fn(&Triggers, &Change<K>),
) where
    K: Resource<DynamicType = ()>,
{
    let key = ObjectKey::of(&guarded);
    match guarded.0 {
        Ok(object) => {
            let change = cache.put(object);
            wake(triggers, &change);
        }
        Err(error) => {
            tracing::warn!(
                object = %key,
                error = error.error,
                "{} {key} is not understood and left alone",
                K::kind(&())
            );
            cache.note_unreadable(key);
        }
    }
}

/// Watches the metadata of the children of one kind for ever.
pub(super) async fn children(scope: Scope<'_>, kind: ChildKind) {
    let resource = children::resource(kind);
    let api: Api<PartialObjectMeta<DynamicObject>> = match &scope.namespace {
        Some(namespace) => Api::namespaced_with(scope.client.clone(), namespace, &resource),
        None => Api::all_with(scope.client.clone(), &resource),
    };
    let ours = format!("{MANAGED_BY}={MANAGED_BY_USHER}");
    let config = watcher::Config::default().any_semantic().labels(&ours);
    let mut events = pin!(watcher(api, config).backoff(again()));
    let caches = &scope.triggers.caches;
    let mut listed: HashSet<ChildKey> = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(Event::Init) => listed.clear(),
            Ok(Event::InitApply(child)) => {
                listed.insert(key_of(kind, &child));
                put(scope.triggers, kind, child);
            }
            Ok(Event::InitDone) => settle(&scope, kind, &listed),
            Ok(Event::Apply(child)) => put(scope.triggers, kind, child),
            Ok(Event::Delete(child)) => {
                let key = key_of(kind, &child);
                caches.remove_child(&key);
                scope.triggers.child(&key.object.namespace, &child.metadata);
            }
            Err(error) if is_unknown_kind(&error) => {
                tracing::debug!(%kind, "the API server does not know the kind");
                // So there are none, and nobody needs to ask for them.
                settle(&scope, kind, &HashSet::new());
                tokio::time::sleep(KIND_AGAIN).await;
            }
            Err(error) => complain(kind.plural(), &error),
        }
    }
}

/// Forgets all children but those of `listed`, which are known to be all that there are.
fn settle(scope: &Scope<'_>, kind: ChildKind, listed: &HashSet<ChildKey>) {
    let caches = &scope.triggers.caches;
    let namespace = scope.namespace.as_deref();
    let gone = caches.children_where(kind, namespace, |key, _| !listed.contains(key));
    for (key, meta) in gone {
        caches.remove_child(&key);
        scope.triggers.child(&key.object.namespace, &meta);
    }
    caches.note_listed(kind, scope.namespace.clone());
}

fn put(triggers: &Triggers, kind: ChildKind, child: PartialObjectMeta<DynamicObject>) {
    let key = key_of(kind, &child);
    let namespace = key.object.namespace.clone();
    if let Some(meta) = triggers.caches.put_child(key, child.metadata) {
        triggers.child(&namespace, &meta);
    }
}

fn key_of(kind: ChildKind, child: &PartialObjectMeta<DynamicObject>) -> ChildKey {
    ChildKey::new(
        kind,
        child.namespace().unwrap_or_default().as_str(),
        &child.name_any(),
    )
}

fn is_unknown_kind(error: &watcher::Error) -> bool {
    match error {
        watcher::Error::InitialListFailed(kube::Error::Api(status))
        | watcher::Error::WatchStartFailed(kube::Error::Api(status)) => status.code == 404,
        _ => false,
    }
}

fn complain(plural: &str, error: &watcher::Error) {
    tracing::warn!(
        error = telemetry::chain(error),
        "the watch of {plural} failed and is tried again"
    );
}
