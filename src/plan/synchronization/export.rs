//! From a mapping to a schema.

use serde_json::{Value as Json, json};

use crate::api::scim_tenant::ScimTenantSpec;
use crate::api::user_mapping::{Apply, AttributeMapping, ScopingFilter, UserMappingSpec};
use crate::expression::{Expression, attribute_source, constant_source};
use crate::scim::schema::{ResourceSchema, ResourceType};

use super::directories::{Lists, empty_object};
use super::{
    SOURCE_DIRECTORY, SchemaError, TARGET_DIRECTORY, import, is_rule, list, list_mut, objects,
    position, text,
};
use crate::plan::mapping::target::canonical;
use crate::plan::mapping::{group_lines, matching_priorities, person};

/// A schema that holds a mapping.
#[derive(Debug, PartialEq, Eq)]
pub struct Exported {
    /// The schema.
    pub schema: Json,
    /// What it holds that the mapping does not say, one sentence each.
    pub remarks: Vec<String>,
}

/// Writes `spec` into `base`, a schema as it was downloaded, or into a new one that holds nothing else.
///
/// Types of target attributes are taken from `tenant`.
pub fn export(
    spec: &UserMappingSpec,
    tenant: Option<&ScimTenantSpec>,
    base: Option<Json>,
) -> Result<Exported, SchemaError> {
    let schemas = person::schemas(&spec.users.attributes, tenant);
    let is_new = base.is_none();
    let mut schema = base.unwrap_or_else(|| skeleton(spec));
    let rule = list(&schema, "synchronizationRules")
        .iter()
        .position(is_rule)
        .ok_or(SchemaError::NoRule)?;
    let mut remarks = Vec::new();
    let lists = Lists {
        schemas: &schemas,
        are_new: is_new,
    };

    let users = Part {
        kind: ResourceType::User,
        schema: &schemas.user,
        lines: spec.users.attributes.clone(),
        scope: &spec.users.scope,
        enabled: None,
    };
    let groups = spec.groups.as_ref().map(|it| Part {
        kind: ResourceType::Group,
        schema: &schemas.group,
        lines: if it.attributes.is_empty() && !is_new {
            Vec::new()
        } else {
            group_lines(it)
        },
        scope: &it.scope,
        enabled: Some(it.enabled),
    });
    for part in std::iter::once(users).chain(groups) {
        let rule = &mut list_mut(&mut schema, "synchronizationRules")[rule];
        let target = text(rule, "targetDirectoryName").to_owned();
        remarks.extend(part.write(rule));
        lists.define(&mut schema, &target, part.kind, &part.lines)?;
    }
    Ok(Exported { schema, remarks })
}

/// A schema without lines.
fn skeleton(spec: &UserMappingSpec) -> Json {
    let mut kinds = vec![ResourceType::User];
    kinds.extend(spec.groups.is_some().then_some(ResourceType::Group));
    let mappings: Vec<Json> = kinds.iter().map(|kind| object_mapping(*kind)).collect();
    let all = |anchor: &str, name: fn((&'static str, &'static str)) -> &'static str| {
        let objects = kinds
            .iter()
            .map(|kind| empty_object(name(objects(*kind)), anchor));
        objects.collect::<Vec<Json>>()
    };
    json!({
        "synchronizationRules": [{
            "name": "USERGROUP_OUTBOUND_USERGROUP",
            "priority": 1,
            "editable": true,
            "sourceDirectoryName": SOURCE_DIRECTORY,
            "targetDirectoryName": TARGET_DIRECTORY,
            "containerFilter": null,
            "groupFilter": null,
            "metadata": [],
            "objectMappings": mappings,
        }],
        "directories": [
            {"name": SOURCE_DIRECTORY, "readOnly": false, "objects": all("objectId", |it| it.0)},
            {"name": TARGET_DIRECTORY, "readOnly": false, "objects": all("id", |it| it.1)},
        ],
    })
}

fn object_mapping(kind: ResourceType) -> Json {
    let (source, target) = objects(kind);
    json!({
        "name": format!("Provision Azure Active Directory {source}s"),
        "enabled": true,
        "flowTypes": "Add,Update,Delete",
        "sourceObjectName": source,
        "targetObjectName": target,
        "scope": null,
        "metadata": [],
        "attributeMappings": [],
    })
}

/// What a mapping says of users or of groups.
struct Part<'a> {
    kind: ResourceType,
    /// By which targets are compared.
    schema: &'a ResourceSchema,
    lines: Vec<AttributeMapping>,
    scope: &'a [ScopingFilter],
    /// Whether they are provisioned at all; none where that is not said.
    enabled: Option<bool>,
}

