//! How findings name fields and values.

use serde_json::Value;

/// The longest value that is repeated in a message, in characters.
const LONGEST: usize = 64;

/// A JSON pointer in the API server's notation: `/spec/extensions/0/urn` is `spec.extensions[0].urn`.
pub(super) fn field(pointer: &str) -> String {
    let mut field = String::new();
    for part in pointer.split('/').skip(1) {
        let part = part.replace("~1", "/").replace("~0", "~");
        if !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) {
            field.extend(["[", part.as_str(), "]"]);
        } else if part.contains(['.', '/']) {
            field.extend(["[", clipped(&part).as_str(), "]"]);
        } else {
            if !field.is_empty() {
                field.push('.');
            }
            field.push_str(&clipped(&part));
        }
    }
    field
}

/// The JSON pointer of a field in the API server's notation, for fields whose names hold neither `.` nor `[`.
pub(super) fn pointer(field: &str) -> String {
    let mut pointer = String::new();
    for part in field.split(['.', '[']).filter(|part| !part.is_empty()) {
        pointer.push('/');
        pointer.push_str(part.trim_end_matches(']'));
    }
    pointer
}

/// `text` with everything after the 64th character left out, and blanks for control characters.
pub(super) fn clipped(text: &str) -> String {
    let mut characters = text.chars();
    let plain = |it: char| if it.is_control() { ' ' } else { it };
    let mut clipped: String = characters.by_ref().take(LONGEST).map(plain).collect();
    if characters.next().is_some() {
        clipped.push('…');
    }
    clipped
}

/// What was got, for the end of a message: scalars themselves, lists and objects by their kind.
pub(super) fn got(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => format!("{:?}", clipped(text)),
        Value::Array(items) => format!("a list of {}", items.len()),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// How many characters must be added, taken away or replaced to make `one` of the `other` (Levenshtein).
pub(super) fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.to_lowercase().chars().take(LONGEST).collect();
    let mut previous: Vec<usize> = (0..=other.len()).collect();
    for (row, a) in one.to_lowercase().chars().take(LONGEST).enumerate() {
        let mut above_left = row;
        let mut left = row + 1;
        let mut current = vec![left];
        for (b, above) in other.iter().zip(previous.iter().skip(1)) {
            left = (above_left + usize::from(a != *b))
                .min(above + 1)
                .min(left + 1);
            above_left = *above;
            current.push(left);
        }
        previous = current;
    }
    previous.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_written_as_the_api_server_writes_them() {
        for (given, expected) in [
            ("", ""),
            ("/spec/host", "spec.host"),
            (
                "/spec/schema/extensions/0/urn",
                "spec.schema.extensions[0].urn",
            ),
            ("/metadata/labels/a.b~1c", "metadata.labels[a.b/c]"),
        ] {
            assert_eq!(field(given), expected);
        }
        assert_eq!(
            pointer("spec.schema.extensions[0].urn"),
            "/spec/schema/extensions/0/urn"
        );
    }

    #[test]
    fn long_values_are_cut() {
        assert_eq!(
            got(&Value::from("é".repeat(100))).chars().count(),
            64 + "\"…\"".chars().count()
        );
    }

    #[test]
    fn similar_names_are_near() {
        for (one, other, expected) in [
            ("host", "host", 0),
            ("Host", "hots", 2),
            ("managment", "management", 1),
            ("", "ab", 2),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
