//! What Entra makes of one person or group: the value of each line, why, and the resource that it comes to.

use serde::Serialize;
use serde_json::{Value as Json, json};

use crate::api::scim_tenant::ScimTenantSpec;
use crate::api::user_mapping::{Apply, AttributeMapping, ScopingFilter};
use crate::expression::{Environment, Expression, ExpressionError, Flow, Outcome, SourceObject};
use crate::scim::fold_case;
use crate::scim::patch::PatchRequest;
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::{
    AttributeType, Extension, ExtensionAttribute, ResourceSchema, ResourceType, Rules, Schemas,
};

use super::attributes::{self, Holds};
use super::scope::Scope;
use super::target::{taking, values};
use crate::plan::workload_config::rules;

/// Entra's own line for `active`, which is there unless a mapping has another.
pub const ACTIVE: &str = r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#;

/// Lines and filters that were read once, for any number of people.
#[derive(Debug)]
pub struct Reader<'a> {
    kind: ResourceType,
    lines: &'a [AttributeMapping],
    expressions: Vec<Option<Result<Expression, ExpressionError>>>,
    scope: Scope<'a>,
}

/// What one line comes to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The target, as it is written.
    pub attribute: String,
    /// The value; null of none.
    pub value: Json,
    /// Where it comes from.
    pub why: String,
    /// When it is sent.
    #[serde(skip_serializing_if = "Sent::is_always")]
    pub sent: Sent,
    /// Whether a list takes the place of the one that is there; else its values are added.
    #[serde(skip)]
    replaces: bool,
    /// Whether the value is the default of the line.
    #[serde(skip)]
    pub(super) is_default: bool,
}

/// When a value is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Sent {
    /// When somebody is created, and when the value changes.
    Always,
    /// When somebody is created.
    OnCreation,
    /// In a second request, as the id of whom it refers to.
    AsReference,
    /// Not at all: there is no value, or the expression says so.
    Not,
    /// Not at all, nor anything else of this person: the expression says so.
    PersonIgnored,
    /// Not at all, nor anything else of this person: the expression fails.
    Failed,
}

impl Sent {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde hands over a reference"
    )]
    const fn is_always(&self) -> bool {
        matches!(self, Self::Always)
    }
}

impl<'a> Reader<'a> {
    /// Reads `lines` and `scope`.
    pub fn new(
        kind: ResourceType,
        lines: &'a [AttributeMapping],
        scope: &'a [ScopingFilter],
    ) -> Self {
        let expressions = lines
            .iter()
            .map(|it| it.expression.as_deref().map(Expression::parse));
        Self {
            kind,
            lines,
            expressions: expressions.collect(),
            scope: Scope::new(scope),
        }
    }

    /// The lines.
    pub const fn lines(&self) -> &'a [AttributeMapping] {
        self.lines
    }

    /// Why `object` is out of scope; none of who is in scope.
    pub fn out_of_scope(&self, object: &SourceObject) -> Option<String> {
        self.scope.why_not(object)
    }

    /// What each line comes to for `object`, in the surroundings that are asked for; and what is remarkable in those that evaluate both
    /// branches of IIF.
    pub fn rows(
        &self,
        object: &SourceObject,
        environment: &Environment<'_>,
        eager: Option<&Environment<'_>>,
    ) -> Vec<Row> {
        let lines = self.lines.iter().zip(&self.expressions);
        lines
            .map(|(line, expression)| {
                let read = match expression {
                    Some(Ok(expression)) => evaluated(expression, object, environment, eager),
                    Some(Err(error)) => (Json::Null, format!("error: {error}"), Sent::Failed),
                    None => self.plain(line, object),
                };
                let function = match expression {
                    Some(Ok(expression)) => expression.function(),
                    Some(Err(_)) | None => None,
                };
                Row {
                    replaces: function == Some("AssertiveAppRoleAssignmentsComplex"),
                    ..row(line, read)
                }
            })
            .collect()
    }

    /// The value of a source or a constant.
    fn plain(&self, line: &AttributeMapping, object: &SourceObject) -> (Json, String, Sent) {
        let Some(source) = &line.source else {
            let constant = line.constant.as_deref().map_or(Json::Null, Json::from);
            return (constant, "constant".to_owned(), Sent::Always);
        };
        let value = object.value(source).to_json();
        let is_reference =
            attributes::find(self.kind, source).is_some_and(|it| it.holds == Holds::Reference);
        if is_reference && !value.is_null() {
            let why = format!("{source}, whose id is sent in a second request");
            return (value, why, Sent::AsReference);
        }
        (value, source.clone(), Sent::Always)
    }
}

