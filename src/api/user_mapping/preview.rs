//! What a change of a mapping would do, and which mapping is in force until it is known to be meant.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What of a preview is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewRequest {
    /// How many user names of each sort are shown; 0 shows none.
    #[serde(default = "ten")]
    #[schemars(range(min = 0, max = 20))]
    pub names: u8,
}

impl Default for PreviewRequest {
    fn default() -> Self {
        Self { names: ten() }
    }
}

const fn ten() -> u8 {
    10
}

/// The mapping that is in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingInForce {
    /// The generation of the spec in which it came into force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Digest of its lines and filters.
    pub digest: String,
}

/// What a mapping would do to the people of the directory, or did when it came into force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct MappingPreview {
    /// The generation of the spec that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<i64>,
    /// Digest of the lines and filters that were looked at: what `spec.confirm` names.
    pub digest: String,
    /// Digest of all that was compared; another one has the preview made anew.
    pub inputs: String,
    /// When it was made.
    pub computed_at: Time,
    /// People in the directory who are active.
    pub people: i64,
    /// Those of them who would get another value.
    pub changed: i64,
    /// Those who would be disabled.
    pub disabled: i64,
    /// Those whose values would be refused.
    pub rejected: i64,
    /// Those of whom it cannot be told here, for attributes in Entra that the mapping in force does not send.
    pub undecided: i64,
    /// Whether the directory is so large that only those who came first were looked at.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// The attributes of whose values nothing is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// The first ones, by user name.
    #[serde(default)]
    pub names: PreviewNames,
}

/// Some of those whom a preview counts, by user name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct PreviewNames {
    /// Of those who would get another value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Of those who would be disabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disabled: Vec<String>,
    /// Of those whose values would be refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<String>,
}
