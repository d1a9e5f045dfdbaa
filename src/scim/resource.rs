//! A user or group as attributes by canonical name, and how it is answered (RFC 7643, section 3).

mod rendering;

use std::sync::OnceLock;

use serde_json::Map;
use serde_json::Value;

use crate::scim::bounds;
use crate::scim::error::ScimError;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::MEMBERS;
use crate::scim::schema::Mutability;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::Schema;
use crate::scim::schema::open_attribute;
use crate::scim::value;
pub use rendering::Meta;

/// The client's part of a resource: no `id`, no `meta`, no members, no groups.
///
/// Extensions are nested objects under their URN. Equality does not regard the order of names.
#[derive(Debug, Clone, Default)]
pub struct Resource {
    /// What [`Resource::to_json`] wrote of the attributes.
    text: Option<Box<str>>,
    /// Read from the text when somebody first looks: an answer mostly repeats the text.
    attributes: OnceLock<Map<String, Value>>,
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.attributes() == other.attributes()
    }
}

impl From<Map<String, Value>> for Resource {
    fn from(attributes: Map<String, Value>) -> Self {
        Self {
            text: None,
            attributes: attributes.into(),
        }
    }
}

/// A stored text that is no resource.
#[derive(Debug, thiserror::Error)]
#[error("the stored resource is not a JSON object")]
pub struct CorruptResource(#[source] serde_json::Error);

impl Resource {
    /// Reads the body of a POST or PUT.
    ///
    /// Any casing; null and empty values are dropped; unknown and read-only attributes and members
    /// of groups are ignored; extensions need not be listed in `schemas`.
    ///
    /// # Errors
    /// `400 invalidSyntax` when the body is no object, `400 invalidValue` when a value has the
    /// wrong type, is not allowed or is missing.
    pub fn parse(schema: &ResourceSchema, body: &Value) -> Result<Self, ScimError> {
        bounds::check(body)?;
        let members = body
            .as_object()
            .ok_or_else(|| ScimError::invalid_syntax("The body must be a JSON object."))?;
        let mut attributes = Map::new();
        for (key, written) in members {
            match schema.resolve(key) {
                Some(Resolved::Extension(extension)) => {
                    let read = extension_members(extension, written)?;
                    merge_into(&mut attributes, &extension.urn, read);
                }
                Some(Resolved::Attribute {
                    path, attribute, ..
                }) if path.sub_attribute.is_none() => {
                    // A bare name of an extension's attribute is a relic of old jobs here.
                    let Some(read) = read_client(attribute, written)? else {
                        continue;
                    };
                    match path.extension {
                        None => drop(attributes.insert(path.attribute, read)),
                        Some(urn) if key.contains(':') => {
                            merge_into(
                                &mut attributes,
                                &urn,
                                Map::from_iter([(path.attribute, read)]),
                            );
                        }
                        Some(_) => {}
                    }
                }
                Some(Resolved::Attribute { .. }) | None => {}
            }
        }
        Self::checked(schema, None, attributes)
    }

    /// Holds `attributes` if they obey the schema's rules and the bounds.
    pub(crate) fn checked(
        schema: &ResourceSchema,
        before: Option<&Self>,
        attributes: Map<String, Value>,
    ) -> Result<Self, ScimError> {
        schema.check(before.map(Self::attributes), &attributes)?;
        let nested = attributes.values().filter_map(Value::as_object);
        for value in attributes
            .values()
            .chain(nested.clone().flat_map(Map::values))
        {
            bounds::check_length(value.as_array().map_or(0, Vec::len))?;
        }
        for members in nested {
            bounds::check_length(members.len())?;
        }
        Ok(attributes.into())
    }

    /// Reads attributes by canonical name, such as [`Resource::to_json`] writes.
    pub fn from_json(text: &str) -> Result<Self, CorruptResource> {
        serde_json::from_str::<Map<_, _>>(text)
            .map(Self::from)
            .map_err(CorruptResource)
    }

    /// Reads what [`Resource::to_json`] wrote, and keeps the text for answers.
    pub fn written(text: &str) -> Result<Self, CorruptResource> {
        let mut read = Self::from_json(text)?;
        read.text = Some(text.into());
        Ok(read)
    }

    /// What [`Resource::to_json`] wrote without any doubt, as its checksum tells: it is not read before somebody looks.
    pub fn sealed(text: &str) -> Self {
        Self {
            text: Some(text.into()),
            attributes: OnceLock::new(),
        }
    }

    /// One line of JSON for a store.
    pub fn to_json(&self) -> String {
        match &self.text {
            Some(text) => text.to_string(),
            None => serde_json::to_string(self.attributes()).expect("a JSON object can be written"),
        }
    }

    /// The attributes by canonical name.
    pub fn attributes(&self) -> &Map<String, Value> {
        self.attributes.get_or_init(|| {
            let text = self.text.as_deref().unwrap_or("{}");
            serde_json::from_str(text).expect("what was written can be read")
        })
    }

    fn into_attributes(self) -> Map<String, Value> {
        self.attributes();
        self.attributes.into_inner().unwrap_or_default()
    }

    /// Puts what `other` has of a whole attribute into the place of the own; says whether that was something else.
    pub fn take_over(&mut self, path: &AttributePath, other: &Self) -> bool {
        let theirs = value::attribute(other.attributes(), path).cloned();
        if value::attribute(self.attributes(), path) == theirs.as_ref() {
            return false;
        }
        let mut attributes = std::mem::take(self).into_attributes();
        if let Some(urn) = &path.extension {
            let mut extension = match attributes.remove(urn) {
                Some(Value::Object(members)) => members,
                Some(_) | None => Map::new(),
            };
            put(&mut extension, &path.attribute, theirs);
            merge_into(&mut attributes, urn, extension);
        } else {
            put(&mut attributes, &path.attribute, theirs);
        }
        *self = attributes.into();
        true
    }

    /// The unique name of a user; present in every user that was parsed.
    pub fn user_name(&self) -> Option<&str> {
        self.text("userName")
    }

    /// The client's identifier.
    pub fn external_id(&self) -> Option<&str> {
        self.text("externalId")
    }

    /// The unique name of a group, or the name a user is shown by.
    pub fn display_name(&self) -> Option<&str> {
        self.text("displayName")
    }

    /// False only when the client said so.
    pub fn is_active(&self) -> bool {
        self.attributes().get("active") != Some(&Value::Bool(false))
    }

    /// The primary e-mail address, else the first.
    pub fn email(&self) -> Option<&str> {
        let all = self.attributes().get("emails")?.as_array()?;
        let is_primary = |it: &&Value| it["primary"] == true;
        let chosen = all.iter().find(is_primary).or_else(|| all.first())?;
        chosen["value"].as_str()
    }

    /// What `path` leads to: a value, or those of a list; of complex ones without a sub-attribute in the path each `value`.
    pub fn plain(&self, path: &AttributePath) -> Option<Value> {
        let found = value::attribute(self.attributes(), path)?;
        let part = path.sub_attribute.as_deref();
        let Some(all) = found.as_array() else {
            return part.map_or(Some(found), |it| found.get(it)).cloned();
        };
        let part = part.unwrap_or("value");
        let plain = |it: &Value| match it {
            Value::Object(members) => members.get(part).cloned(),
            other => Some(other.clone()),
        };
        Some(all.iter().filter_map(plain).collect())
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.attributes().get(name).and_then(Value::as_str)
    }
}

fn put(attributes: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => drop(attributes.insert(name.to_owned(), value)),
        None => drop(attributes.remove(name)),
    }
}

