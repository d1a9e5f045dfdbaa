//! Bodies of requests in Entra's two PATCH dialects.

use serde_json::{Map, Value, json};

use super::population::{Group, Person};
use super::target::{ENTERPRISE, Target, mapped};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How Entra writes PATCH requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// What every job does by default: capitals, booleans as text, one operation for each attribute.
    #[default]
    Default,
    /// With `?aadOptscim062020` in the Tenant URL: nearer to RFC 7644.
    AadOptscim062020,
}

/// Whether the target has a value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

impl Dialect {
    fn op(self, op: Op) -> &'static str {
        match (self, op) {
            (Self::Default, Op::Add) => "Add",
            (Self::Default, Op::Replace) => "Replace",
            (Self::Default, Op::Remove) => "Remove",
            (Self::AadOptscim062020, Op::Add) => "add",
            (Self::AadOptscim062020, Op::Replace) => "replace",
            (Self::AadOptscim062020, Op::Remove) => "remove",
        }
    }

    fn value(self, value: &Value) -> Value {
        match (self, value) {
            (Self::Default, Value::Bool(true)) => "True".into(),
            (Self::Default, Value::Bool(false)) => "False".into(),
            (_, Value::Array(items)) => items.iter().map(|item| json!({"value": item})).collect(),
            (_, other) => other.clone(),
        }
    }

    /// What makes `resource` as `person` is; nothing when it is so already.
    pub(super) fn user_patch(self, person: &Person, resource: &Value) -> Option<Value> {
        let changes: Vec<(Op, Target, Value)> = mapped(person)
            .into_iter()
            .filter_map(|(target, wanted)| {
                let found = target.read(resource);
                let op = if found.is_null() {
                    Op::Add
                } else {
                    Op::Replace
                };
                let op = if wanted.is_array() { Op::Add } else { op }; // lists are only ever added to
                (found != wanted).then(|| (op, target, self.value(&wanted)))
            })
            .collect();
        (!changes.is_empty()).then(|| patch(&self.operations(changes)))
    }

    fn operations(self, changes: Vec<(Op, Target, Value)>) -> Vec<Value> {
        let single = |(op, target, value): (Op, Target, Value)| json!({"op": self.op(op), "path": target.path(), "value": value});
        match self {
            Self::Default => changes.into_iter().map(single).collect(),
            Self::AadOptscim062020 => {
                let (bracketed, plain): (Vec<_>, Vec<_>) = changes
                    .into_iter()
                    .partition(|(_, target, _)| target.is_bracketed());
                let mut operations: Vec<Value> = bracketed.into_iter().map(single).collect();
                for op in [Op::Replace, Op::Add] {
                    let of_op: Vec<_> = plain.iter().filter(|it| it.0 == op).cloned().collect();
                    if of_op.len() < 2 {
                        operations.extend(of_op.into_iter().map(single));
                        continue;
                    }
                    let merged: Map<String, Value> = of_op
                        .into_iter()
                        .map(|(_, target, value)| (target.path(), value))
                        .collect();
                    operations.push(json!({"op": self.op(op), "value": merged}));
                }
                operations
            }
        }
    }

    /// Sets the manager: a bare identifier in both dialects.
    pub(super) fn manager_patch(self, manager: &str, resource: &Value) -> Option<Value> {
        let found = &resource[ENTERPRISE]["manager"]["value"];
        let op = if found.is_null() {
            Op::Add
        } else {
            Op::Replace
        };
        let path = format!("{ENTERPRISE}:manager");
        (found != manager)
            .then(|| patch(&[json!({"op": self.op(op), "path": path, "value": manager})]))
    }

    /// Gives a group its name and the identifier in Entra.
    pub(super) fn group_patch(self, group: &Group, resource: &Value) -> Option<Value> {
        let operations: Vec<Value> = [
            ("displayName", &group.display_name),
            ("externalId", &group.object_id),
        ]
        .into_iter()
        .filter(|(name, wanted)| resource[*name] != **wanted)
        .map(|(name, wanted)| json!({"op": self.op(Op::Replace), "path": name, "value": wanted}))
        .collect();
        (!operations.is_empty()).then(|| patch(&operations))
    }

    /// Adds members.
    pub(super) fn join_patch(self, ids: &[&str]) -> Value {
        let value: Vec<Value> = ids
            .iter()
            .map(|id| json!({"$ref": null, "value": id}))
            .collect();
        patch(&[json!({"op": self.op(Op::Add), "path": "members", "value": value})])
    }

    /// Takes a member away.
    pub(super) fn leave_patch(self, id: &str) -> Value {
        let op = self.op(Op::Remove);
        patch(&[match self {
            Self::Default => {
                json!({"op": op, "path": "members", "value": [{"$ref": null, "value": id}]})
            }
            Self::AadOptscim062020 => {
                json!({"op": op, "path": format!("members[value eq \"{id}\"]")})
            }
        }])
    }
}

fn patch(operations: &[Value]) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// The body that creates `person`. Extensions of the customer are not named in `schemas`, and the manager follows later.
pub(super) fn new_user(person: &Person) -> Value {
    let mut body =
        json!({"schemas": [USER, ENTERPRISE], "meta": {"resourceType": "User"}, "roles": []});
    for (target, value) in mapped(person) {
        target.write(&mut body, value);
    }
    body
}

/// The body that creates `group`; its members follow.
pub(super) fn new_group(group: &Group) -> Value {
    json!({
        "schemas": [GROUP],
        "externalId": group.object_id,
        "displayName": group.display_name,
        "members": [],
        "meta": {"resourceType": "Group"}
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::Population;

    fn changed() -> (Person, Value) {
        let population = Population::of(4, 0);
        let resource = new_user(&population.people[2]);
        (population.a_day_later().0.people[2].clone(), resource)
    }

    #[test]
    fn an_unchanged_person_needs_no_request() {
        let person = &Population::of(4, 0).people[3];

        assert_eq!(Dialect::Default.user_patch(person, &new_user(person)), None);
    }

    #[test]
    fn the_default_dialect_has_one_operation_for_each_attribute() {
        let (mut person, resource) = changed();
        person.enabled = false;

        let patch = Dialect::Default.user_patch(&person, &resource).unwrap();

        assert_eq!(
            patch["Operations"],
            json!([
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "Replace", "path": "title", "value": "Director"},
                {"op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "Legal"},
                {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "EnterpriseAdmin"},
            ])
        );
    }

    #[test]
    fn the_other_dialect_merges_what_has_no_brackets() {
        let (mut person, resource) = changed();
        person.enabled = false;

        let patch = Dialect::AadOptscim062020
            .user_patch(&person, &resource)
            .unwrap();

        let department = format!("{ENTERPRISE}:department");
        assert_eq!(
            patch["Operations"],
            json!([
                {"op": "add", "path": "roles[primary eq \"True\"].value", "value": "EnterpriseAdmin"},
                {"op": "replace", "value": {"active": false, "title": "Director", department: "Legal"}},
            ])
        );
    }
}
