//! What a directory must hold and answer, written naively from RFC 7643, RFC 7644 and what Entra expects.
//!
//! It shares no code with the server: state is a map, each rule is a few lines, and every search looks at everybody.

use std::collections::{BTreeMap, BTreeSet};

use super::operations::{Edit, Filter, GroupEdit};

/// A person, by what the model knows of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct User {
    /// Single-valued texts by path; an absent one is unassigned.
    pub(super) texts: BTreeMap<&'static str, String>,
    pub(super) active: Option<bool>,
    /// Values by type.
    pub(super) emails: BTreeMap<&'static str, String>,
}

impl User {
    pub(super) fn name(&self) -> &str {
        self.texts.get("userName").map_or("", String::as_str)
    }

    /// An empty text means unassigned.
    pub(super) fn set(&mut self, path: &'static str, value: &str) {
        if value.is_empty() {
            self.texts.remove(path);
        } else {
            self.texts.insert(path, value.to_owned());
        }
    }

    /// One edit, or the status with which it is refused.
    fn apply(&mut self, edit: &Edit) -> Result<(), u16> {
        match edit {
            Edit::Text { path, value, .. } => self.set(path, value),
            Edit::Together(values) => {
                for (path, value) in values {
                    self.set(path, value);
                }
            }
            Edit::Remove(path) => {
                self.texts.remove(path);
            }
            Edit::Active { value, .. } => self.active = Some(*value),
            Edit::ActiveNonsense => return Err(400),
            // Entra expects that a value path makes the element that is not there.
            Edit::Email { kind, value, .. } if !value.is_empty() => {
                self.emails.insert(kind, value.clone());
            }
            Edit::Email { kind, .. } | Edit::RemoveEmail(kind) => {
                self.emails.remove(kind);
            }
        }
        Ok(())
    }

    fn fulfils(&self, filter: &Filter) -> bool {
        let text = |path: &str| self.texts.get(path);
        match filter {
            Filter::Text {
                path,
                operator,
                value,
            } => text(path).is_some_and(|text| {
                // RFC 7643: texts compare without regard to case, but for those that are caseExact.
                let (text, value) = if *path == "externalId" || path.ends_with("manager.value") {
                    (text.clone(), value.clone())
                } else {
                    (text.to_lowercase(), value.to_lowercase())
                };
                match *operator {
                    "eq" => text == value,
                    "sw" => text.starts_with(&value),
                    "ew" => text.ends_with(&value),
                    "co" => text.contains(&value),
                    unknown => unreachable!("no operator {unknown}"),
                }
            }),
            Filter::Present(path) => text(path).is_some(),
            Filter::Active(value) => self.active == Some(*value),
            Filter::Email { kind, value } => self
                .emails
                .get(kind)
                .is_some_and(|it| it.to_lowercase() == value.to_lowercase()),
            Filter::Not(inner) => !self.fulfils(inner),
            Filter::And(left, right) => self.fulfils(left) && self.fulfils(right),
            Filter::Or(left, right) => self.fulfils(left) || self.fulfils(right),
        }
    }
}

/// A group, by what the model knows of one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) members: BTreeSet<String>,
}

/// The people and groups that one writer made.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    pub(super) users: BTreeMap<String, User>,
    pub(super) groups: BTreeMap<String, Group>,
    /// Those of its people who are in the group that all writers share.
    pub(super) everybody: BTreeSet<String>,
    /// Identifiers that were in use.
    pub(super) gone: Vec<String>,
}

impl Oracle {
    fn user_name_is_taken(&self, name: &str, but_by: &str) -> bool {
        let lower = name.to_lowercase();
        self.users
            .iter()
            .any(|(id, it)| id != but_by && it.name().to_lowercase() == lower)
    }

    fn group_name_is_taken(&self, name: &str, but_by: &str) -> bool {
        let lower = name.to_lowercase();
        self.groups
            .iter()
            .any(|(id, it)| id != but_by && it.name.to_lowercase() == lower)
    }

    /// Whether the user may be, as `id`.
    fn admits(&self, user: &User, id: &str) -> Result<(), u16> {
        if user.name().is_empty() {
            return Err(400);
        }
        if self.user_name_is_taken(user.name(), id) {
            return Err(409);
        }
        Ok(())
    }

