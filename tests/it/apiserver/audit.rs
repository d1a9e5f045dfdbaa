//! What the API server wrote down about who asked for what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;
use usher::operator::rbac;

use super::Cluster;

/// API group, resource and verb.
pub(crate) type Right = (String, String, String);

/// What the operator may do.
pub(crate) fn granted_rights() -> BTreeSet<Right> {
    let rules: Vec<_> = rbac::watched().into_iter().chain(rbac::lease()).collect();
    rights_of(&rules)
}

/// What rules grant, right by right.
pub(crate) fn rights_of(rules: &[PolicyRule]) -> BTreeSet<Right> {
    fn of_rule(rule: &PolicyRule) -> impl Iterator<Item = Right> {
        let groups = rule.api_groups.iter().flatten();
        groups.flat_map(move |group| {
            let resources = rule.resources.iter().flatten();
            resources.flat_map(move |resource| {
                let verbs = rule.verbs.iter();
                verbs.map(move |verb| (group.clone(), resource.clone(), verb.clone()))
            })
        })
    }
    rules.iter().flat_map(of_rule).collect()
}

/// One request, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub(crate) verb: String,
    /// Empty for the core group.
    pub(crate) group: String,
    /// The plural with its subresource after a slash (`deployments/status`); the path where there is none.
    pub(crate) resource: String,
    pub(crate) namespace: String,
    pub(crate) name: String,
    /// The HTTP status of the answer.
    pub(crate) code: u16,
    /// The pod of whoever asked, if it was one.
    pub(crate) pod: String,
    /// When it was answered.
    pub(crate) at: Timestamp,
}

impl Request {
    /// Whether it is one that changes something, and was let through.
    pub(crate) fn is_write(&self) -> bool {
        let reads = ["get", "list", "watch"];
        self.code < 300 && !reads.contains(&self.verb.as_str())
    }

    /// What had to be granted for it.
    pub(crate) fn right(&self) -> Right {
        (self.group.clone(), self.resource.clone(), self.verb.clone())
    }
}

impl Cluster {
    /// The requests of one user in the order of their answers; a watch counts once, when it begins. None with an
    /// existing cluster, whose audit log is not ours to read, and it is said that they are not looked at.
    pub(crate) fn requests_of(&self, user: &str) -> Option<Vec<Request>> {
        let Some(log) = &self.audit_log else {
            eprintln!(
                "not checked: what {user} asked for, because this cluster's audit log cannot be read"
            );
            return None;
        };
        let text = std::fs::read_to_string(log).expect("an audit log");
        let mut watches = BTreeSet::new();
        // The last line may be half written.
        let requests = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Line>(line).ok())
            .filter(|line| line.user.username == user)
            .filter(|line| line.verb != "watch" || watches.insert(line.audit_id.clone()))
            .map(Line::into_request)
            .collect();
        Some(requests)
    }

    /// What an operator was refused, because it is not among its rights; one that was not told yet, or any more, does not
    /// count.
    pub(crate) fn missing_rights_of(&self, operator: &str) -> Vec<Request> {
        let Some(mut requests) = self.requests_of(operator) else {
            return Vec::new();
        };
        let granted = granted_rights();
        requests.retain(|it| it.code == 403 && !granted.contains(&it.right()));
        requests
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    #[serde(rename = "auditID")]
    audit_id: String,
    verb: String,
    #[serde(rename = "requestURI")]
    request_uri: String,
    stage_timestamp: Timestamp,
    user: User,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(default)]
    response_status: Status,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    username: String,
    #[serde(default)]
    extra: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    code: u16,
}

impl Line {
    fn into_request(self) -> Request {
        let of = self.object_ref;
        let pods = self.user.extra.get("authentication.kubernetes.io/pod-name");
        let pod = pods.and_then(|it| it.first()).cloned().unwrap_or_default();
        let resource = match (of.resource.as_str(), of.subresource.as_str()) {
            ("", _) => self.request_uri,
            (resource, "") => resource.to_owned(),
            (resource, sub) => format!("{resource}/{sub}"),
        };
        Request {
            verb: self.verb,
            group: of.api_group,
            resource,
            namespace: of.namespace,
            name: of.name,
            code: self.response_status.code,
            pod,
            at: self.stage_timestamp,
        }
    }
}
