//! Bodies without values of people: structure, names of attributes, operations and paths stay; of a text its length does.

use std::borrow::Cow;

use serde_json::{Map, Value};
use url::form_urlencoded;
use uuid::Uuid;

/// Elements of one list that are recorded; of the others the number is.
const MAX_ELEMENTS: usize = 20;

/// Levels that are recorded.
const MAX_DEPTH: usize = 16;

/// Members whose texts are words of the protocol, not of a person.
const PLAIN: [&str; 5] = ["schemas", "op", "type", "resourceType", "scimType"];

/// What a value follows in a filter.
const OPERATORS: [&str; 9] = ["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"];

/// A JSON body.
pub(super) fn value(body: &Value) -> Value {
    masked(body, "", 0)
}

fn masked(body: &Value, name: &str, depth: usize) -> Value {
    if depth > MAX_DEPTH {
        return Value::from("(deeper)");
    }
    match body {
        // A flag or nothing says what was asked and not of whom.
        Value::Null | Value::Bool(_) => body.clone(),
        Value::Number(_) => Value::from("(number)"),
        Value::String(it) => Value::from(text(it, name)),
        Value::Array(all) => {
            let shown = all.iter().take(MAX_ELEMENTS);
            let mut list: Vec<Value> = shown.map(|it| masked(it, name, depth + 1)).collect();
            if all.len() > MAX_ELEMENTS {
                list.push(Value::from(format!(
                    "(and {} more)",
                    all.len() - MAX_ELEMENTS
                )));
            }
            Value::Array(list)
        }
        Value::Object(members) => {
            let member = |(name, it): (&String, &Value)| (clip(name), masked(it, name, depth + 1));
            Value::Object(members.iter().map(member).collect::<Map<_, _>>())
        }
    }
}

fn text(text: &str, name: &str) -> String {
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    if PLAIN.iter().any(|it| is(it)) {
        return clip(text);
    }
    if is("path") {
        return quoted(text);
    }
    // RFC 7644, section 3.5.2: `True` and `False` are how some clients write a flag.
    if (is("id") || is("value")) && is_id(text) || matches!(text, "True" | "False") {
        return clip(text);
    }
    length(text)
}

/// An identifier that this server issues; another one may be anything.
pub(super) fn id(text: &str) -> String {
    if is_id(text) {
        text.to_owned()
    } else {
        length(text)
    }
}

fn is_id(text: &str) -> bool {
    text.len() == 36 && Uuid::try_parse(text).is_ok()
}

/// A query: names and structure stay; of a filter what it looks for does not, nor what may be anything, such as a cursor, which has
/// the name of the last person of a page in it.
pub(super) fn query(query: &str) -> String {
    let pair = |(name, it): (Cow<'_, str>, Cow<'_, str>)| {
        let shown = match name.to_ascii_lowercase().as_str() {
            "filter" | "sortby" | "sortorder" | "startindex" | "count" | "attributes"
            | "excludedattributes" => quoted(&it),
            _ if it.is_empty() => String::new(),
            _ => length(&it),
        };
        format!("{}={shown}", clip(&name))
    };
    let pairs = form_urlencoded::parse(query.as_bytes()).take(MAX_ELEMENTS);
    pairs.map(pair).collect::<Vec<_>>().join("&")
}

/// What stands between quotes becomes its length, unless it is a word of the protocol or an identifier.
fn quoted(text: &str) -> String {
    let mut parts = text.split('"');
    let mut masked = parts.next().map(bare).unwrap_or_default();
    let mut is_inside = true;
    for part in parts {
        masked.push('"');
        let is_plain = is_id(part)
            || matches!(
                part,
                "work" | "home" | "other" | "mobile" | "fax" | "True" | "False"
            );
        if !is_inside {
            masked.push_str(&bare(part));
        } else if is_plain {
            masked.push_str(part);
        } else {
            masked.push_str(&length(part));
        }
        is_inside = !is_inside;
    }
    clip(&masked)
}

/// What stands outside of quotes; words behind an operator are values that somebody forgot to quote.
fn bare(text: &str) -> String {
    let mut is_value = false;
    let words = text.split(' ').map(|word| {
        let lower = word.to_ascii_lowercase();
        if OPERATORS.contains(&lower.as_str()) {
            is_value = true;
        } else if matches!(lower.as_str(), "and" | "or" | "not") {
            is_value = false;
        } else if (is_value || word.contains('@'))
            && !matches!(lower.as_str(), "" | "true" | "false")
        {
            return length(word);
        }
        word.to_owned()
    });
    let words: Vec<String> = words.collect();
    words.join(" ")
}

/// The beginning of what is too long to be a name.
fn clip(text: &str) -> String {
    text.chars().take(256).collect()
}

/// What is said of a value.
fn length(text: &str) -> String {
    format!("(text of {})", text.chars().count())
}

/// A body that is not recorded.
pub(super) fn long(length: usize) -> Value {
    Value::from(format!("({length} bytes)"))
}

/// A body that is no JSON.
pub(super) fn unreadable(length: usize) -> Value {
    Value::from(format!("(no JSON, {length} bytes)"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn structure_stays_and_values_go() {
        let body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [
                {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "ana@contoso.example"},
                {"op": "add", "path": "members[value eq \"ana\"]", "value": [{"value": "0190f7a5-5bd5-7000-8000-000000000001"}]},
                {"op": "replace", "path": "active", "value": "False"},
                {"op": "replace", "value": {"name": {"givenName": "Ana"}, "active": true, "employeeNumber": 7}},
            ],
        });

        assert_eq!(
            value(&body),
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [
                    {"op": "Replace", "path": "emails[type eq \"work\"].value", "value": "(text of 19)"},
                    {"op": "add", "path": "members[value eq \"(text of 3)\"]", "value": [{"value": "0190f7a5-5bd5-7000-8000-000000000001"}]},
                    {"op": "replace", "path": "active", "value": "False"},
                    {"op": "replace", "value": {"name": {"givenName": "(text of 3)"}, "active": true, "employeeNumber": "(number)"}},
                ],
            })
        );
    }

    #[test]
    fn a_filter_is_kept_without_what_it_looks_for() {
        let check = |text: &str, expected: &str| assert_eq!(query(text), expected);

        check(
            "filter=userName+eq+%22ana%40contoso.example%22&count=1",
            "filter=userName eq \"(text of 19)\"&count=1",
        );
        check(
            "filter=displayName+eq+Ana+and+active+eq+true",
            "filter=displayName eq (text of 3) and active eq true",
        );
        check("filter=a eq \"open", "filter=a eq \"(text of 4)");
        check("aadOptscim062020", "aadOptscim062020=");
        check("cursor=&count=1", "cursor=&count=1");
        check("Cursor=eyJrZXkiOiJhbmEifQ", "Cursor=(text of 18)");
        check("person=Ana", "person=(text of 3)");
    }

    #[test]
    fn long_lists_and_deep_bodies_are_cut() {
        let list: Vec<u32> = (0..1000).collect();
        assert_eq!(
            value(&json!(list)).as_array().unwrap().len(),
            MAX_ELEMENTS + 1
        );

        let deep = (0..100).fold(json!("x"), |inner, _| json!([inner]));
        assert!(value(&deep).to_string().contains("(deeper)"));
    }
}
