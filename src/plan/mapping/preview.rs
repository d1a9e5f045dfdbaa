//! What a mapping would do to a directory, before it goes live: each person of a file as Entra would provision it.

use std::collections::HashMap;

use serde::Serialize;
use serde_json::Value as Json;

use crate::api::user_mapping::{Apply, AttributeMapping, UserAttributes};
use crate::expression::{Environment, SourceObject};
use crate::scim::fold_case;
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::{AttributePath, ResourceSchema, ResourceType};

use super::matching_priorities;
use super::person::{ACTIVE, Reader, Row, Sent, changed, created};

/// What would become of people.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Preview {
    /// People in the file.
    pub people: usize,
    /// Those that would be created.
    pub created: Vec<Named>,
    /// Those that would change, with the lines that do.
    pub changed: Vec<Named>,
    /// Those that would be disabled.
    pub disabled: Vec<Named>,
    /// Those that would be refused.
    pub rejected: Vec<Named>,
    /// Those that Entra leaves alone: out of scope and not in the directory, disabled before they came, ignored by an expression.
    pub left_out: Vec<Named>,
    /// Those that stay as they are.
    pub unchanged: usize,
    /// People of the directory whom nobody in the file is matched with.
    pub unmatched: usize,
}

/// Somebody, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The value of the first matching attribute, or the number in the file.
    pub name: String,
    /// What is decisive.
    pub why: String,
}

/// The lines for users as they are in effect: with Entra's own for `active`, unless they have one.
pub fn effective(users: &UserAttributes) -> Vec<AttributeMapping> {
    let mut lines = users.attributes.clone();
    if !lines
        .iter()
        .any(|it| it.target.eq_ignore_ascii_case("active"))
    {
        lines.push(AttributeMapping {
            target: "active".to_owned(),
            source: None,
            constant: None,
            expression: Some(ACTIVE.to_owned()),
            default: None,
            apply: Apply::Always,
            matching_priority: None,
        });
    }
    lines
}

/// A directory that people are compared with.
#[derive(Debug)]
pub struct Directory<'a> {
    schema: &'a ResourceSchema,
    people: Vec<Resource>,
    /// Matching attributes in the order in which they are tried, each with the people by their values.
    indexes: Vec<(String, Path, HashMap<String, Vec<usize>>)>,
}

impl<'a> Directory<'a> {
    /// The directory with `people`, looked up by the matching attributes of `lines`.
    pub fn new(
        schema: &'a ResourceSchema,
        lines: &[AttributeMapping],
        people: Vec<Resource>,
    ) -> Self {
        let mut matching: Vec<(u8, &str)> = lines
            .iter()
            .zip(matching_priorities(lines, ResourceType::User))
            .filter_map(|(line, priority)| Some((priority?, line.target.as_str())))
            .collect();
        matching.sort_unstable();
        let indexes = matching.into_iter().filter_map(|(_, target)| {
            let path = Path::parse(target, schema).ok()?;
            let mut index: HashMap<String, Vec<usize>> = HashMap::new();
            for (place, person) in people.iter().enumerate() {
                for value in values(person, &path) {
                    index.entry(fold_case(&value)).or_default().push(place);
                }
            }
            Some((target.to_owned(), path, index))
        });
        Self {
            schema,
            indexes: indexes.collect(),
            people,
        }
    }

    /// Who has the first matching value of `rows` that anybody has; several are an error of Entra's.
    fn find(&self, rows: &[Row]) -> Result<Option<usize>, String> {
        for (target, _, index) in &self.indexes {
            let row = rows.iter().find(|it| it.attribute == *target);
            let Some(value) = row.and_then(|it| it.value.as_str()) else {
                continue;
            };
            match index.get(&fold_case(value)).map(Vec::as_slice) {
                None | Some([]) => {}
                Some([one]) => return Ok(Some(*one)),
                Some(several) => {
                    return Err(format!(
                        "{} people have the {target} {value:?}, and Entra does not choose (DuplicateTargetEntries)",
                        several.len()
                    ));
                }
            }
        }
        Ok(None)
    }

    /// The name of the person with `rows`.
    fn name(&self, rows: &[Row], number: usize) -> String {
        let values = self.indexes.iter().filter_map(|(target, ..)| {
            rows.iter()
                .find(|it| it.attribute == *target)?
                .value
                .as_str()
        });
        let mut values = values.map(str::to_owned);
        values.next().unwrap_or_else(|| format!("person {number}"))
    }
}

