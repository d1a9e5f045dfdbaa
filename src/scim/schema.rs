//! The one schema model: what attributes exist and how they behave (RFC 7643, sections 2, 4 and 7).
//!
//! Parsing, filters, paths, PATCH and discovery all read the same [`ResourceSchema`].

mod core;
mod discovery;
mod lookup;
mod rules;
#[cfg(test)]
pub(crate) mod sample;

use serde::Deserialize;
use serde::Serialize;

use crate::scim::list::SEARCH_URN;
pub use crate::scim::schema::discovery::Limits;
pub use crate::scim::schema::lookup::AttributePath;
pub use crate::scim::schema::lookup::Resolved;
pub(crate) use crate::scim::schema::lookup::sub_attribute;
pub use crate::scim::schema::rules::Extension;
pub use crate::scim::schema::rules::ExtensionAttribute;
pub use crate::scim::schema::rules::Rules;
pub use crate::scim::schema::rules::RulesError;

/// The URN of the core User.
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The URN of the core Group.
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The URN of the enterprise extension of User.
pub const ENTERPRISE_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The URN of the extension of User that is Usher's own.
pub const SIGN_IN_URN: &str = "urn:ietf:params:scim:schemas:extension:usher:2.0:User";
/// The attribute of it that says how a person signs in.
pub const SIGN_IN_METHOD: &str = "signInMethod";
/// The values that it may have: through Entra, or by a password.
pub const SIGN_IN_METHODS: [&str; 2] = ["Entra", "BuiltIn"];

/// The group attribute that never lives in a resource: membership is a relation of its own.
pub const MEMBERS: &str = "members";

/// The data type of an attribute (RFC 7643, section 2.3).
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "camelCase")]
pub enum AttributeType {
    #[default]
    String,
    Boolean,
    Integer,
    Decimal,
    DateTime,
    Reference,
    Binary,
    /// An object; one that declares no sub-attributes takes any key, every value a string.
    Complex,
}

/// Whether a client may write an attribute (RFC 7643, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Mutability {
    ReadOnly,
    ReadWrite,
    Immutable,
    /// Accepted, checked and forgotten: a password is of no use to a server that signs in by Entra.
    WriteOnly,
}

/// When an attribute is part of an answer (RFC 7643, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Returned {
    Always,
    Never,
    Default,
    Request,
}

/// Among whom a value is unique (RFC 7643, section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Uniqueness {
    None,
    Server,
    Global,
}

/// One attribute, serialized as discovery prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Attribute {
    pub name: String,
    #[serde(rename = "type")]
    pub type_: AttributeType,
    pub multi_valued: bool,
    pub description: String,
    pub required: bool,
    pub case_exact: bool,
    pub mutability: Mutability,
    pub returned: Returned,
    pub uniqueness: Uniqueness,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub canonical_values: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reference_types: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sub_attributes: Vec<Self>,
}

/// One schema: the core of a resource type, or an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    pub urn: String,
    pub name: String,
    pub description: String,
    /// Takes any key beside the declared ones; such values become strings.
    pub open: bool,
    pub attributes: Vec<Attribute>,
}

/// The two resource types (RFC 7643, section 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum ResourceType {
    User,
    Group,
}

impl ResourceType {
    /// The name in `meta.resourceType`.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// The endpoint below the SCIM base, with its slash.
    pub fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }
}

/// A resource type with its core schema, its extensions and the rules on its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceSchema {
    pub resource_type: ResourceType,
    pub core: Schema,
    pub extensions: Vec<Schema>,
    /// The allowed values of `userType`; empty: not checked.
    pub(crate) user_types: Vec<String>,
    /// The allowed values of roles; empty: not checked.
    pub(crate) roles: Vec<String>,
    /// The allowed values of `signInMethod`; empty: not checked.
    pub(crate) sign_in_methods: Vec<String>,
    /// What every resource must have.
    pub(crate) required: Vec<AttributePath>,
}

/// Everything that a SCIM server of one `ScimTenant` knows about attributes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schemas {
    pub user: ResourceSchema,
    pub group: ResourceSchema,
}

impl ResourceSchema {
    /// What every resource must have.
    pub fn required(&self) -> &[AttributePath] {
        &self.required
    }
}

impl Schemas {
    /// The core schemas with what `rules` declares.
    ///
    /// # Errors
    /// When the rules contradict themselves or name an attribute that does not exist.
    pub fn new(rules: &Rules) -> Result<Self, RulesError> {
        rules::schemas(rules)
    }

    /// The schema of a resource type.
    pub fn of(&self, resource_type: ResourceType) -> &ResourceSchema {
        match resource_type {
            ResourceType::User => &self.user,
            ResourceType::Group => &self.group,
        }
    }

    /// What users and groups may have, as the schema of one resource: for a filter on both.
    ///
    /// A bare name is an attribute of either. With the URN of a core schema it is one of that type alone, so that these are like
    /// extensions here, and the core has a URN that no attribute is named with.
    pub fn everything(&self) -> ResourceSchema {
        let mut both = self.user.clone();
        SEARCH_URN.clone_into(&mut both.core.urn);
        for attribute in &self.group.core.attributes {
            if both.core.attribute(&attribute.name).is_none() {
                both.core.attributes.push(attribute.clone());
            }
        }
        both.extensions.extend(self.group.extensions.clone());
        for schema in [&self.user, &self.group] {
            let mut core = schema.core.clone();
            core.attributes.extend(core::common());
            both.extensions.push(core);
        }
        both
    }
}

impl Attribute {
    /// The sub-attribute of this name, in any casing.
    pub fn sub_attribute(&self, name: &str) -> Option<&Self> {
        self.sub_attributes
            .iter()
            .find(|sub| sub.name.eq_ignore_ascii_case(name))
    }

    /// Whether `text` can be a value of the attribute, or of one element of its list.
    pub fn takes(&self, text: &str) -> bool {
        crate::scim::value::read_one(self, &text.into()).is_ok()
    }

    /// An object without declared sub-attributes takes any key.
    pub fn is_open(&self) -> bool {
        self.type_ == AttributeType::Complex && self.sub_attributes.is_empty()
    }
}

impl Schema {
    /// The attribute of this name, in any casing.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(name))
    }
}

/// What an undeclared key of an open schema or object is.
pub(crate) fn open_attribute() -> &'static Attribute {
    &lookup::OPEN
}
