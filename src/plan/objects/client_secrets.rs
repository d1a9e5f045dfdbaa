//! The client secrets of connectors: where they are in the pods. The pods read them anew, so that a rotated one needs no restart.

use k8s_openapi::api::core::v1::{
    KeyToPath, ProjectedVolumeSource, SecretProjection, Volume, VolumeMount, VolumeProjection,
};

use crate::api::azure_connector::ClientSecretReference;

/// Folder of the client secrets in the pods.
const FOLDER: &str = "/etc/usher-sign-in";

/// Name of the volume.
const VOLUME: &str = "sign-in";

/// The file with the client secret of `connector` in the pods.
pub fn file(connector: &str) -> String {
    format!("{FOLDER}/{connector}")
}

/// A file for each connector, and of each Secret that one key; nothing when there is none. The pods start without them, and people are
/// told what is missing.
pub fn volume(of: &[(String, ClientSecretReference)]) -> Option<Volume> {
    let source = |(connector, reference): &(String, ClientSecretReference)| VolumeProjection {
        secret: Some(SecretProjection {
            name: reference.name.clone(),
            items: Some(vec![KeyToPath {
                key: reference.key.clone(),
                path: connector.clone(),
                mode: None,
            }]),
            optional: Some(true),
        }),
        ..VolumeProjection::default()
    };
    (!of.is_empty()).then(|| Volume {
        name: VOLUME.to_owned(),
        projected: Some(ProjectedVolumeSource {
            sources: Some(of.iter().map(source).collect()),
            default_mode: None,
        }),
        ..Volume::default()
    })
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: FOLDER.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}
