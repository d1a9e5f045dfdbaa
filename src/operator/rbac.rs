//! The rights that the operator needs, as data: what a test compares with what it does, and an installation grants.

use k8s_openapi::api::rbac::v1::PolicyRule;

use crate::api::GROUP;

/// Rights in each namespace that is watched.
pub fn watched() -> Vec<PolicyRule> {
    let kinds = ["scimtenants", "azureconnectors", "usermappings"];
    let statuses = kinds.map(|it| format!("{it}/status"));
    vec![
        rule(GROUP, &kinds, &["list", "watch"]),
        rule(GROUP, &statuses.each_ref().map(String::as_str), &["patch"]),
        // An apply of something that does not exist needs `create` as well.
        rule(
            "",
            &["serviceaccounts", "persistentvolumeclaims", "services"],
            &["get", "list", "watch", "create", "patch"],
        ),
        rule(
            "apps",
            &["deployments"],
            &["get", "list", "watch", "create", "patch"],
        ),
        rule(
            "networking.k8s.io",
            &["networkpolicies"],
            &["get", "list", "watch", "create", "patch"],
        ),
        // These go when the declaration turns them off or renames them.
        rule(
            "",
            &["secrets"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
        rule(
            "networking.k8s.io",
            &["ingresses"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
        rule(
            "policy",
            &["poddisruptionbudgets"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
        rule(
            "gateway.networking.k8s.io",
            &["httproutes"],
            &["get", "list", "watch", "create", "patch", "delete"],
        ),
        // Why a pod does not start, and which configuration it should have.
        rule("", &["pods"], &["list", "patch"]),
        rule("events.k8s.io", &["events"], &["create", "patch"]),
    ]
}

/// Further rights in each namespace that is watched, where `OwnerReferencesPermissionEnforcement` is on: who lets the
/// deletion of an owner wait must be able to finalize it, and who changes the owners of an object, to delete that.
pub fn owner_references() -> Vec<PolicyRule> {
    vec![
        rule(
            GROUP,
            &["scimtenants/finalizers", "azureconnectors/finalizers"],
            &["update"],
        ),
        rule(
            "",
            &["serviceaccounts", "persistentvolumeclaims", "services"],
            &["delete"],
        ),
        rule("apps", &["deployments"], &["delete"]),
        rule("networking.k8s.io", &["networkpolicies"], &["delete"]),
    ]
}

/// Rights in the namespace of the operator, for the Lease.
pub fn lease() -> Vec<PolicyRule> {
    vec![rule(
        "coordination.k8s.io",
        &["leases"],
        &["get", "create", "update"],
    )]
}

fn rule(group: &str, resources: &[&str], verbs: &[&str]) -> PolicyRule {
    let owned = |words: &[&str]| words.iter().map(|&it| it.to_owned()).collect::<Vec<_>>();
    PolicyRule {
        api_groups: Some(vec![group.to_owned()]),
        resources: Some(owned(resources)),
        verbs: owned(verbs),
        ..PolicyRule::default()
    }
}
