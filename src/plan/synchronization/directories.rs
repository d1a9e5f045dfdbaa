//! Attribute lists of the two directories: what a line uses must be defined there.

use serde_json::{Value as Json, json};

use crate::api::user_mapping::AttributeMapping;
use crate::expression::Expression;
use crate::scim::path::Path;
use crate::scim::schema::{AttributeType, ENTERPRISE_URN, ResourceType, Schemas};

use super::{SOURCE_DIRECTORY, SchemaError, list_mut, objects, text};
use crate::plan::mapping::attributes::{self, Holds};
use crate::plan::mapping::target::{canonical, is_reference};

/// What an entry of an attribute list says of its attribute.
struct Definition<'a> {
    name: &'a str,
    type_: &'static str,
    multivalued: bool,
    /// Object and attribute that a reference points to.
    referenced: Option<(&'static str, &'static str)>,
}

impl Definition<'_> {
    fn to_json(&self) -> Json {
        let referenced = self.referenced.map(|(object, property)| {
            json!({"referencedObjectName": object, "referencedProperty": property})
        });
        json!({
            "name": self.name,
            "type": self.type_,
            "multivalued": self.multivalued,
            "required": false,
            "anchor": false,
            "caseExact": false,
            "mutability": "ReadWrite",
            "flowNullValues": false,
            "defaultValue": null,
            "apiExpressions": [],
            "metadata": [],
            "referencedObjects": referenced.into_iter().collect::<Vec<_>>(),
        })
    }
}

/// An attribute list with nothing but the attribute by which its objects are told apart.
pub(super) fn empty_object(name: &str, anchor: &str) -> Json {
    let mut first = Definition {
        name: anchor,
        type_: "String",
        multivalued: false,
        referenced: None,
    }
    .to_json();
    first["anchor"] = true.into();
    first["required"] = true.into();
    json!({"name": name, "metadata": [], "supportedApis": [], "attributes": [first]})
}

/// The attribute lists of a schema.
pub(super) struct Lists<'a> {
    /// The types of target attributes.
    pub(super) schemas: &'a Schemas,
    /// Whether the lists were made here: then they lack the attributes that Entra has by itself.
    pub(super) are_new: bool,
}

impl Lists<'_> {
    /// Adds what the lines write to the target's list, and what they read to the source's list where Entra may not have it by itself.
    pub(super) fn define(
        &self,
        schema: &mut Json,
        target: &str,
        kind: ResourceType,
        lines: &[AttributeMapping],
    ) -> Result<(), SchemaError> {
        let (source_object, _) = objects(kind);
        let target_object = target_object(schema, target, kind)?;
        for line in lines {
            let expression = expression(line);
            let definition = of_target(line, kind, expression.as_ref(), self.schemas);
            let list = list_of(schema, target, &target_object)?;
            add(list, &definition, |it| canonical(it, self.schemas.of(kind)));
            let read: Vec<&str> = match (&line.source, &expression) {
                (Some(source), _) => vec![source],
                (None, Some(expression)) => expression.attributes(),
                (None, None) => Vec::new(),
            };
            // Of its own attributes Entra has the list; a directory extension may be missing in it.
            let read = read.into_iter();
            for name in read.filter(|it| self.are_new || it.starts_with("extension_")) {
                let definition = of_source(name, kind);
                let list = list_of(schema, SOURCE_DIRECTORY, source_object)?;
                add(list, &definition, str::to_ascii_lowercase);
            }
        }
        Ok(())
    }
}

/// What the object mapping of `kind` calls the object at the target.
fn target_object(schema: &Json, target: &str, kind: ResourceType) -> Result<String, SchemaError> {
    let (source, _) = objects(kind);
    let mappings = super::list(schema, "synchronizationRules")
        .iter()
        .filter(|it| text(it, "targetDirectoryName") == target)
        .flat_map(|it| super::list(it, "objectMappings"));
    let named = mappings
        .filter(|it| text(it, "sourceObjectName") == source)
        .map(|it| text(it, "targetObjectName").to_owned())
        .next();
    named.ok_or(SchemaError::NoRule)
}

/// The attribute list of an object in a directory.
fn list_of<'a>(
    schema: &'a mut Json,
    directory: &str,
    object: &str,
) -> Result<&'a mut Vec<Json>, SchemaError> {
    let missing = || SchemaError::NoDirectory(directory.to_owned(), object.to_owned());
    let directory = list_mut(schema, "directories")
        .iter_mut()
        .find(|it| text(it, "name") == directory)
        .ok_or_else(missing)?;
    let object = list_mut(directory, "objects")
        .iter_mut()
        .find(|it| text(it, "name") == object)
        .ok_or_else(missing)?;
    Ok(list_mut(object, "attributes"))
}

/// What is defined already, by its name as `compared` has it, stays as it is.
fn add(attributes: &mut Vec<Json>, definition: &Definition<'_>, compared: impl Fn(&str) -> String) {
    let name = compared(definition.name);
    if !attributes
        .iter()
        .any(|it| compared(text(it, "name")) == name)
    {
        attributes.push(definition.to_json());
    }
}

fn expression(line: &AttributeMapping) -> Option<Expression> {
    Expression::parse(line.expression.as_deref()?).ok()
}

fn of_target<'a>(
    line: &'a AttributeMapping,
    kind: ResourceType,
    expression: Option<&Expression>,
    schemas: &Schemas,
) -> Definition<'a> {
    let schema = schemas.of(kind);
    let path = Path::parse(&line.target, schema).ok();
    let attribute = path.as_ref().and_then(Path::attribute);
    let is_reference = attribute.is_some_and(is_reference);
    let known = attribute.and_then(|it| schema.definition(it));
    let type_ = match known.map(|(_, part)| part.type_) {
        _ if is_reference => "Reference",
        Some(AttributeType::Boolean) => "Boolean",
        Some(AttributeType::Integer) => "Integer",
        Some(AttributeType::DateTime) => "DateTime",
        Some(AttributeType::Binary) => "Binary",
        _ => "String",
    };
    let is_whole = matches!(path, Some(Path::Attribute(_)));
    Definition {
        name: &line.target,
        type_,
        multivalued: match known {
            Some((whole, _)) => is_whole && whole.multi_valued,
            None => expression.is_some_and(Expression::is_list),
        },
        referenced: is_reference.then_some((ENTERPRISE_URN, "id")),
    }
}

fn of_source(name: &str, kind: ResourceType) -> Definition<'_> {
    let found = attributes::find(kind, name);
    let holds = found.map_or(Holds::Text, |it| it.holds);
    Definition {
        name,
        type_: match holds {
            Holds::Text => "String",
            Holds::Boolean => "Boolean",
            Holds::DateTime => "DateTime",
            Holds::Binary => "Binary",
            Holds::Reference => "Reference",
        },
        multivalued: found.is_some_and(|it| it.is_list),
        referenced: (holds == Holds::Reference).then_some(("User", "objectId")),
    }
}
