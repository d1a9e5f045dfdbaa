//! Checks YAML offline as the API server and the operator would: text in, findings with file, line and field out.
//!
//! It reads no file and no clock. What the API server refuses is an error here, by the rules in the definitions
//! themselves: `shape` holds schema and unknown fields, CEL is evaluated by kube. What only the operator would say
//! comes from `relations`.

mod document;
mod metadata;
mod relations;
mod shape;
mod structure;
mod violation;
mod words;

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;
use serde_json::Value;

use crate::api::{AzureConnector, GROUP, Kind, ObjectKey, ScimTenant, UserMapping, VERSION};

use document::Document;
use shape::{Nature, Shape};

pub use document::Position;

/// Namespace of an object whose YAML names none.
pub const DEFAULT_NAMESPACE: &str = "default";

/// A text of YAML and the name by which findings speak of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Path as the user wrote it.
    pub file: String,
    /// The text.
    pub text: String,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It would be refused, or would not become Ready.
    Error,
    /// It works and is likely a mistake, or cannot be decided from these files alone.
    Warning,
    /// It was not looked at.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// Something to say about one place. It displays as compilers do: `file:line:column: error: field: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the source.
    pub file: String,
    /// Where in the source.
    #[serde(flatten)]
    pub position: Position,
    /// How bad it is.
    pub severity: Severity,
    /// Kind, namespace and name of the object, where they are known, as `ScimTenant identity/contoso`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// The field in the API server's notation, such as `spec.schema.extensions[0].urn`; empty for the whole document.
    pub field: String,
    /// What is wrong and what is wanted; values are cut at 64 characters.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            file,
            position,
            severity,
            field,
            message,
            ..
        } = self;
        write!(
            formatter,
            "{file}:{}:{}: {severity}: ",
            position.line, position.column
        )?;
        if !field.is_empty() {
            write!(formatter, "{field}: ")?;
        }
        formatter.write_str(message)
    }
}

/// An object of one of our kinds.
#[derive(Clone, Debug, PartialEq)]
pub enum Object {
    /// A directory.
    ScimTenant(Box<ScimTenant>),
    /// A connection.
    AzureConnector(Box<AzureConnector>),
    /// A mapping.
    UserMapping(Box<UserMapping>),
}

impl Object {
    /// Its kind.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::ScimTenant(_) => Kind::ScimTenant,
            Self::AzureConnector(_) => Kind::AzureConnector,
            Self::UserMapping(_) => Kind::UserMapping,
        }
    }

    /// Namespace and name.
    pub fn key(&self) -> ObjectKey {
        match self {
            Self::ScimTenant(it) => ObjectKey::of(it.as_ref()),
            Self::AzureConnector(it) => ObjectKey::of(it.as_ref()),
            Self::UserMapping(it) => ObjectKey::of(it.as_ref()),
        }
    }
}

/// An object that the API server would take, and where it was written.
#[derive(Clone, Debug)]
pub struct Declared {
    /// The object, with defaults filled in and its namespace set.
    pub object: Object,
    /// The same as JSON.
    pub json: Value,
    document: Document,
}

impl Declared {
    /// Name of the source.
    pub fn file(&self) -> &str {
        &self.document.file
    }

    /// The spec as JSON.
    pub fn spec(&self) -> &Value {
        self.json.get("spec").unwrap_or(&Value::Null)
    }

    /// A finding about the field at `pointer` (RFC 6901) of this object.
    fn finding(&self, severity: Severity, pointer: &str, message: String) -> Finding {
        self.document.finding(severity, pointer, message)
    }
}

/// What was found in some sources.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The objects that the API server would take, in the order of the sources.
    pub objects: Vec<Declared>,
    /// What there is to say, in the order of the sources.
    pub findings: Vec<Finding>,
}

/// The rules of the kinds, ready to be applied.
#[derive(Debug)]
pub struct Rules(HashMap<Kind, Shape>);

impl Rules {
    /// The rules in the definitions that this program would install.
    pub fn of_this_version() -> Self {
        let shapes = crate::api::custom_resource_definitions()
            .iter()
            .filter_map(|crd| Some((Kind::named(&crd.spec.names.kind)?, Shape::of(crd))))
            .collect();
        Self(shapes)
    }

    /// Looks at each object by itself, as the API server does when it is created.
    pub fn read(&self, sources: &[Source]) -> Outcome {
        let mut outcome = Outcome::default();
        let mut seen = HashMap::new();
        for source in sources {
            let (documents, error) = document::parse(source);
            outcome.findings.extend(error);
            for document in documents {
                let Some(declared) = self.object(document, &mut outcome.findings) else {
                    continue;
                };
                let identity = (declared.object.kind(), declared.object.key());
                let place = format!(
                    "{}:{}",
                    declared.file(),
                    declared.document.position("").line
                );
                if let Some(first) = seen.insert(identity, place) {
                    let message = format!("declared a second time; the first is at {first}");
                    outcome.findings.push(declared.finding(
                        Severity::Error,
                        "/metadata/name",
                        message,
                    ));
                    continue;
                }
                outcome.objects.push(declared);
            }
        }
        outcome
    }

