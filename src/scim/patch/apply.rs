//! Carries out operations on a copy of a resource: all of them or none.

use serde_json::Map;
use serde_json::Value;

use crate::scim::bounds::check_length;
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::patch::Action;
use crate::scim::patch::Operation;
use crate::scim::patch::PatchRequest;
use crate::scim::patch::elements::is_primary;
use crate::scim::patch::elements::is_same;
use crate::scim::patch::elements::keep_primary;
use crate::scim::patch::elements::new_element;
use crate::scim::patch::elements::unite;
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::Mutability;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::sub_attribute;
use crate::scim::value;
use crate::scim::value::Attributes;

impl PatchRequest {
    /// The resource after all operations; equal to `resource` when they change nothing.
    ///
    /// # Errors
    /// `400 invalidValue` for a value of the wrong type, one that is not allowed, or a required
    /// attribute that would be missing; `400 noTarget` where an element cannot be made.
    pub fn apply(
        &self,
        schema: &ResourceSchema,
        resource: &Resource,
    ) -> Result<Resource, ScimError> {
        let mut attributes = resource.attributes().clone();
        for operation in &self.operations {
            operation.apply(schema, &mut attributes, self.strict)?;
        }
        prune(schema, &mut attributes);
        Resource::checked(schema, Some(resource), attributes)
    }
}

impl Operation {
    fn apply(
        &self,
        schema: &ResourceSchema,
        attributes: &mut Attributes,
        strict: bool,
    ) -> Result<(), ScimError> {
        let (path, choice) = match &self.path {
            Path::Extension(urn) => {
                // With an object as its value it was taken apart; what is left means "unset".
                attributes.remove(urn);
                return Ok(());
            }
            Path::Attribute(path) => (path, None),
            Path::Elements {
                list,
                filter,
                sub_attribute,
            } => (list, Some((filter, sub_attribute))),
        };
        let (attribute, _) = schema
            .definition(path)
            .ok_or_else(|| ScimError::invalid_path(format!("There is no attribute {path}.")))?;
        if attribute.mutability == Mutability::WriteOnly {
            return value::read(attribute, &self.value).map(|_| ());
        }
        if path.is_core("active") && (self.action == Action::Remove || is_unset(&self.value)) {
            // Absent means active: unsetting it would let a leaver in again.
            return Err(ScimError::invalid_value(
                "active must be true or false; it cannot be unset.",
            ));
        }
        let holder = holder(attributes, path);
        let key = value::key(holder, &path.attribute);
        let place = Place {
            attribute,
            holder,
            key,
        };
        match (choice, &path.sub_attribute) {
            (Some((filter, _)), _)
                if strict && self.action != Action::Remove && !place.has(filter) =>
            {
                Err(ScimError::no_target(format!(
                    "No value of {} fulfils the filter of the path.",
                    attribute.name
                )))
            }
            (Some((filter, sub)), _) => place.elements(self, filter, sub.as_deref()),
            (None, Some(sub)) => place.sub_attribute(self, sub),
            (None, None) => place.whole(self),
        }
    }
}

fn is_unset(value: &Value) -> bool {
    value.is_null() || value.as_str() == Some("")
}

/// The object that has the attribute: the resource, or its extension.
fn holder<'a>(attributes: &'a mut Attributes, path: &AttributePath) -> &'a mut Attributes {
    let Some(urn) = &path.extension else {
        return attributes;
    };
    let entry = attributes
        .entry(urn)
        .or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    entry.as_object_mut().expect("it was just made an object")
}

/// An attribute within its holder.
struct Place<'a, 's> {
    attribute: &'s Attribute,
    holder: &'a mut Attributes,
    key: String,
}

