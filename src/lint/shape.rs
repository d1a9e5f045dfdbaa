//! One kind's rules: unknown fields, schema, duplicates in lists, and CEL, in the API server's order.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::core::cel::{CompiledSchema, Validator, apply_defaults, compile_schema};
use serde_json::{Value, json};

use super::{metadata, structure, violation, words};

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
        structure::unknown_fields(&self.schema, object, "", &mut problems);
        let object = self.defaulted(object);
        problems.extend(
            self.json_schema
                .iter_errors(&object)
                .map(|error| violation::described(&error)),
        );
        structure::duplicates(&self.schema, &object, "", &mut problems);
        annotations_size(&object, &mut problems);
        if !problems.iter().any(|it| it.nature == Nature::Blocking) {
            problems.extend(self.broken_rules(&object, None));
        }
        problems
    }

    /// The CEL rules that `object` breaks; with `old`, those about the change too.
    pub(super) fn broken_rules(&self, object: &Value, old: Option<&Value>) -> Vec<Problem> {
        let declared = structure::without_nulls(object);
        let Err(errors) = Validator::new().validate_compiled(&self.cel, &declared, old) else {
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
        structure::drop_nulls(&self.schema, &mut object);
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
