//! What the API server does beyond JSON Schema: unknown fields, meaningless nulls, duplicates in sets and maps.

use serde_json::Value;

use super::document::escaped;
use super::shape::{Nature, Problem};
use super::words;

/// The schema of the member `key` of an object with `schema`; nothing when it has none.
fn member<'a>(schema: &'a Value, key: &str) -> Option<&'a Value> {
    let listed = schema.get("properties").and_then(|it| it.get(key));
    listed.or_else(|| schema.get("additionalProperties"))
}

fn is_open(schema: &Value) -> bool {
    schema.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true))
        || (schema.get("properties").is_none() && schema.get("additionalProperties").is_none())
}

/// Fields that the schema does not know; `kubectl apply` refuses them.
pub(super) fn unknown_fields(
    schema: &Value,
    value: &Value,
    pointer: &str,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                let below = format!("{pointer}/{}", escaped(key));
                if let Some(schema) = member(schema, key) {
                    unknown_fields(schema, value, &below, problems);
                } else if !is_open(schema) {
                    let message = format!("unknown field{}", suggestion(schema, key));
                    problems.push(Problem {
                        pointer: below,
                        message,
                        nature: Nature::UnknownField,
                    });
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                if let Some(schema) = schema.get("items") {
                    unknown_fields(schema, item, &format!("{pointer}/{index}"), problems);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The fields that are known, when they fit on a line.
fn suggestion(schema: &Value, key: &str) -> String {
    let Some(Value::Object(known)) = schema.get("properties") else {
        return String::new();
    };
    let similar = known.keys().find(|it| words::distance(it, key) <= 2);
    if let Some(similar) = similar {
        return format!("; did you mean {similar}?");
    }
    let mut names: Vec<&str> = known.keys().map(String::as_str).collect();
    names.sort_unstable();
    if names.len() <= 10 {
        format!("; known here: {}", names.join(", "))
    } else {
        String::new()
    }
}

/// Drops members that are null though their schema does not allow it: the API server does so before anything else.
pub(super) fn drop_nulls(schema: &Value, value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|key, value| {
                !value.is_null()
                    || member(schema, key)
                        .is_none_or(|it| it.get("nullable") == Some(&Value::Bool(true)))
            });
            for (key, value) in members {
                if let Some(schema) = member(schema, key) {
                    drop_nulls(schema, value);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for item in items {
                    drop_nulls(schema, item);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// `value` with nothing where null is allowed and given: to CEL rules such a member is absent.
pub(super) fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !value.is_null())
            .map(|(key, value)| (key.clone(), without_nulls(value)))
            .collect(),
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

/// Elements of lists that are sets or maps and appear twice.
pub(super) fn duplicates(
    schema: &Value,
    value: &Value,
    pointer: &str,
    problems: &mut Vec<Problem>,
) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                if let Some(schema) = member(schema, key) {
                    duplicates(
                        schema,
                        value,
                        &format!("{pointer}/{}", escaped(key)),
                        problems,
                    );
                }
            }
        }
        Value::Array(items) => {
            let identities: Vec<Value> = items.iter().map(|item| identity(schema, item)).collect();
            for (index, item) in items.iter().enumerate() {
                let below = format!("{pointer}/{index}");
                let known = identities.get(index);
                if known.is_some_and(|it| {
                    !it.is_null() && identities.iter().take(index).any(|other| other == it)
                }) {
                    let message = format!("duplicate value: {}", compact(known));
                    problems.push(Problem {
                        pointer: below.clone(),
                        message,
                        nature: Nature::Other,
                    });
                }
                if let Some(schema) = schema.get("items") {
                    duplicates(schema, item, &below, problems);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn compact(value: Option<&Value>) -> String {
    words::clipped(&value.map(Value::to_string).unwrap_or_default())
}

/// What must not appear twice in a list with `schema`; null when anything may.
fn identity(schema: &Value, item: &Value) -> Value {
    match schema.get("x-kubernetes-list-type").and_then(Value::as_str) {
        Some("set") => item.clone(),
        Some("map") => {
            let keys = schema
                .get("x-kubernetes-list-map-keys")
                .and_then(Value::as_array);
            let keys = keys.into_iter().flatten().filter_map(Value::as_str);
            keys.map(|key| (key.to_owned(), item.get(key).cloned().unwrap_or_default()))
                .collect()
        }
        Some(_) | None => Value::Null,
    }
}
