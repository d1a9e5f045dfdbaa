//! Files of sample people.

use std::path::Path;

use anyhow::Context;
use serde_json::Value as Json;

use crate::expression::SourceObject;

/// The people in the file at `path`: CSV if it is called so, else JSON.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<SourceObject>> {
    let file = path.display();
    let text = super::text(path)?;
    let is_csv = path
        .extension()
        .is_some_and(|it| it.eq_ignore_ascii_case("csv"));
    let people = if is_csv {
        of_csv(&text)
    } else {
        of_json(&text)
    };
    people.with_context(|| format!("{file} cannot be used"))
}

fn of_json(text: &str) -> anyhow::Result<Vec<SourceObject>> {
    let people = match serde_json::from_str(text)? {
        Json::Array(people) => people,
        one => vec![one],
    };
    let people = people.into_iter().enumerate();
    people
        .map(|(index, it)| SourceObject::of(it).with_context(|| format!("person {}", index + 1)))
        .collect()
}

/// An empty cell is no value, as in Entra's own exports.
fn of_csv(text: &str) -> anyhow::Result<Vec<SourceObject>> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names = reader.headers()?.clone();
    let mut people = Vec::new();
    for row in reader.records() {
        let mut person = SourceObject::new();
        for (name, value) in names.iter().zip(&row?) {
            if !value.is_empty() {
                person.set(name, value);
            }
        }
        people.push(person);
    }
    Ok(people)
}
