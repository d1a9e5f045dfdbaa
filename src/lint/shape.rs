//! One kind's rules: unknown fields, schema, duplicates in lists, and CEL, in the API server's order.

use jsonschema::error::ValidationErrorKind;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::{CompiledSchema, Validator, apply_defaults, compile_schema};
use serde_json::{Value, json};

use super::document::escaped;
use super::{metadata, words};

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    /// The field, as JSON pointer.
    pub(super) pointer: String,
    /// What is wrong and what is wanted.
    pub(super) message: String,
    /// What follows from it.
    pub(super) nature: Nature,
}

/// What follows from a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
    /// The key itself is wrong.
    UnknownField,
    /// CEL rules cannot be evaluated then: a field is missing, of another type, or too long.
    Blocking,
    /// Nothing else.
    Other,
}

/// The rules of one kind.
pub(super) struct Shape {
    /// The structural schema of the definition, `metadata` described.
    schema: Value,
    json_schema: jsonschema::Validator,
    cel: CompiledSchema,
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Shape").finish_non_exhaustive()
    }
}

impl Shape {
    /// The rules in `crd`, which has one version.
    pub(super) fn of(crd: &CustomResourceDefinition) -> Self {
        let version = crd
            .spec
            .versions
            .first()
            .expect("a definition has a version");
        let schema = version
            .schema
            .as_ref()
            .and_then(|it| it.open_api_v3_schema.as_ref());
        let mut schema = serde_json::to_value(schema.expect("a definition has a schema"))
            .expect("a schema has only string keys");
        let cel = compile_schema(&schema);
        schema["properties"]["apiVersion"] = json!({"type": "string"});
        schema["properties"]["kind"] = json!({"type": "string"});
        schema["properties"]["metadata"] = metadata::schema();
        schema["required"]
            .as_array_mut()
            .expect("a kind requires its spec")
            .push("metadata".into());
        let json_schema = jsonschema::validator_for(&translated(&schema))
            .expect("the schema of a definition is a JSON Schema");
        Self {
            schema,
            json_schema,
            cel,
        }
    }

    /// What the API server would refuse in `object` when it is created; nothing when it would take it.
    pub(super) fn problems(&self, object: &Value) -> Vec<Problem> {
        let mut problems = Vec::new();
        unknown_fields(&self.schema, object, "", &mut problems);
        let object = self.defaulted(object);
        problems.extend(
            self.json_schema
                .iter_errors(&object)
                .flat_map(|error| described(&error)),
        );
        duplicates(&self.schema, &object, "", &mut problems);
        annotations_size(&object, &mut problems);
        if !problems.iter().any(|it| it.nature == Nature::Blocking) {
            problems.extend(self.broken_rules(&object, None));
        }
        problems
    }

    /// The CEL rules that `object` breaks; with `old`, those about the change too.
    pub(super) fn broken_rules(&self, object: &Value, old: Option<&Value>) -> Vec<Problem> {
        let Err(errors) = Validator::new().validate_compiled(&self.cel, object, old) else {
            return Vec::new();
        };
        errors
            .into_vec()
            .into_iter()
            .map(|error| {
                // The rules of the root see `metadata.name` and nothing else of `metadata`.
                let pointer = if error.field_path.is_empty() {
                    "/metadata/name".to_owned()
                } else {
                    words::pointer(&error.field_path)
                };
                let message = match object.pointer(&pointer) {
                    Some(value @ Value::String(_)) => {
                        format!("{}, got {}", error.message, words::got(value))
                    }
                    _ => error.message,
                };
                Problem {
                    pointer,
                    message,
                    nature: Nature::Other,
                }
            })
            .collect()
    }

    /// `object` as the API server would store it: nulls that mean nothing gone, defaults filled in.
    pub(super) fn defaulted(&self, object: &Value) -> Value {
        let mut object = object.clone();
        drop_nulls(&self.schema, &mut object);
        apply_defaults(&self.schema, &object)
    }
}