/// What flows, which may be null, and why.
fn evaluated(
    expression: &Expression,
    object: &SourceObject,
    environment: &Environment<'_>,
    eager: Option<&Environment<'_>>,
) -> (Json, String, Sent) {
    let (value, why, sent) = match expression.evaluate(object, environment) {
        Ok(Outcome::Value(value)) => (value.to_json(), "expression", Sent::Always),
        Ok(Outcome::Ignored(flow)) => {
            let sent = match flow {
                Flow::IgnoreAttribute => Sent::Not,
                Flow::IgnoreObject => Sent::PersonIgnored,
            };
            (Json::Null, flow.as_str(), sent)
        }
        Err(error) => {
            let why = format!("error, so the person is not written: {error}");
            return (Json::Null, why, Sent::Failed);
        }
    };
    match eager.map(|eager| expression.evaluate(object, eager)) {
        Some(Err(error)) => (value, format!("{why}; {}", untaken(&error)), sent),
        Some(Ok(_)) | None => (value, why.to_owned(), sent),
    }
}

/// What there is to say of an expression that comes to something, and to `error` if both branches of IIF are evaluated.
pub fn untaken(error: &ExpressionError) -> String {
    format!("a branch of IIF that is not taken fails; Entra may evaluate it all the same: {error}")
}

/// The row of a line, with its default and when it applies.
fn row(line: &AttributeMapping, (value, why, sent): (Json, String, Sent)) -> Row {
    let is_default = line.default.is_some() && sent == Sent::Always && value.is_null();
    let (value, why, sent) = match (&line.default, sent) {
        (Some(default), Sent::Always) if value.is_null() => (
            default.as_str().into(),
            format!("default when created: no value of {why}"),
            Sent::OnCreation,
        ),
        (None, Sent::Always) if value.is_null() => (value, format!("no value of {why}"), Sent::Not),
        (_, Sent::Always) if line.apply == Apply::OnlyDuringCreation => {
            (value, format!("{why}, only when created"), Sent::OnCreation)
        }
        _ => (value, why, sent),
    };
    Row {
        attribute: line.target.clone(),
        value,
        why,
        sent,
        replaces: false,
        is_default,
    }
}

impl Row {
    /// The value by which somebody is looked for: a text that is no default, for Entra applies these when it creates somebody.
    pub(super) fn matching_value(&self) -> Option<&str> {
        self.value.as_str().filter(|_| !self.is_default)
    }

    const fn is_in_post(&self) -> bool {
        matches!(self.sent, Sent::Always | Sent::OnCreation)
    }
}

/// Whether a POST of `rows` would make somebody who is disabled, whatever else is wrong with it.
pub fn is_disabled(rows: &[Row], schema: &ResourceSchema) -> bool {
    let nobody = Resource::default();
    let mut sent = rows.iter().filter(|it| it.is_in_post());
    sent.any(|it| written(it, schema, &nobody).is_ok_and(|it| !it.is_active()))
}

/// The resource that a POST of `rows` makes, or why it is refused.
pub fn created(rows: &[Row], schema: &ResourceSchema) -> Result<Resource, String> {
    let mut resource = Resource::default();
    for row in rows.iter().filter(|it| it.is_in_post()) {
        resource = written(row, schema, &resource)?;
    }
    let body = Json::Object(resource.attributes().clone());
    Resource::parse(schema, &body).map_err(|error| error.detail)
}

