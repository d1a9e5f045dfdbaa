//! The limits on what a client may send, each with its reason, and the check of a whole JSON value.

use serde_json::Value;

use crate::scim::error::ScimError;

/// Bytes of one text value: room for a certificate or a long address, far from a file.
pub const MAX_STRING_BYTES: usize = 64 * 1024;

/// Nesting of a JSON body: a PATCH value in an extension is six deep; the rest is margin.
pub const MAX_JSON_DEPTH: usize = 16;

/// Elements of one array: Entra may put many group members into one operation.
pub const MAX_ARRAY_ELEMENTS: usize = 10_000;

/// Members of one object: the complete User with its extensions has fewer than a hundred.
pub const MAX_OBJECT_MEMBERS: usize = 1_000;

/// Bytes of a name in a JSON object: a path with its filter may stand there.
pub const MAX_NAME_BYTES: usize = MAX_FILTER_BYTES;

/// Values one multi-valued attribute may hold after all operations; keeps a resource readable.
pub const MAX_ATTRIBUTE_VALUES: usize = 1_000;

/// Operations of one PATCH: Microsoft's validator sends 36; each one costs a walk of the resource.
pub const MAX_OPERATIONS: usize = 1_000;

/// Bytes of a filter or a path; a query string of a proxy ends there as well.
pub const MAX_FILTER_BYTES: usize = 8 * 1024;

/// Nesting of a filter: it bounds the recursion of the parser and of the evaluation.
pub const MAX_FILTER_DEPTH: usize = 20;

/// Comparisons in one filter: each may be evaluated for every resource.
pub const MAX_FILTER_TERMS: usize = 100;

/// Resources of one page when the client does not say.
pub const DEFAULT_PAGE: usize = 100;

/// Resources of one page at most, whatever the client says.
pub const MAX_PAGE: usize = 1_000;

/// Memberships after which a page ends, however few its resources are: a hundred groups with everybody in them would be too much to
/// hold at once.
pub const MAX_PAGE_MEMBERSHIPS: usize = 20_000;

/// Characters of a refused value that an error repeats.
pub const MAX_ECHO_CHARS: usize = 64;

/// Refuses a JSON value that is too deep, too wide, or holds a text that is too long.
///
/// # Errors
/// `400 invalidValue` naming the bound.
pub fn check(value: &Value) -> Result<(), ScimError> {
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        if depth > MAX_JSON_DEPTH {
            return Err(exceeded("nesting", MAX_JSON_DEPTH, "levels"));
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => {
                if text.len() > MAX_STRING_BYTES {
                    return Err(exceeded("a text value", MAX_STRING_BYTES, "bytes"));
                }
                check_text(text)?;
            }
            Value::Array(elements) => {
                if elements.len() > MAX_ARRAY_ELEMENTS {
                    return Err(exceeded("a list", MAX_ARRAY_ELEMENTS, "elements"));
                }
                open.extend(elements.iter().map(|element| (element, depth + 1)));
            }
            Value::Object(members) => {
                if members.len() > MAX_OBJECT_MEMBERS {
                    return Err(exceeded("an object", MAX_OBJECT_MEMBERS, "members"));
                }
                if members.keys().any(|name| name.len() > MAX_NAME_BYTES) {
                    return Err(exceeded("a name", MAX_NAME_BYTES, "bytes"));
                }
                open.extend(members.values().map(|member| (member, depth + 1)));
            }
        }
    }
    Ok(())
}

/// Refuses the character U+0000: it is in nobody's name, and PostgreSQL has no place for it.
fn check_text(text: &str) -> Result<(), ScimError> {
    if text.contains('\0') {
        return Err(ScimError::invalid_value(
            "A text must not have the character U+0000.",
        ));
    }
    Ok(())
}

/// Refuses an attribute with more values than [`MAX_ATTRIBUTE_VALUES`].
pub(crate) fn check_length(length: usize) -> Result<(), ScimError> {
    if length > MAX_ATTRIBUTE_VALUES {
        return Err(exceeded("an attribute", MAX_ATTRIBUTE_VALUES, "values"));
    }
    Ok(())
}

fn exceeded(what: &str, most: usize, unit: &str) -> ScimError {
    ScimError::invalid_value(format!(
        "The body exceeds a limit: {what} may have at most {most} {unit}."
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn oversized_values_are_refused() {
        let mut deep = json!("x");
        for _ in 0..MAX_JSON_DEPTH {
            deep = json!([deep]);
        }
        let wide = Value::Array(vec![Value::Null; MAX_ARRAY_ELEMENTS + 1]);
        let long = json!({"a": "x".repeat(MAX_STRING_BYTES + 1)});
        let nul = json!({"a": "x\0"});
        for value in [deep, wide, long, nul] {
            assert_eq!(check(&value).unwrap_err().status, 400);
        }
        assert!(check(&json!({"a": [{"b": "c"}]})).is_ok());
    }
}
