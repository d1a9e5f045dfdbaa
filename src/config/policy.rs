//! What a directory lets its clients do to its people.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a directory lets its clients do to its people; the default lets them do everything that SCIM knows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// How much may be taken away in a while; anything when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brake: Option<BrakeConfig>,
    /// Seconds after which a deactivated person is erased; never when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub erase_after_seconds: Option<u32>,
    /// What a POST does to an account that is there already.
    pub adoption: Adoption,
    /// Domains whose addresses a client assigns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub verified_domains: Vec<VerifiedDomainsConfig>,
    /// User names of the people whom no client may change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub break_glass: Vec<String>,
    /// Attributes of people that one client owns.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attribute_owners: Vec<AttributeOwnerConfig>,
    /// What becomes of member ids that nobody has.
    pub unknown_members: UnknownMembers,
    /// What becomes of who signs in through a provider and was not provisioned.
    pub unknown_people: UnknownPeople,
}

/// Attributes of people that one client owns; what others write of them changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttributeOwnerConfig {
    /// Name of the client.
    pub client: String,
    /// The attributes by their canonical names, each a whole one.
    pub attributes: Vec<String>,
}

/// How much may be taken away in a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BrakeConfig {
    /// People who may be deactivated in the window.
    pub deactivations: u32,
    /// People and groups that may be deleted in the window.
    pub deletions: u32,
    /// Memberships that may be removed in the window.
    pub membership_removals: u32,
    /// The window, in minutes.
    pub per_minutes: u32,
    /// What happened before is neither counted nor held; while it is in the future, nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open_until: Option<Timestamp>,
}

/// What a POST does to an account that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// It is refused with 409.
    #[default]
    Never,
    /// It becomes an update of the one account with the same `externalId`.
    ByExternalId,
    /// It becomes an update of the one account with the same e-mail address, if the client's word is taken for its domain.
    ByVerifiedEmail,
}

/// Domains whose addresses one client assigns: nobody there has an address that is somebody else's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VerifiedDomainsConfig {
    /// Name of the client.
    pub client: String,
    /// The domains, each exactly as it stands behind the `@`.
    pub domains: Vec<String>,
}

/// What becomes of member ids that nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownMembers {
    /// They refuse the whole request.
    #[default]
    Refuse,
    /// They are left out.
    Ignore,
}

/// What becomes of who signs in through a provider and was not provisioned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownPeople {
    /// They are refused.
    #[default]
    Refuse,
    /// They get an account, or are linked to one as `adoption` says.
    Create,
}