    /// The statuses that are right; more than one where a request has more than one fault.
    pub(super) fn create_user(&self, user: &User) -> Vec<u16> {
        vec![self.admits(user, "").err().unwrap_or(201)]
    }

    /// Replaces a user by what `change` makes of a copy, or leaves it and says why.
    fn change_user(
        &mut self,
        id: &str,
        change: impl FnOnce(&mut User) -> Result<(), u16>,
    ) -> Vec<u16> {
        let Some(mut user) = self.users.get(id).cloned() else {
            let faulty = change(&mut User::default()).is_err();
            return if faulty { vec![404, 400] } else { vec![404] };
        };
        match change(&mut user).and_then(|()| self.admits(&user, id)) {
            Ok(()) => {
                self.users.insert(id.to_owned(), user);
                vec![200]
            }
            Err(status) => vec![status],
        }
    }

    pub(super) fn patch_user(&mut self, id: &str, edits: &[Edit]) -> Vec<u16> {
        self.change_user(id, |user| {
            edits.iter().try_for_each(|edit| user.apply(edit))
        })
    }

    pub(super) fn put_user(&mut self, id: &str, wanted: &User) -> Vec<u16> {
        self.change_user(id, |user| {
            user.clone_from(wanted);
            if user.name().is_empty() {
                Err(400)
            } else {
                Ok(())
            }
        })
    }

    pub(super) fn delete_user(&mut self, id: &str) -> Vec<u16> {
        if self.users.remove(id).is_none() {
            return vec![404];
        }
        for group in self.groups.values_mut() {
            group.members.remove(id);
        }
        self.everybody.remove(id);
        self.gone.push(id.to_owned());
        vec![204]
    }

    pub(super) fn search(&self, filter: &Filter) -> BTreeSet<String> {
        let found = self.users.iter().filter(|(_, user)| user.fulfils(filter));
        found.map(|(id, _)| id.clone()).collect()
    }

    fn all_known(&self, members: &[String]) -> bool {
        members.iter().all(|id| self.users.contains_key(id))
    }

    fn faults(&self, unknown_member: bool, name: &str, but_by: &str) -> Vec<u16> {
        let mut faults = Vec::new();
        if unknown_member {
            faults.push(400);
        }
        if self.group_name_is_taken(name, but_by) {
            faults.push(409);
        }
        faults
    }

    pub(super) fn create_group(&self, name: &str, members: &[String]) -> Vec<u16> {
        let faults = self.faults(!self.all_known(members), name, "");
        if faults.is_empty() { vec![201] } else { faults }
    }

    pub(super) fn patch_group(&mut self, id: &str, edits: &[GroupEdit]) -> Vec<u16> {
        let Some(mut group) = self.groups.get(id).cloned() else {
            return vec![404];
        };
        let unknown = edits.iter().any(|edit| match edit {
            GroupEdit::Add(members) | GroupEdit::Replace(members) => !self.all_known(members),
            _ => false,
        });
        for edit in edits {
            match edit {
                GroupEdit::Name(name) => group.name.clone_from(name),
                GroupEdit::Add(members) => group.members.extend(members.iter().cloned()),
                GroupEdit::Replace(members) => {
                    group.members = members.iter().cloned().collect();
                }
                GroupEdit::Remove(members) => {
                    group.members.retain(|it| !members.contains(it));
                }
                GroupEdit::RemoveOne(member) => {
                    group.members.remove(member);
                }
            }
        }
        let faults = self.faults(unknown, &group.name, id);
        if !faults.is_empty() {
            return faults;
        }
        self.groups.insert(id.to_owned(), group);
        vec![204]
    }

    pub(super) fn delete_group(&mut self, id: &str) -> Vec<u16> {
        if self.groups.remove(id).is_none() {
            return vec![404];
        }
        self.gone.push(id.to_owned());
        vec![204]
    }

    /// The groups of a user, but for the shared one.
    pub(super) fn groups_of(&self, user: &str) -> BTreeSet<String> {
        let has = |group: &Group| group.members.contains(user);
        let found = self.groups.iter().filter(|(_, group)| has(group));
        found.map(|(id, _)| id.clone()).collect()
    }
}
