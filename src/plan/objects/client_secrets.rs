//! The client secrets of connectors or the tokens in their place, and what the mail server wants: where they are in the pods. The pods read
//! them anew, so that a rotated one needs no restart.

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, SecretProjection, ServiceAccountTokenProjection, Volume,
    VolumeMount, VolumeProjection,
};

use super::read_only_mount;
use crate::config::sign_in::ClientSecretKey;
use crate::config::{ProviderConfig, SignInConfig};

/// Folder of the client secrets in the pods.
const FOLDER: &str = "/etc/usher-sign-in";

/// Seconds for which a token of the service account is good.
const TOKEN_SECONDS: i64 = 3600;

/// Name of the volume.
const VOLUME: &str = "sign-in";

/// The file called `name` in the pods: for a client secret that is its connector.
pub fn file(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// A file for each provider, and those of the mail server, and of each Secret that one key; nothing when there is none. The pods start
/// without them, and people are told what is missing.
pub fn volume(of: &SignInConfig) -> Option<Volume> {
    let provider = |it: &ProviderConfig| match &it.client_assertion {
        Some(assertion) => Some(token(&it.connector, &assertion.audience)),
        None => Some(secret(&it.connector, it.client_secret_key.as_ref()?)),
    };
    let providers = of.providers.iter().filter_map(provider);
    let email = of.email_files().into_iter();
    let email = email.filter_map(|(name, it)| Some(secret(name, it.key.as_ref()?)));
    let sources: Vec<_> = providers.chain(email).collect();
    (!sources.is_empty()).then(|| Volume {
        name: VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode: None,
        }),
        ..Volume::default()
    })
}

/// One key of a Secret.
fn secret(file: &str, from: &ClientSecretKey) -> VolumeProjection {
    let secret = SecretProjection {
        name: from.secret.clone(),
        items: Some(vec![KeyToPath {
            key: from.key.clone(),
            path: file.to_owned(),
            mode: None,
        }]),
        optional: Some(true),
    };
    VolumeProjection {
        secret: Some(secret),
        ..VolumeProjection::default()
    }
}

/// A token of the service account, which the kubelet replaces before it ends.
fn token(connector: &str, audience: &str) -> VolumeProjection {
    VolumeProjection {
        service_account_token: Some(ServiceAccountTokenProjection {
            audience: Some(audience.to_owned()),
            expiration_seconds: Some(TOKEN_SECONDS),
            path: connector.to_owned(),
        }),
        ..VolumeProjection::default()
    }
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    read_only_mount(VOLUME, FOLDER)
}
