//! JSON values by an attribute's definition: read generously, kept byte for byte, found again.

use serde_json::Map;
use serde_json::Number;
use serde_json::Value;

use crate::scim::bounds;
use crate::scim::error::ScimError;
use crate::scim::error::quoted;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::Mutability;
use crate::scim::schema::open_attribute;

/// An object of attributes by canonical name.
pub(crate) type Attributes = Map<String, Value>;

/// Reads what a client wrote for `attribute`; `None` means "no value": null, "", [], {}.
///
/// # Errors
/// `400 invalidValue` when the value cannot be of the attribute's type.
pub(crate) fn read(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if !attribute.multi_valued {
        return read_one(attribute, single(attribute, value)?);
    }
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        other => std::slice::from_ref(other),
    };
    bounds::check_length(elements.len())?;
    let mut values = Vec::with_capacity(elements.len());
    for element in elements {
        values.extend(read_one(attribute, element)?.filter(|value| !is_hollow(attribute, value)));
    }
    Ok((!values.is_empty()).then_some(Value::Array(values)))
}

/// The one element of an array where a single value is expected.
pub(crate) fn single<'v>(attribute: &Attribute, value: &'v Value) -> Result<&'v Value, ScimError> {
    match value {
        Value::Array(elements) => match elements.as_slice() {
            [] => Ok(&Value::Null),
            [element] => Ok(element),
            _ => Err(wrong(attribute, "one value, not a list")),
        },
        other => Ok(other),
    }
}

/// Reads one value, of a list or not.
pub(crate) fn read_one(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    match attribute.type_ {
        AttributeType::Complex => read_object(attribute, value, carries_json_text(attribute)),
        AttributeType::String
        | AttributeType::Boolean
        | AttributeType::Integer
        | AttributeType::Decimal
        | AttributeType::DateTime
        | AttributeType::Reference
        | AttributeType::Binary => read_scalar(attribute, value),
    }
}

/// A simple value; `{"value": x}` stands for x.
fn read_scalar(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let value = match value {
        Value::Object(members) => match find(members, "value") {
            Some(inner) if !inner.is_object() && !inner.is_array() => inner,
            None if members.is_empty() => return Ok(None),
            _ => return Err(wrong(attribute, "a plain value, not an object")),
        },
        Value::Array(_) => return Err(wrong(attribute, "a plain value, not a list")),
        other => other,
    };
    if value.is_null() || value.as_str() == Some("") {
        return Ok(None);
    }
    let read = match attribute.type_ {
        AttributeType::Boolean => boolean(attribute, value)?,
        AttributeType::Integer => number(attribute, value, true)?,
        AttributeType::Decimal => number(attribute, value, false)?,
        AttributeType::DateTime => date_time(attribute, value)?,
        AttributeType::String
        | AttributeType::Reference
        | AttributeType::Binary
        | AttributeType::Complex => text(value),
    };
    Ok(Some(read))
}

/// Texts stay as they are; an open attribute turns numbers and booleans into texts as well.
fn text(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(text.clone()),
        other => Value::String(other.to_string()),
    }
}

/// JSON booleans, and true or false as a text in any casing (Entra's default dialect).
fn boolean(attribute: &Attribute, value: &Value) -> Result<Value, ScimError> {
    let written = match value {
        Value::Bool(flag) => return Ok(Value::Bool(*flag)),
        Value::String(written) => written.clone(),
        other => other.to_string(),
    };
    parse_boolean(&written).map(Value::Bool).ok_or_else(|| {
        let name = &attribute.name;
        ScimError::invalid_value(format!(
            "{name} must be true or false, got {}.",
            quoted(&written)
        ))
    })
}

/// `true` and `false` in any casing.
pub(crate) fn parse_boolean(text: &str) -> Option<bool> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("true") {
        Some(true)
    } else {
        text.eq_ignore_ascii_case("false").then_some(false)
    }
}

fn number(attribute: &Attribute, value: &Value, whole: bool) -> Result<Value, ScimError> {
    let number = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => serde_json::from_str::<Number>(text.trim()).ok(),
        _ => None,
    };
    number
        .filter(|number| !whole || number.is_i64() || number.is_u64())
        .map(Value::Number)
        .ok_or_else(|| wrong(attribute, if whole { "a whole number" } else { "a number" }))
}

/// Checked, but kept as written: Microsoft's validation compares the text with seven digits.
fn date_time(attribute: &Attribute, value: &Value) -> Result<Value, ScimError> {
    match value {
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => Ok(value.clone()),
        _ => Err(wrong(attribute, "a time such as 2026-01-31T08:00:00Z")),
    }
}

