//! The objects of a `ScimTenant` in Kubernetes, one file for each kind.

pub mod address;
pub mod client_secrets;
pub mod database;
pub mod deployment;
pub mod disruption;
pub mod exposure;
pub mod network_policy;
pub mod sealing_key;
pub mod secret;
pub mod signing_keys;
pub mod volume;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{SecretVolumeSource, ServiceAccount, Volume, VolumeMount};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::child::{INSTANCE, MANAGED_BY, MANAGED_BY_USHER, Owner};

/// Settings of the operator that shape every workload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkloadSettings {
    /// Image of the pods: the one that holds this program.
    pub image: String,
    /// Secrets with which it is pulled; they are in the namespace of the pods.
    pub pull_secrets: Vec<String>,
    /// Namespace of the operator, from which reports may be read; every namespace when it is not known.
    pub operator_namespace: Option<String>,
    /// Other namespaces that reach the port of the report, for the metrics on it.
    pub metrics_namespaces: Vec<String>,
}

/// Port of plain HTTP in the pods.
pub const HTTP_PORT: i32 = 8080;
/// Port of TLS in the pods.
pub const HTTPS_PORT: i32 = 8443;
/// Port of the report, the probes and the metrics in the pods.
pub const REPORT_PORT: i32 = 9464;

/// Names of the children of the `ScimTenant` called `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// `ServiceAccount`, Deployment, Service, Ingress, `HTTPRoute`, `NetworkPolicy`, `PodDisruptionBudget`.
    pub workload: String,
    /// Secret with the configuration.
    pub config: String,
    /// Claim of the volume with the people.
    pub data: String,
    /// Service of the report.
    pub report: String,
    /// Secret with the keys by which tokens for applications are signed.
    pub signing_keys: String,
    /// Secret with the key that seals what is kept of second factors.
    pub sealing_key: String,
}

impl Names {
    /// The names for `owner`.
    pub fn of(owner: &Owner) -> Self {
        let name = &owner.object.name;
        Self {
            workload: name.clone(),
            config: format!("{name}-config"),
            data: format!("{name}-data"),
            report: format!("{name}-report"),
            signing_keys: format!("{name}-signing-keys"),
            sealing_key: format!("{name}-sealing-key"),
        }
    }
}

/// Metadata of a child that goes with its owner.
pub fn owned(owner: &Owner, name: &str) -> ObjectMeta {
    ObjectMeta {
        owner_references: Some(vec![owner.reference()]),
        ..kept(owner, name)
    }
}

/// Metadata of a child that stays when its owner goes.
pub fn kept(owner: &Owner, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(owner.object.namespace.clone()),
        labels: Some(labels(owner)),
        ..ObjectMeta::default()
    }
}

/// The volume called `name` with a whole Secret. The pods start without it.
fn secret_volume(name: &str, secret: String) -> Volume {
    Volume {
        name: name.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(secret),
            optional: Some(true),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    }
}

/// Where the volume called `name` is in the container, which only reads it.
fn read_only_mount(name: &str, folder: &str) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: folder.to_owned(),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

/// Labels of every child.
pub fn labels(owner: &Owner) -> BTreeMap<String, String> {
    let mut labels = selector(owner);
    labels.insert(MANAGED_BY.to_owned(), MANAGED_BY_USHER.to_owned());
    labels
}

/// Labels by which the pods of `owner` are found.
pub fn selector(owner: &Owner) -> BTreeMap<String, String> {
    [
        ("app.kubernetes.io/name", "usher"),
        ("app.kubernetes.io/component", "workload"),
        (INSTANCE, owner.object.name.as_str()),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into()
}

/// Identity of the pods: without a role, and without a token in them.
pub fn service_account(owner: &Owner) -> ServiceAccount {
    ServiceAccount {
        metadata: owned(owner, &Names::of(owner).workload),
        automount_service_account_token: Some(false),
        ..ServiceAccount::default()
    }
}
