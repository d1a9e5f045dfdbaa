//! What a mapping would do to a directory, before it goes live: each person of a file as Entra would provision it.

use std::collections::HashMap;

use serde::Serialize;

use crate::api::user_mapping::{Apply, AttributeMapping, UserAttributes};
use crate::expression::{Environment, SourceObject};
use crate::scim::fold_case;
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::{ResourceSchema, ResourceType};

use super::matching_priorities;
use super::person::{ACTIVE, Reader, Row, Sent, changed, created, is_disabled, schemas};
use super::target::{canonical, values};

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
    let schemas = schemas(&[], None);
    let is_active = |it: &AttributeMapping| canonical(&it.target, &schemas.user) == "active";
    if !lines.iter().any(is_active) {
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
            let Some(value) = row.and_then(Row::matching_value) else {
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

    /// Whose each `userName` is.
    fn owners(&self) -> HashMap<String, Owner> {
        let people = self.people.iter().enumerate();
        let named = people
            .filter_map(|(place, it)| Some((fold_case(it.user_name()?), Owner::Directory(place))));
        named.collect()
    }

    /// The name of the person with `rows`.
    fn name(&self, rows: &[Row], number: usize) -> String {
        let values = self.indexes.iter().filter_map(|(target, ..)| {
            let row = rows.iter().find(|it| it.attribute == *target);
            row?.matching_value()
        });
        let mut values = values.map(str::to_owned);
        values.next().unwrap_or_else(|| format!("person {number}"))
    }
}

/// Who has a `userName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Somebody of the directory, by place.
    Directory(usize),
    /// Somebody who is created, by number in the file.
    File(usize),
}

/// Gives `owner` the `userName` of `after` in the place of the one of `before`, unless somebody else has it.
fn take_name(
    owners: &mut HashMap<String, Owner>,
    owner: Owner,
    before: Option<&Resource>,
    after: &Resource,
) -> Result<(), String> {
    let Some(name) = after.user_name() else {
        return Ok(());
    };
    match owners.get(&fold_case(name)) {
        Some(other) if *other != owner => Err(match other {
            Owner::Directory(_) => {
                format!("userName {name:?} is taken by another person of the directory (409)")
            }
            Owner::File(number) => {
                format!("userName is taken by person {number} of the file (409)")
            }
        }),
        Some(_) => Ok(()),
        None => {
            if let Some(name) = before.and_then(Resource::user_name) {
                owners.remove(&fold_case(name));
            }
            owners.insert(fold_case(name), owner);
            Ok(())
        }
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
    let mut matched: Vec<Option<usize>> = vec![None; directory.people.len()];
    let mut owners = directory.owners();
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
        let first = found.map(|place| *matched[place].get_or_insert(index + 1));
        if let Some(first) = first.filter(|it| *it != index + 1) {
            preview.rejected.push(said(format!(
                "person {first} of the file is matched with the same person of the directory"
            )));
            continue;
        }
        let before = found.map(|place| &directory.people[place]);
        let owner = found.map_or(Owner::File(index + 1), Owner::Directory);
        match fate(reader, directory.schema, person, &rows, before) {
            Fate::Written(after, why) => match take_name(&mut owners, owner, before, &after) {
                Err(why) => preview.rejected.push(said(why)),
                Ok(()) if found.is_some() => preview.changed.push(said(why)),
                Ok(()) => preview.created.push(said(why)),
            },
            Fate::Disabled(why) => preview.disabled.push(said(why)),
            Fate::Rejected(why) => preview.rejected.push(said(why)),
            Fate::LeftOut(why) => preview.left_out.push(said(why)),
            Fate::Unchanged => preview.unchanged += 1,
        }
    }
    preview.unmatched = matched.iter().filter(|it| it.is_none()).count();
    preview
}

/// What becomes of one person.
pub(super) enum Fate {
    /// Created, or changed, to what stands there.
    Written(Resource, String),
    Disabled(String),
    Rejected(String),
    LeftOut(String),
    Unchanged,
}

pub(super) fn fate(
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
        // A person who is disabled already and was never provisioned is not created.
        (None, None) if is_disabled(rows, schema) => {
            return Fate::LeftOut("disabled in Entra, and not in the directory".to_owned());
        }
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
            Ok(after) => Fate::Written(after, from(rows)),
            Err(why) => Fate::Rejected(why),
        };
    };
    match changed(rows, schema, before) {
        Err(why) => Fate::Rejected(why),
        Ok((after, _)) if before.is_active() && !after.is_active() => {
            Fate::Disabled("active becomes false".to_owned())
        }
        Ok((_, differing)) if differing.is_empty() => Fate::Unchanged,
        Ok((after, differing)) => {
            let said = differing
                .iter()
                .map(|it| format!("{} becomes {}", it.attribute, it.value));
            Fate::Written(after, said.collect::<Vec<_>>().join(", "))
        }
    }
}

/// Which lines of somebody who is created rest on a default.
fn from(rows: &[Row]) -> String {
    let defaults: Vec<String> = rows
        .iter()
        .filter(|it| it.is_default)
        .map(|it| format!("{} {} by default", it.attribute, it.value))
        .collect();
    if defaults.is_empty() {
        "nobody in the directory matches".to_owned()
    } else {
        format!("nobody in the directory matches; {}", defaults.join(", "))
    }
}
