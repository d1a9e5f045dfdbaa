//! The SCIM vocabulary and the expressions, compiled by themselves, and the samples that the fuzz targets work on.

use std::sync::LazyLock;

use serde_json::json;

/// The sources of the main crate, of which only these modules are built.
#[path = "../../src"]
#[allow(dead_code, unused_imports, reason = "other modules use the rest")]
mod usher {
    pub mod clock;
    pub mod expression;
    pub mod scim;
}

pub use usher::{clock, expression, scim};

use crate::scim::resource::Resource;
use crate::scim::schema::Schemas;

/// Schemas with an extension of each sort, built once.
pub static SCHEMAS: LazyLock<Schemas> = LazyLock::new(schemas);

/// A user with a value of each sort.
pub static USER: LazyLock<Resource> = LazyLock::new(user);

fn schemas() -> Schemas {
    let rules = json!({
        "extensions": [
            {"urn": "urn:x:Lists", "attributes": [{"name": "folders", "multiValued": true}]},
            {"urn": "urn:x:Open", "open": true},
            {"urn": "urn:x:Typed", "attributes": [
                {"name": "level", "type": "integer"},
                {"name": "hired", "type": "dateTime"},
                {"name": "desk", "type": "complex"},
            ]},
        ],
    });
    let rules = serde_json::from_value(rules).expect("the rules are well-formed");
    Schemas::new(&rules).expect("the rules are sound")
}

fn user() -> Resource {
    let body = json!({
        "userName": "ana",
        "active": true,
        "name": {"givenName": "Ana"},
        "emails": [{"type": "work", "value": "w@x", "primary": true}],
        "roles": [{"value": "User"}],
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "7"}},
        "urn:x:Lists": {"folders": ["a", "b"]},
        "urn:x:Open": {"Vessel": "Aurora"},
        "urn:x:Typed": {"level": 7, "hired": "2026-01-01T00:00:00Z"},
    });
    Resource::parse(&SCHEMAS.user, &body).expect("the user is sound")
}
