//! The objects that Usher makes for a custom resource, and whose an object is.

use std::fmt;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::core::{DynamicObject, Resource, ResourceExt};
use serde_json::Value;

use crate::api::ObjectKey;

/// Label that every child carries, with the value [`MANAGED_BY_USHER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Value of [`MANAGED_BY`].
pub const MANAGED_BY_USHER: &str = "usher";
/// Label with the name of the `ScimTenant` or `AzureConnector` that a child belongs to.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Annotation of a Secret with the uid of its owner, should somebody remove the owner reference.
pub const OWNER_UID: &str = "usher.dev/owner-uid";

/// An object that Usher makes.
#[derive(Clone, Debug, PartialEq)]
pub enum Child {
    /// Identity of the pods, without any right.
    ServiceAccount(Box<ServiceAccount>),
    /// The configuration of a workload, or the credential of a connector.
    Secret(Box<Secret>),
    /// The volume with the people.
    PersistentVolumeClaim(Box<PersistentVolumeClaim>),
    /// The pods.
    Deployment(Box<Deployment>),
    /// An address of the pods.
    Service(Box<Service>),
    /// The way in, by an Ingress controller.
    Ingress(Box<Ingress>),
    /// The way in, by a Gateway; its API is not part of Kubernetes itself.
    HttpRoute(Box<DynamicObject>),
    /// Who may talk to the pods.
    NetworkPolicy(Box<NetworkPolicy>),
    /// That several pods are drained one after the other.
    PodDisruptionBudget(Box<PodDisruptionBudget>),
}

impl Child {
    /// What kind of object it is.
    pub fn kind(&self) -> ChildKind {
        match self {
            Self::ServiceAccount(_) => ChildKind::ServiceAccount,
            Self::Secret(_) => ChildKind::Secret,
            Self::PersistentVolumeClaim(_) => ChildKind::PersistentVolumeClaim,
            Self::Deployment(_) => ChildKind::Deployment,
            Self::Service(_) => ChildKind::Service,
            Self::Ingress(_) => ChildKind::Ingress,
            Self::HttpRoute(_) => ChildKind::HttpRoute,
            Self::NetworkPolicy(_) => ChildKind::NetworkPolicy,
            Self::PodDisruptionBudget(_) => ChildKind::PodDisruptionBudget,
        }
    }

    /// Its metadata. A `resourceVersion` in it is a precondition: the child is written only if it still has that version.
    pub fn meta(&self) -> &ObjectMeta {
        match self {
            Self::ServiceAccount(it) => it.meta(),
            Self::Secret(it) => it.meta(),
            Self::PersistentVolumeClaim(it) => it.meta(),
            Self::Deployment(it) => it.meta(),
            Self::Service(it) => it.meta(),
            Self::Ingress(it) => it.meta(),
            Self::HttpRoute(it) => it.meta(),
            Self::NetworkPolicy(it) => it.meta(),
            Self::PodDisruptionBudget(it) => it.meta(),
        }
    }

    /// What tells it apart from every other object.
    pub fn key(&self) -> ChildKey {
        let meta = self.meta();
        ChildKey {
            kind: self.kind(),
            object: ObjectKey {
                namespace: meta.namespace.clone().unwrap_or_default(),
                name: meta.name.clone().unwrap_or_default(),
            },
        }
    }

    /// The object with `apiVersion` and `kind`, as it is sent. For a Secret this holds its values: never log it.
    pub fn to_json(&self) -> Result<Value, serde_json::Error> {
        match self {
            Self::ServiceAccount(it) => serde_json::to_value(it),
            Self::Secret(it) => serde_json::to_value(it),
            Self::PersistentVolumeClaim(it) => serde_json::to_value(it),
            Self::Deployment(it) => serde_json::to_value(it),
            Self::Service(it) => serde_json::to_value(it),
            Self::Ingress(it) => serde_json::to_value(it),
            Self::HttpRoute(it) => serde_json::to_value(it),
            Self::NetworkPolicy(it) => serde_json::to_value(it),
            Self::PodDisruptionBudget(it) => serde_json::to_value(it),
        }
    }
}

/// The kinds of [`Child`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ChildKind {
    /// `v1` `ServiceAccount`.
    ServiceAccount,
    /// `v1` `Secret`.
    Secret,
    /// `v1` `PersistentVolumeClaim`.
    PersistentVolumeClaim,
    /// `apps/v1` `Deployment`.
    Deployment,
    /// `v1` `Service`.
    Service,
    /// `networking.k8s.io/v1` `Ingress`.
    Ingress,
    /// `gateway.networking.k8s.io/v1` `HTTPRoute`.
    HttpRoute,
    /// `networking.k8s.io/v1` `NetworkPolicy`.
    NetworkPolicy,
    /// `policy/v1` `PodDisruptionBudget`.
    PodDisruptionBudget,
}

