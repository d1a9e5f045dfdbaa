//! Checks a mapping against what a `ScimTenant` takes and what Entra has; the operator and the offline check say the same.

pub(super) mod attributes;
pub mod difference;
mod matching;
pub mod person;
pub mod preview;
mod required;
pub mod scope;
mod source;
pub(super) mod target;
mod value;

use std::collections::HashMap;
use std::fmt;

use crate::api::AzureConnector;
use crate::api::scim_tenant::{DirectorySchema, ScimTenantSpec};
use crate::api::user_mapping::{Apply, AttributeMapping, GroupAttributes, UserMappingSpec};
use crate::expression::Expression;
use crate::scim::path::Path;
use crate::scim::schema::{Attribute, AttributePath, ResourceSchema, ResourceType, Schemas};

use super::workload_config::rules;

/// What a check of a mapping found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// What cannot work.
    pub errors: Vec<Remark>,
    /// What works and is likely a mistake.
    pub warnings: Vec<Remark>,
}

/// Something to say about a field of a mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// The field, such as `spec.users.attributes[0].source`.
    pub field: String,
    /// What was got and what is wanted; of an expression, with its column.
    pub problem: String,
}

impl fmt::Display for Remark {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.problem)
    }
}

/// Checks `spec` against the schema of `tenant`.
pub fn check(spec: &UserMappingSpec, tenant: &ScimTenantSpec) -> Checked {
    let schema = &tenant.schema;
    let Ok(schemas) = Schemas::new(&rules(tenant)) else {
        // The ScimTenant itself is refused for it.
        return Checked::default();
    };
    let mut checked = Checked::default();
    let users = Side::of(ResourceType::User, &schemas, schema);
    users.check(&spec.users.attributes, &mut checked);
    let mut scopes = vec![(users, spec.users.scope.as_slice())];
    if let Some(groups) = &spec.groups {
        let side = Side::of(ResourceType::Group, &schemas, schema);
        side.check(&groups.attributes, &mut checked);
        scopes.push((side, &groups.scope));
    }
    scope::check(&scopes, &mut checked);
    checked
}

/// URN and key of each attribute that `spec` makes known in an open extension of `schemas`.
pub fn declared(spec: &UserMappingSpec, schemas: &Schemas) -> Vec<(String, String)> {
    let groups = spec.groups.iter().flat_map(|it| &it.attributes);
    let groups = groups.map(|it| (it, &schemas.group));
    let users = spec.users.attributes.iter().map(|it| (it, &schemas.user));
    let key = |(line, schema): (&AttributeMapping, &ResourceSchema)| {
        target::new_key(&target::read(line, schema).ok()?.attribute, schema)
    };
    users.chain(groups).filter_map(key).collect()
}

/// What `spec` lacks so that people of `connector` are found when they sign in.
pub fn sign_in_warning(spec: &UserMappingSpec, connector: &AzureConnector) -> Option<Remark> {
    connector.spec.oidc.as_ref()?;
    let schemas = person::schemas(&[], None);
    let mut lines = spec.users.attributes.iter();
    let is_sent = lines.any(|it| {
        it.source.as_deref() == Some("objectId")
            && target::canonical(&it.target, &schemas.user) == "externalid"
    });
    let name = connector.metadata.name.as_deref().unwrap_or_default();
    (!is_sent).then(|| Remark {
        field: "spec.users.attributes".to_owned(),
        problem: format!(
            "AzureConnector {name} lets people sign in, who are found by their objectId as externalId; add {{target: externalId, source: objectId}}"
        ),
    })
}

/// The lines of groups: those that are written, or Entra's own.
pub fn group_lines(groups: &GroupAttributes) -> Vec<AttributeMapping> {
    if !groups.attributes.is_empty() {
        return groups.attributes.clone();
    }
    let line = |target: &str, source: &str, matching_priority| AttributeMapping {
        target: target.to_owned(),
        source: Some(source.to_owned()),
        constant: None,
        expression: None,
        default: None,
        apply: Apply::Always,
        matching_priority,
    };
    vec![
        line("displayName", "displayName", Some(1)),
        line("externalId", "objectId", None),
        line("members", "members", None),
    ]
}

/// The matching priority of each of `lines`: if none has one, Entra's own matching attribute has the first.
pub fn matching_priorities(lines: &[AttributeMapping], kind: ResourceType) -> Vec<Option<u8>> {
    let own = match kind {
        ResourceType::User => "username",
        ResourceType::Group => "displayname",
    };
    let is_said = lines.iter().any(|it| it.matching_priority.is_some());
    let schemas = person::schemas(&[], None);
    let is_named = |target: &str| target::canonical(target, schemas.of(kind)) == own;
    let of = |line: &AttributeMapping| {
        let is_own = !is_said && line.constant.is_none() && is_named(&line.target);
        line.matching_priority.or(is_own.then_some(1))
    };
    lines.iter().map(of).collect()
}

