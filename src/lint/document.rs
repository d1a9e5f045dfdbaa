//! YAML documents as JSON, with the place of every key and value.

use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value};
use serde_yaml::Spanned;

use super::{DEFAULT_NAMESPACE, Finding, Severity, Source, words};

/// A place in a source; lines and columns count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

const START: Position = Position { line: 1, column: 1 };

/// One document of a source.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Name of the source.
    pub(super) file: String,
    /// The document as JSON.
    pub(super) value: Value,
    /// Place of each key or, in a list, of each element, by JSON pointer.
    keys: HashMap<String, Position>,
    /// Place of each scalar, by JSON pointer.
    scalars: HashMap<String, Position>,
}

impl Document {
    /// Where the key of `pointer` stands.
    pub(super) fn key_position(&self, pointer: &str) -> Position {
        let key = self.keys.get(pointer).copied();
        key.unwrap_or_else(|| self.position(pointer))
    }

    /// Where a finding about `pointer` points: at the scalar, else at the key, else at the nearest of its parents.
    pub(super) fn position(&self, pointer: &str) -> Position {
        let mut pointer = pointer;
        loop {
            if let Some(found) = self.scalars.get(pointer).or_else(|| self.keys.get(pointer)) {
                return *found;
            }
            let Some((parent, _)) = pointer.rsplit_once('/') else {
                return START;
            };
            pointer = parent;
        }
    }
}

impl Document {
    /// A finding about the field at `pointer` (RFC 6901).
    pub(super) fn finding(&self, severity: Severity, pointer: &str, message: String) -> Finding {
        let text = |pointer| self.value.pointer(pointer).and_then(Value::as_str);
        let object = text("/kind")
            .zip(text("/metadata/name"))
            .map(|(kind, name)| {
                let namespace = text("/metadata/namespace").unwrap_or(DEFAULT_NAMESPACE);
                words::clipped(&format!("{kind} {namespace}/{name}"))
            });
        Finding {
            file: self.file.clone(),
            position: self.position(pointer),
            severity,
            object,
            field: words::field(pointer),
            message,
        }
    }
}

/// The documents of `source`, as far as it could be read, and why not further.
pub(super) fn parse(source: &Source) -> (Vec<Document>, Option<Finding>) {
    let options = serde_yaml::options! { with_snippet: false, legacy_octal_numbers: true };
    match serde_yaml::from_multiple_with_options::<Spanned<Node>>(&source.text, options) {
        Ok(nodes) => (
            nodes
                .into_iter()
                .filter_map(|node| document(source, node))
                .collect(),
            None,
        ),
        Err(error) => {
            let position = error.location().map_or(START, |it| Position {
                line: it.line(),
                column: it.column(),
            });
            let finding = Finding {
                file: source.file.clone(),
                position,
                severity: Severity::Error,
                object: None,
                field: String::new(),
                message: first_line(&error.to_string()),
            };
            (Vec::new(), Some(finding))
        }
    }
}

fn first_line(message: &str) -> String {
    let line = message.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

fn document(source: &Source, node: Spanned<Node>) -> Option<Document> {
    let mut document = Document {
        file: source.file.clone(),
        value: Value::Null,
        keys: HashMap::new(),
        scalars: HashMap::new(),
    };
    document.keys.insert(String::new(), position(&node));
    document.value = flatten(node, "", &mut document);
    if let Some(Value::Object(metadata)) = document.value.get_mut("metadata") {
        let namespace = metadata
            .entry("namespace")
            .or_insert_with(|| DEFAULT_NAMESPACE.into());
        if namespace.is_null() {
            *namespace = DEFAULT_NAMESPACE.into();
        }
    }
    (!document.value.is_null()).then_some(document)
}

fn position<T>(node: &Spanned<T>) -> Position {
    Position {
        line: node.referenced.line().max(1),
        column: node.referenced.column().max(1),
    }
}

/// The value of `node`; the places of all below it go to `document`.
fn flatten(node: Spanned<Node>, pointer: &str, document: &mut Document) -> Value {
    let here = position(&node);
    match node.value {
        Node::Scalar(value) => {
            document.scalars.insert(pointer.to_owned(), here);
            value
        }
        Node::List(items) => items
            .into_iter()
            .enumerate()
            .map(|(index, item)| {
                let below = format!("{pointer}/{index}");
                document.keys.insert(below.clone(), position(&item));
                flatten(item, &below, document)
            })
            .collect(),
        Node::Map(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let below = format!("{pointer}/{}", escaped(&key.value));
                document.keys.insert(below.clone(), position(&key));
                let value = flatten(value, &below, document);
                map.insert(key.value, value);
            }
            Value::Object(map)
        }
    }
}

