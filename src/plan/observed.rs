//! What a plan is made from beside the object itself.

use std::path::PathBuf;

use url::Url;

use crate::config::StoreConfig;

use super::child::Owner;
use super::objects::{Names, client_secrets, sealing_key, signing_keys};
use super::verdict::Rejection;

/// What differs between places where a workload can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Public base URL of the directory, without a trailing slash.
    pub public_url: Url,
    /// Where its people are kept, as the workload sees it.
    pub store: StoreConfig,
    /// Where the client secrets of its connectors are, as the workload sees it.
    pub client_secrets: ClientSecretFiles,
}

/// Where a workload finds client secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientSecretFiles {
    /// In the pods, by the name of the connector.
    Mounted,
    /// In the Secret itself: this folder holds those of the namespace, each as a folder with a file for each key.
    Secrets(PathBuf),
}

impl ClientSecretFiles {
    /// The file that is called `name` in the pods, which a Secret has under a key.
    pub fn file(&self, name: &str, (secret, key): (&str, &str)) -> PathBuf {
        match self {
            Self::Mounted => client_secrets::file(name).into(),
            Self::Secrets(folder) => folder.join(secret).join(key),
        }
    }

    /// The file with the token by which the pods prove for `connector` who they are; on a host somebody else has to put it there.
    pub fn assertion(&self, connector: &str) -> PathBuf {
        match self {
            Self::Mounted => client_secrets::file(connector).into(),
            Self::Secrets(folder) => folder.join(format!("{connector}-workload-identity/token")),
        }
    }

    /// The file with the signing keys of the `ScimTenant` that is `owner`.
    pub fn signing_keys(&self, owner: &Owner) -> PathBuf {
        match self {
            Self::Mounted => signing_keys::file().into(),
            Self::Secrets(folder) => folder
                .join(Names::of(owner).signing_keys)
                .join(signing_keys::KEYS_FILE),
        }
    }

    /// The file with the sealing key of the `ScimTenant` that is `owner`.
    pub fn sealing_key(&self, owner: &Owner) -> PathBuf {
        match self {
            Self::Mounted => sealing_key::file().into(),
            Self::Secrets(folder) => folder
                .join(Names::of(owner).sealing_key)
                .join(sealing_key::KEY),
        }
    }
}

/// A Secret that an object refers to and somebody else makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferencedSecret {
    /// Nobody could look, or nobody needs it.
    NotLookedAt,
    /// There is none.
    Absent,
    /// It has these keys.
    Found(Vec<String>),
}

impl ReferencedSecret {
    /// Whether the Secret called `name` has the key `key`; `fields` name both.
    pub fn check(&self, name: &str, key: &str, fields: [&'static str; 2]) -> Result<(), Rejection> {
        match self {
            Self::NotLookedAt => Ok(()),
            Self::Absent => Err(Rejection::ReferenceNotFound {
                kind: "Secret",
                name: name.to_owned(),
                field: fields[0],
            }),
            Self::Found(keys) if keys.iter().any(|it| it == key) => Ok(()),
            Self::Found(_) => Err(Rejection::KeyNotFound {
                secret: name.to_owned(),
                key: key.to_owned(),
                field: fields[1],
            }),
        }
    }
}

/// How the pods of a workload are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// There are none.
    Absent,
    /// They start, roll or cannot start.
    Rolling {
        /// Why, in a sentence for whoever reads the status.
        message: String,
        /// Whether those of before take requests meanwhile.
        serving: bool,
    },
    /// They run as declared last.
    Available,
}