impl Checked {
    fn refuse(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.errors.push(Remark {
            field: field.into(),
            problem: problem.into(),
        });
    }

    fn warn(&mut self, field: impl Into<String>, problem: impl Into<String>) {
        self.warnings.push(Remark {
            field: field.into(),
            problem: problem.into(),
        });
    }
}

/// Users or groups: where their lines stand, and what these are checked against.
struct Side<'a> {
    kind: ResourceType,
    /// `spec.users` or `spec.groups`.
    field: &'static str,
    schema: &'a ResourceSchema,
    declared: &'a DirectorySchema,
}

/// A line whose target is an attribute.
struct Line<'a> {
    field: String,
    of: &'a AttributeMapping,
    path: Path,
    attribute: AttributePath,
    /// The attribute of the resource.
    whole: &'a Attribute,
    /// What takes the value: the attribute or one of its parts.
    part: &'a Attribute,
    /// None if there is none, or it cannot be read.
    expression: Option<Expression>,
}

impl<'a> Side<'a> {
    fn of(kind: ResourceType, schemas: &'a Schemas, declared: &'a DirectorySchema) -> Self {
        let field = match kind {
            ResourceType::User => "spec.users",
            ResourceType::Group => "spec.groups",
        };
        Self {
            kind,
            field,
            schema: schemas.of(kind),
            declared,
        }
    }

    fn check(&self, mappings: &[AttributeMapping], checked: &mut Checked) {
        if mappings.is_empty() {
            return;
        }
        let lines = self.lines(mappings, checked);
        for line in &lines {
            value::check(self, line, checked);
            source::check(self, line, checked);
        }
        matching::check(self, &lines, checked);
        required::check(self, &lines, checked);
    }

    /// The lines that can be judged; what is wrong with the targets and the expressions of the others is said.
    fn lines<'l>(
        &'l self,
        mappings: &'l [AttributeMapping],
        checked: &mut Checked,
    ) -> Vec<Line<'l>> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        let mut lines = Vec::new();
        for (index, of) in mappings.iter().enumerate() {
            let field = format!("{}.attributes[{index}]", self.field);
            let expression = read(of, &field, checked);
            let target = match target::read(of, self.schema) {
                Ok(target) => target,
                Err(problem) => {
                    checked.refuse(field, problem);
                    continue;
                }
            };
            target::check_filter(&target.path, &field, self.schema, checked);
            let canonical = target::canonical(&of.target, self.schema);
            if let Some(first) = seen.insert(canonical, index) {
                checked.refuse(
                    field.clone(),
                    format!(
                        "target {:?} is the attribute of line {first} in another spelling; keep one of them",
                        of.target
                    ),
                );
            }
            lines.push(Line {
                field,
                of,
                path: target.path,
                attribute: target.attribute,
                whole: target.whole,
                part: target.part,
                expression,
            });
        }
        lines
    }
}

impl Line<'_> {
    /// A field of the line.
    fn at(&self, part: &str) -> String {
        format!("{}.{part}", self.field)
    }

    /// Whether the value may be missing for some people; of a constant and of what has a default it may not.
    fn may_be_empty(&self, kind: ResourceType) -> bool {
        self.of.default.is_none() && self.may_come_to_nothing(kind)
    }

    /// Whether the source or the expression may have no value for some people, whatever the default is.
    fn may_come_to_nothing(&self, kind: ResourceType) -> bool {
        let may_be_missing = |name: &str| !attributes::is_always_there(kind, name);
        match (&self.expression, &self.of.source) {
            (Some(expression), _) => expression.may_be_empty(may_be_missing),
            (None, Some(source)) => may_be_missing(source),
            (None, None) => false,
        }
    }

    /// What the value comes from, for messages.
    fn origin(&self) -> &str {
        self.of.source.as_deref().unwrap_or("the expression")
    }
}

/// The expression of a line; what is wrong with it, whoever it is evaluated for, is said with its column.
fn read(line: &AttributeMapping, field: &str, checked: &mut Checked) -> Option<Expression> {
    let field = format!("{field}.expression");
    match Expression::parse(line.expression.as_deref()?) {
        Ok(expression) => {
            for error in expression.faults() {
                checked.refuse(field.clone(), error.to_string());
            }
            Some(expression)
        }
        Err(error) => {
            checked.refuse(field, error.to_string());
            None
        }
    }
}
