//! The schemas that the tests of this module share: the extensions of a typical directory.

use serde_json::json;

use crate::scim::schema::Rules;
use crate::scim::schema::Schemas;

pub(crate) const FOLDERS: &str = "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName";
pub(crate) const METADATA: &str = "urn:ietf:params:scim:schemas:extension:2.0:Metadata";
pub(crate) const TYPED: &str = "urn:example:Typed:2.0:User";

/// Rules without restrictions on values.
pub(crate) fn rules() -> Rules {
    serde_json::from_value(json!({
        "extensions": [
            {"urn": FOLDERS, "attributes": [{"name": "folders", "type": "string", "multiValued": true}]},
            {"urn": METADATA, "open": true},
            {"urn": TYPED, "attributes": [
                {"name": "level", "type": "integer"},
                {"name": "share", "type": "decimal"},
                {"name": "remote", "type": "boolean"},
                {"name": "hired", "type": "dateTime"},
                {"name": "desk", "type": "complex"},
            ]},
        ],
    }))
    .expect("the rules are well-formed")
}

pub(crate) fn schemas() -> Schemas {
    Schemas::new(&rules()).expect("the rules are sound")
}
