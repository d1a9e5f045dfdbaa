//! Checks a mapping against what a `ScimTenant` takes; the operator and the offline check say the same.

use std::collections::HashMap;

use crate::api::AzureConnector;
use crate::api::scim_tenant::{DirectorySchema, ScimTenantSpec};
use crate::api::user_mapping::{AttributeMapping, UserMappingSpec};
use crate::expression::{Expression, ExpressionError};
use crate::scim::path::Path;
use crate::scim::schema::{
    AttributePath, AttributeType, Mutability, Resolved, ResourceSchema, Schemas,
};

use super::workload_config::rules;

/// What a check of a mapping found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Lines that cannot work.
    pub errors: Vec<LineError>,
    /// What works and is likely a mistake, one sentence each.
    pub warnings: Vec<String>,
    /// URN and key of each attribute that the mapping makes known in an open extension.
    pub declared: Vec<(String, String)>,
}

/// A line that cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineError {
    /// Place in `spec.users.attributes`, from 0; none when a line is missing.
    pub index: Option<usize>,
    /// The field of the line that it is about; none for the whole line.
    pub part: Option<&'static str>,
    /// What was got and what is wanted.
    pub problem: String,
}

impl LineError {
    /// The field that the error is about.
    pub fn field(&self) -> String {
        self.index.map_or_else(
            || "spec.users.attributes".to_owned(),
            |index| {
                let part = self.part.map_or_else(String::new, |it| format!(".{it}"));
                format!("spec.users.attributes[{index}]{part}")
            },
        )
    }
}

/// Checks `spec` against the schema of `tenant`.
pub fn check(spec: &UserMappingSpec, tenant: &ScimTenantSpec) -> Checked {
    let schema = &tenant.schema;
    let Ok(schemas) = Schemas::new(&rules(tenant)) else {
        // The ScimTenant itself is refused for it.
        return Checked::default();
    };
    let user = &schemas.user;
    let mut checked = Checked::default();
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut mapped: Vec<AttributePath> = Vec::new();

    for (index, line) in spec.users.attributes.iter().enumerate() {
        let problems = line.expression.as_deref().map(expression_problems);
        for problem in problems.into_iter().flatten() {
            checked.errors.push(LineError {
                index: Some(index),
                part: Some("expression"),
                problem: problem.to_string(),
            });
        }
        let path = match target(line, user) {
            Ok(path) => path,
            Err(problem) => {
                checked.refuse(index, problem);
                continue;
            }
        };
        if let Some(first) = seen.insert(path.to_string().to_ascii_lowercase(), index) {
            checked.refuse(
                index,
                format!(
                    "target {:?} is the attribute of line {first} in another spelling; keep one of them",
                    line.target
                ),
            );
        }
        if let Some(problem) = value_problem(line, &path, schema, user) {
            checked.refuse(index, problem);
        }
        if let Some(warning) = missing_default(line, &path, schema) {
            checked.warnings.push(warning);
        }
        checked.declared.extend(new_key(&path, user));
        mapped.extend(path.attribute().cloned());
    }
    checked.warnings.extend(unmapped(schema, user, &mapped));
    checked
}

/// What `spec` lacks so that people of `connector` are found when they sign in.
pub fn sign_in_warning(spec: &UserMappingSpec, connector: &AzureConnector) -> Option<String> {
    connector.spec.oidc.as_ref()?;
    let mut lines = spec.users.attributes.iter();
    let is_sent = lines.any(|it| {
        it.target.eq_ignore_ascii_case("externalId") && it.source.as_deref() == Some("objectId")
    });
    let name = connector.metadata.name.as_deref().unwrap_or_default();
    (!is_sent).then(|| {
        format!(
            "AzureConnector {name} lets people sign in, who are found by their objectId as externalId; add {{target: externalId, source: objectId}}"
        )
    })
}

impl Checked {
    fn refuse(&mut self, index: usize, problem: String) {
        self.errors.push(LineError {
            index: Some(index),
            part: None,
            problem,
        });
    }
}

/// What is wrong with an expression, whoever it is evaluated for. It displays with the column.
fn expression_problems(text: &str) -> Vec<ExpressionError> {
    match Expression::parse(text) {
        Ok(expression) => expression.faults(),
        Err(error) => vec![error],
    }
}

/// Attributes that the server alone writes, or that belong to groups.
const NOT_A_TARGET: [&str; 4] = ["id", "meta", "groups", "schemas"];

