//! The client secrets of connectors, and what the mail server wants: where they are in the pods. The pods read them anew, so that a rotated one needs no restart.

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, SecretProjection, Volume, VolumeMount, VolumeProjection,
};

use super::read_only_mount;
use crate::config::SignInConfig;
use crate::config::sign_in::ClientSecretKey;

/// Folder of the client secrets in the pods.
const FOLDER: &str = "/etc/usher-sign-in";

/// Name of the volume.
const VOLUME: &str = "sign-in";

/// The file called `name` in the pods: for a client secret that is its connector.
pub fn file(name: &str) -> String {
    format!("{FOLDER}/{name}")
}

/// A file for each provider, and those of the mail server, and of each Secret that one key; nothing when there is none. The pods start
/// without them, and people are told what is missing.
pub fn volume(of: &SignInConfig) -> Option<Volume> {
    let providers = of.providers.iter();
    let providers = providers.map(|it| (it.connector.as_str(), it.client_secret_key.as_ref()));
    let email = of.email_files();
    let email = email.iter().map(|(name, it)| (*name, it.key.as_ref()));
    let source = |(file, from): (&str, Option<&ClientSecretKey>)| {
        let from = from?;
        let secret = SecretProjection {
            name: from.secret.clone(),
            items: Some(vec![KeyToPath {
                key: from.key.clone(),
                path: file.to_owned(),
                mode: None,
            }]),
            optional: Some(true),
        };
        Some(VolumeProjection {
            secret: Some(secret),
            ..VolumeProjection::default()
        })
    };
    let sources: Vec<_> = providers.chain(email).filter_map(source).collect();
    (!sources.is_empty()).then(|| Volume {
        name: VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode: None,
        }),
        ..Volume::default()
    })
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    read_only_mount(VOLUME, FOLDER)
}
