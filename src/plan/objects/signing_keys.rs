//! The keys by which tokens for applications are signed: their Secret, and where they are in the pods.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Secret, Volume, VolumeMount};

use crate::config::SigningKeys;

use super::super::child::{OWNER_UID, Owner};
use super::{Names, owned, read_only_mount, secret_volume};

/// Key of the Secret, and file name in the pods.
pub const KEYS_FILE: &str = "keys.json";

/// Folder of the keys in the pods.
const FOLDER: &str = "/etc/usher-signing-keys";

/// Name of the volume.
const VOLUME: &str = "signing-keys";

/// The file with the keys in the pods.
pub fn file() -> String {
    format!("{FOLDER}/{KEYS_FILE}")
}

/// The keys that `secret` holds, unless somebody made them unreadable.
pub fn held(secret: &Secret) -> Option<SigningKeys> {
    let text = secret.data.as_ref()?.get(KEYS_FILE)?;
    let keys: SigningKeys = serde_json::from_slice(&text.0).ok()?;
    let is_sound = |keys: &SigningKeys| {
        !keys.keys.is_empty() && keys.keys.iter().all(|it| it.private_key.pair().is_some())
    };
    Some(keys).filter(is_sound)
}

/// The Secret with `keys`.
pub fn secret(owner: &Owner, keys: &SigningKeys) -> Secret {
    let mut metadata = owned(owner, &Names::of(owner).signing_keys);
    metadata.annotations = Some([(OWNER_UID.to_owned(), owner.uid.clone())].into());
    let text = serde_json::to_vec(keys).expect("keys have only texts");
    Secret {
        metadata,
        type_: Some("Opaque".to_owned()),
        data: Some([(KEYS_FILE.to_owned(), ByteString(text))].into()),
        ..Secret::default()
    }
}

/// The whole Secret. The pods start without it, and nobody gets tokens until it is there.
pub fn volume(owner: &Owner) -> Volume {
    secret_volume(VOLUME, Names::of(owner).signing_keys)
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    read_only_mount(VOLUME, FOLDER)
}
