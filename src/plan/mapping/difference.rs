//! What a changed mapping would do to the people of a directory, told by what the mapping in force has written of them.
//!
//! Entra's attributes are not known here. Those that a line of the mapping in force sends as they are can be read back; of a changed line
//! that asks for others nobody can tell what it comes to, and the preview says so.

use std::collections::HashMap;
use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Serialize;
use serde_json::Value as Json;

use crate::api::scim_tenant::ScimTenantSpec;
use crate::api::user_mapping::{
    Apply, AttributeMapping, MappingPreview, PreviewNames, ScopingFilter, UserAttributes,
};
use crate::expression::{Environment, Expression, SourceObject};
use crate::scim::fold_case;
use crate::scim::path::Path;
use crate::scim::resource::Resource;
use crate::scim::schema::{AttributeType, ResourceSchema, ResourceType, Schemas};

use super::attributes::{self, Holds};
use super::person::{Reader, schemas};
use super::preview::{Fate, effective, fate};
use super::target::{canonical, taking, values};

/// Whether somebody is soft-deleted in Entra, which is what `active` comes from.
const IS_SOFT_DELETED: &str = "IsSoftDeleted";

/// What differs between two mappings, as far as it can be told for people of a directory.
#[derive(Debug)]
pub struct Difference {
    lines: Vec<AttributeMapping>,
    scope: Vec<ScopingFilter>,
    readable: Vec<(String, Path)>,
    unknown: Vec<String>,
    /// The rules by which values are refused.
    rules: Schemas,
    /// What was taken once is read, whatever the rules are by now.
    lenient: Schemas,
    renames: bool,
}

impl Difference {
    /// What `wanted` changes of `former` in the directory of `tenant`.
    pub fn between(
        former: &UserAttributes,
        wanted: &UserAttributes,
        tenant: &ScimTenantSpec,
    ) -> Self {
        let (before, after) = (effective(former), effective(wanted));
        let rules = schemas(&after, Some(tenant));
        let lenient = schemas(&after, Some(&without_rules(tenant)));
        let readable = readable(&before, &lenient.user);
        let mut unknown = Vec::new();
        let mut is_told = |names: Vec<String>| {
            let is_known =
                |name: &String| name == IS_SOFT_DELETED || readable.iter().any(|it| it.0 == *name);
            let missing: Vec<String> = names.into_iter().filter(|it| !is_known(it)).collect();
            let is_told = missing.is_empty();
            unknown.extend(missing);
            is_told
        };
        let mut lines: Vec<AttributeMapping> = after
            .into_iter()
            .filter(|it| !before.contains(it) && !is_reference(it))
            .collect();
        lines.retain(|it| is_told(sources(it)));
        let clauses = wanted.scope.iter().flat_map(|it| &it.clauses);
        let asked = clauses.map(|it| it.attribute.clone()).collect();
        let scope = if wanted.scope != former.scope && is_told(asked) {
            wanted.scope.clone()
        } else {
            Vec::new()
        };
        unknown.sort();
        unknown.dedup();
        let is_name = |it: &AttributeMapping| canonical(&it.target, &rules.user) == "username";
        Self {
            renames: lines.iter().any(is_name),
            lines,
            scope,
            readable,
            unknown,
            rules,
            lenient,
        }
    }

    /// Begins to count, showing so many names of each sort.
    pub fn count<'d>(&'d self, names: usize, environment: &'d Environment<'d>) -> Count<'d> {
        Count {
            reader: Reader::new(ResourceType::User, &self.lines, &self.scope),
            difference: self,
            environment,
            names,
            counted: Counted {
                unknown: self.unknown.clone(),
                ..Counted::default()
            },
            renamed: Vec::new(),
        }
    }
}

/// `tenant` without what may be refused.
pub fn without_rules(tenant: &ScimTenantSpec) -> ScimTenantSpec {
    let mut tenant = tenant.clone();
    tenant.schema.required.clear();
    tenant.schema.user_types.clear();
    tenant.schema.roles.clear();
    tenant
}

/// The attributes in Entra whose values the directory has as they are, each with where.
fn readable(lines: &[AttributeMapping], schema: &ResourceSchema) -> Vec<(String, Path)> {
    let plain = lines
        .iter()
        .filter(|it| it.apply == Apply::Always && !is_reference(it));
    let found = plain.filter_map(|line| {
        let path = Path::parse(&line.target, schema).ok()?;
        let (_, part) = schema.definition(path.attribute()?)?;
        let is_text = taking(&path, part).type_ == AttributeType::String;
        Some((line.source.clone()?, path)).filter(|_| is_text)
    });
    found.collect()
}

fn is_reference(line: &AttributeMapping) -> bool {
    let source = line.source.as_deref();
    let found = source.and_then(|it| attributes::find(ResourceType::User, it));
    found.is_some_and(|it| it.holds == Holds::Reference)
}

/// The attributes in Entra that a line asks for.
fn sources(line: &AttributeMapping) -> Vec<String> {
    let expression = line.expression.as_deref();
    match expression.and_then(|it| Expression::parse(it).ok()) {
        Some(expression) => expression
            .attributes()
            .into_iter()
            .map(str::to_owned)
            .collect(),
        None => line.source.iter().cloned().collect(),
    }
}

