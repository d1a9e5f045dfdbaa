//! What each line of a mapping comes to for each person, and why; who is out of scope; and the resource that would be sent.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::expression::{Environment, SourceObject};
use crate::plan::mapping::person::{self, Reader, Row, Sent};
use crate::plan::mapping::preview::effective;
use crate::scim::schema::{ResourceType, Schemas};

use super::declared::Declared;

/// The attributes of one person in the target.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Mapped {
    /// Number of the person in the file, from 1.
    person: usize,
    attributes: Vec<Row>,
    /// Why the person is out of scope; none of who is in scope.
    #[serde(skip_serializing_if = "Option::is_none")]
    out_of_scope: Option<String>,
    /// What a POST would hold; none if there would be none.
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Json>,
    /// Why the directory would refuse it.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

/// One entry for each of `people`, in the surroundings that are asked for, and in those that evaluate both branches of IIF.
pub(super) fn of(
    declared: &Declared,
    people: &[SourceObject],
    [environment, eager]: [&Environment<'_>; 2],
) -> Vec<Mapped> {
    let users = &declared.mapping.spec.users;
    let lines = effective(users);
    let schemas = person::schemas(&lines, declared.tenant.as_ref());
    let reader = Reader::new(ResourceType::User, &lines, &users.scope);
    let places = places(people);
    let each = people.iter().enumerate().map(|(index, object)| {
        let mut rows = reader.rows(object, environment, Some(eager));
        name_references(&mut rows, &places, |it| {
            reader.out_of_scope(&people[it]).is_some()
        });
        let out_of_scope = reader.out_of_scope(object);
        let (resource, refused) = sent(&rows, out_of_scope.is_some(), &schemas);
        Mapped {
            person: index + 1,
            attributes: rows,
            out_of_scope,
            resource,
            refused,
        }
    });
    each.collect()
}

/// What would be sent, and why it would be refused.
fn sent(rows: &[Row], is_out: bool, schemas: &Schemas) -> (Option<Json>, Option<String>) {
    let stops = |it: &Row| matches!(it.sent, Sent::Failed | Sent::PersonIgnored);
    if is_out || rows.iter().any(stops) {
        return (None, None);
    }
    match person::created(rows, &schemas.user) {
        Ok(resource) => (Some(Json::Object(resource.attributes().clone())), None),
        Err(why) => (None, Some(why)),
    }
}

/// The place of each of `people` by what a reference may hold.
fn places(people: &[SourceObject]) -> HashMap<String, usize> {
    let mut places = HashMap::new();
    for (index, person) in people.iter().enumerate() {
        for name in ["objectId", "userPrincipalName"] {
            if let Json::String(value) = person.value(name).to_json() {
                places.entry(value).or_insert(index);
            }
        }
    }
    places
}

/// Says who is referred to, if that is one in the file.
fn name_references(
    rows: &mut [Row],
    places: &HashMap<String, usize>,
    is_out: impl Fn(usize) -> bool,
) {
    for row in rows.iter_mut().filter(|it| it.sent == Sent::AsReference) {
        let found = row.value.as_str().and_then(|it| places.get(it));
        let said = match found {
            None => "nobody in the file".to_owned(),
            Some(&index) if is_out(index) => {
                format!("person {}, who is out of scope: it is left out", index + 1)
            }
            Some(index) => format!("person {}", index + 1),
        };
        row.why = format!("{}: {said}", row.why);
    }
}

/// As columns, a paragraph for each person.
pub(super) fn drawn(people: &[Mapped]) -> String {
    let paragraphs: Vec<String> = people.iter().map(paragraph).collect();
    paragraphs.join("\n")
}

fn paragraph(mapped: &Mapped) -> String {
    let title = [
        format!("PERSON {}", mapped.person),
        "VALUE".to_owned(),
        "WHY".to_owned(),
    ];
    let rows: Vec<[String; 3]> = std::iter::once(title)
        .chain(mapped.attributes.iter().map(cells))
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|it| it[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let (first, second) = (width(0), width(1));
    let mut lines: Vec<String> = rows
        .iter()
        .map(|[attribute, value, why]| format!("{attribute:<first$}   {value:<second$}   {why}\n"))
        .collect();
    if let Some(why) = &mapped.out_of_scope {
        lines.push(format!("out of scope: {why}\n"));
    }
    if let Some(resource) = &mapped.resource {
        lines.push(format!("when created: {resource}\n"));
    }
    if let Some(why) = &mapped.refused {
        lines.push(format!("refused when created: {why}\n"));
    }
    lines.concat()
}

fn cells(row: &Row) -> [String; 3] {
    let value = match &row.value {
        Json::Null => String::new(),
        // An empty text would look like no value.
        Json::String(text) if !text.is_empty() && !text.contains(char::is_control) => text.clone(),
        other => other.to_string(),
    };
    [row.attribute.clone(), value, row.why.clone()]
}
