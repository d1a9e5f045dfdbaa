//! Where the people of a `ScimTenant` are kept.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Exactly one store; its kind cannot be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.sqlite)").message("store needs sqlite: {size: 1Gi}"))]
pub struct Store {
    /// SQLite on a volume of its own: one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteStore>,
}

/// Settings of the SQLite store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqliteStore {
    /// Size of the volume, such as `1Gi`. It can grow where the storage class allows it and never shrink.
    #[serde(default = "default_size")]
    #[schemars(length(min = 1, max = 20))]
    #[x_kube(
        validation = Rule::new("isQuantity(self) && quantity(self).isGreaterThan(quantity('1Mi'))")
            .message("size must be a quantity above 1Mi, such as 1Gi"),
        validation = Rule::new("!isQuantity(self) || !isQuantity(oldSelf) || quantity(self).compareTo(quantity(oldSelf)) >= 0")
            .message("size cannot shrink")
    )]
    pub size: String,
    /// Storage class of the volume; the cluster's default when left out. It cannot be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self == oldSelf").message("storageClassName cannot be changed"))]
    pub storage_class_name: Option<String>,
}

fn default_size() -> String {
    "1Gi".to_owned()
}
