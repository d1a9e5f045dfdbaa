//! A job's synchronization schema, read for execution: which source goes to which target, and who is in scope.

use serde_json::{Value, json};

use crate::expression::{Expression, attribute_source};

use super::scope::Scope;
use super::target::{ENTERPRISE, Target};

const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
const SOURCE_DIRECTORY: &str = "Azure Active Directory";

/// Entra's own lines for users of a non-gallery application, with two corrections that nearly everybody makes: `externalId` is the
/// `objectId`, and `userType` is mapped, from an attribute that can be a source.
const USER_LINES: [(&str, &str); 25] = [
    ("userName", "[userPrincipalName]"),
    (
        "active",
        r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#,
    ),
    ("displayName", "[displayName]"),
    ("title", "[jobTitle]"),
    (r#"emails[type eq "work"].value"#, "[mail]"),
    ("preferredLanguage", "[preferredLanguage]"),
    ("name.givenName", "[givenName]"),
    ("name.familyName", "[surname]"),
    ("name.formatted", r#"Join(" ", [givenName], [surname])"#),
    (
        r#"addresses[type eq "work"].formatted"#,
        "[physicalDeliveryOfficeName]",
    ),
    (
        r#"addresses[type eq "work"].streetAddress"#,
        "[streetAddress]",
    ),
    (r#"addresses[type eq "work"].locality"#, "[city]"),
    (r#"addresses[type eq "work"].region"#, "[state]"),
    (r#"addresses[type eq "work"].postalCode"#, "[postalCode]"),
    (r#"addresses[type eq "work"].country"#, "[country]"),
    (r#"phoneNumbers[type eq "work"].value"#, "[telephoneNumber]"),
    (r#"phoneNumbers[type eq "mobile"].value"#, "[mobile]"),
    (
        r#"phoneNumbers[type eq "fax"].value"#,
        "[facsimileTelephoneNumber]",
    ),
    ("externalId", "[objectId]"),
    ("userType", "[companyName]"),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:employeeNumber",
        "[employeeId]",
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
        "[department]",
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager",
        "[manager]",
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:organization",
        "[organization]",
    ),
    (
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:costCenter",
        "[costCenter]",
    ),
];

const GROUP_LINES: [(&str, &str); 3] = [
    ("displayName", "[displayName]"),
    ("externalId", "[objectId]"),
    ("members", "[members]"),
];

/// Why a schema cannot be executed.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// It has no rule from Entra's directory.
    #[error(
        "the schema has no rule with sourceDirectoryName \"Azure Active Directory\" that maps the object User; take one from usher mapping export, or from GET …/synchronization/jobs/{{id}}/schema"
    )]
    NoUsers,
    /// A line that cannot be read.
    #[error("attributeMappings of {object}, line {target}: {problem}")]
    Line {
        /// `User` or `Group`.
        object: &'static str,
        /// The target attribute.
        target: String,
        /// What is wrong.
        problem: String,
    },
    /// A scoping filter that cannot be read.
    #[error("scope of {object}: {problem}")]
    Scope {
        /// `User` or `Group`.
        object: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// What a job does with users and with groups.
#[derive(Debug)]
pub struct Schema {
    pub(super) users: ObjectMapping,
    pub(super) groups: ObjectMapping,
}

/// What a job does with the objects of one kind.
#[derive(Debug)]
pub(super) struct ObjectMapping {
    pub(super) enabled: bool,
    pub(super) actions: Actions,
    pub(super) lines: Vec<Line>,
    /// Places of the matching attributes in `lines`, in the order in which they are tried.
    pub(super) matching: Vec<usize>,
    pub(super) scope: Scope,
}

/// `flowTypes`, "Target object actions" in the portal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Actions {
    pub(super) add: bool,
    pub(super) update: bool,
    pub(super) delete: bool,
}

/// One attribute mapping.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) target: Target,
    pub(super) source: Source,
    /// Sent when somebody is created for whom the source comes to nothing.
    pub(super) default: Option<String>,
    /// `ObjectAddOnly`.
    pub(super) only_when_created: bool,
    pub(super) type_: AttributeType,
}

/// Where a value comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// Attributes and constants are expressions, too.
    Expression(Expression),
    /// Manager or members: the ids of those who are provisioned.
    Reference,
}

/// What a target attribute holds, as its directory says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttributeType {
    Text,
    Boolean,
    Integer,
}

impl Default for Schema {
    fn default() -> Self {
        Self::read(&default_schema()).expect("the schema of this program is sound")
    }
}

impl Schema {
    /// Reads a synchronization schema, as Graph gives it.
    pub fn read(schema: &Value) -> Result<Self, SchemaError> {
        let rules = list(schema, "synchronizationRules").iter();
        let mappings = rules
            .filter(|it| it["sourceDirectoryName"] == SOURCE_DIRECTORY)
            .flat_map(|it| list(it, "objectMappings"));
        let of = |object: &'static str| {
            let mut mappings = mappings.clone();
            let mapping = mappings.find(|it| it["sourceObjectName"] == object);
            mapping
                .map(|it| ObjectMapping::read(it, object, schema))
                .transpose()
        };
        Ok(Self {
            users: of("User")?.ok_or(SchemaError::NoUsers)?,
            groups: of("Group")?.unwrap_or_else(ObjectMapping::none),
        })
    }
}

impl ObjectMapping {
    fn none() -> Self {
        Self {
            enabled: false,
            actions: Actions::default(),
            lines: Vec::new(),
            matching: Vec::new(),
            scope: Scope::default(),
        }
    }

    fn read(mapping: &Value, object: &'static str, schema: &Value) -> Result<Self, SchemaError> {
        let mut lines = Vec::new();
        let mut matching = Vec::new();
        for entry in list(mapping, "attributeMappings") {
            // A line of type None has no source.
            if entry["source"].is_null() {
                continue;
            }
            let target = entry["targetAttributeName"].as_str().unwrap_or_default();
            let line = Line::read(entry, target, schema).map_err(|problem| SchemaError::Line {
                object,
                target: target.to_owned(),
                problem,
            })?;
            if let Some(priority) = entry["matchingPriority"].as_u64().filter(|it| *it > 0) {
                matching.push((priority, lines.len()));
            }
            lines.push(line);
        }
        matching.sort_unstable();
        let flows = mapping["flowTypes"].as_str().unwrap_or("Add,Update,Delete");
        let flows: Vec<&str> = flows.split(',').map(str::trim).collect();
        let scope = Scope::read(&mapping["scope"])
            .map_err(|problem| SchemaError::Scope { object, problem })?;
        Ok(Self {
            enabled: mapping["enabled"] != false,
            actions: Actions {
                add: flows.contains(&"Add"),
                update: flows.contains(&"Update"),
                delete: flows.contains(&"Delete"),
            },
            matching: matching.into_iter().map(|(_, place)| place).collect(),
            lines,
            scope,
        })
    }

    /// Whether somebody can be disabled; without the line, Entra deletes instead.
    pub(super) fn has_active(&self) -> bool {
        self.lines.iter().any(|it| it.target.is_active())
    }
}

impl Line {
    fn read(entry: &Value, target: &str, schema: &Value) -> Result<Self, String> {
        let source = &entry["source"];
        let name = source["name"].as_str().unwrap_or_default();
        let is_reference = source["type"] == "Attribute" && matches!(name, "manager" | "members");
        let text = source["expression"].as_str().unwrap_or_default();
        let source = if is_reference {
            Source::Reference
        } else {
            Source::Expression(Expression::parse(text).map_err(|error| error.to_string())?)
        };
        let target = Target::parse(target)?;
        let type_ = definition(
            schema,
            entry["targetAttributeName"].as_str().unwrap_or_default(),
        );
        Ok(Self {
            type_: match type_ {
                Some("Boolean") => AttributeType::Boolean,
                Some("Integer") => AttributeType::Integer,
                None if target.is_active() => AttributeType::Boolean,
                _ => AttributeType::Text,
            },
            target,
            source,
            default: entry["defaultValue"].as_str().map(str::to_owned),
            only_when_created: entry["flowType"] == "ObjectAddOnly",
        })
    }
}

/// The type of a target attribute.
fn definition<'a>(schema: &'a Value, name: &str) -> Option<&'a str> {
    let directories = list(schema, "directories").iter();
    let targets = directories.filter(|it| it["name"] != SOURCE_DIRECTORY);
    let objects = targets.flat_map(|it| list(it, "objects"));
    let mut attributes = objects.flat_map(|it| list(it, "attributes"));
    let found = attributes.find(|it| it["name"] == name);
    found.and_then(|it| it["type"].as_str())
}

