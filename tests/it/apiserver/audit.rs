//! What the API server wrote down about who asked for what.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::Deserialize;

use super::Cluster;

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
}

impl Cluster {
    /// The requests of one user in the order of their answers; a watch counts once, when it begins. None with an
    /// existing cluster, whose audit log is not ours to read.
    pub(crate) fn requests_of(&self, user: &str) -> Option<Vec<Request>> {
        let text = std::fs::read_to_string(self.audit_log.as_ref()?).expect("an audit log");
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
