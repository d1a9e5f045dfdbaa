//! Changes of a group's members, as PATCH operations ask for them.

use serde_json::Value;

use crate::scim::error::ScimError;
use crate::scim::filter::Comparison;
use crate::scim::filter::Filter;
use crate::scim::filter::Literal;
use crate::scim::filter::Operator;
use crate::scim::patch::Action;
use crate::scim::path::Path;
use crate::scim::schema::MEMBERS;
use crate::scim::value;

/// One change of a group's members; the ids are distinct and in the order they were written.
///
/// Adding a present member and removing an absent one succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberChange {
    Add(Vec<String>),
    Remove(Vec<String>),
    Replace(Vec<String>),
    Clear,
}

/// The members in the body of a POST or PUT of a group; `None` when the body has no such name.
///
/// # Errors
/// `400 invalidValue` when an element has no id.
pub fn member_ids(body: &Value) -> Result<Option<Vec<String>>, ScimError> {
    let written = body
        .as_object()
        .and_then(|members| value::find(members, MEMBERS));
    written.map(ids).transpose()
}

/// What an operation on `members` changes; `None` when nothing.
pub(crate) fn change(
    action: Action,
    path: &Path,
    written: &Value,
) -> Result<Option<MemberChange>, ScimError> {
    match path {
        Path::Elements {
            filter,
            sub_attribute: None,
            ..
        } => {
            let chosen = chosen(filter)?;
            match action {
                Action::Remove => Ok(Some(MemberChange::Remove(chosen))),
                Action::Add | Action::Replace => Ok(Some(MemberChange::Add(chosen))),
            }
        }
        Path::Attribute(_) => {
            let ids = ids(written)?;
            match action {
                Action::Add if ids.is_empty() => Ok(None),
                Action::Add => Ok(Some(MemberChange::Add(ids))),
                Action::Replace if ids.is_empty() => Ok(Some(MemberChange::Clear)),
                Action::Replace => Ok(Some(MemberChange::Replace(ids))),
                // RFC 7644 clears without a value; Entra's list names who leaves.
                Action::Remove if written.is_null() => Ok(Some(MemberChange::Clear)),
                Action::Remove if ids.is_empty() => Ok(None),
                Action::Remove => Ok(Some(MemberChange::Remove(ids))),
            }
        }
        Path::Elements { .. } | Path::Extension(_) => Err(unsupported()),
    }
}

fn unsupported() -> ScimError {
    ScimError::invalid_path("Members are chosen by their id only: members[value eq \"id\"].")
}

/// The ids in `value eq "a"` and `value eq "a" or value eq "b"`.
fn chosen(filter: &Filter) -> Result<Vec<String>, ScimError> {
    let terms = match filter {
        Filter::Or(terms) => terms.as_slice(),
        one => std::slice::from_ref(one),
    };
    let ids = terms.iter().map(|term| match term {
        Filter::Compare(Comparison {
            attribute,
            operator: Operator::Equal,
            value: Literal::Text(id),
            ..
        }) if attribute.attribute == "value" => Ok(id.clone()),
        _ => Err(unsupported()),
    });
    ids.collect::<Result<Vec<_>, _>>().map(distinct)
}

/// The ids in a text, an object with `value`, or a list of these.
fn ids(written: &Value) -> Result<Vec<String>, ScimError> {
    let elements = match written {
        Value::Array(elements) => elements.as_slice(),
        one => std::slice::from_ref(one),
    };
    let mut ids = Vec::with_capacity(elements.len());
    for element in elements {
        let id = match element {
            Value::Null => continue,
            Value::Object(members) => value::find(members, "value"),
            plain => Some(plain),
        };
        match id {
            Some(Value::String(id)) if id.is_empty() && elements.len() == 1 => {}
            Some(Value::String(id)) if !id.is_empty() => ids.push(id.clone()),
            _ => {
                return Err(ScimError::invalid_value(
                    "Each member must be an object with the id of a user as its value.",
                ));
            }
        }
    }
    Ok(distinct(ids))
}

fn distinct(ids: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::HashSet::with_capacity(ids.len());
    ids.into_iter()
        .filter(|id| seen.insert(id.clone()))
        .collect()
}