/// What `reader` would do to `directory` with `people`.
pub fn preview(
    reader: &Reader<'_>,
    directory: &Directory<'_>,
    people: &[SourceObject],
    environment: &Environment<'_>,
) -> Preview {
    let mut preview = Preview {
        people: people.len(),
        ..Preview::default()
    };
    let mut matched = vec![false; directory.people.len()];
    let mut names: HashMap<String, usize> = HashMap::new();
    for (index, person) in people.iter().enumerate() {
        let rows = reader.rows(person, environment, None);
        let name = directory.name(&rows, index + 1);
        let said = |why: String| Named {
            name: name.clone(),
            why,
        };
        let found = match directory.find(&rows) {
            Ok(found) => found,
            Err(why) => {
                preview.rejected.push(said(why));
                continue;
            }
        };
        let before = found.map(|place| {
            matched[place] = true;
            &directory.people[place]
        });
        match fate(reader, directory.schema, person, &rows, before) {
            Fate::Created(resource) => {
                let taken = resource
                    .user_name()
                    .and_then(|it| names.insert(fold_case(it), index + 1));
                match taken {
                    Some(other) => preview.rejected.push(said(format!(
                        "userName is taken by person {other} of the file (409)"
                    ))),
                    None => preview.created.push(said(from(&rows))),
                }
            }
            Fate::Changed(why) => preview.changed.push(said(why)),
            Fate::Disabled(why) => preview.disabled.push(said(why)),
            Fate::Rejected(why) => preview.rejected.push(said(why)),
            Fate::LeftOut(why) => preview.left_out.push(said(why)),
            Fate::Unchanged => preview.unchanged += 1,
        }
    }
    preview.unmatched = matched.iter().filter(|it| !**it).count();
    preview
}

/// What becomes of one person.
enum Fate {
    Created(Resource),
    Changed(String),
    Disabled(String),
    Rejected(String),
    LeftOut(String),
    Unchanged,
}

fn fate(
    reader: &Reader<'_>,
    schema: &ResourceSchema,
    person: &SourceObject,
    rows: &[Row],
    before: Option<&Resource>,
) -> Fate {
    let out = reader.out_of_scope(person);
    match (out, before) {
        (Some(why), Some(before)) if before.is_active() => return Fate::Disabled(why),
        (Some(why), _) => return Fate::LeftOut(why),
        (None, _) => {}
    }
    if let Some(row) = rows.iter().find(|it| it.sent == Sent::Failed) {
        return Fate::Rejected(format!("{}: {}", row.attribute, row.why));
    }
    if let Some(row) = rows.iter().find(|it| it.sent == Sent::PersonIgnored) {
        return Fate::LeftOut(format!("{}: {}", row.attribute, row.why));
    }
    let Some(before) = before else {
        return match created(rows, schema) {
            // A person who is disabled already and was never provisioned is not created.
            Ok(resource) if !resource.is_active() => {
                Fate::LeftOut("disabled in Entra, and not in the directory".to_owned())
            }
            Ok(resource) => Fate::Created(resource),
            Err(why) => Fate::Rejected(why),
        };
    };
    match changed(rows, schema, before) {
        Err(why) => Fate::Rejected(why),
        Ok((after, _)) if before.is_active() && !after.is_active() => {
            Fate::Disabled("active becomes false".to_owned())
        }
        Ok((_, differing)) if differing.is_empty() => Fate::Unchanged,
        Ok((_, differing)) => {
            let said = differing
                .iter()
                .map(|it| format!("{} becomes {}", it.attribute, it.value));
            Fate::Changed(said.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Which lines of somebody who is created rest on a default.
fn from(rows: &[Row]) -> String {
    let defaults: Vec<String> = rows
        .iter()
        .filter(|it| it.why.starts_with("default"))
        .map(|it| format!("{} {} by default", it.attribute, it.value))
        .collect();
    if defaults.is_empty() {
        "nobody in the directory matches".to_owned()
    } else {
        format!("nobody in the directory matches; {}", defaults.join(", "))
    }
}

/// The texts that stand at `path` in a resource.
fn values(resource: &Resource, path: &Path) -> Vec<String> {
    let attributes = resource.attributes();
    let at = |path: &AttributePath| {
        let holder = match &path.extension {
            Some(urn) => attributes.get(urn)?.as_object()?,
            None => attributes,
        };
        holder.get(&path.attribute)
    };
    let text = |value: &Json| value.as_str().map(str::to_owned);
    match path {
        Path::Extension(_) => Vec::new(),
        Path::Attribute(path) => {
            let part = path.sub_attribute.as_deref();
            let all = match at(path) {
                Some(Json::Array(elements)) => elements.iter().collect(),
                Some(one) => vec![one],
                None => Vec::new(),
            };
            let found = all.into_iter().filter_map(|it| match part {
                Some(part) => text(it.get(part)?),
                None if it.is_object() => text(it.get("value")?),
                None => text(it),
            });
            found.collect()
        }
        Path::Elements {
            list,
            filter,
            sub_attribute,
        } => {
            let part = sub_attribute.as_deref().unwrap_or("value");
            let elements = at(list).and_then(Json::as_array).into_iter().flatten();
            elements
                .filter(|it| filter.matches_element(it))
                .filter_map(|it| text(it.get(part)?))
                .collect()
        }
    }
}