impl Part<'_> {
    /// Writes the part into its object mapping; what else that holds is told.
    fn write(&self, rule: &mut Json) -> Vec<String> {
        let index = position(rule, self.kind);
        let mappings = list_mut(rule, "objectMappings");
        let index = index.unwrap_or_else(|| {
            mappings.push(object_mapping(self.kind));
            mappings.len() - 1
        });
        let mapping = &mut mappings[index];
        if let Some(enabled) = self.enabled
            && enabled != (mapping["enabled"] != false)
        {
            mapping["enabled"] = enabled.into();
        }
        let mut remarks: Vec<String> = self.write_scope(mapping).into_iter().collect();
        let is_said = self.lines.iter().any(|it| it.matching_priority.is_some());
        let attributes = list_mut(mapping, "attributeMappings");
        for (line, priority) in self
            .lines
            .iter()
            .zip(matching_priorities(&self.lines, self.kind))
        {
            let target = canonical(&line.target, self.schema);
            let found = attributes
                .iter()
                .position(|it| self.target_of(it) == target);
            let index = found.unwrap_or_else(|| {
                attributes.push(empty_line(&line.target));
                attributes.len() - 1
            });
            let entry = &mut attributes[index];
            let priority = u64::from(priority.unwrap_or_default());
            let before = entry["matchingPriority"].as_u64().unwrap_or_default();
            if (found.is_none() || is_said) && before != priority {
                entry["matchingPriority"] = priority.into();
            }
            write_line(line, entry);
        }
        if is_said {
            remarks.extend(self.unmatch(attributes));
        }
        remarks.extend(self.kept(attributes));
        remarks
    }

    fn target_of(&self, entry: &Json) -> String {
        canonical(text(entry, "targetAttributeName"), self.schema)
    }

    /// Whether a line of the mapping has the target of `entry`.
    fn names(&self, entry: &Json) -> bool {
        let target = self.target_of(entry);
        let mut lines = self.lines.iter();
        lines.any(|it| canonical(&it.target, self.schema) == target)
    }

    /// Takes the matching priority from lines that the mapping does not name: it would be in the way of those that are named.
    fn unmatch(&self, attributes: &mut [Json]) -> Option<String> {
        let mut unmatched = Vec::new();
        for entry in attributes.iter_mut().filter(|it| !self.names(it)) {
            let priority = &mut entry["matchingPriority"];
            if !priority.is_null() && *priority != 0 {
                *priority = 0.into();
                unmatched.push(text(entry, "targetAttributeName"));
            }
        }
        (!unmatched.is_empty()).then(|| {
            format!(
                "{}: these lines of the schema match nobody any more, for the mapping names matching attributes and not them: {}",
                objects(self.kind).0,
                unmatched.join(", ")
            )
        })
    }

    /// Filters that the mapping does not have stay; who removes the last one from it removes it in Entra as well.
    fn write_scope(&self, mapping: &mut Json) -> Option<String> {
        let (before, _) = import::scope(&mapping["scope"]);
        if self.scope.is_empty() {
            let has = !list(&mapping["scope"], "groups").is_empty();
            return has.then(|| {
                format!(
                    "{}: the scoping filters of the schema stay, for the mapping has none; to be rid of them, remove them in Entra",
                    objects(self.kind).0
                )
            });
        }
        if before == self.scope {
            return None;
        }
        if !mapping["scope"].is_object() {
            mapping["scope"] =
                json!({"groups": [], "inputFilterGroups": [], "categoryFilterGroups": []});
        }
        mapping["scope"]["groups"] = self.scope.iter().map(filter).collect();
        None
    }

    /// Says which lines of the schema the mapping does not name.
    fn kept(&self, attributes: &[Json]) -> Option<String> {
        let kept: Vec<&str> = attributes
            .iter()
            .filter(|it| !self.names(it))
            .map(|it| text(it, "targetAttributeName"))
            .collect();
        (!kept.is_empty() && !self.lines.is_empty()).then(|| {
            format!(
                "{}: these lines of the schema stay, for the mapping does not name them: {}",
                objects(self.kind).0,
                kept.join(", ")
            )
        })
    }
}

fn empty_line(target: &str) -> Json {
    json!({
        "targetAttributeName": target,
        "source": null,
        "defaultValue": null,
        "matchingPriority": 0,
        "flowType": "Always",
        "flowBehavior": "FlowWhenChanged",
        "exportMissingReferences": false,
    })
}

fn write_line(line: &AttributeMapping, entry: &mut Json) {
    let new = source(line);
    // Entra's own tree of the same text is better than one made here. Attributes and constants are told by their name.
    let decisive = if new["type"] == "Function" {
        "expression"
    } else {
        "name"
    };
    let is_same = ["type", decisive]
        .iter()
        .all(|name| entry["source"][*name] == new[*name]);
    if !is_same {
        entry["source"] = new;
    }
    let flow_type = match line.apply {
        Apply::Always => "Always",
        Apply::OnlyDuringCreation => "ObjectAddOnly",
    };
    if entry["flowType"] != flow_type
        && !(entry["flowType"].is_null() && line.apply == Apply::Always)
    {
        entry["flowType"] = flow_type.into();
    }
    // A constant never comes to nothing, whatever its default is.
    if line.constant.is_none()
        && entry["defaultValue"].as_str().unwrap_or_default()
            != line.default.as_deref().unwrap_or_default()
    {
        entry["defaultValue"] = line.default.clone().into();
    }
}

/// The tree of what a line takes its value from. An expression that cannot be read is left to Entra to refuse.
fn source(line: &AttributeMapping) -> Json {
    if let Some(name) = &line.source {
        return attribute_source(name);
    }
    if let Some(text) = &line.expression {
        return match Expression::parse(text) {
            Ok(expression) => expression.mapping_source(),
            Err(_) => {
                json!({"type": "Function", "name": null, "expression": text, "parameters": []})
            }
        };
    }
    constant_source(line.constant.as_deref().unwrap_or_default())
}

fn filter(filter: &ScopingFilter) -> Json {
    let clauses = filter.clauses.iter().map(|clause| {
        json!({
            "sourceOperandName": clause.attribute,
            "operatorName": clause.operator.as_str(),
            "targetOperand": {"values": clause.value.iter().collect::<Vec<_>>()},
        })
    });
    json!({"name": filter.name, "clauses": clauses.collect::<Vec<_>>()})
}
