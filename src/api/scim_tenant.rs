//! `ScimTenant`: a directory of people and groups with its SCIM endpoint, and the pods that serve it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ResourceRequirements, Toleration};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is wished of one directory.
#[derive(Clone, Debug, PartialEq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "usher.dev",
    version = "v1alpha1",
    kind = "ScimTenant",
    namespaced,
    status = "ScimTenantStatus",
    derive = "PartialEq",
    shortname = "sct",
    category = "connectors",
    doc = "A directory of people and groups with its SCIM 2.0 endpoint, and the pods that serve it.",
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name must have at most 40 characters: names of Services and Secrets are made from it"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')")
        .message("metadata.name must begin with a letter and hold only a-z, 0-9 and '-': a Service is named after it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the directory serves as declared."),
    printcolumn(name = "Host", type_ = "string", json_path = ".spec.host", description = "Public name."),
    printcolumn(name = "Users", type_ = "integer", json_path = ".status.users", description = "People in the directory."),
    printcolumn(name = "Active", type_ = "integer", json_path = ".status.activeUsers",
        description = "People who are not deactivated."),
    printcolumn(name = "Groups", type_ = "integer", json_path = ".status.groups", description = "Groups in the directory."),
    printcolumn(name = "Reason", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is or is not ready."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since creation.")
)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantSpec {
    /// Public DNS name, without scheme or port, under which Entra reaches the directory. Every URL in status is derived from it. It cannot be changed:
    /// Entra and people hold URLs with it.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(
        validation = Rule::new("self == oldSelf").message("host cannot be changed; make a new ScimTenant for another name"),
        validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
            .message("host must be a DNS name in lower case such as contoso.id.example.com, without scheme, port or path")
    )]
    pub host: String,

    /// How the host is led to the pods. Leave it out when something else (a mesh, a load balancer) does that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,

    /// TLS in the pods themselves, from a certificate in a Secret. Leave it out when the Ingress, Gateway or mesh ends TLS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,

    /// Options of the account. Connectors to Entra need `EnterpriseToolkit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "set"))]
    pub entitlements: Vec<Entitlement>,

    /// Where people and groups are kept.
    pub store: Store,

    /// What a person may and must have.
    #[serde(default)]
    pub schema: DirectorySchema,

    /// Settings of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod_template: Option<PodTemplate>,

    /// While true, Usher neither changes nor heals what belongs to this object; what runs keeps running.
    #[serde(default)]
    pub suspend: bool,

    /// What becomes of the people when this object is deleted. With `Retain` a new ScimTenant of the same name finds them again.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// An option of the account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Entitlement {
    /// Connectors to external directories.
    EnterpriseToolkit,
}

/// One way in, at most.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.ingress) != has(self.gateway)")
    .message("exposure needs exactly one of ingress and gateway; leave exposure out for neither"))]
pub struct Exposure {
    /// An Ingress for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ingress: Option<IngressExposure>,
    /// An HTTPRoute for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayExposure>,
}

/// Settings of the Ingress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct IngressExposure {
    /// `ingressClassName`; the cluster's default class when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub class_name: Option<String>,
    /// Secret of type `kubernetes.io/tls` with the certificate for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_secret_name: Option<String>,
    /// Annotations for the Ingress controller.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 4096}))]
    pub annotations: BTreeMap<String, String>,
}

/// Settings of the HTTPRoute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayExposure {
    /// Gateways that take the route.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentReference>,
}

/// A Gateway, or one listener of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentReference {
    /// Name of the Gateway.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Namespace of the Gateway; that of the ScimTenant when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
    /// Listener of the Gateway; every fitting one when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub section_name: Option<String>,
}

/// Certificate for TLS in the pods.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// Secret of type `kubernetes.io/tls` (`tls.crt`, `tls.key`); a renewed certificate is taken up without a restart.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
}

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

/// What a person may and must have, beyond RFC 7643.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct DirectorySchema {
    /// Attributes without which a person is refused, as SCIM paths.
    #[serde(default = "default_required")]
    #[schemars(length(max = 16), inner(length(min = 1, max = 256)), extend("x-kubernetes-list-type" = "set"))]
    pub required: Vec<String>,
    /// The values that `userType` may have, exactly; any value when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub user_types: Vec<String>,
    /// The roles that a person may have, exactly; any role when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), inner(length(min = 1, max = 64)), extend("x-kubernetes-list-type" = "set"))]
    pub roles: Vec<String>,
    /// Schema extensions of users.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["urn"]))]
    pub extensions: Vec<SchemaExtension>,
}

impl Default for DirectorySchema {
    fn default() -> Self {
        Self {
            required: default_required(),
            user_types: Vec::new(),
            roles: Vec::new(),
            extensions: Vec::new(),
        }
    }
}

