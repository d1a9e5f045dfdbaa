//! `UserMapping`: which Entra attribute becomes which SCIM attribute, for one connector.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::CustomResource;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::ObjectReference;

mod preview;
mod scope;

pub use preview::{MappingInForce, MappingPreview, PreviewNames, PreviewRequest};
pub use scope::{ScopeOperator, ScopingClause, ScopingFilter};

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
    /// Mapping of groups; without it, nothing is said about groups, and Entra's own setting stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<GroupAttributes>,
    /// Asks for `status.preview`: how many people of the directory a change of this mapping would change, disable or have refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<PreviewRequest>,
    /// Lets a change come into force that would disable people or have them refused, more than the brake of the ScimTenant allows. It names
    /// the change by `status.preview.digest`, so that it says nothing of later ones and may stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 12, max = 12))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-f]{12}$')")
        .message("confirm must be what status.preview.digest shows, such as 3f9a2b7c11de"))]
    pub confirm: Option<String>,
}

/// The lines for users, and who is provisioned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserAttributes {
    /// One line for each SCIM attribute.
    #[schemars(length(min = 1, max = 128), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["target"]))]
    pub attributes: Vec<AttributeMapping>,
    /// Scoping filters: a person is provisioned who fulfils one of them; without any, everybody whom Entra assigns. Who falls out of
    /// scope is disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub scope: Vec<ScopingFilter>,
}

/// Whether groups are provisioned, their lines, and which of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct GroupAttributes {
    /// Whether Entra provisions groups.
    pub enabled: bool,
    /// One line for each SCIM attribute. Without any they are Entra's own: `displayName`, by which groups are matched, `externalId` from
    /// `objectId`, and `members`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["target"]))]
    pub attributes: Vec<AttributeMapping>,
    /// Scoping filters: a group is provisioned that fulfils one of them; without any, every group that Entra assigns.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub scope: Vec<ScopingFilter>,
}

/// One line: a SCIM attribute and where its value comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[has(self.source), has(self.constant), has(self.expression)].filter(it, it).size() == 1")
        .message("a line needs exactly one of source, constant and expression"),
    validation = Rule::new("!has(self.default) || !has(self.constant)")
        .message("default is for a source or an expression that may come to nothing; a constant needs none"),
    validation = Rule::new("!has(self.matchingPriority) || !has(self.constant)")
        .message("a constant is the same for everybody and finds nobody; put matchingPriority on a line with a source or an expression")
)]
pub struct AttributeMapping {
    /// SCIM attribute as Entra writes it: `userType`, `name.givenName`, `emails[type eq "work"].value`,
    /// `roles[primary eq "True"].value`, or a URN with the attribute at its end.
    #[schemars(length(min = 1, max = 256))]
    pub target: String,
    /// Entra attribute whose value is sent as it is, such as `companyName`, `extensionAttribute1` or a directory extension
    /// `extension_<application id without dashes>_<name>`. `manager` and `members` are references: Entra sends the SCIM ids of those
    /// whom it has provisioned.
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
    /// When the line takes effect.
    #[serde(default, skip_serializing_if = "Apply::is_always")]
    pub apply: Apply,
    /// Marks a matching attribute: Entra looks for a person or group by its value before it creates one, beginning with 1. Without one on
    /// any line, users are matched by `userName` and groups by `displayName`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 16))]
    pub matching_priority: Option<u8>,
}

/// When a line takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Apply {
    /// When somebody is created, and whenever the value changes.
    #[default]
    Always,
    /// When somebody is created; later changes in Entra are not sent.
    OnlyDuringCreation,
}

/// What is known of one mapping.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct UserMappingStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready; Reconciling and Stalled when they apply; MappingsValid; InForce; Previewed when a preview is asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Lines in effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attributes: Option<i64>,
    /// What works and is likely a mistake, one sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The mapping that is in force: this one, or the one before a change that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_force: Option<MappingInForce>,
    /// What a change would do: when `spec.preview` asks for it, and when the change waits to be confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preview: Option<MappingPreview>,
}

impl Apply {
    /// Whether it need not be written.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    const fn is_always(&self) -> bool {
        matches!(self, Self::Always)
    }
}
