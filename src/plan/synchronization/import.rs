//! From a schema to a mapping. What a mapping cannot say is told, and stays in the schema when the mapping is written back into it.

use std::collections::HashSet;

use serde_json::Value as Json;

use crate::api::object::ObjectReference;
use crate::api::user_mapping::{
    Apply, AttributeMapping, GroupAttributes, ScopeOperator, ScopingClause, ScopingFilter,
    UserAttributes, UserMappingSpec,
};
use crate::expression::Expression;
use crate::plan::mapping::{person, target::canonical};
use crate::scim::schema::ResourceType;

use super::{SchemaError, is_rule, list, position, text};

/// Bounds of a `UserMapping`, as the definitions of the kinds have them.
const MAX_USER_LINES: usize = 128;
const MAX_GROUP_LINES: usize = 32;
const MAX_TARGET: usize = 256;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;
const MAX_EXPRESSION: usize = 10_000;
const MAX_PRIORITY: u64 = 16;
const MAX_FILTERS: usize = 16;
const MAX_TITLE: usize = 64;
const MAX_OPERAND: usize = 1000;

/// A mapping that was made from a schema.
#[derive(Debug, PartialEq, Eq)]
pub struct Imported {
    /// The mapping.
    pub spec: UserMappingSpec,
    /// What it does not say of the schema, one sentence each.
    pub remarks: Vec<String>,
}

/// The mapping of the connector called `connector` that `schema` holds.
pub fn import(schema: &Json, connector: &str) -> Result<Imported, SchemaError> {
    let all = list(schema, "synchronizationRules");
    let rule = all
        .iter()
        .find(|it| is_rule(it))
        .ok_or(SchemaError::NoRule)?;
    let mut remarks: Vec<String> = all
        .iter()
        .filter(|it| !std::ptr::eq(*it, rule))
        .map(|it| format!("left out: the rule {:?}", text(it, "name")))
        .collect();
    for name in ["containerFilter", "groupFilter"] {
        if !rule[name].is_null() {
            remarks.push(format!("left out: {name} of the rule"));
        }
    }
    let part =
        |kind| position(rule, kind).map(|it| Part::of(&list(rule, "objectMappings")[it], kind));
    let known = [ResourceType::User, ResourceType::Group].map(|it| position(rule, it));
    for (index, other) in list(rule, "objectMappings").iter().enumerate() {
        if !known.contains(&Some(index)) {
            remarks.push(format!("left out: the mapping {:?}", text(other, "name")));
        }
    }
    let users = part(ResourceType::User).ok_or(SchemaError::NoRule)?;
    if users.lines.is_empty() {
        return Err(SchemaError::Nothing);
    }
    if !users.enabled {
        remarks.push("User: the mapping is off, which a UserMapping cannot say".to_owned());
    }
    remarks.extend(users.remarks);
    let groups = part(ResourceType::Group).map(|part| {
        remarks.extend(part.remarks);
        GroupAttributes {
            enabled: part.enabled,
            attributes: part.lines,
            scope: part.scope,
        }
    });
    let spec = UserMappingSpec {
        connector_ref: ObjectReference {
            name: connector.to_owned(),
        },
        users: UserAttributes {
            attributes: users.lines,
            scope: users.scope,
        },
        groups,
        preview: None,
        confirm: None,
    };
    Ok(Imported { spec, remarks })
}

/// An object mapping, as far as it can be said.
struct Part {
    enabled: bool,
    lines: Vec<AttributeMapping>,
    scope: Vec<ScopingFilter>,
    remarks: Vec<String>,
}

impl Part {
    fn of(mapping: &Json, kind: ResourceType) -> Self {
        let (object, most) = match kind {
            ResourceType::User => ("User", MAX_USER_LINES),
            ResourceType::Group => ("Group", MAX_GROUP_LINES),
        };
        let (scope, problem) = scope(&mapping["scope"]);
        let mut remarks: Vec<String> = problem
            .into_iter()
            .map(|it| format!("{object}: the scoping filters are left out: {it}"))
            .collect();
        let flows: Vec<&str> = text(mapping, "flowTypes")
            .split(',')
            .map(str::trim)
            .collect();
        let is_all = ["Add", "Update", "Delete"]
            .iter()
            .all(|it| flows.contains(it));
        if !is_all && mapping["flowTypes"].is_string() {
            remarks.push(format!(
                "{object}: the target object actions are {:?}, which a UserMapping cannot say",
                text(mapping, "flowTypes")
            ));
        }
        let schemas = person::schemas(&[], None);
        let mut seen = HashSet::new();
        let mut lines: Vec<AttributeMapping> = Vec::new();
        for entry in list(mapping, "attributeMappings") {
            let target = text(entry, "targetAttributeName");
            let line = line(entry).and_then(|line| {
                if lines.len() == most {
                    Err(format!("a UserMapping has at most {most} lines"))
                } else if seen.insert(canonical(target, schemas.of(kind))) {
                    Ok(line)
                } else {
                    Err("it is mapped twice".to_owned())
                }
            });
            match line {
                Ok(line) => {
                    let beside = beside(entry, &line);
                    remarks.extend(beside.map(|it| format!("{object}, line {target}: {it}")));
                    lines.push(line);
                }
                Err(problem) => {
                    remarks.push(format!("{object}: line {target} is left out: {problem}"));
                }
            }
        }
        Self {
            enabled: mapping["enabled"] != false,
            lines,
            scope,
            remarks,
        }
    }
}

