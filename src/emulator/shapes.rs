//! Counts requests by what they look like, so that a verdict can say which shapes a server does not take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use super::failure::Failure;
use super::target::Target;

/// Counts by shape.
#[derive(Debug, Default)]
pub struct Shapes(Mutex<BTreeMap<String, ShapeCount>>);

/// What became of the requests of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShapeCount {
    /// Requests that were sent.
    pub sent: u64,
    /// Those that failed.
    pub failed: u64,
    /// The first failure, with the body of its request.
    pub first_failure: Option<(Failure, Option<Value>)>,
    /// What is wrong with answers that Entra takes, or puts up with.
    pub remarks: BTreeSet<&'static str>,
}

impl Shapes {
    /// Counts by shape, in alphabetical order.
    pub fn counts(&self) -> BTreeMap<String, ShapeCount> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn sent(&self, shape: &str) {
        self.count(shape, |it| it.sent += 1);
    }

    pub(super) fn failed(&self, shape: &str, failure: &Failure, body: Option<&Value>) {
        self.count(shape, |it| {
            it.failed += 1;
            if it.first_failure.is_none() {
                it.first_failure = Some((failure.clone(), body.cloned()));
            }
        });
    }

    pub(super) fn remark(&self, shape: &str, remark: &'static str) {
        self.count(shape, |it| {
            it.remarks.insert(remark);
        });
    }

    fn count(&self, shape: &str, change: impl FnOnce(&mut ShapeCount)) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = counts.get_mut(shape) {
            change(found);
        } else {
            change(counts.entry(shape.to_owned()).or_default());
        }
    }
}

/// What a request looks like, whatever its values are.
pub(super) fn shape(request: &str, query: &[(&str, &str)], body: Option<&Value>) -> String {
    let names = query.iter().map(|(name, value)| match *name {
        "filter" => format!(
            "filter={} eq \"…\"",
            value.split(" eq ").next().unwrap_or_default()
        ),
        "excludedAttributes" => format!("{name}={value}"),
        _ => format!("{name}=…"),
    });
    let names = names.collect::<Vec<_>>().join("&");
    let operations = body.and_then(|it| it["Operations"].as_array());
    let Some(operations) = operations else {
        let mark = if names.is_empty() { "" } else { "?" };
        return format!("{request}{mark}{names}");
    };
    let words: BTreeSet<String> = operations.iter().map(operation).collect();
    let words = words.into_iter().collect::<Vec<_>>().join(", ");
    format!("{request}: {words}")
}

fn operation(operation: &Value) -> String {
    let op = operation["op"].as_str().unwrap_or_default();
    let path = operation["path"].as_str();
    let value = &operation["value"];
    let kind = match (path, value) {
        (None, _) => "without a path",
        (Some("members"), _) => "members",
        (Some(path), _) if path.starts_with("members[") => "members[value eq \"…\"]",
        (Some("active"), Value::String(_)) => "active as text",
        (Some("active"), _) => "active",
        (Some(path), _) if path.ends_with(":manager") => "manager",
        (Some(path), _) if path.starts_with("roles") => return format!("{op} {path}"),
        (Some(path), _) => Target::parse(path).map_or("", |it| it.shape()),
    };
    format!("{op} {kind}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_shape_has_no_values() {
        let check = |query: &[(&str, &str)], operations: Value, expected: &str| {
            let body = (!operations.is_null()).then(|| json!({"Operations": operations}));
            assert_eq!(shape("PATCH Users", query, body.as_ref()), expected);
        };
        check(&[], Value::Null, "PATCH Users");
        check(
            &[
                ("excludedAttributes", "members"),
                ("filter", "displayName eq \"Night Watch\""),
            ],
            Value::Null,
            "PATCH Users?excludedAttributes=members&filter=displayName eq \"…\"",
        );
        check(
            &[],
            json!([
                {"op": "Replace", "path": "title", "value": "x"},
                {"op": "Replace", "path": "nickName", "value": "x"},
                {"op": "Add", "path": "emails[type eq \"work\"].value", "value": "x"},
                {"op": "Replace", "path": "active", "value": "False"},
            ]),
            "PATCH Users: Add list[type eq \"…\"].part, Replace active as text, Replace attribute",
        );
        check(
            &[],
            json!([{"op": "add", "value": {"a": "b"}}]),
            "PATCH Users: add without a path",
        );
    }
}