fn list<'a>(of: &'a Value, name: &str) -> &'a [Value] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// The schema of a new job.
pub fn default_schema() -> Value {
    let line = |(target, expression): &(&str, &str), matching: &str| {
        let plain = expression
            .strip_prefix('[')
            .and_then(|it| it.strip_suffix(']'));
        let source = plain.map_or_else(
            || json!({"type": "Function", "expression": expression, "parameters": []}),
            attribute_source,
        );
        let default = (*target == "userType").then_some("Standard");
        json!({
            "targetAttributeName": target,
            "source": source,
            "defaultValue": default,
            "matchingPriority": i32::from(*target == matching),
            "flowType": "Always",
            "flowBehavior": "FlowWhenChanged",
        })
    };
    let object = |source: &str, target: &str, lines: Vec<Value>| {
        json!({
            "name": format!("Provision Azure Active Directory {source}s"),
            "enabled": true,
            "flowTypes": "Add,Update,Delete",
            "sourceObjectName": source,
            "targetObjectName": target,
            "scope": null,
            "attributeMappings": lines,
        })
    };
    let users = USER_LINES.iter().map(|it| line(it, "userName")).collect();
    let groups = GROUP_LINES
        .iter()
        .map(|it| line(it, "displayName"))
        .collect();
    json!({
        "synchronizationRules": [{
            "sourceDirectoryName": SOURCE_DIRECTORY,
            "targetDirectoryName": "customappsso",
            "objectMappings": [
                object("User", ENTERPRISE, users),
                object("Group", GROUP, groups),
            ],
        }],
        "directories": [],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_cannot_be_read_is_named() {
        let mut schema = default_schema();
        schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"][3]["source"] =
            json!({"type": "Function", "expression": "Split([a]"});

        let error = Schema::read(&schema).unwrap_err().to_string();

        assert!(
            error.starts_with("attributeMappings of User, line title: "),
            "{error}"
        );
        let error = Schema::read(&json!({})).unwrap_err().to_string();
        assert!(error.contains("maps the object User"), "{error}");
    }

    #[test]
    fn the_first_matching_attribute_is_tried_first() {
        let schema = Schema::default();
        let names = |of: &ObjectMapping| {
            let places = of.matching.iter();
            places
                .map(|it| of.lines[*it].target.path())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&schema.users), ["userName"]);
        assert_eq!(names(&schema.groups), ["displayName"]);
    }
}
