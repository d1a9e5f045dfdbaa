//! A mapping as Entra's own synchronization schema: what the portal's schema editor shows and Graph's `PUT …/schema` takes.
//!
//! A schema holds more than a mapping says: ids, metadata, lines that are Entra's own. So a mapping is written into a schema, and what
//! it does not name stays as it is; and a mapping that was made from a schema changes nothing when it is written back.

mod directories;
mod export;
mod import;

use serde_json::{Value as Json, json};

use crate::scim::schema::{ENTERPRISE_URN, GROUP_URN, ResourceType};

pub use export::{Exported, export};
pub use import::{Imported, import};

/// The name of Entra's own directory in a schema.
const SOURCE_DIRECTORY: &str = "Azure Active Directory";
/// The name of the target directory in the schema of a non-gallery application.
const TARGET_DIRECTORY: &str = "customappsso";

/// Why a schema cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// It is something else.
    #[error(
        "this is no synchronization schema: it has no rule with sourceDirectoryName \"Azure Active Directory\" that maps the object User; download it under Provisioning > Mappings > Review your schema here, or by GET …/synchronization/jobs/{{id}}/schema"
    )]
    NoRule,
    /// The rule names a directory that the schema does not define.
    #[error(
        "the schema does not define the directory {0:?} with its object {1:?}; download the whole schema"
    )]
    NoDirectory(String, String),
    /// A mapping with nothing in it.
    #[error("the schema maps no attribute of users that a UserMapping can express")]
    Nothing,
}

/// What an object is called at the source and at the target.
const fn objects(kind: ResourceType) -> (&'static str, &'static str) {
    match kind {
        ResourceType::User => ("User", ENTERPRISE_URN),
        ResourceType::Group => ("Group", GROUP_URN),
    }
}

/// The elements of a list in a schema; none of what is null or missing.
fn list<'a>(of: &'a Json, name: &str) -> &'a [Json] {
    of[name].as_array().map_or(&[], Vec::as_slice)
}

/// The elements of a list in a schema, to be changed; the list is made if it is null or missing.
fn list_mut<'a>(of: &'a mut Json, name: &str) -> &'a mut Vec<Json> {
    let list = &mut of[name];
    if !list.is_array() {
        *list = json!([]);
    }
    list.as_array_mut().expect("it was just made a list")
}

fn text<'a>(of: &'a Json, name: &str) -> &'a str {
    of[name].as_str().unwrap_or_default()
}

/// The rule by which users go from Entra to the application.
fn is_rule(rule: &Json) -> bool {
    text(rule, "sourceDirectoryName") == SOURCE_DIRECTORY
        && list(rule, "objectMappings")
            .iter()
            .any(|it| text(it, "sourceObjectName") == "User")
}

/// Place of the object mapping of `kind` in a rule.
fn position(rule: &Json, kind: ResourceType) -> Option<usize> {
    let (source, _) = objects(kind);
    list(rule, "objectMappings")
        .iter()
        .position(|it| text(it, "sourceObjectName") == source)
}
