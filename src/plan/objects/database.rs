//! A database that somebody else runs: where its URL is in the pods, and the schema that is ours in it.

use k8s_openapi::api::core::v1::{Volume, VolumeMount};

use super::{read_only_mount, secret_volume};
use crate::api::ObjectKey;
use crate::api::scim_tenant::PostgresStore;
use crate::config::digest;

/// Folder of the Secret with the URL in the pods.
pub const FOLDER: &str = "/etc/usher-database";

/// Name of the volume.
const VOLUME: &str = "database";

/// Bytes of a name in PostgreSQL.
const LONGEST: usize = 63;

/// The file with the URL in the pods.
pub fn url_file(postgres: &PostgresStore) -> String {
    format!("{FOLDER}/{}", postgres.url_secret_ref.key)
}

/// The schema of the `ScimTenant` called `key`: the one that is declared, else one that no other has.
pub fn schema(key: &ObjectKey, postgres: &PostgresStore) -> String {
    if let Some(schema) = &postgres.schema {
        return schema.clone();
    }
    let name = key.to_string();
    let unique = &digest(&name)[..8];
    let mut readable = format!("usher_{name}").replace(|it: char| !it.is_ascii_alphanumeric(), "_");
    readable.truncate(LONGEST - unique.len() - 1);
    format!("{readable}_{unique}")
}

/// The whole Secret, for it may hold certificates beside the URL. The pods start without it and say what is missing.
pub fn volume(postgres: &PostgresStore) -> Volume {
    secret_volume(VOLUME, postgres.url_secret_ref.name.clone())
}

/// Where it is in the container.
pub fn mount() -> VolumeMount {
    read_only_mount(VOLUME, FOLDER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::scim_tenant::SecretKeyReference;

    #[test]
    fn every_scim_tenant_has_a_schema_of_its_own() {
        let postgres = PostgresStore {
            url_secret_ref: SecretKeyReference {
                name: "database".to_owned(),
                key: "url".to_owned(),
            },
            schema: None,
        };
        let of = |namespace: &str, name: &str| schema(&ObjectKey::new(namespace, name), &postgres);

        assert!(of("identity", "contoso").starts_with("usher_identity_contoso_"));
        assert_ne!(of("a-b", "c"), of("a", "b-c"));
        assert_eq!(of(&"n".repeat(63), &"x".repeat(40)).len(), LONGEST);
        let declared = PostgresStore {
            schema: Some("people".to_owned()),
            ..postgres
        };
        assert_eq!(schema(&ObjectKey::new("a", "b"), &declared), "people");
    }
}