/// A complex value; a plain value stands for its `value`.
fn read_object(
    attribute: &Attribute,
    value: &Value,
    unpack: bool,
) -> Result<Option<Value>, ScimError> {
    let members = match value {
        Value::Object(members) => members,
        Value::Null => return Ok(None),
        Value::String(text) if text.is_empty() => return Ok(None),
        Value::String(text) if unpack && text.starts_with('{') => {
            return match json_text(text)? {
                Some(inner) => read_object(attribute, &inner, false),
                None => Err(wrong(attribute, "an object")),
            };
        }
        plain if !plain.is_array() && attribute.sub_attribute("value").is_some() => {
            let wrapped = Value::Object(Map::from_iter([("value".to_owned(), plain.clone())]));
            return read_object(attribute, &wrapped, unpack);
        }
        _ => return Err(wrong(attribute, "an object")),
    };
    let mut object = read_members(attribute, members)?;
    if unpack
        && let Some(Value::String(text)) = object.get("value")
        && text.starts_with('{')
        && let Some(Value::Object(inner)) = json_text(text)?
    {
        object.remove("value");
        object.extend(read_members(attribute, &inner)?);
    }
    Ok((!object.is_empty()).then_some(Value::Object(object)))
}

fn read_members(attribute: &Attribute, members: &Attributes) -> Result<Attributes, ScimError> {
    let mut object = Map::new();
    for (key, value) in members {
        if attribute.is_open() {
            if let Some(read) = read_scalar(open_attribute(), value)? {
                object.insert(key.clone(), read);
            }
            continue;
        }
        let alias = if key.eq_ignore_ascii_case("displayName") {
            "display"
        } else {
            key
        };
        let sub = attribute
            .sub_attribute(key)
            .or_else(|| attribute.sub_attribute(alias));
        if let Some(sub) = sub.filter(|sub| sub.mutability != Mutability::ReadOnly)
            && let Some(read) = read(sub, value)?
        {
            object.insert(sub.name.clone(), read);
        }
    }
    Ok(object)
}

/// Entra's default dialect writes app roles as JSON text inside `value`.
fn carries_json_text(attribute: &Attribute) -> bool {
    matches!(attribute.name.as_str(), "roles" | "entitlements")
}

/// The object in a text; `None` when the text is no JSON object after all.
fn json_text(text: &str) -> Result<Option<Value>, ScimError> {
    match serde_json::from_str::<Value>(text) {
        Ok(value @ Value::Object(_)) => bounds::check(&value).map(|()| Some(value)),
        _ => Ok(None),
    }
}

fn wrong(attribute: &Attribute, wanted: &str) -> ScimError {
    ScimError::invalid_value(format!("{} must be {wanted}.", attribute.name))
}

/// A value that says nothing: an object without members, a list element with nothing but its
/// `type` and `primary`, a reference without an id.
pub(crate) fn is_hollow(attribute: &Attribute, value: &Value) -> bool {
    let Value::Object(members) = value else {
        return value.is_null();
    };
    if attribute.multi_valued {
        return members.keys().all(|key| key == "type" || key == "primary");
    }
    members.is_empty()
        || (attribute.sub_attribute("value").is_some() && !members.contains_key("value"))
}

/// The member of this name: as written, else in any casing.
pub(crate) fn find<'v>(members: &'v Attributes, name: &str) -> Option<&'v Value> {
    members.get(name).or_else(|| {
        let found = members
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value)
    })
}

/// The key under which `members` has `name` already, else `name`: keys of open extensions keep
/// the casing they came with.
pub(crate) fn key(members: &Attributes, name: &str) -> String {
    if members.contains_key(name) {
        return name.to_owned();
    }
    let found = members.keys().find(|key| key.eq_ignore_ascii_case(name));
    found.map_or_else(|| name.to_owned(), Clone::clone)
}

/// The value of the attribute that `path` names, without regard to the sub-attribute.
pub(crate) fn attribute<'v>(attributes: &'v Attributes, path: &AttributePath) -> Option<&'v Value> {
    match &path.extension {
        None => find(attributes, &path.attribute),
        Some(urn) => find(attributes.get(urn)?.as_object()?, &path.attribute),
    }
}

/// All values that `path` leads to; through a list to those of each element.
pub(crate) fn values<'v>(attributes: &'v Attributes, path: &AttributePath) -> Vec<&'v Value> {
    let Some(value) = attribute(attributes, path) else {
        return Vec::new();
    };
    let elements = match value {
        Value::Array(elements) => elements.as_slice(),
        other => std::slice::from_ref(other),
    };
    match &path.sub_attribute {
        None => elements.iter().collect(),
        Some(sub) => elements
            .iter()
            .filter_map(|it| find(it.as_object()?, sub))
            .collect(),
    }
}

/// Whether `path` leads to a value.
pub(crate) fn is_present(attributes: &Attributes, path: &AttributePath) -> bool {
    values(attributes, path)
        .iter()
        .any(|value| !value.is_null() && value.as_str() != Some(""))
}