/// Reads an attribute unless the client has no say in it.
fn read_client(attribute: &Attribute, written: &Value) -> Result<Option<Value>, ScimError> {
    match attribute.mutability {
        Mutability::ReadOnly => Ok(None),
        Mutability::WriteOnly => value::read(attribute, written).map(|_| None),
        Mutability::ReadWrite | Mutability::Immutable => {
            if attribute.name == MEMBERS {
                return Ok(None);
            }
            Ok(value::read(attribute, written)?.filter(|read| !value::is_hollow(attribute, read)))
        }
    }
}

fn extension_members(schema: &Schema, written: &Value) -> Result<Map<String, Value>, ScimError> {
    let members = match written {
        Value::Object(members) => members,
        Value::Null => return Ok(Map::new()),
        _ => {
            return Err(ScimError::invalid_value(format!(
                "{} must be an object.",
                schema.urn
            )));
        }
    };
    let mut read = Map::new();
    for (key, written) in members {
        let attribute = schema.attribute(key);
        let name = attribute.map_or_else(|| key.clone(), |attribute| attribute.name.clone());
        if let Some(attribute) = attribute.or((schema.open && !key.is_empty()).then(open_attribute))
            && let Some(value) = read_client(attribute, written)?
        {
            read.insert(name, value);
        }
    }
    Ok(read)
}

/// Adds `members` to the object under `urn`; an extension without members does not exist.
fn merge_into(attributes: &mut Map<String, Value>, urn: &str, members: Map<String, Value>) {
    if members.is_empty() {
        return;
    }
    let entry = attributes
        .entry(urn)
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(object) = entry {
        object.extend(members);
    }
}

#[cfg(test)]
mod tests;
