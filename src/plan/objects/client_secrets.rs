//! The client secrets of connectors, or the tokens in their place: where they are in the pods. The pods read them anew, so that a rotated one needs no restart.

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, SecretProjection, ServiceAccountTokenProjection, Volume,
    VolumeMount, VolumeProjection,
};

use super::read_only_mount;
use crate::config::ProviderConfig;

/// Folder of the client secrets in the pods.
const FOLDER: &str = "/etc/usher-sign-in";

/// Seconds for which a token of the service account is good.
const TOKEN_SECONDS: i64 = 3600;

/// Name of the volume.
const VOLUME: &str = "sign-in";

/// The file with the client secret of `connector` in the pods.
pub fn file(connector: &str) -> String {
    format!("{FOLDER}/{connector}")
}

/// A file for each provider, and of each Secret that one key; nothing when there is none. The pods start without them, and people are
/// told what is missing.
pub fn volume(of: &[ProviderConfig]) -> Option<Volume> {
    let source = |provider: &ProviderConfig| {
        if let Some(assertion) = &provider.client_assertion {
            return Some(token(&provider.connector, &assertion.audience));
        }
        let from = provider.client_secret_key.as_ref()?;
        let secret = SecretProjection {
            name: from.secret.clone(),
            items: Some(vec![KeyToPath {
                key: from.key.clone(),
                path: provider.connector.clone(),
                mode: None,
            }]),
            optional: Some(true),
        };
        Some(VolumeProjection {
            secret: Some(secret),
            ..VolumeProjection::default()
        })
    };
    let sources: Vec<_> = of.iter().filter_map(source).collect();
    (!sources.is_empty()).then(|| Volume {
        name: VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(sources),
            default_mode: None,
        }),
        ..Volume::default()
    })
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