/// A key as it stands in a JSON pointer (RFC 6901, section 3).
pub(super) fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// A YAML node below its place.
enum Node {
    Scalar(Value),
    List(Vec<Spanned<Self>>),
    Map(Vec<(Spanned<String>, Spanned<Self>)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value that JSON can hold")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Node, E> {
        let number = Number::from_f64(value).ok_or_else(|| E::custom("JSON has no such number"))?;
        Ok(Node::Scalar(number.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Scalar(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(text: &str) -> (Vec<Document>, Option<Finding>) {
        parse(&Source {
            file: "a.yaml".to_owned(),
            text: text.to_owned(),
        })
    }

    #[test]
    fn every_field_has_its_place() {
        let (documents, error) = parsed("a: 1\nb:\n  - c: {d: x}\n  - \"~/\": yes\n");

        assert_eq!(error, None);
        let document = &documents[0];
        assert_eq!(
            document.value,
            json!({"a": 1, "b": [{"c": {"d": "x"}}, {"~/": true}]})
        );
        for (pointer, line, column) in [
            ("/a", 1, 4),
            ("/b", 2, 1),
            ("/b/0/c/d", 3, 12),
            ("/b/0/c", 3, 5),
            ("/b/1/~0~1", 4, 11),
            ("/b/0/e", 3, 5),
        ] {
            assert_eq!(
                document.position(pointer),
                Position { line, column },
                "{pointer}"
            );
        }
    }

    #[test]
    fn scalars_are_read_as_kubectl_reads_them() {
        for (written, expected) in [
            ("n", json!(false)),
            ("on", json!(true)),
            ("No", json!(false)),
            ("0755", json!(493)),
            ("1_000", json!(1000)),
            ("0x1f", json!(31)),
            ("0o17", json!(15)),
            ("~", json!(null)),
            ("", json!(null)),
            ("1e3", json!(1000.0)),
            ("-.5", json!(-0.5)),
            ("2026-11-24", json!("2026-11-24")),
            ("'yes'", json!("yes")),
        ] {
            let (documents, error) = parsed(&format!("a: {written}"));

            assert_eq!(error, None, "{written}");
            assert_eq!(documents[0].value["a"], expected, "{written}");
        }
    }

    #[test]
    fn documents_of_one_source_are_told_apart() {
        let (documents, error) = parsed("---\n# nothing\n---\na: 1\n---\nb: 2\n");

        assert_eq!(error, None);
        assert_eq!(
            documents
                .iter()
                .map(|it| it.position("/b").line)
                .collect::<Vec<_>>(),
            [4, 6]
        );
    }

    #[test]
    fn broken_yaml_is_named_with_its_place() {
        for (text, line) in [
            ("a: 1\nb: [1,\nc: 2\n", 2),
            ("a: 1\na: 2\n", 2),
            ("a: &x 1\nb: *y\n", 2),
        ] {
            let (documents, error) = parsed(text);

            assert_eq!(documents.len(), 0, "{text}");
            assert_eq!(error.map(|it| it.position.line), Some(line), "{text}");
        }
    }
}
