//! Secrets as folders: one file for each key, ready to be read by other programs, and one hidden file with the metadata.

use std::path::PathBuf;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use crate::api::ObjectKey;
use crate::config;

use super::{DevError, files};

/// The file with everything but the values.
const METADATA: &str = ".object.json";

/// Secrets below one folder.
#[derive(Debug)]
pub(super) struct Secrets {
    folder: PathBuf,
}

impl Secrets {
    /// The Secrets below `folder`.
    pub(super) fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The folder of the Secrets of `namespace`.
    pub(super) fn of(&self, namespace: &str) -> PathBuf {
        self.folder.join(namespace)
    }

    /// The folder of the Secret called `key`.
    pub(super) fn path(&self, key: &ObjectKey) -> PathBuf {
        self.of(&key.namespace).join(&key.name)
    }

    /// The Secret called `key` as its files are now; a folder without our metadata is somebody else's Secret.
    pub(super) fn read(&self, key: &ObjectKey) -> Result<Option<Secret>, DevError> {
        let folder = self.path(key);
        if !folder.is_dir() {
            return Ok(None);
        }
        let metadata = files::read(&folder.join(METADATA))?;
        let metadata = metadata.and_then(|it| serde_json::from_slice::<Secret>(&it).ok());
        let mut secret = metadata.unwrap_or_default();
        secret.metadata.name = Some(key.name.clone());
        secret.metadata.namespace = Some(key.namespace.clone());
        for name in files::names(&folder)? {
            if name.starts_with('.') {
                continue;
            }
            if let Some(value) = files::read(&folder.join(&name))? {
                secret
                    .data
                    .get_or_insert_default()
                    .insert(name, ByteString(value));
            }
        }
        let content = files::json(&secret, &folder)?;
        let version = config::digest(&String::from_utf8_lossy(&content));
        secret.metadata.resource_version = Some(version);
        Ok(Some(secret))
    }

    /// Writes `secret`; values that it does not have go.
    pub(super) fn write(&self, key: &ObjectKey, secret: &Secret) -> Result<(), DevError> {
        let folder = self.path(key);
        files::make_folder(&self.folder)?;
        files::make_folder(&self.folder.join(&key.namespace))?;
        files::make_folder(&folder)?;
        let mut metadata = secret.clone();
        let data = metadata.data.take().unwrap_or_default();
        metadata.metadata.resource_version = None;
        files::write(&folder.join(METADATA), &files::json(&metadata, &folder)?)?;
        for name in files::names(&folder)? {
            if !name.starts_with('.') && !data.contains_key(&name) {
                files::remove(&folder.join(name))?;
            }
        }
        for (name, value) in data {
            files::write(&folder.join(name), &value.0)?;
        }
        Ok(())
    }

    /// Removes the Secret called `key`.
    pub(super) fn remove(&self, key: &ObjectKey) -> Result<(), DevError> {
        files::remove(&self.path(key))
    }

    /// All Secrets of `namespace`.
    pub(super) fn of_namespace(&self, namespace: &str) -> Result<Vec<Secret>, DevError> {
        let mut secrets = Vec::new();
        for name in files::names(&self.folder.join(namespace))? {
            secrets.extend(self.read(&ObjectKey::new(namespace, &name))?);
        }
        Ok(secrets)
    }

    /// Changes when any value or any metadata does: the versions of all Secrets.
    pub(super) fn fingerprint(&self) -> Result<String, DevError> {
        let mut all = String::new();
        for namespace in files::names(&self.folder)? {
            for secret in self.of_namespace(&namespace)? {
                all.push_str(
                    secret
                        .metadata
                        .resource_version
                        .as_deref()
                        .unwrap_or_default(),
                );
            }
        }
        Ok(config::digest(&all))
    }
}
