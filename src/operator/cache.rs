//! The custom resources as last seen, and the metadata of their children.
//!
//! An answer to our own write is taken up at once, so that nothing is decided by a status older than the one we wrote.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use kube::core::{ObjectMeta, Resource};

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::plan::{ChildKey, ChildKind};

/// Everything that is watched.
#[derive(Default)]
pub(super) struct Caches {
    /// Directories.
    pub(super) scim_tenants: Cache<ScimTenant>,
    /// Connectors.
    pub(super) azure_connectors: Cache<AzureConnector>,
    /// Mappings.
    pub(super) user_mappings: Cache<UserMapping>,
    /// Metadata of children.
    pub(super) children: RwLock<BTreeMap<ChildKey, Arc<ObjectMeta>>>,
    /// Kinds of children and the namespaces (none for all) in which their watch has delivered its list.
    listed: RwLock<HashSet<(ChildKind, Option<String>)>>,
    /// Watches that have not delivered their first list yet; none before they begin.
    pending: OnceLock<AtomicUsize>,
}

impl Caches {
    /// Notes that `count` watches begin.
    pub(super) fn expect(&self, count: usize) {
        self.pending.get_or_init(|| AtomicUsize::new(count));
    }

    /// Notes that a watch has delivered its first list.
    pub(super) fn arrived(&self) {
        if let Some(pending) = self.pending.get() {
            pending.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Whether every watch has delivered its first list.
    pub(super) fn are_complete(&self) -> bool {
        let pending = self.pending.get();
        pending.is_some_and(|it| it.load(Ordering::SeqCst) == 0)
    }
}

/// The objects of one kind, in order, so that those of a namespace are found without a look at all.
pub(super) struct Cache<K> {
    objects: RwLock<BTreeMap<ObjectKey, Arc<K>>>,
    unreadable: RwLock<HashSet<ObjectKey>>,
}

impl<K> Default for Cache<K> {
    fn default() -> Self {
        Self {
            objects: RwLock::default(),
            unreadable: RwLock::default(),
        }
    }
}

/// An object before and after something was seen of it.
#[derive(Clone, Debug)]
pub(super) struct Change<K> {
    /// As it was; nothing when it is new.
    pub(super) before: Option<Arc<K>>,
    /// As it is; nothing when it is gone.
    pub(super) after: Option<Arc<K>>,
}

impl<K: Resource> Change<K> {
    /// Whether more than status and bookkeeping differs.
    pub(super) fn matters(&self) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => {
                let (before, after) = (before.meta(), after.meta());
                before.uid != after.uid
                    || before.generation != after.generation
                    || before.deletion_timestamp.is_some() != after.deletion_timestamp.is_some()
            }
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// The object, before and after.
    pub(super) fn sides(&self) -> impl Iterator<Item = &Arc<K>> {
        self.before.iter().chain(&self.after)
    }
}

impl<K: Resource> Cache<K> {
    /// The object called `key`.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<Arc<K>> {
        read(&self.objects).get(key).cloned()
    }

    /// Every object.
    pub(super) fn all(&self) -> Vec<Arc<K>> {
        read(&self.objects).values().cloned().collect()
    }

    /// The objects in `namespace`.
    pub(super) fn within(&self, namespace: &str) -> Vec<Arc<K>> {
        read(&self.objects)
            .range(ObjectKey::new(namespace, "")..)
            .take_while(|(key, _)| key.namespace == namespace)
            .map(|(_, it)| Arc::clone(it))
            .collect()
    }

    /// Names of objects in `namespace` that exist, cannot be understood, and never could while this process ran.
    pub(super) fn unreadable(&self, namespace: &str) -> Vec<String> {
        let objects = read(&self.objects);
        read(&self.unreadable)
            .iter()
            .filter(|key| key.namespace == namespace && !objects.contains_key(*key))
            .map(|key| key.name.clone())
            .collect()
    }

    /// Takes up `object` unless a newer version of it is known.
    pub(super) fn put(&self, object: K) -> Change<K> {
        let key = ObjectKey::of(&object);
        write(&self.unreadable).remove(&key);
        let object = Arc::new(object);
        let mut objects = write(&self.objects);
        let before = objects.get(&key).cloned();
        if before
            .as_ref()
            .is_some_and(|it| is_newer(it.meta(), object.meta()))
        {
            let after = before.clone();
            return Change { before, after };
        }
        objects.insert(key, Arc::clone(&object));
        Change {
            before,
            after: Some(object),
        }
    }

    /// Notes that the object called `key` cannot be understood. What was known of it stays in effect.
    pub(super) fn note_unreadable(&self, key: ObjectKey) {
        write(&self.unreadable).insert(key);
    }

    /// Forgets the object called `key`.
    pub(super) fn remove(&self, key: &ObjectKey) -> Change<K> {
        write(&self.unreadable).remove(key);
        Change {
            before: write(&self.objects).remove(key),
            after: None,
        }
    }

    /// Forgets what is in `namespace` (everywhere, when none is given) and not among `listed`.
    pub(super) fn retain(
        &self,
        namespace: Option<&str>,
        listed: &HashSet<ObjectKey>,
    ) -> Vec<Change<K>> {
        let gone: Vec<ObjectKey> = read(&self.objects)
            .keys()
            .chain(read(&self.unreadable).iter())
            .filter(|key| namespace.is_none_or(|it| key.namespace == it) && !listed.contains(key))
            .cloned()
            .collect();
        gone.iter().map(|key| self.remove(key)).collect()
    }
}

/// Whether `known` is a later version of the same object than `seen`.
fn is_newer(known: &ObjectMeta, seen: &ObjectMeta) -> bool {
    let version = |it: &ObjectMeta| it.resource_version.as_ref()?.parse::<u64>().ok();
    known.uid == seen.uid
        && matches!((version(known), version(seen)), (Some(known), Some(seen)) if known > seen)
}

fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Caches {
    /// Takes up the metadata of the child called `key`; gives it back when it is news: neither this version nor a later one was known.
    pub(super) fn put_child(&self, key: ChildKey, mut meta: ObjectMeta) -> Option<Arc<ObjectMeta>> {
        // Nobody here reads it, and it is most of the metadata.
        meta.managed_fields = None;
        let mut children = write(&self.children);
        let is_known = children
            .get(&key)
            .is_some_and(|it| it.resource_version == meta.resource_version || is_newer(it, &meta));
        if is_known {
            return None;
        }
        let meta = Arc::new(meta);
        children.insert(key, Arc::clone(&meta));
        Some(meta)
    }

    /// Forgets the child called `key`.
    pub(super) fn remove_child(&self, key: &ChildKey) -> Option<Arc<ObjectMeta>> {
        write(&self.children).remove(key)
    }

    /// Notes that the watch of `kind` in `namespace` (none for all) has delivered its list.
    pub(super) fn note_listed(&self, kind: ChildKind, namespace: Option<String>) {
        write(&self.listed).insert((kind, namespace));
    }

    /// Whether the children of `kind` in `namespace` are known.
    pub(super) fn is_listed(&self, kind: ChildKind, namespace: &str) -> bool {
        let listed = read(&self.listed);
        listed.contains(&(kind, None)) || listed.contains(&(kind, Some(namespace.to_owned())))
    }

    /// The children of `kind` in `namespace` (everywhere, when none is given) for which `wanted` says so.
    pub(super) fn children_where(
        &self,
        kind: ChildKind,
        namespace: Option<&str>,
        wanted: impl Fn(&ChildKey, &ObjectMeta) -> bool,
    ) -> Vec<(ChildKey, Arc<ObjectMeta>)> {
        let is_there = |key: &ChildKey| {
            key.kind == kind && namespace.is_none_or(|it| key.object.namespace == it)
        };
        read(&self.children)
            .range(ChildKey::new(kind, namespace.unwrap_or_default(), "")..)
            .take_while(|(key, _)| is_there(key))
            .filter(|(key, meta)| wanted(key, meta))
            .map(|(key, meta)| (key.clone(), Arc::clone(meta)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(uid: &str, version: &str) -> ObjectMeta {
        ObjectMeta {
            uid: Some(uid.to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        }
    }

    #[test]
    fn a_version_of_a_child_is_news_once_and_an_older_one_never() {
        let caches = Caches::default();
        let key = ChildKey::new(ChildKind::Service, "ns", "a");
        for (uid, version, is_news) in [
            ("1", "7", true),
            ("1", "7", false),
            ("1", "6", false),
            ("1", "10", true),
            ("2", "8", true),
        ] {
            let news = caches.put_child(key.clone(), meta(uid, version));
            assert_eq!(news.is_some(), is_news, "version {version} of {uid}");
        }
    }

    #[test]
    fn children_are_found_by_kind_and_namespace() {
        let caches = Caches::default();
        for (kind, namespace, name) in [
            (ChildKind::Secret, "a", "one"),
            (ChildKind::Secret, "b", "two"),
            (ChildKind::Secret, "b", "three"),
            (ChildKind::Secret, "c", "four"),
            (ChildKind::Service, "b", "five"),
        ] {
            caches.put_child(ChildKey::new(kind, namespace, name), meta(name, "1"));
        }
        let found = |namespace| -> Vec<String> {
            let all = caches.children_where(ChildKind::Secret, namespace, |_, _| true);
            all.into_iter().map(|(key, _)| key.object.name).collect()
        };

        assert_eq!(found(Some("b")), ["three", "two"]);
        assert_eq!(found(None), ["one", "three", "two", "four"]);
    }
}
