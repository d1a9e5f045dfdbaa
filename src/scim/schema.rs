//! Placeholder until the SCIM vocabulary lands: the rules of a directory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a person may and must have.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Rules {
    /// Exact values of `userType`; any when empty.
    pub user_types: Vec<String>,
    /// Exact role values; any when empty.
    pub roles: Vec<String>,
    /// SCIM paths without which a person is refused.
    pub required: Vec<String>,
    /// Extensions of users.
    pub extensions: Vec<Extension>,
}

/// A schema extension.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extension {
    /// URN.
    pub urn: String,
    /// Takes any key.
    #[serde(default)]
    pub open: bool,
    /// Attributes.
    #[serde(default)]
    pub attributes: Vec<ExtensionAttribute>,
}

/// One attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionAttribute {
    /// Name.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub type_: AttributeType,
    /// A list.
    #[serde(default)]
    pub multi_valued: bool,
}

/// Data type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    /// Text.
    String,
    /// true or false.
    Boolean,
    /// Whole number.
    Integer,
    /// Number.
    Decimal,
    /// Time.
    DateTime,
    /// URI.
    Reference,
    /// Sub-attributes.
    Complex,
}
