//! What a person of a `ScimTenant` may and must have.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