/// A structural schema as JSON Schema: `nullable` and int-or-string are types there.
fn translated(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let mut translated = members.clone();
            for (key, value) in &mut translated {
                if !matches!(key.as_str(), "enum" | "required" | "default" | "type") {
                    *value = self::translated(value);
                }
            }
            if members.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true)) {
                translated.insert("type".to_owned(), json!(["integer", "string"]));
            }
            if members.get("nullable") == Some(&Value::Bool(true)) {
                if let Some(type_) = members.get("type").and_then(Value::as_str) {
                    translated.insert("type".to_owned(), json!([type_, "null"]));
                }
                if let Some(Value::Array(options)) = translated.get_mut("enum") {
                    options.push(Value::Null);
                }
            }
            Value::Object(translated)
        }
        Value::Array(items) => items.iter().map(translated).collect(),
        other => other.clone(),
    }
}

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
fn unknown_fields(schema: &Value, value: &Value, pointer: &str, problems: &mut Vec<Problem>) {
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
    let similar = known
        .keys()
        .find(|it| it.eq_ignore_ascii_case(key) || it.starts_with(key) || key.starts_with(*it));
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
fn drop_nulls(schema: &Value, value: &mut Value) {
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
                items.iter_mut().for_each(|item| drop_nulls(schema, item));
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Elements of lists that are sets or maps and appear twice.
fn duplicates(schema: &Value, value: &Value, pointer: &str, problems: &mut Vec<Problem>) {
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

fn annotations_size(object: &Value, problems: &mut Vec<Problem>) {
    let Some(Value::Object(annotations)) = object.pointer("/metadata/annotations") else {
        return;
    };
    let size: usize = annotations
        .iter()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum();
    if size > metadata::ANNOTATIONS_BYTES {
        let message = format!(
            "must have at most {} bytes in all, got {size}",
            metadata::ANNOTATIONS_BYTES
        );
        problems.push(Problem {
            pointer: "/metadata/annotations".to_owned(),
            message,
            nature: Nature::Blocking,
        });
    }
}

/// A violation of the schema in our words.
fn described(error: &jsonschema::ValidationError<'_>) -> Option<Problem> {
    use ValidationErrorKind as Kind;

    let mut pointer = error.instance_path().as_str().to_owned();
    let got = words::got(error.instance());
    let length = error
        .instance()
        .as_str()
        .map_or(0, |text| text.chars().count());
    let (message, nature) = match error.kind() {
        Kind::Required { property } => {
            pointer = format!(
                "{pointer}/{}",
                escaped(property.as_str().unwrap_or_default())
            );
            ("is required".to_owned(), Nature::Blocking)
        }
        Kind::Type { kind } => (
            format!("must be {}, got {got}", type_names(kind)),
            Nature::Blocking,
        ),
        Kind::Enum { options } => (
            format!("must be {}, got {got}", alternatives(options)),
            Nature::Other,
        ),
        Kind::MaxLength { limit } => (
            format!("must have at most {limit} characters, got {length}"),
            Nature::Blocking,
        ),
        Kind::MinLength { limit } => (
            format!("must have at least {limit} characters, got {length}"),
            Nature::Other,
        ),
        Kind::MaxItems { limit } => (
            format!("must have at most {limit} elements, got {got}"),
            Nature::Blocking,
        ),
        Kind::MinItems { limit } => (
            format!("must have at least {limit} elements, got {got}"),
            Nature::Other,
        ),
        Kind::MaxProperties { limit } => (
            format!("must have at most {limit} members"),
            Nature::Blocking,
        ),
        Kind::Pattern { pattern } => (format!("must match {pattern}, got {got}"), Nature::Other),
        Kind::PropertyNames { error } => (
            format!(
                "has a key that is not allowed: {}",
                words::got(error.instance())
            ),
            Nature::Other,
        ),
        _ => (words::clipped(&error.masked().to_string()), Nature::Other),
    };
    for map in ["/metadata/labels", "/metadata/annotations"] {
        if pointer.starts_with(map) {
            map.clone_into(&mut pointer); // the API server names the map
        }
    }
    Some(Problem {
        pointer,
        message,
        nature,
    })
}

fn type_names(kind: &jsonschema::error::TypeKind) -> String {
    let name = |type_: &str| match type_ {
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        jsonschema::error::TypeKind::Single(type_) => name(&type_.to_string()),
        jsonschema::error::TypeKind::Multiple(types) => {
            let names: Vec<String> = types
                .iter()
                .map(|it| it.to_string())
                .filter(|it| it != "null")
                .map(|it| name(&it))
                .collect();
            names.join(" or ")
        }
    }
}

fn alternatives(options: &Value) -> String {
    let options: Vec<&str> = options
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    match options.as_slice() {
        [only] => (*only).to_owned(),
        several => format!("one of {}", several.join(", ")),
    }
}
