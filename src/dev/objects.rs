//! The objects that are taken up, with their statuses: in memory, and in files from which a second start finds them again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};
use kube::core::Resource;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::api::{AzureConnector, Kind, ObjectKey, ScimTenant, UserMapping};
use crate::lint::Object;

use super::{DevError, files};

/// What an object needs that YAML does not give.
#[derive(Clone, Debug)]
pub(super) struct Birth {
    /// `metadata.uid`.
    pub(super) uid: String,
    /// `metadata.creationTimestamp`.
    pub(super) at: Time,
}

/// Objects of one kind.
#[derive(Debug)]
pub(super) struct Shelf<K> {
    folder: PathBuf,
    objects: BTreeMap<ObjectKey, Arc<K>>,
}

impl<K> Shelf<K>
where
    K: Resource<DynamicType = ()> + Serialize + DeserializeOwned + Clone + PartialEq,
{
    fn open(folder: PathBuf) -> Result<Self, DevError> {
        let mut objects = BTreeMap::new();
        for namespace in files::names(&folder)? {
            for name in files::names(&folder.join(&namespace))? {
                let Some(bytes) = files::read(&folder.join(&namespace).join(&name))? else {
                    continue;
                };
                // What another version wrote and this one cannot read is made anew.
                if let Ok(object) = serde_json::from_slice::<K>(&bytes) {
                    objects.insert(ObjectKey::of(&object), Arc::new(object));
                }
            }
        }
        Ok(Self { folder, objects })
    }

    /// All of them, in order of their keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<K>> {
        self.objects.values()
    }

    /// The one called `key`.
    pub(super) fn get(&self, key: &ObjectKey) -> Option<&Arc<K>> {
        self.objects.get(key)
    }

    /// Puts `object` in the place of the one with its key, and on disk.
    pub(super) fn put(&mut self, object: K) -> Result<(), DevError> {
        let key = ObjectKey::of(&object);
        let path = file(&self.folder, &key);
        if let Some(parent) = path.parent() {
            files::make_folder(parent)?;
        }
        files::write(&path, &files::json(&object, &path)?)?;
        self.objects.insert(key, Arc::new(object));
        Ok(())
    }

    /// Takes up `declared`; whether that changes anything.
    fn declare(&mut self, mut declared: K, birth: Birth) -> Result<bool, DevError> {
        let key = ObjectKey::of(&declared);
        let Some(old) = self.objects.get(&key) else {
            let meta = declared.meta_mut();
            meta.uid = Some(birth.uid);
            meta.creation_timestamp = Some(birth.at);
            meta.generation = Some(1);
            self.put(declared)?;
            return Ok(true);
        };
        let failed = |source: serde_json::Error| {
            files::failed("take up", &file(&self.folder, &key), source.into())
        };
        let before = serde_json::to_value(old.as_ref()).map_err(failed)?;
        let mut after = serde_json::to_value(&declared).map_err(failed)?;
        let generation = old.meta().generation.unwrap_or(1);
        let moved = before["spec"] != after["spec"];
        let meta = ObjectMeta {
            uid: old.meta().uid.clone(),
            creation_timestamp: old.meta().creation_timestamp.clone(),
            generation: Some(if moved { generation + 1 } else { generation }),
            ..declared.meta().clone()
        };
        after["metadata"] = serde_json::to_value(meta).map_err(failed)?;
        if let Some(status) = before.get("status") {
            after["status"] = status.clone();
        }
        if after == before {
            return Ok(false);
        }
        let merged = serde_json::from_value(after).map_err(failed)?;
        self.put(merged)?;
        Ok(true)
    }

    fn remove(&mut self, key: &ObjectKey) -> Result<Option<Arc<K>>, DevError> {
        files::remove(&file(&self.folder, key))?;
        Ok(self.objects.remove(key))
    }
}

fn file(folder: &Path, key: &ObjectKey) -> PathBuf {
    folder
        .join(&key.namespace)
        .join(format!("{}.json", key.name))
}

/// Objects of all kinds.
#[derive(Debug)]
pub(super) struct Objects {
    /// The directories.
    pub(super) scim_tenants: Shelf<ScimTenant>,
    /// The connections.
    pub(super) azure_connectors: Shelf<AzureConnector>,
    /// The mappings.
    pub(super) user_mappings: Shelf<UserMapping>,
}

impl Objects {
    /// The objects that were kept in `folder`.
    pub(super) fn open(folder: &Path) -> Result<Self, DevError> {
        Ok(Self {
            scim_tenants: Shelf::open(folder.join("scimtenants"))?,
            azure_connectors: Shelf::open(folder.join("azureconnectors"))?,
            user_mappings: Shelf::open(folder.join("usermappings"))?,
        })
    }

    /// Kind and key of each, in the order in which they refer to each other.
    pub(super) fn keys(&self) -> Vec<(Kind, ObjectKey)> {
        let tenants = self
            .scim_tenants
            .objects
            .keys()
            .map(|it| (Kind::ScimTenant, it.clone()));
        let connectors = self
            .azure_connectors
            .objects
            .keys()
            .map(|it| (Kind::AzureConnector, it.clone()));
        let mappings = self
            .user_mappings
            .objects
            .keys()
            .map(|it| (Kind::UserMapping, it.clone()));
        tenants.chain(connectors).chain(mappings).collect()
    }

    /// The object as JSON, as `kubectl get -o json` shows it.
    pub(super) fn json(&self, kind: Kind, key: &ObjectKey) -> Option<Value> {
        let json = match kind {
            Kind::ScimTenant => self
                .scim_tenants
                .get(key)
                .map(|it| serde_json::to_value(it.as_ref())),
            Kind::AzureConnector => self
                .azure_connectors
                .get(key)
                .map(|it| serde_json::to_value(it.as_ref())),
            Kind::UserMapping => self
                .user_mappings
                .get(key)
                .map(|it| serde_json::to_value(it.as_ref())),
        };
        json.map(|it| it.expect("an object has only string keys"))
    }

    /// Takes up `object`; whether that changes anything.
    pub(super) fn declare(&mut self, object: Object, birth: Birth) -> Result<bool, DevError> {
        match object {
            Object::ScimTenant(it) => self.scim_tenants.declare(*it, birth),
            Object::AzureConnector(it) => self.azure_connectors.declare(*it, birth),
            Object::UserMapping(it) => self.user_mappings.declare(*it, birth),
        }
    }

    /// Forgets an object; its uid, and the `ScimTenant` if it was one.
    pub(super) fn remove(
        &mut self,
        kind: Kind,
        key: &ObjectKey,
    ) -> Result<(Option<String>, Option<Arc<ScimTenant>>), DevError> {
        Ok(match kind {
            Kind::ScimTenant => {
                let removed = self.scim_tenants.remove(key)?;
                (
                    removed.as_ref().and_then(|it| it.metadata.uid.clone()),
                    removed,
                )
            }
            Kind::AzureConnector => {
                let removed = self.azure_connectors.remove(key)?;
                (removed.and_then(|it| it.metadata.uid.clone()), None)
            }
            Kind::UserMapping => {
                let removed = self.user_mappings.remove(key)?;
                (removed.and_then(|it| it.metadata.uid.clone()), None)
            }
        })
    }
}
