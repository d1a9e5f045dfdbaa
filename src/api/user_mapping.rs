//! `UserMapping`: which Entra attribute becomes which SCIM attribute, for one connector.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::object::ObjectReference;

/// What is wished of one mapping.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "usher.dev",
    version = "v1alpha1",
    kind = "UserMapping",
    namespaced,
    status = "UserMappingStatus",
    derive = "PartialEq",
    shortname = "usm",
    category = "connectors",
    doc = "Which Entra attribute becomes which SCIM attribute, for one AzureConnector.",
    printcolumn(
        name = "Ready",
        type_ = "string",
        json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether the mapping fits the ScimTenant."
    ),
    printcolumn(
        name = "Connector",
        type_ = "string",
        json_path = ".spec.connectorRef.name",
        description = "The connector it belongs to."
    ),
    printcolumn(
        name = "Attributes",
        type_ = "integer",
        json_path = ".status.attributes",
        description = "Lines that are in effect."
    ),
    printcolumn(
        name = "Reason",
        type_ = "string",
        priority = 1,
        json_path = ".status.conditions[?(@.type=='Ready')].reason",
        description = "Why it is or is not ready."
    ),
    printcolumn(
        name = "Age",
        type_ = "date",
        json_path = ".metadata.creationTimestamp",
        description = "Time since creation."
    )
)]
#[serde(rename_all = "camelCase")]
pub struct UserMappingSpec {
    /// The AzureConnector that this mapping belongs to. A connector has one mapping at most.
    pub connector_ref: ObjectReference,
    /// Mapping of users.
    pub users: UserAttributes,
}

/// The lines for users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserAttributes {
    /// One line for each SCIM attribute.
    #[schemars(length(min = 1, max = 128), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["target"]))]
    pub attributes: Vec<AttributeMapping>,
}

/// One line: a SCIM attribute and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.source), has(self.constant), has(self.expression)].filter(it, it).size() == 1")
        .message("a line needs exactly one of source, constant and expression"),
    validation = Rule::new("!has(self.default) || !has(self.constant)")
        .message("default is for a source or an expression that may come to nothing; a constant needs none")
)]
pub struct AttributeMapping {
    /// SCIM attribute as Entra writes it: `userType`, `name.givenName`, `emails[type eq "work"].value`, or a URN with the attribute at its end.
    #[schemars(length(min = 1, max = 256))]
    pub target: String,
    /// Entra attribute whose value is sent as it is, such as `companyName` or `extensionAttribute1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[A-Za-z][A-Za-z0-9_.]*$")
    )]
    pub source: Option<String>,
    /// The same value for everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub constant: Option<String>,
    /// What is sent, computed by Entra from the person's attributes, such as `Split([jobTitle], ",")`. It is checked here and
    /// evaluated by Entra: the same text goes into its line of type Expression. `usher mapping try` shows what it comes to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 10_000))]
    pub expression: Option<String>,
    /// Sent when the source or the expression comes to nothing; Entra applies it when a person is created, not afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub default: Option<String>,
}

/// What is known of one mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserMappingStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready; Reconciling and Stalled when they apply; MappingsValid.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Lines in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<i64>,
    /// What works and is likely a mistake, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}
