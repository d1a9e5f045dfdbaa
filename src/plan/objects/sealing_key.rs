//! The key that seals what is kept of second factors: its Secret, and where it is in the pods.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Volume, VolumeMount};

use crate::api::scim_tenant::DeletionPolicy;
use crate::config::SealingKey;

use super::super::child::Owner;
use super::{Names, kept, owned, read_only_mount, secret_volume};

/// Key of the Secret, and file name in the pods.
pub const KEY: &str = "sealing-key";

/// Folder of the key in the pods.
const FOLDER: &str = "/etc/usher-sealing-key";

/// Name of the volume.
const VOLUME: &str = "sealing-key";

/// The file with the key in the pods.
pub fn file() -> String {
    format!("{FOLDER}/{KEY}")
}

/// The Secret with `key`. It stays as long as the people do: without it nobody's codes can be checked.
pub fn secret(owner: &Owner, key: &SealingKey, policy: DeletionPolicy) -> Secret {
    let name = Names::of(owner).sealing_key;
    let value = ByteString(key.reveal().as_bytes().to_vec());
    Secret {
        metadata: match policy {
            DeletionPolicy::Retain => kept(owner, &name),
            DeletionPolicy::Delete => owned(owner, &name),
        },
        type_: Some("Opaque".to_owned()),
        data: Some([(KEY.to_owned(), value)].into()),
        ..Secret::default()
    }
}

/// The whole Secret. The pods start without it, and nobody is asked for a code until it is there.
pub fn volume(owner: &Owner) -> Volume {
    secret_volume(VOLUME, Names::of(owner).sealing_key)
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    read_only_mount(VOLUME, FOLDER)
}
