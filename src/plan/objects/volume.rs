//! The volume with the people.

use k8s_openapi::api::core::v1::{
    PersistentVolumeClaim, PersistentVolumeClaimSpec, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::scim_tenant::{DeletionPolicy, ScimTenantSpec, SqliteStore};

use super::super::child::Owner;
use super::{Names, kept, owned};

/// The claim. With `Retain` it has no owner reference, so the people outlive the object.
pub fn claim(owner: &Owner, spec: &ScimTenantSpec, sqlite: &SqliteStore) -> PersistentVolumeClaim {
    let name = Names::of(owner).data;
    PersistentVolumeClaim {
        metadata: match spec.deletion_policy {
            DeletionPolicy::Retain => kept(owner, &name),
            DeletionPolicy::Delete => owned(owner, &name),
        },
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: sqlite.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some([("storage".to_owned(), Quantity(sqlite.size.clone()))].into()),
                limits: None,
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
