//! What a mapping makes of an object, and what of it a resource at the target lacks.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::expression::{Environment, Flow, Outcome, SourceObject};

use super::dialect::Op;
use super::schema::{AttributeType, Line, ObjectMapping, Source};
use super::target::Target;

/// A value on its way to a target.
#[derive(Debug)]
pub(super) struct Assigned<'m> {
    pub(super) target: &'m Target,
    /// A text, a boolean, a number, or a list of texts or of roles.
    pub(super) value: Value,
    /// Only in a POST.
    pub(super) only_when_created: bool,
    /// A list that takes the place of the one that is there; others are added to.
    pub(super) replaces: bool,
}

/// A change that makes a resource what it should be.
#[derive(Debug)]
pub(super) struct Change<'m> {
    pub(super) op: Op,
    pub(super) target: &'m Target,
    pub(super) value: Value,
    pub(super) before: Value,
}

/// Why nothing of an object flows.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unmapped {
    /// An expression says `IgnoreObjectFlow`.
    Ignored(String),
    /// An expression fails.
    Failed(String),
}

/// The values of `object`; one that is null or empty does not flow.
pub(super) fn mapped<'m>(
    mapping: &'m ObjectMapping,
    object: &SourceObject,
    environment: &Environment<'_>,
) -> Result<Vec<Assigned<'m>>, Unmapped> {
    let mut assigned = Vec::with_capacity(mapping.lines.len());
    for line in &mapping.lines {
        assigned.extend(assign(line, object, environment)?);
    }
    Ok(assigned)
}

fn assign<'m>(
    line: &'m Line,
    object: &SourceObject,
    environment: &Environment<'_>,
) -> Result<Option<Assigned<'m>>, Unmapped> {
    let Source::Expression(expression) = &line.source else {
        return Ok(None);
    };
    let value = match expression.evaluate(object, environment) {
        Ok(Outcome::Value(value)) => value.to_json(),
        Ok(Outcome::Ignored(Flow::IgnoreAttribute)) => return Ok(None),
        Ok(Outcome::Ignored(Flow::IgnoreObject)) => {
            return Err(Unmapped::Ignored(line.target.path()));
        }
        Err(error) => {
            let path = line.target.path();
            return Err(Unmapped::Failed(format!("{path}: {error}")));
        }
    };
    let is_empty = value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    let default = line.default.as_deref().filter(|_| is_empty);
    let is_default = default.is_some();
    let value = default.map_or(value, Value::from);
    if is_empty && !is_default {
        return Ok(None);
    }
    let function = expression.function().unwrap_or_default();
    Ok(Some(Assigned {
        target: &line.target,
        value: typed(
            value,
            line.type_,
            function.contains("RoleAssignmentsComplex"),
        ),
        only_when_created: is_default || line.only_when_created,
        replaces: function == "AssertiveAppRoleAssignmentsComplex",
    }))
}

fn typed(value: Value, type_: AttributeType, is_role: bool) -> Value {
    let text = value.as_str();
    match type_ {
        AttributeType::Boolean if text.is_some_and(|it| it.eq_ignore_ascii_case("true")) => {
            true.into()
        }
        AttributeType::Boolean if text.is_some_and(|it| it.eq_ignore_ascii_case("false")) => {
            false.into()
        }
        AttributeType::Integer => {
            let number = text.and_then(|it| it.parse::<i64>().ok());
            number.map_or(value, Value::from)
        }
        AttributeType::Text | AttributeType::Boolean if is_role => {
            let roles = value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            roles
                .filter_map(|it| serde_json::from_str::<Value>(it).ok())
                .collect()
        }
        AttributeType::Text | AttributeType::Boolean => value,
    }
}

/// What `resource` lacks of `assigned`, as far as `wanted` asks for it.
pub(super) fn changes<'m>(
    assigned: Vec<Assigned<'m>>,
    resource: &Value,
    wanted: impl Fn(&Target) -> bool,
) -> Vec<Change<'m>> {
    let assigned = assigned.into_iter();
    let always = assigned.filter(|it| !it.only_when_created && wanted(it.target));
    let changes = always.filter_map(|it| {
        let before = it.target.read(resource);
        let op = match () {
            () if it.replaces => Op::Replace,
            // Other lists are only ever added to.
            () if it.value.is_array() || before.is_null() => Op::Add,
            () => Op::Replace,
        };
        (!is_same(&before, &it)).then_some(Change {
            op,
            target: it.target,
            value: it.value,
            before,
        })
    });
    changes.collect()
}

fn is_same(found: &Value, wanted: &Assigned<'_>) -> bool {
    let Some(values) = wanted.value.as_array() else {
        // What the job takes for a text may be a boolean or a number at the target.
        let is_other = matches!(found, Value::Bool(_) | Value::Number(_));
        let text = wanted.value.as_str();
        return *found == wanted.value
            || is_other && text.is_some_and(|it| it.eq_ignore_ascii_case(&found.to_string()));
    };
    let texts = |list: &[Value]| -> BTreeSet<String> {
        let values = list.iter().map(|it| it.get("value").unwrap_or(it));
        values
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let (wanted_texts, found) = (
        texts(values),
        texts(found.as_array().map_or(&[], Vec::as_slice)),
    );
    if wanted.replaces {
        wanted_texts == found
    } else {
        wanted_texts.is_subset(&found)
    }
}
