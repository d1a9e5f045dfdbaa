//! Bodies of requests in Entra's two PATCH dialects.

use serde_json::{Map, Value, json};

use super::mapped::{Assigned, Change};
use super::target::{ENTERPRISE, Target};
use super::tenant::named_id;

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

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Add,
    Replace,
    Remove,
}

impl Dialect {
    /// The name of the flag, or of having none.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::AadOptscim062020 => "aadOptscim062020",
        }
    }

    const fn op(self, op: Op) -> &'static str {
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
            (_, Value::Array(items)) => items.iter().map(|item| self.item(item)).collect(),
            (_, other) => other.clone(),
        }
    }

    /// An element of a list. By default a role is JSON text inside a string.
    fn item(self, item: &Value) -> Value {
        match (self, item) {
            (Self::Default, Value::Object(role)) => {
                let value = role["value"].as_str().unwrap_or_default();
                let text =
                    json!({"id": named_id(value), "value": value, "displayName": role["display"]});
                json!({"value": text.to_string()})
            }
            (Self::AadOptscim062020, Value::Object(_)) => item.clone(),
            (_, text) => json!({"value": text}),
        }
    }

    /// The body that makes `changes`.
    pub(super) fn patch(self, changes: &[Change<'_>]) -> Value {
        let single = |it: &Change<'_>| json!({"op": self.op(it.op), "path": it.target.path(), "value": self.value(&it.value)});
        if self == Self::Default {
            return body(&changes.iter().map(single).collect::<Vec<_>>());
        }
        let is_alone = |it: &&Change<'_>| it.target.is_bracketed() || it.value.is_array();
        let mut operations: Vec<Value> = changes.iter().filter(is_alone).map(single).collect();
        for op in [Op::Replace, Op::Add] {
            let of_op = changes.iter().filter(|it| !is_alone(it) && it.op == op);
            let of_op: Vec<&Change<'_>> = of_op.collect();
            if of_op.len() < 2 {
                operations.extend(of_op.into_iter().map(single));
                continue;
            }
            let merged = of_op
                .iter()
                .map(|it| (it.target.path(), self.value(&it.value)));
            let merged: Map<String, Value> = merged.collect();
            operations.push(json!({"op": self.op(op), "value": merged}));
        }
        body(&operations)
    }

    /// Adds members.
    pub(super) fn join(self, ids: &[String]) -> Value {
        body(&[json!({"op": self.op(Op::Add), "path": "members", "value": references(ids)})])
    }

    /// Takes members away: by default as a list, else each by a path of its own.
    pub(super) fn leave(self, ids: &[String]) -> Value {
        let op = self.op(Op::Remove);
        body(&match self {
            Self::Default => vec![json!({"op": op, "path": "members", "value": references(ids)})],
            Self::AadOptscim062020 => {
                let paths = ids.iter().map(|it| format!("members[value eq \"{it}\"]"));
                paths.map(|it| json!({"op": op, "path": it})).collect()
            }
        })
    }
}

fn references(ids: &[String]) -> Vec<Value> {
    let references = ids.iter().map(|id| json!({"$ref": null, "value": id}));
    references.collect()
}

fn body(operations: &[Value]) -> Value {
    json!({"schemas": [PATCH_OP], "Operations": operations})
}

/// The body that creates a user. Extensions of the customer are not named in `schemas`, and the manager follows later.
pub(super) fn new_user(assigned: &[Assigned<'_>]) -> Value {
    let mut body =
        json!({"schemas": [USER, ENTERPRISE], "meta": {"resourceType": "User"}, "roles": []});
    write(&mut body, assigned);
    body
}

/// The body that creates a group; its members follow.
pub(super) fn new_group(assigned: &[Assigned<'_>]) -> Value {
    let mut body = json!({"schemas": [GROUP], "members": [], "meta": {"resourceType": "Group"}});
    write(&mut body, assigned);
    body
}

fn write(body: &mut Value, assigned: &[Assigned<'_>]) {
    for it in assigned {
        it.target.write(body, it.value.clone());
    }
}

/// A change of a target that is no line of the mapping's: a reference.
pub(super) fn reference<'m>(target: &'m Target, before: Value, id: &str) -> Change<'m> {
    let op = if before.is_null() {
        Op::Add
    } else {
        Op::Replace
    };
    Change {
        op,
        target,
        value: id.into(),
        before,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;
    use crate::emulator::mapped::{changes, mapped};
    use crate::emulator::schema::Schema;
    use crate::expression::{Environment, SourceObject};

    #[track_caller]
    fn check(person: Value, resource: &Value, dialect: Dialect, expected: &Value) {
        let mut source = crate::emulator::schema::default_schema();
        let lines =
            &mut source["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"];
        for (target, expression) in [
            (
                "roles[primary eq \"True\"].value",
                "SingleAppRoleAssignment([appRoleAssignments])",
            ),
            ("urn:ex:folders", "Split([folders], \",\")"),
        ] {
            lines.as_array_mut().unwrap().push(json!({"targetAttributeName": target, "source": {"type": "Function", "expression": expression}}));
        }
        let schema = Schema::read(&source).unwrap();
        let object = SourceObject::of(person).unwrap();
        let environment = Environment::at(jiff::Timestamp::UNIX_EPOCH, &SystemRandom);
        let assigned = mapped(&schema.users, &object, &environment).unwrap();

        let changes = changes(assigned, resource, |_| true);

        assert_eq!(dialect.patch(&changes)["Operations"], *expected);
    }

    fn person() -> (Value, Value) {
        (
            json!({"IsSoftDeleted": "True", "jobTitle": "Director", "department": "Legal", "mail": "a@b.example", "appRoleAssignments": ["Admin"], "folders": "a,b"}),
            json!({"active": true, "title": "Manager", ENTERPRISE: {"department": "Sales"}, "emails": [{"type": "work", "value": "a@b.example"}]}),
        )
    }

    #[test]
    fn the_default_dialect_has_one_operation_for_each_attribute() {
        let (person, resource) = person();
        check(
            person,
            &resource,
            Dialect::Default,
            &json!([
                {"op": "Replace", "path": "active", "value": "False"},
                {"op": "Replace", "path": "title", "value": "Director"},
                {"op": "Replace", "path": format!("{ENTERPRISE}:department"), "value": "Legal"},
                {"op": "Add", "path": "roles[primary eq \"True\"].value", "value": "Admin"},
                {"op": "Add", "path": "urn:ex:folders", "value": [{"value": "a"}, {"value": "b"}]},
            ]),
        );
    }

    #[test]
    fn the_other_dialect_merges_what_has_no_brackets() {
        let (person, resource) = person();
        check(
            person,
            &resource,
            Dialect::AadOptscim062020,
            &json!([
                {"op": "add", "path": "roles[primary eq \"True\"].value", "value": "Admin"},
                {"op": "add", "path": "urn:ex:folders", "value": [{"value": "a"}, {"value": "b"}]},
                {"op": "replace", "value": {"active": false, "title": "Director", (format!("{ENTERPRISE}:department")): "Legal"}},
            ]),
        );
    }

    #[test]
    fn members_leave_as_a_list_or_by_a_path_each() {
        let ids = ["7".to_owned(), "8".to_owned()];
        assert_eq!(
            Dialect::Default.leave(&ids)["Operations"],
            json!([{"op": "Remove", "path": "members", "value": [{"$ref": null, "value": "7"}, {"$ref": null, "value": "8"}]}])
        );
        assert_eq!(
            Dialect::AadOptscim062020.leave(&ids)["Operations"][1],
            json!({"op": "remove", "path": "members[value eq \"8\"]"})
        );
    }
}