fn target(line: &AttributeMapping, user: &ResourceSchema) -> Result<Path, String> {
    let written = &line.target;
    let path = Path::parse(written, user).map_err(|error| {
        let detail = error.detail.trim_end_matches('.');
        let detail = detail.replacen("The path", "the path", 1);
        format!(
            "target {written:?} is not an attribute that the ScimTenant takes ({detail}); declare it in spec.schema.extensions of the ScimTenant or correct it"
        )
    })?;
    let Some(attribute) = path.attribute() else {
        return Err(format!(
            "target {written:?} is a whole extension; add the attribute, as in {written}:name"
        ));
    };
    let reserved = NOT_A_TARGET.iter().any(|name| attribute.is_core(name));
    let Some((whole, part)) = user.definition(attribute) else {
        return Err(format!("target {written:?} is not an attribute of a user"));
    };
    if reserved || whole.mutability == Mutability::ReadOnly {
        return Err(format!(
            "target {written:?} is written by the server only; remove the line"
        ));
    }
    let needs_part = matches!(path, Path::Attribute(_))
        && part.type_ == AttributeType::Complex
        && !part.multi_valued
        && !part.is_open()
        && part.sub_attribute("value").is_none();
    if needs_part {
        let first = part
            .sub_attributes
            .first()
            .map_or("value", |it| it.name.as_str());
        return Err(format!(
            "target {written:?} has parts; name one of them, as in {written}.{first}"
        ));
    }
    Ok(path)
}

/// What is wrong with the constant or the default of a line.
fn value_problem(
    line: &AttributeMapping,
    path: &Path,
    schema: &DirectorySchema,
    user: &ResourceSchema,
) -> Option<String> {
    let (field, value) = match (&line.constant, &line.default) {
        (Some(constant), _) => ("constant", constant),
        (None, Some(default)) => ("default", default),
        (None, None) => return None,
    };
    let attribute = path.attribute()?;
    if let Some((name, allowed)) = restriction(attribute, schema)
        && !allowed.contains(value)
    {
        return Some(format!(
            "{field} {value:?} is not among the {name} of the ScimTenant; it must be exactly {}",
            allowed.join(" or ")
        ));
    }
    let (_, definition) = user.definition(attribute)?;
    let boolean = definition.type_ == AttributeType::Boolean;
    (boolean && !["true", "false"].contains(&value.to_ascii_lowercase().as_str())).then(|| {
        format!(
            "{field} {value:?} does not fit {attribute}, which is boolean; it must be True or False"
        )
    })
}

/// The list that restricts the values of `attribute`, and its name.
fn restriction<'a>(
    attribute: &AttributePath,
    schema: &'a DirectorySchema,
) -> Option<(&'static str, &'a [String])> {
    let list = if attribute.is_core("userType") {
        ("userTypes", schema.user_types.as_slice())
    } else if attribute.is_core("roles") {
        ("roles", schema.roles.as_slice())
    } else {
        return None;
    };
    (!list.1.is_empty()).then_some(list)
}

/// The guide: set at least one, otherwise users may not provision when the source is empty.
fn missing_default(
    line: &AttributeMapping,
    path: &Path,
    schema: &DirectorySchema,
) -> Option<String> {
    let attribute = path.attribute()?;
    let source = line.source.as_ref()?;
    let restricted = attribute.is_core("userType") && !schema.user_types.is_empty();
    (restricted && line.default.is_none()).then(|| {
        format!(
            "userType comes from {source} without a default: whoever has no {source} arrives without a userType; add default: {}",
            schema.user_types.join(" or default: ")
        )
    })
}

/// The key that a line makes known in an open extension.
fn new_key(path: &Path, user: &ResourceSchema) -> Option<(String, String)> {
    let attribute = path.attribute()?;
    let urn = attribute.extension.as_ref()?;
    let extension = user.extension(urn)?;
    let unknown = extension.open && extension.attribute(&attribute.attribute).is_none();
    // Keys with other characters are taken as well, and stay out of discovery (RFC 7643, section 2.1).
    let named = attribute
        .attribute
        .starts_with(|it: char| it.is_ascii_alphabetic())
        && attribute
            .attribute
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    (unknown && named).then(|| (urn.clone(), attribute.attribute.clone()))
}

/// One warning for each required attribute that no line fills.
fn unmapped(
    schema: &DirectorySchema,
    user: &ResourceSchema,
    mapped: &[AttributePath],
) -> Vec<String> {
    let is_mapped = |required: &AttributePath| {
        mapped.iter().any(|it| {
            it.extension == required.extension
                && it.attribute == required.attribute
                && (required.sub_attribute.is_none()
                    || it.sub_attribute.is_none()
                    || it.sub_attribute == required.sub_attribute)
        })
    };
    schema
        .required
        .iter()
        .filter_map(|name| match user.resolve(name)? {
            Resolved::Attribute { path, .. } => (!is_mapped(&path)).then(|| {
                format!(
                    "no line has the target {name}, which the ScimTenant requires: keep Entra's own line for it, or nobody can be created"
                )
            }),
            Resolved::Extension(_) => None,
        })
        .collect()
}
