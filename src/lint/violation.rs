//! A violation of the schema in words: what is wanted, and what was got.

use std::fmt;

use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;

use super::document::escaped;
use super::shape::{Nature, Problem};
use super::words;

/// A violation of the schema in our words.
pub(super) fn described(error: &ValidationError<'_>) -> Problem {
    let mut pointer = error.instance_path().as_str().to_owned();
    if let Kind::Required { property } = error.kind() {
        pointer = format!(
            "{pointer}/{}",
            escaped(property.as_str().unwrap_or_default())
        );
    }
    for map in ["/metadata/labels", "/metadata/annotations"] {
        if pointer.starts_with(map) {
            map.clone_into(&mut pointer); // the API server names the map
        }
    }
    let (message, nature) = worded(error);
    Problem {
        pointer,
        message,
        nature,
    }
}

fn worded(error: &ValidationError<'_>) -> (String, Nature) {
    let got = words::got(error.instance());
    let length = error
        .instance()
        .as_str()
        .map_or(0, |text| text.chars().count());
    match error.kind() {
        Kind::Required { .. } => ("is required".to_owned(), Nature::Blocking),
        Kind::Type { kind } => (
            format!("must be {}, got {got}", type_names(kind)),
            Nature::Blocking,
        ),
        Kind::Enum { options } => (
            format!("must be {}, got {got}", alternatives(options)),
            Nature::Other,
        ),
        Kind::MaxLength { limit } => at_most(*limit, "character", &length),
        Kind::MinLength { limit } => at_least(*limit, "character", &length),
        Kind::MaxItems { limit } => at_most(*limit, "element", &got),
        Kind::MinItems { limit } => at_least(*limit, "element", &got),
        Kind::MaxProperties { limit } => (
            format!("must have at most {}", so_many(*limit, "member")),
            Nature::Blocking,
        ),
        Kind::Minimum { limit } => (
            format!("must be at least {}, got {got}", number(limit)),
            Nature::Other,
        ),
        Kind::Maximum { limit } => (
            format!("must be at most {}, got {got}", number(limit)),
            Nature::Other,
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
    }
}

fn at_most(limit: u64, what: &str, got: &dyn fmt::Display) -> (String, Nature) {
    let limit = so_many(limit, what);
    let said = format!("must have at most {limit}, got {got}");
    (said, Nature::Blocking)
}

fn at_least(limit: u64, what: &str, got: &dyn fmt::Display) -> (String, Nature) {
    let limit = so_many(limit, what);
    let said = format!("must have at least {limit}, got {got}");
    (said, Nature::Other)
}

/// `1 character`, `2 characters`.
fn so_many(count: u64, what: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {what}{ending}")
}

/// A limit as a person writes it: a definition has 1 as 1.0.
fn number(limit: &Value) -> String {
    let text = limit.to_string();
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

fn type_names(kind: &TypeKind) -> String {
    let name = |type_: &str| match type_ {
        "integer" => "a whole number".to_owned(),
        "array" => "a list".to_owned(),
        "object" => "an object".to_owned(),
        "null" => "null".to_owned(),
        other => format!("a {other}"),
    };
    match kind {
        TypeKind::Single(type_) => name(&type_.to_string()),
        TypeKind::Multiple(types) => {
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