    /// Looks at each object by itself and at how they refer to each other: all that `usher lint` says.
    pub fn check(&self, sources: &[Source]) -> Outcome {
        let mut outcome = self.read(sources);
        // What is missing may be the very object that was refused.
        let is_complete = !outcome
            .findings
            .iter()
            .any(|it| it.severity == Severity::Error);
        outcome
            .findings
            .extend(relations::findings(&outcome.objects, is_complete));
        let order: HashMap<&str, usize> = sources
            .iter()
            .enumerate()
            .map(|(index, it)| (it.file.as_str(), index))
            .collect();
        outcome.findings.sort_by_key(|it| {
            (
                order.get(it.file.as_str()).copied(),
                it.position.line,
                it.position.column,
            )
        });
        outcome
    }

    /// What the API server would refuse in the change from `old`, the same object as JSON, to `new`: immutable fields.
    pub fn change(&self, old: &Value, new: &Declared) -> Vec<Finding> {
        let Some(shape) = self.0.get(&new.object.kind()) else {
            return Vec::new();
        };
        shape
            .broken_rules(&new.json, Some(old))
            .into_iter()
            .map(|it| new.finding(Severity::Error, &it.pointer, it.message))
            .collect()
    }

    /// The object in `document` if the API server would take it; what is wrong goes to `findings`.
    fn object(&self, document: Document, findings: &mut Vec<Finding>) -> Option<Declared> {
        let (kind, shape) = match self.shape_of(&document) {
            Ok(found) => found,
            Err((severity, pointer, message)) => {
                findings.push(document.finding(severity, pointer, message));
                return None;
            }
        };
        let problems = shape.problems(&document.value);
        if !problems.is_empty() {
            findings.extend(problems.into_iter().map(|problem| {
                let position = match problem.nature {
                    Nature::UnknownField => document.key_position(&problem.pointer),
                    Nature::Blocking | Nature::Other => document.position(&problem.pointer),
                };
                let finding = document.finding(Severity::Error, &problem.pointer, problem.message);
                Finding {
                    position,
                    ..finding
                }
            }));
            return None;
        }
        let json = shape.defaulted(&document.value);
        match typed(kind, &json) {
            Ok(object) => Some(Declared {
                object,
                json,
                document,
            }),
            Err(error) => {
                let message = format!("cannot be read: {error}");
                findings.push(document.finding(Severity::Error, "", message));
                None
            }
        }
    }

    /// Kind and rules of `document`, or why it has none.
    fn shape_of(
        &self,
        document: &Document,
    ) -> Result<(Kind, &Shape), (Severity, &'static str, String)> {
        let ours = format!("{GROUP}/{VERSION}");
        let text = |key| document.value.get(key).and_then(Value::as_str);
        let is_object = |key| document.value.get(key).is_some();
        if !["apiVersion", "kind", "metadata", "spec"]
            .into_iter()
            .any(is_object)
        {
            let message = "no Kubernetes object: skipped".to_owned();
            return Err((Severity::Note, "", message));
        }
        match text("apiVersion") {
            None => {
                let message = format!("apiVersion is missing; ours is {ours}");
                return Err((Severity::Error, "", message));
            }
            Some(other) if other.split('/').next() != Some(GROUP) => {
                let message = format!("{} is not ours: skipped", words::clipped(other));
                return Err((Severity::Note, "/apiVersion", message));
            }
            Some(other) if other != ours => {
                let message = format!("must be {ours}, got {}", words::clipped(other));
                return Err((Severity::Error, "/apiVersion", message));
            }
            Some(_) => {}
        }
        let kind = text("kind").unwrap_or_default();
        Kind::named(kind)
            .and_then(|it| Some((it, self.0.get(&it)?)))
            .ok_or_else(|| {
                let message = format!(
                    "must be one of {}, got \"{}\"",
                    Kind::ALL.map(Kind::as_str).join(", "),
                    words::clipped(kind)
                );
                (Severity::Error, "/kind", message)
            })
    }
}

fn typed(kind: Kind, json: &Value) -> Result<Object, serde_json::Error> {
    let json = json.clone();
    Ok(match kind {
        Kind::ScimTenant => Object::ScimTenant(serde_json::from_value(json)?),
        Kind::AzureConnector => Object::AzureConnector(serde_json::from_value(json)?),
        Kind::UserMapping => Object::UserMapping(serde_json::from_value(json)?),
    })
}
