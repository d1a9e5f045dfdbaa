//! The values of a multi-valued attribute: which are the same, which is primary, how one is made.

use serde_json::Map;
use serde_json::Value;

use crate::scim::error::ScimError;
use crate::scim::filter::Comparison;
use crate::scim::filter::Filter;
use crate::scim::filter::Operator;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributeType;

/// Adds what is not there yet; an element with the same `value` takes the new sub-attributes.
pub(crate) fn unite(elements: &mut Vec<Value>, added: Vec<Value>) {
    for new in added {
        let found = elements.iter().position(|element| is_same(element, &new));
        let index = found.unwrap_or(elements.len());
        match (elements.get_mut(index), &new) {
            (Some(Value::Object(object)), Value::Object(members)) => object.extend(members.clone()),
            (Some(_), _) => {}
            (None, _) => elements.push(new.clone()),
        }
        if is_primary(&new) {
            keep_primary(elements, index);
        }
    }
}

/// Whether two values of a list are one: equal, or with the same `value` and no other `type`.
pub(crate) fn is_same(left: &Value, right: &Value) -> bool {
    let differs = |name| {
        let pair = left.get(name).zip(right.get(name));
        pair.is_some_and(|(left, right)| left != right)
    };
    let same_value = left
        .get("value")
        .zip(right.get("value"))
        .is_some_and(|(l, r)| l == r);
    left == right || (same_value && !differs("type"))
}

pub(crate) fn is_primary(element: &Value) -> bool {
    element.get("primary") == Some(&Value::Bool(true))
}

/// At most one value is primary (RFC 7643, section 2.4): the one written last.
pub(crate) fn keep_primary(elements: &mut [Value], keep: usize) {
    for (index, element) in elements.iter_mut().enumerate() {
        if index != keep && is_primary(element) {
            element["primary"] = Value::Bool(false);
        }
    }
}

/// The element that a filter describes, so that the filter then finds it.
pub(crate) fn new_element(attribute: &Attribute, filter: &Filter) -> Result<Value, ScimError> {
    if attribute.type_ != AttributeType::Complex {
        return Ok(Value::Null);
    }
    let mut object = Map::new();
    for term in filter.conjuncts() {
        let Filter::Compare(Comparison {
            attribute: sub,
            operator: Operator::Equal,
            value,
            ..
        }) = term
        else {
            return Err(ScimError::no_target(format!(
                "No value of {} fulfils the filter, and only `eq` and `and` say how to make one.",
                attribute.name
            )));
        };
        object.insert(sub.attribute.clone(), value.to_value());
    }
    Ok(Value::Object(object))
}
