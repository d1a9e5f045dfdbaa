//! A resource as it is answered (RFC 7643, section 3.1): its text as it was stored, or what a projection leaves of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::Resource;
use crate::scim::projection::Projection;
use crate::scim::schema::{ResourceSchema, ResourceType};

/// The server's part of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meta {
    /// The identifier of the resource; not a part of the `meta` attribute.
    #[serde(skip)]
    pub id: String,
    pub resource_type: ResourceType,
    pub created: Timestamp,
    pub last_modified: Timestamp,
    /// The absolute URL of the resource.
    pub location: String,
    /// The entity tag as it is sent in `ETag`, with its quotes.
    pub version: String,
}

impl Resource {
    /// The resource as it is answered, as JSON.
    ///
    /// `extra` holds what lives elsewhere: `members` of a group, `groups` of a user. Empty values
    /// in it are left out.
    pub fn render(
        self,
        schema: &ResourceSchema,
        meta: &Meta,
        mut extra: Map<String, Value>,
        projection: &Projection,
    ) -> String {
        extra.retain(|_, value| value.as_array().is_none_or(|list| !list.is_empty()));
        if let Some(text) = self.text.as_deref().filter(|_| projection.is_all(schema))
            && let Some(answer) = repeated(text, schema, meta, &extra)
        {
            return answer;
        }
        json(&projection.apply(schema, self.rendered(schema, meta, extra)))
    }

    fn rendered(
        self,
        schema: &ResourceSchema,
        meta: &Meta,
        extra: Map<String, Value>,
    ) -> Map<String, Value> {
        let attributes = self.into_attributes();
        let urns = urns(schema, |urn| attributes.contains_key(urn));
        let mut rendered = Map::with_capacity(attributes.len() + extra.len() + 3);
        rendered.insert("schemas".to_owned(), json!(urns));
        rendered.insert("id".to_owned(), json!(meta.id));
        rendered.extend(attributes);
        rendered.extend(extra);
        rendered.insert("meta".to_owned(), json!(meta));
        rendered
    }
}

/// The URNs of `schemas`: the core, and the extensions that there are.
fn urns(schema: &ResourceSchema, has: impl Fn(&str) -> bool) -> Vec<&str> {
    let extensions = schema.extensions.iter().map(|it| it.urn.as_str());
    let present = extensions.filter(|urn| has(urn));
    std::iter::once(schema.core.urn.as_str())
        .chain(present)
        .collect()
}

/// The stored text between what is the server's; nothing when its names cannot be told without reading it.
fn repeated(
    text: &str,
    schema: &ResourceSchema,
    meta: &Meta,
    extra: &Map<String, Value>,
) -> Option<String> {
    let attributes: BTreeMap<&str, &RawValue> = serde_json::from_str(text).ok()?;
    let urns = urns(schema, |urn| attributes.contains_key(urn));
    let members = text.strip_prefix('{')?.strip_suffix('}')?;
    let mut answer = String::with_capacity(text.len() + 512);
    let mut add = |pieces: &[&str]| pieces.iter().for_each(|it| answer.push_str(it));
    add(&["{\"schemas\":", &json(&urns), ",\"id\":", &json(&meta.id)]);
    if !members.is_empty() {
        add(&[",", members]);
    }
    for (name, value) in extra {
        add(&[",", &json(name), ":", &json(value)]);
    }
    add(&[",\"meta\":", &json(meta), "}"]);
    Some(answer)
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("names and texts can be written as JSON")
}