impl ChildKind {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::ServiceAccount,
        Self::Secret,
        Self::PersistentVolumeClaim,
        Self::Deployment,
        Self::Service,
        Self::Ingress,
        Self::HttpRoute,
        Self::NetworkPolicy,
        Self::PodDisruptionBudget,
    ];

    /// API group, empty for the core group.
    pub const fn group(self) -> &'static str {
        match self {
            Self::ServiceAccount | Self::Secret | Self::PersistentVolumeClaim | Self::Service => "",
            Self::Deployment => "apps",
            Self::Ingress | Self::NetworkPolicy => "networking.k8s.io",
            Self::HttpRoute => "gateway.networking.k8s.io",
            Self::PodDisruptionBudget => "policy",
        }
    }

    /// The word in `kind`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ServiceAccount => "ServiceAccount",
            Self::Secret => "Secret",
            Self::PersistentVolumeClaim => "PersistentVolumeClaim",
            Self::Deployment => "Deployment",
            Self::Service => "Service",
            Self::Ingress => "Ingress",
            Self::HttpRoute => "HTTPRoute",
            Self::NetworkPolicy => "NetworkPolicy",
            Self::PodDisruptionBudget => "PodDisruptionBudget",
        }
    }

    /// The word in the path of the API.
    pub const fn plural(self) -> &'static str {
        match self {
            Self::ServiceAccount => "serviceaccounts",
            Self::Secret => "secrets",
            Self::PersistentVolumeClaim => "persistentvolumeclaims",
            Self::Deployment => "deployments",
            Self::Service => "services",
            Self::Ingress => "ingresses",
            Self::HttpRoute => "httproutes",
            Self::NetworkPolicy => "networkpolicies",
            Self::PodDisruptionBudget => "poddisruptionbudgets",
        }
    }
}

impl fmt::Display for ChildKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Kind, namespace and name of a child.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChildKey {
    /// What kind of object it is.
    pub kind: ChildKind,
    /// Where it is.
    pub object: ObjectKey,
}

impl ChildKey {
    /// The key of the child of `kind` called `name` in `namespace`.
    pub fn new(kind: ChildKind, namespace: &str, name: &str) -> Self {
        Self {
            kind,
            object: ObjectKey::new(namespace, name),
        }
    }
}

impl fmt::Display for ChildKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.kind, self.object.name)
    }
}

/// The custom resource that a child belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// `apiVersion` of the custom resource.
    pub api_version: String,
    /// `kind` of the custom resource.
    pub kind: String,
    /// Where it is.
    pub object: ObjectKey,
    /// `metadata.uid`; a new object of the same name has another one.
    pub uid: String,
}

impl Owner {
    /// `object` as an owner.
    pub fn of<K: Resource<DynamicType = ()>>(object: &K) -> Self {
        Self {
            api_version: K::api_version(&()).into_owned(),
            kind: K::kind(&()).into_owned(),
            object: ObjectKey::of(object),
            uid: object.meta().uid.clone().unwrap_or_default(),
        }
    }

    /// The owner reference that a child carries: with it the child goes when the owner is deleted.
    pub fn reference(&self) -> OwnerReference {
        OwnerReference {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            name: self.object.name.clone(),
            uid: self.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }
    }

    /// Whose `live` is, seen from this owner.
    pub fn ownership(&self, live: &ObjectMeta) -> Ownership {
        let label = |name: &str| live.labels.as_ref().and_then(|it| it.get(name));
        let labeled = label(MANAGED_BY).is_some_and(|it| it == MANAGED_BY_USHER)
            && label(INSTANCE).is_some_and(|it| *it == self.object.name);
        let annotated = live.annotations.as_ref().and_then(|it| it.get(OWNER_UID));
        let mut owners = live.owner_references.iter().flatten();
        let controller = owners.clone().find(|it| it.controller == Some(true));
        match controller {
            Some(it) if it.uid == self.uid => Ownership::Ours,
            Some(it) if it.kind == self.kind && it.name == self.object.name => {
                Ownership::Predecessor
            }
            None if owners.any(|it| it.uid == self.uid) => Ownership::Ours,
            None if labeled && annotated == Some(&self.uid) => Ownership::Ours,
            None if labeled => Ownership::Orphan,
            Some(_) | None => Ownership::Foreign,
        }
    }
}

/// Whose an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It has this owner.
    Ours,
    /// It was made for an earlier object of the same kind and name, and is about to go or to be taken over.
    Predecessor,
    /// Usher made it under this name and it has no owner: kept data, or somebody removed the owner reference.
    Orphan,
    /// Somebody else's: it is never written or deleted.
    Foreign,
}

/// The state of an object that a decision was made by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    uid: Option<String>,
    resource_version: Option<String>,
}

impl Seen {
    /// That of the object with this `metadata`.
    pub fn of(metadata: &ObjectMeta) -> Self {
        Self {
            uid: metadata.uid.clone(),
            resource_version: metadata.resource_version.clone(),
        }
    }

    /// Lets what is applied with `metadata` take the place of this state alone: a later one is looked at first. The version refuses an
    /// object that was changed, the uid one that was deleted, which the API server would make anew.
    pub fn pin(self, metadata: &mut ObjectMeta) {
        metadata.uid = self.uid;
        metadata.resource_version = self.resource_version;
    }
}

/// `metadata.uid` of an object, or nothing when it has none.
pub fn uid<K: Resource>(object: &K) -> String {
    object.uid().unwrap_or_default()
}