impl<'a> Place<'a, '_> {
    /// Whether one of the values fulfils `filter`.
    fn has(&self, filter: &Filter) -> bool {
        let elements = self.holder.get(&self.key).and_then(Value::as_array);
        let mut elements = elements.into_iter().flatten();
        elements.any(|element| filter.matches_element(element))
    }

    /// An operation on the whole attribute.
    fn whole(self, operation: &Operation) -> Result<(), ScimError> {
        if operation.action == Action::Remove {
            return self.remove(&operation.value);
        }
        if self.attribute.multi_valued {
            return match (
                value::read(self.attribute, &operation.value)?,
                operation.action,
            ) {
                (Some(Value::Array(added)), Action::Add) => {
                    let elements = self.list();
                    unite(elements, added);
                    check_length(elements.len())
                }
                (None, Action::Add) => Ok(()),
                (read, _) => {
                    self.set(read);
                    Ok(())
                }
            };
        }
        let written = value::single(self.attribute, &operation.value)?;
        match written {
            // Sub-attributes that are not written stay (RFC 7644, section 3.5.2.3).
            Value::Object(members)
                if self.attribute.type_ == AttributeType::Complex && !members.is_empty() =>
            {
                let attribute = self.attribute;
                write_members(attribute, self.object(), members)
            }
            _ => {
                let read = value::read_one(self.attribute, written)?;
                self.set(read);
                Ok(())
            }
        }
    }

    /// Removes the attribute, or the values that are named.
    fn remove(self, written: &Value) -> Result<(), ScimError> {
        if !self.attribute.multi_valued {
            self.holder.remove(&self.key);
            return Ok(());
        }
        match value::read(self.attribute, written)? {
            Some(Value::Array(leaving)) => {
                self.list()
                    .retain(|element| !leaving.iter().any(|it| is_same(element, it)));
            }
            _ => drop(self.holder.remove(&self.key)),
        }
        Ok(())
    }

    /// An operation on one sub-attribute, in a list on that of every element.
    fn sub_attribute(self, operation: &Operation, sub: &str) -> Result<(), ScimError> {
        let read = read_sub(self.attribute, sub, operation)?;
        if !self.attribute.multi_valued {
            put(self.object(), sub, read);
            return Ok(());
        }
        let elements = self.list();
        if elements.is_empty() && read.is_some() {
            elements.push(Value::Object(Map::new()));
        }
        for object in elements.iter_mut().filter_map(Value::as_object_mut) {
            put(object, sub, read.clone());
        }
        Ok(())
    }

    /// An operation on the elements that fulfil a filter; when there is none, it is made.
    fn elements(
        self,
        operation: &Operation,
        filter: &Filter,
        sub: Option<&str>,
    ) -> Result<(), ScimError> {
        let attribute = self.attribute;
        let elements = self.list();
        if operation.action == Action::Remove && sub.is_none() {
            elements.retain(|element| !filter.matches_element(element));
            return Ok(());
        }
        let read = match sub {
            Some(sub) => read_sub(attribute, sub, operation)?,
            None => value::read_one(attribute, value::single(attribute, &operation.value)?)?,
        };
        let mut chosen: Vec<usize> = (0..elements.len())
            .filter(|&index| filter.matches_element(&elements[index]))
            .collect();
        if chosen.is_empty() && read.is_some() {
            chosen.push(elements.len());
            elements.push(new_element(attribute, filter)?);
        }
        for &index in &chosen {
            match (&mut elements[index], sub, &read) {
                (Value::Object(object), Some(sub), _) => put(object, sub, read.clone()),
                (Value::Object(object), None, Some(Value::Object(members))) => {
                    object.extend(members.clone());
                }
                (element, None, _) => *element = read.clone().unwrap_or(Value::Null),
                (_, Some(_), _) => {}
            }
        }
        if let Some(&index) = chosen.iter().find(|&&index| is_primary(&elements[index])) {
            keep_primary(elements, index);
        }
        elements.retain(|element| !element.is_null());
        Ok(())
    }

    fn set(self, read: Option<Value>) {
        match read {
            Some(read) => drop(self.holder.insert(self.key, read)),
            None => drop(self.holder.remove(&self.key)),
        }
    }

    /// The attribute as a list, made when it is absent; an empty one is pruned in the end.
    fn list(self) -> &'a mut Vec<Value> {
        let entry = self
            .holder
            .entry(self.key)
            .or_insert_with(|| Value::Array(Vec::new()));
        if !entry.is_array() {
            *entry = Value::Array(vec![entry.take()]);
        }
        entry.as_array_mut().expect("it was just made an array")
    }

    /// The attribute as an object, made when it is absent.
    fn object(self) -> &'a mut Attributes {
        object_at(self.holder, &self.key)
    }
}

fn object_at<'a>(attributes: &'a mut Attributes, key: &str) -> &'a mut Attributes {
    let entry = attributes
        .entry(key)
        .or_insert_with(|| Value::Object(Map::new()));
    if !entry.is_object() {
        *entry = Value::Object(Map::new());
    }
    entry.as_object_mut().expect("it was just made an object")
}

/// The value for one sub-attribute; `None` unsets it.
fn read_sub(
    attribute: &Attribute,
    sub: &str,
    operation: &Operation,
) -> Result<Option<Value>, ScimError> {
    // Entra may send the old value along with a removal; it says nothing.
    if operation.action == Action::Remove {
        return Ok(None);
    }
    match sub_attribute(attribute, sub) {
        Some((_, definition)) => value::read(definition, &operation.value),
        None => Ok(None),
    }
}

/// Writes each sub-attribute that the client may write.
fn write_members(
    attribute: &Attribute,
    object: &mut Attributes,
    members: &Attributes,
) -> Result<(), ScimError> {
    for (key, written) in members {
        if let Some((name, definition)) = sub_attribute(attribute, key)
            && definition.mutability != Mutability::ReadOnly
        {
            put(object, &name, value::read(definition, written)?);
        }
    }
    Ok(())
}

fn put(object: &mut Attributes, name: &str, read: Option<Value>) {
    let key = value::key(object, name);
    match read {
        Some(read) => drop(object.insert(key, read)),
        None => drop(object.remove(&key)),
    }
}

/// Takes out what says nothing any more: elements with nothing but a type, empty objects and lists.
fn prune(schema: &ResourceSchema, attributes: &mut Attributes) {
    for extension in &schema.extensions {
        if let Some(Value::Object(members)) = attributes.get_mut(&extension.urn) {
            members.retain(|name, held| keep(extension.attribute(name), held));
        }
    }
    attributes.retain(|name, held| match schema.core_attribute(name) {
        Some(attribute) => keep(Some(attribute), held),
        None => held.as_object().is_none_or(|members| !members.is_empty()),
    });
}

fn keep(attribute: Option<&Attribute>, held: &mut Value) -> bool {
    let Some(attribute) = attribute else {
        return !held.is_null();
    };
    if let Value::Array(elements) = held {
        elements.retain(|element| !value::is_hollow(attribute, element));
        return !elements.is_empty();
    }
    !value::is_hollow(attribute, held)
}
