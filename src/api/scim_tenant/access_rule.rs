//! Who reaches which path of an application behind a proxy.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Who reaches some paths of some applications. A rule without `public`, `roles` and `groups` lets everybody through who is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!(has(self.public) && self.public && (has(self.roles) || has(self.groups)))")
    .message("a public rule lets everybody through: leave roles and groups out, or public"))]
pub struct AccessRule {
    /// Which of `hosts` it is about; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 260)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub hosts: Vec<String>,
    /// Paths, each with everything below it: `/admin` is `/admin` and `/admin/users`, and not `/administrator`. Every path when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 2, max = 256)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^(/[.]?[A-Za-z0-9_~@:+-][A-Za-z0-9._~@:+-]*)+$'))")
        .message("a path must begin with / and not end with it, and have letters, digits and . _ ~ @ : + - between, such as /admin"))]
    pub paths: Vec<String>,
    /// Lets everybody through, without asking who it is.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub public: bool,
    /// Lets those through who have one of these roles or are in one of `groups`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 64)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub roles: Vec<String>,
    /// Names of groups, in the same case. Entra does not keep two groups from having one name, so let nobody make groups of these names who must not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 256)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub groups: Vec<String>,
}
