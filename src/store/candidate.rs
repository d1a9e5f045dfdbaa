//! Stored resources as a filter sees them, and as rows become them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Reference, ResourceId, Stored};
use crate::scim::filter::{Candidate, Filter};
use crate::scim::resource::Meta;
use crate::scim::schema::{MEMBERS, ResourceType};

/// Whether `found`, with its memberships if the filter regards them, fulfils `filter`.
pub(super) fn holds(kind: ResourceType, filter: &Filter, found: &Stored) -> bool {
    let mut candidate = Candidate::new(found.id.as_str(), &found.resource);
    if filter.mentions("meta") {
        candidate = candidate.with_meta(&Meta {
            id: found.id.as_str().to_owned(),
            resource_type: kind,
            created: found.created,
            last_modified: found.last_modified,
            version: String::new(),
            location: String::new(),
        });
    }
    let extra = extra(kind, &found.related);
    filter.matches(&candidate.with_extra(&extra))
}

fn extra(kind: ResourceType, related: &[Reference]) -> Map<String, Value> {
    if related.is_empty() {
        return Map::new();
    }
    let (name, kind_of_reference) = match kind {
        ResourceType::User => ("groups", "direct"),
        ResourceType::Group => (MEMBERS, "User"),
    };
    let values = related
        .iter()
        .map(
            |it| json!({"value": it.id.as_str(), "display": it.display, "type": kind_of_reference}),
        )
        .collect();
    Map::from_iter([(name.to_owned(), Value::Array(values))])
}

/// Reads what the queries make of memberships: pairs of an id and a name.
pub(super) fn references(pairs: Option<&str>) -> Vec<Reference> {
    let pairs: Vec<(String, Option<String>)> = pairs
        .filter(|pairs| *pairs != "[]")
        .and_then(|pairs| serde_json::from_str(pairs).ok())
        .unwrap_or_default();
    pairs
        .into_iter()
        .map(|(id, display)| Reference {
            id: ResourceId::new(id),
            display,
        })
        .collect()
}

pub(super) fn time(milliseconds: i64) -> Timestamp {
    Timestamp::from_millisecond(milliseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}