/// A count that is under way, page by page.
pub struct Count<'d> {
    difference: &'d Difference,
    reader: Reader<'d>,
    environment: &'d Environment<'d>,
    names: usize,
    counted: Counted,
    /// The user names that people would have, folded, each with the present one; empty when none changes.
    renamed: Vec<(String, String)>,
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    people: usize,
    changed: Tally,
    disabled: Tally,
    rejected: Tally,
    undecided: usize,
    unknown: Vec<String>,
    incomplete: bool,
}

/// How many, and the first of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
struct Tally {
    count: usize,
    names: Vec<String>,
}

impl Tally {
    fn add(&mut self, name: &str, names: usize) {
        self.count += 1;
        if self.names.len() < names {
            self.names.push(name.to_owned());
        }
    }
}

impl Count<'_> {
    /// Counts in the people of a page, as SCIM users.
    pub fn add(&mut self, page: &[Json]) {
        for person in page {
            match Resource::parse(&self.difference.lenient.user, person) {
                Ok(person) if !person.is_active() => {}
                Ok(person) => self.look(&person),
                Err(_) => {
                    self.counted.people += 1;
                    self.counted.undecided += 1;
                }
            }
        }
    }

    fn look(&mut self, person: &Resource) {
        let known = self.known(person);
        let rows = self.reader.rows(&known, self.environment, None);
        let schema = &self.difference.rules.user;
        let name = person.user_name().unwrap_or_default();
        let names = self.names;
        let counted = &mut self.counted;
        counted.people += 1;
        let mut user_name = name.to_owned();
        match fate(&self.reader, schema, &known, &rows, Some(person)) {
            Fate::Disabled(_) => counted.disabled.add(name, names),
            Fate::Rejected(_) => counted.rejected.add(name, names),
            Fate::Written(after, _) => {
                after
                    .user_name()
                    .unwrap_or_default()
                    .clone_into(&mut user_name);
                if fold_case(&user_name) == fold_case(name) {
                    counted.changed.add(name, names);
                }
            }
            Fate::LeftOut(_) | Fate::Unchanged if counted.unknown.is_empty() => {}
            Fate::LeftOut(_) | Fate::Unchanged => counted.undecided += 1,
        }
        if self.difference.renames {
            self.renamed.push((fold_case(&user_name), name.to_owned()));
        }
    }

    /// What can be read back of somebody.
    fn known(&self, person: &Resource) -> SourceObject {
        let mut known = SourceObject::new();
        known.set(IS_SOFT_DELETED, "False");
        for (name, path) in &self.difference.readable {
            let mut values = values(person, path);
            match values.len() {
                0 => {}
                1 => known.set(name, values.remove(0)),
                _ => known.set_list(name, values),
            }
        }
        known
    }

    /// What was counted, although others were not looked at.
    pub fn stop(mut self) -> Counted {
        self.counted.incomplete = true;
        self.finish()
    }

    /// What was counted, once everybody was looked at: a user name that somebody else has then is refused.
    pub fn finish(mut self) -> Counted {
        let mut owners: HashMap<&str, usize> = HashMap::new();
        for (wanted, _) in &self.renamed {
            *owners.entry(wanted).or_default() += 1;
        }
        for (wanted, name) in &self.renamed {
            let is_another = *wanted != fold_case(name);
            let is_alone = owners.get(wanted.as_str()) == Some(&1);
            match (is_another, is_alone) {
                (false, _) => {}
                (true, true) => self.counted.changed.add(name, self.names),
                (true, false) => self.counted.rejected.add(name, self.names),
            }
        }
        self.counted
    }
}

/// As a table, in which the names stand below their number.
impl fmt::Display for Counted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            people,
            changed,
            disabled,
            rejected,
            undecided,
            unknown,
            incomplete: _,
        } = self;
        writeln!(formatter, "{:<20} {people}", "PEOPLE WHO ARE ACTIVE")?;
        for (title, tally) in [
            ("would change", changed),
            ("would be disabled", disabled),
            ("would be refused", rejected),
        ] {
            writeln!(formatter, "{title:<20} {}", tally.count)?;
            for name in &tally.names {
                writeln!(formatter, "  {name}")?;
            }
            if tally.count > tally.names.len() {
                writeln!(formatter, "  and {} more", tally.count - tally.names.len())?;
            }
        }
        writeln!(formatter, "{:<20} {undecided}", "cannot be told")?;
        for name in unknown {
            writeln!(formatter, "  {name} is not sent by the mapping in force")?;
        }
        Ok(())
    }
}

impl Counted {
    /// As the status has it.
    pub fn preview(
        self,
        generation: Option<i64>,
        digest: String,
        inputs: String,
        computed_at: Time,
    ) -> MappingPreview {
        let number = |it: usize| i64::try_from(it).unwrap_or(i64::MAX);
        MappingPreview {
            generation,
            digest,
            inputs,
            computed_at,
            people: number(self.people),
            changed: number(self.changed.count),
            disabled: number(self.disabled.count),
            rejected: number(self.rejected.count),
            undecided: number(self.undecided),
            incomplete: self.incomplete,
            unknown: self.unknown,
            names: PreviewNames {
                changed: self.changed.names,
                disabled: self.disabled.names,
                rejected: self.rejected.names,
            },
        }
    }
}