fn default_required() -> Vec<String> {
    ["name.givenName", "name.familyName", "emails"]
        .map(str::to_owned)
        .to_vec()
}

/// A schema extension (RFC 7643, section 3.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.open || size(self.attributes) > 0")
    .message("an extension needs attributes, or open: true to take any key"))]
pub struct SchemaExtension {
    /// URN of the schema, such as `urn:ietf:params:scim:schemas:extension:2.0:Metadata`.
    #[schemars(length(min = 5, max = 256))]
    #[x_kube(
        validation = Rule::new("self.matches('^urn:[a-zA-Z0-9][-a-zA-Z0-9]{1,31}:[-a-zA-Z0-9._:]*[a-zA-Z0-9]$')")
            .message("urn must be a URN such as urn:ietf:params:scim:schemas:extension:2.0:Metadata"),
        validation = Rule::new("!self.startsWith('urn:ietf:params:scim:schemas:core:') && !self.startsWith('urn:ietf:params:scim:schemas:extension:enterprise:')")
            .message("the core and enterprise schemas are always there; declare only your own")
    )]
    pub urn: String,
    /// Whether any key is taken; values of keys that are not listed become strings.
    #[serde(default)]
    pub open: bool,
    /// The attributes of the extension.
    #[serde(default)]
    #[schemars(length(max = 64), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub attributes: Vec<ExtensionAttribute>,
}

/// One attribute of a schema extension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExtensionAttribute {
    /// Name (RFC 7643, section 2.1).
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = r"^[A-Za-z][-A-Za-z0-9_]*$")
    )]
    pub name: String,
    /// Data type of the value, or of each value.
    #[serde(default, rename = "type")]
    pub type_: ExtensionAttributeType,
    /// Whether the attribute holds a list.
    #[serde(default)]
    pub multi_valued: bool,
}

/// Data type of an extension attribute (RFC 7643, section 2.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ExtensionAttributeType {
    /// Text.
    #[default]
    String,
    /// true or false.
    Boolean,
    /// Whole number.
    Integer,
    /// Number.
    Decimal,
    /// Time as in XML Schema.
    DateTime,
    /// URI.
    Reference,
}

/// Settings of the pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PodTemplate {
    /// Requests and limits of the container; modest requests when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "resources")]
    pub resources: Option<ResourceRequirements>,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32, "additionalProperties" = {"type": "string", "maxLength": 63}))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that the pods tolerate.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "tolerations")]
    pub tolerations: Vec<Toleration>,
    /// Affinity as in a pod (`core/v1` Affinity).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "any_object")]
    pub affinity: Option<serde_json::Value>,
}

/// `requests` and `limits` of Kubernetes' type, with bounds; its claims are not for us.
fn resources(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let quantities = |description: &str| {
        serde_json::json!({
            "description": description,
            "type": "object",
            "maxProperties": 16,
            "additionalProperties": {
                "type": "string",
                "maxLength": 20,
                "pattern": "^[0-9]+([.][0-9]{1,3})?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$"
            }
        })
    };
    schemars::json_schema!({
        "type": "object",
        "properties": {
            "requests": quantities("What a node must have left, such as `cpu: 100m` and `memory: 64Mi`; numbers in quotes."),
            "limits": quantities("What the container may use at most, such as `memory: 256Mi`; numbers in quotes.")
        }
    })
}

/// Kubernetes' type, with the bounds that Kubernetes has for taints.
fn tolerations(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({
        "type": "array",
        "maxItems": 32,
        "items": {
            "type": "object",
            "properties": {
                "key": {"description": "Key of the taint; every taint when left out, with the operator `Exists`.", "type": "string", "maxLength": 317},
                "operator": {"description": "How the value is compared; `Equal` when left out.", "type": "string", "enum": ["Exists", "Equal"]},
                "value": {"description": "Value of the taint, with the operator `Equal`.", "type": "string", "maxLength": 63},
                "effect": {"description": "Effect of the taint; every effect when left out.", "type": "string", "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"]},
                "tolerationSeconds": {"description": "How long a taint of the effect `NoExecute` is tolerated; for ever when left out.", "type": "integer", "format": "int64"}
            }
        }
    })
}

fn any_object(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})
}

/// What becomes of data when its object is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    /// The data stays, and an object of the same name finds it again.
    #[default]
    Retain,
    /// The data goes with the object.
    Delete,
}

/// What is known of one directory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimTenantStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready; Reconciling and Stalled when they apply; Serving.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Base URL of SCIM: what Entra calls the Tenant URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim_url: Option<String>,
    /// People in the directory, deactivated ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<i64>,
    /// People who are not deactivated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active_users: Option<i64>,
    /// Groups in the directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<i64>,
}
