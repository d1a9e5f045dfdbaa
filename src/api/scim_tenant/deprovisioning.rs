//! How people of a `ScimTenant` go: how many at once, and when for good.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// How people go.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Deprovisioning {
    /// How much clients may take away in a while. What is more is held: the client is asked to come again, and nothing is changed.
    #[serde(default)]
    pub brake: Brake,
    /// Time after which a deactivated person is erased for good, in hours such as `720h` (30 days); never when left out. Entra can restore a person
    /// within 30 days and expects to find the account: a shorter time makes such a restore fail until provisioning is restarted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 2, max = 6))]
    #[x_kube(validation = Rule::new("self.matches('^[1-9][0-9]{0,4}h$')")
        .message("eraseAfter must be hours, such as 720h for 30 days"))]
    pub erase_after: Option<String>,
}

/// How much clients may take away in a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Brake {
    /// People who may be deactivated in the window.
    #[serde(default = "five_hundred")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub deactivations: i32,
    /// People and groups that may be deleted in the window.
    #[serde(default = "five_hundred")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub deletions: i32,
    /// Memberships that may be removed in the window; those of a deleted group count.
    #[serde(default = "five_thousand")]
    #[schemars(range(min = 0, max = 100_000_000))]
    pub membership_removals: i32,
    /// The window, in minutes or hours such as `1h`.
    #[serde(default = "one_hour")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^([1-9][0-9]{0,2}m|([1-9]|1[0-9]|2[0-4])h)$')")
        .message("per must be minutes or hours up to 24h, such as 1h"))]
    pub per: String,
    /// Lets go: what was counted or held before this time is forgotten, and until then everything passes. Set it to a time in the near future to let
    /// what is held through with Entra's next cycle; set it to the present once the cause is corrected in Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 20, max = 35))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]([.][0-9]{1,9})?(Z|[+-][0-2][0-9]:[0-5][0-9])$')")
        .message("openUntil must be a time such as 2026-01-31T10:00:00Z"))]
    pub open_until: Option<String>,
}

impl Default for Brake {
    fn default() -> Self {
        Self {
            deactivations: five_hundred(),
            deletions: five_hundred(),
            membership_removals: five_thousand(),
            per: one_hour(),
            open_until: None,
        }
    }
}

fn five_hundred() -> i32 {
    500
}

fn five_thousand() -> i32 {
    5000
}

fn one_hour() -> String {
    "1h".to_owned()
}

/// What the brake holds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct HeldRemovals {
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Time>,
    /// People who are still active because of it.
    pub deactivations: i64,
    /// People and groups that are still there because of it.
    pub deletions: i64,
    /// Memberships that are still there because of it.
    pub membership_removals: i64,
    /// Ids of some of the people and groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}
