//! Attributes of a person or group, each with where it came from: who wrote it last, as far back as the audit goes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use super::Through;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Audited};
use crate::store::{ResourceId, Stored};

/// An attribute with where it came from.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attribute {
    /// Its name, such as `displayName`.
    pub(crate) name: String,
    /// The URN of its extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extension: Option<String>,
    /// The value, as SCIM has it.
    pub(crate) value: Value,
    /// Where it came from; nothing when that was too long ago to be remembered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Origin>,
}

impl Attribute {
    /// The value in lines for people, each with a label where it has one: of a name its parts, of addresses the type.
    pub(crate) fn lines(&self) -> Vec<(Option<String>, String)> {
        match &self.value {
            Value::Array(all) => all.iter().map(line).collect(),
            Value::Object(parts) => {
                let part = |(name, it): (&String, &Value)| (Some(name.clone()), text(it));
                parts.iter().map(part).collect()
            }
            single => vec![(None, text(single))],
        }
    }
}

/// One value of several: what it is, labelled by its type.
fn line(value: &Value) -> (Option<String>, String) {
    let Some(parts) = value.as_object() else {
        return (None, text(value));
    };
    let label = parts.get("type").or_else(|| parts.get("display"));
    let label = label.and_then(Value::as_str).map(str::to_owned);
    match parts.get("value").or_else(|| parts.get("formatted")) {
        Some(value) => (label, text(value)),
        None => (label, text_of_parts(parts)),
    }
}

fn text_of_parts(parts: &Map<String, Value>) -> String {
    let parts = parts
        .iter()
        .map(|(name, it)| format!("{name}: {}", text(it)));
    parts.collect::<Vec<_>>().join(", ")
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => all.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// Where an attribute came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Origin {
    /// What wrote it last.
    pub(crate) source: Source,
    /// Its name: that of the client, or of the administrator.
    pub(crate) name: String,
    /// When.
    pub(crate) at: Timestamp,
}

/// What writes attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum Source {
    /// A SCIM client.
    Client,
    /// The person, by signing in.
    SignIn,
    /// An administrator, here or by a command.
    Local,
}

/// All attributes, those of extensions behind the others.
pub(super) fn attributes(of: &Stored, origins: &BTreeMap<String, Origin>) -> Vec<Attribute> {
    let (mut core, mut extensions) = (Vec::new(), Vec::new());
    for (name, value) in of.resource.attributes() {
        match value.as_object().filter(|_| name.starts_with("urn:")) {
            None => core.push(Attribute {
                name: name.clone(),
                extension: None,
                value: value.clone(),
                origin: origins.get(name).cloned(),
            }),
            Some(members) => extensions.extend(members.iter().map(|(inner, value)| Attribute {
                name: inner.clone(),
                extension: Some(name.clone()),
                value: value.clone(),
                origin: origins.get(&format!("{name}:{inner}")).cloned(),
            })),
        }
    }
    core.extend(extensions);
    core
}

/// Who wrote each attribute last, as far back as the entries go.
pub(super) fn origins(
    history: &[Audited],
    kind: ResourceType,
    names: &BTreeMap<ResourceId, String>,
) -> BTreeMap<String, Origin> {
    let mut origins = BTreeMap::new();
    for Audited { entry, .. } in history.iter().filter(|it| it.entry.resource_type == kind) {
        for attribute in &entry.attributes {
            if !origins.contains_key(attribute) {
                origins.insert(attribute.clone(), origin(entry, names));
            }
        }
    }
    origins
}

fn origin(entry: &AuditEntry, names: &BTreeMap<ResourceId, String>) -> Origin {
    let client = entry.requester.client.as_str();
    let person = entry.requester.person.as_ref();
    let is_local = client == "report"
        || [Through::Portal, Through::CommandLine]
            .iter()
            .any(|it| it.client() == client && person.is_some());
    Origin {
        source: if is_local {
            Source::Local
        } else if client == "sign-in" {
            Source::SignIn
        } else {
            Source::Client
        },
        name: person
            .and_then(|it| names.get(it))
            .map_or(client, String::as_str)
            .to_owned(),
        at: entry.time,
    }
}