/// `before` after a PATCH of the rows that have another value, and these rows; or why it is refused.
pub fn changed<'r>(
    rows: &'r [Row],
    schema: &ResourceSchema,
    before: &Resource,
) -> Result<(Resource, Vec<&'r Row>), String> {
    let mut resource = before.clone();
    let mut differing = Vec::new();
    for row in rows.iter().filter(|it| it.sent == Sent::Always) {
        let after = written(row, schema, &resource)?;
        if after != resource && !is_same_text(row, schema, &resource, &after) {
            differing.push(row);
            resource = after;
        }
    }
    Ok((resource, differing))
}

/// Whether the texts that `row` writes are the same by the attribute's own rule (RFC 7643, section 7: caseExact).
fn is_same_text(row: &Row, schema: &ResourceSchema, before: &Resource, after: &Resource) -> bool {
    let Ok(path) = Path::parse(&row.attribute, schema) else {
        return false;
    };
    let definition = path.attribute().and_then(|it| schema.definition(it));
    let is_folded = definition.is_some_and(|(_, part)| !taking(&path, part).case_exact);
    let folded = |resource: &Resource| -> Vec<String> {
        let texts = values(resource, &path);
        texts.iter().map(|it| fold_case(it)).collect()
    };
    let texts = folded(after);
    row.value.is_string() && is_folded && !texts.is_empty() && texts == folded(before)
}

/// `resource` with the value of one row.
fn written(row: &Row, schema: &ResourceSchema, resource: &Resource) -> Result<Resource, String> {
    let is_list = row.value.is_array();
    let value = match &row.value {
        // Elements arrive as objects, also those of a list of texts.
        Json::Array(values) => values.iter().map(|it| json!({"value": it})).collect(),
        one => one.clone(),
    };
    let operation = json!({
        "op": if is_list && !row.replaces { "Add" } else { "Replace" },
        "path": row.attribute,
        "value": value,
    });
    let body = json!({"Operations": [operation]});
    PatchRequest::parse(schema, &body)
        .and_then(|request| request.apply(schema, resource))
        .map_err(|error| format!("{}: {}", row.attribute, error.detail))
}

/// The schemas by which resources are made: those of the `ScimTenant`, or such as have whatever `lines` name.
pub fn schemas(lines: &[AttributeMapping], tenant: Option<&ScimTenantSpec>) -> Schemas {
    let known = tenant.and_then(|it| Schemas::new(&rules(it)).ok());
    known
        .or_else(|| Schemas::new(&made_up(lines)).ok())
        .or_else(|| Schemas::new(&Rules::default()).ok())
        .expect("the schema that nobody wrote is sound")
}

/// Rules that require nothing, with the extensions that targets name.
fn made_up(lines: &[AttributeMapping]) -> Rules {
    let mut rules = Rules::default();
    let plain = Schemas::new(&rules).ok();
    let is_known = |target: &str| {
        let path = |it: &Schemas| Path::parse(target, &it.user).is_ok();
        plain.as_ref().is_some_and(path)
    };
    for line in lines.iter().filter(|it| !is_known(&it.target)) {
        // What follows the last colon is the attribute, as Entra has it.
        let Some((urn, name)) = line.target.rsplit_once(':') else {
            continue;
        };
        let expression = line.expression.as_deref();
        let is_list = expression
            .and_then(|it| Expression::parse(it).ok())
            .is_some_and(|it| it.is_list());
        let index = rules.extensions.iter().position(|it| it.urn == urn);
        let index = index.unwrap_or_else(|| {
            rules.extensions.push(Extension {
                urn: urn.to_owned(),
                open: true,
                attributes: Vec::new(),
            });
            rules.extensions.len() - 1
        });
        if is_list {
            rules.extensions[index].attributes.push(ExtensionAttribute {
                name: name.to_owned(),
                type_: AttributeType::String,
                multi_valued: true,
            });
        }
    }
    rules
}
