//! Where the administrators of a `ScimTenant` look and act.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Pages and an API for administrators, at `https://HOST/portal` and `https://HOST/api/v1`, and the commands of `usher`. Who has one of the `roles` `ReadOnly`, `User`,
/// `Admin` or `EnterpriseAdmin` gets in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Portal {
    /// What the directory is called there; the name of the ScimTenant when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub display_name: Option<String>,
}