/// The line that an entry is, or why it can be none.
fn line(entry: &Json) -> Result<AttributeMapping, String> {
    let target = text(entry, "targetAttributeName");
    within("the target", target, MAX_TARGET)?;
    let apply = match entry["flowType"].as_str() {
        Some("Always") | None => Apply::Always,
        Some("ObjectAddOnly") => Apply::OnlyDuringCreation,
        Some(other) => return Err(format!("flowType is {other}")),
    };
    let matching_priority = match &entry["matchingPriority"] {
        Json::Null => None,
        number => match number.as_u64() {
            Some(0) => None,
            Some(priority @ 1..=MAX_PRIORITY) => u8::try_from(priority).ok(),
            _ => {
                return Err(format!(
                    "matchingPriority is {number}, not 1 to {MAX_PRIORITY}"
                ));
            }
        },
    };
    let mut line = AttributeMapping {
        target: target.to_owned(),
        source: None,
        constant: None,
        expression: None,
        default: None,
        apply,
        matching_priority,
    };
    take_source(&mut line, &entry["source"])?;
    if line.constant.is_some() {
        if matching_priority.is_some() {
            return Err("a constant is a matching attribute".to_owned());
        }
    } else if let Some(default) = entry["defaultValue"].as_str().filter(|it| !it.is_empty()) {
        within("the default", default, MAX_VALUE)?;
        line.default = Some(default.to_owned());
    }
    Ok(line)
}

/// Gives `line` what it takes its value from.
fn take_source(line: &mut AttributeMapping, source: &Json) -> Result<(), String> {
    let (name, expression) = (text(source, "name"), text(source, "expression"));
    match source["type"].as_str() {
        Some("Attribute") if is_plain(name) => line.source = Some(name.to_owned()),
        Some("Constant") if within("the constant", name, MAX_VALUE).is_ok() => {
            line.constant = Some(name.to_owned());
        }
        Some("Attribute" | "Constant" | "Function") => {
            within("the expression", expression, MAX_EXPRESSION)?;
            line.expression = Some(expression.to_owned());
        }
        Some(other) => return Err(format!("its source has the type {other}")),
        None => return Err("it has no source (mapping type None)".to_owned()),
    }
    Ok(())
}

/// Whether a UserMapping takes `name` for an attribute of Entra.
fn is_plain(name: &str) -> bool {
    name.starts_with(|it: char| it.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"_.".contains(&it))
        && name.len() <= MAX_NAME
}

fn within(what: &str, text: &str, most: usize) -> Result<(), String> {
    match text.chars().count() {
        0 => Err(format!("{what} is empty")),
        length if length > most => Err(format!("{what} has {length} characters; at most {most}")),
        _ => Ok(()),
    }
}

/// What an entry says that its line does not, and what is doubtful about it.
fn beside(entry: &Json, line: &AttributeMapping) -> impl Iterator<Item = String> {
    let mut said = Vec::new();
    if entry["flowBehavior"] == "FlowAlways" {
        said.push("flowBehavior FlowAlways cannot be said".to_owned());
    }
    if entry["exportMissingReferences"] == true {
        said.push("exportMissingReferences cannot be said".to_owned());
    }
    if line.constant.is_some() && entry["defaultValue"].is_string() {
        said.push("the default of a constant cannot be said".to_owned());
    }
    if let Some(Err(error)) = line.expression.as_deref().map(Expression::parse) {
        said.push(format!("the expression cannot be read: {error}"));
    }
    said.into_iter()
}

/// The filters of a scope. They are taken all or none: with one less, others would be provisioned.
pub(super) fn scope(scope: &Json) -> (Vec<ScopingFilter>, Option<String>) {
    let others = ["inputFilterGroups", "categoryFilterGroups"];
    if let Some(other) = others.iter().find(|it| !list(scope, it).is_empty()) {
        return (Vec::new(), Some(format!("they have {other}")));
    }
    let groups = list(scope, "groups");
    if groups.len() > MAX_FILTERS {
        let problem = format!("there are {}; at most {MAX_FILTERS}", groups.len());
        return (Vec::new(), Some(problem));
    }
    match groups.iter().map(filter).collect() {
        Ok(filters) => (filters, None),
        Err(problem) => (Vec::new(), Some(problem)),
    }
}

fn filter(group: &Json) -> Result<ScopingFilter, String> {
    let name = group["name"].as_str().filter(|it| !it.is_empty());
    if let Some(name) = name {
        within("the name of one", name, MAX_TITLE)?;
    }
    let clauses: Vec<ScopingClause> = list(group, "clauses")
        .iter()
        .map(clause)
        .collect::<Result<_, _>>()?;
    if clauses.is_empty() || clauses.len() > MAX_FILTERS {
        return Err(format!(
            "one has {} clauses, not 1 to {MAX_FILTERS}",
            clauses.len()
        ));
    }
    Ok(ScopingFilter {
        name: name.map(str::to_owned),
        clauses,
    })
}

fn clause(clause: &Json) -> Result<ScopingClause, String> {
    let (attribute, word) = (
        text(clause, "sourceOperandName"),
        text(clause, "operatorName"),
    );
    let operator = ScopeOperator::named(word)
        .ok_or_else(|| format!("{word:?} of {attribute} is no operator that is documented"))?;
    if !is_plain(attribute) {
        return Err(format!(
            "{attribute:?} is no attribute that a UserMapping can ask for"
        ));
    }
    let values: Vec<&str> = list(&clause["targetOperand"], "values")
        .iter()
        .filter_map(Json::as_str)
        .collect();
    let value = match (operator.takes_value(), values.as_slice()) {
        (true, [value]) => {
            within("a value", value, MAX_OPERAND)?;
            Some((*value).to_owned())
        }
        (false, [] | [""]) => None,
        (_, values) => {
            return Err(format!(
                "{operator} of {attribute} has {} values",
                values.len()
            ));
        }
    };
    Ok(ScopingClause {
        attribute: attribute.to_owned(),
        operator,
        value,
    })
}
