//! Where the people of a `ScimTenant` are kept.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Exactly one store. Its kind cannot be changed: nobody would carry the people over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.sqlite) != has(self.postgres)")
        .message("store needs either sqlite: {size: 1Gi} or postgres: {urlSecretRef: {name: my-database}}"),
    validation = Rule::new("has(self.sqlite) == has(oldSelf.sqlite)")
        .message("the kind of store cannot be changed; make a new ScimTenant and let Entra provision it")
)]
pub struct Store {
    /// SQLite on a volume of its own: one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlite: Option<SqliteStore>,
    /// A schema in a PostgreSQL database that you run: one pod or several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresStore>,
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

/// Settings of the PostgreSQL store.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.schema) == has(oldSelf.schema)")
    .message("schema cannot be added or taken away later: the people are in the one before"))]
pub struct PostgresStore {
    /// Where the connection URL is, such as `postgres://user:password@host/database?sslmode=verify-full`.
    pub url_secret_ref: SecretKeyReference,
    /// Name of the schema in the database, which holds this directory alone; made from namespace and name when left out. It cannot
    /// be changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("schema cannot be changed"),
        validation = Rule::new("self.matches('^[a-z_][a-z0-9_]*$') && !self.startsWith('pg_')")
            .message("schema must begin with a letter, hold only a-z, 0-9 and '_', and not begin with pg_")
    )]
    pub schema: Option<String>,
}

/// A value in a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a Secret, such as my-database"))]
    pub name: String,
    /// Key in the Secret.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')")
        .message("key must be a key of a Secret, such as url"))]
    pub key: String,
}

fn default_key() -> String {
    "url".to_owned()
}

fn default_size() -> String {
    "1Gi".to_owned()
}
