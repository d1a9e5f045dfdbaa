//! An Entra tenant: its users, groups and assignments, and what an administrator does to them.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::expression::SourceObject;

use super::application::Application;
use super::attributes::{AttributeValue, Attributes};

/// The `id` of a user or group in Entra.
pub type ObjectId = Uuid;

/// How long a deleted user can be restored.
pub const RETENTION: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What Entra has in the UPN of a guest, and leaves out of what it provisions.
const EXTERNAL: &str = "#EXT#";

/// Attributes of users that no outbound mapping may read.
const NO_SOURCES: [&str; 2] = ["userType", "samAccountName"];

/// A tenant, as far as provisioning sees it. Each change raises its version, which is what a differential query goes by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EntraTenant {
    /// The tenant's id.
    pub id: Uuid,
    /// `Sync only assigned users and groups`; else all.
    pub assigned_only: bool,
    users: BTreeMap<ObjectId, User>,
    groups: BTreeMap<ObjectId, Group>,
    /// App registrations by their client ids.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    applications: BTreeMap<Uuid, Application>,
    /// Purged users and deleted groups, with the version in which they went.
    gone: BTreeMap<ObjectId, u64>,
    version: u64,
}

/// A user. Attributes have the names of the source directory; an empty one is not there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Attributes but those below.
    pub attributes: Attributes,
    /// Whether sign-in is allowed.
    pub account_enabled: bool,
    /// Whether the user is assigned to the application, by themselves.
    pub assigned: bool,
    /// The user's manager.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manager: Option<ObjectId>,
    /// Values of app roles that are assigned.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub app_roles: Vec<String>,
    /// When the user was deleted, who can be restored for 30 days.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soft_deleted: Option<Timestamp>,
    #[serde(default)]
    pub(super) changed: u64,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Attributes, `displayName` among them.
    pub attributes: Attributes,
    /// Direct members: users, and groups that are nested.
    pub members: BTreeSet<ObjectId>,
    /// Whether the group is assigned to the application.
    pub assigned: bool,
    #[serde(default)]
    pub(super) changed: u64,
}

impl EntraTenant {
    /// An empty tenant.
    pub fn new(id: Uuid) -> Self {
        Self {
            id,
            assigned_only: true,
            ..Self::default()
        }
    }

    /// The number of the last change.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Users, deleted ones included, by their ids.
    pub const fn users(&self) -> &BTreeMap<ObjectId, User> {
        &self.users
    }

    /// Groups by their ids.
    pub const fn groups(&self) -> &BTreeMap<ObjectId, Group> {
        &self.groups
    }

    /// App registrations by their client ids.
    pub const fn applications(&self) -> &BTreeMap<Uuid, Application> {
        &self.applications
    }

    /// Registers an application, or puts it in the place of the one with its id. Provisioning does not see it.
    pub fn put_application(&mut self, application: Application) {
        self.applications.insert(application.app_id, application);
    }

    /// Users and groups that went for good after version `after`.
    pub fn gone_since(&self, after: u64) -> impl Iterator<Item = ObjectId> {
        let gone = self.gone.iter().filter(move |(_, at)| **at > after);
        gone.map(|(id, _)| *id)
    }

    /// Adds a user, or puts one in the place of who has the id.
    pub fn put_user(&mut self, id: ObjectId, user: User) {
        self.users.insert(id, user);
        self.touch_user(id);
    }

    /// Adds a group, or puts one in the place of what has the id; whoever is assigned by it counts as changed.
    pub fn put_group(&mut self, id: ObjectId, group: Group) {
        let before = self.groups.insert(id, group);
        let before = before.unwrap_or_default();
        let after = &self.groups[&id];
        let moved: Vec<ObjectId> = if before.assigned == after.assigned {
            let moved = before.members.symmetric_difference(&after.members);
            moved.copied().collect()
        } else {
            before.members.union(&after.members).copied().collect()
        };
        if before.assigned || after.assigned {
            for it in moved {
                self.touch_user(it);
            }
        }
        self.touch_group(id);
    }

    /// Changes a user, if there is one with the id.
    pub fn change_user(&mut self, id: ObjectId, change: impl FnOnce(&mut User)) {
        if let Some(user) = self.users.get_mut(&id) {
            change(user);
            self.touch_user(id);
        }
    }

    /// Changes a group, if there is one with the id.
    pub fn change_group(&mut self, id: ObjectId, change: impl FnOnce(&mut Group)) {
        if let Some(mut group) = self.groups.get(&id).cloned() {
            change(&mut group);
            self.put_group(id, group);
        }
    }

    /// Deletes a user for 30 days. Entra frees the name by putting the id before it.
    pub fn soft_delete(&mut self, id: ObjectId, now: Timestamp) {
        self.change_user(id, |user| {
            if user.soft_deleted.is_none() {
                user.soft_deleted = Some(now);
                let name = user.text("userPrincipalName").unwrap_or_default();
                let tombstone = format!("{}{name}", id.simple());
                user.set("userPrincipalName", tombstone);
            }
        });
    }

    /// Brings a deleted user back, with the name of before.
    pub fn restore(&mut self, id: ObjectId) {
        self.change_user(id, |user| {
            if user.soft_deleted.take().is_some() {
                let name = user.text("userPrincipalName").unwrap_or_default();
                let before = name.strip_prefix(&id.simple().to_string()).unwrap_or(name);
                let before = before.to_owned();
                user.set("userPrincipalName", before);
            }
        });
    }

    /// Purges whoever has been deleted for 30 days.
    pub fn purge_expired(&mut self, now: Timestamp) {
        let expired = self.users.iter().filter(|(_, user)| user.is_expired(now));
        let expired: Vec<ObjectId> = expired.map(|(id, _)| *id).collect();
        for id in expired {
            self.purge(id);
        }
    }

    /// Whether somebody has been deleted for 30 days.
    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.users.values().any(|user| user.is_expired(now))
    }

    /// Deletes a user for good, who leaves groups and reports without a word.
    pub fn purge(&mut self, id: ObjectId) {
        if self.users.remove(&id).is_none() {
            return;
        }
        self.version += 1;
        self.gone.insert(id, self.version);
        let reports = self.users.values_mut().filter(|it| it.manager == Some(id));
        reports.for_each(|it| it.manager = None);
        let groups = self
            .groups
            .iter()
            .filter(|(_, it)| it.members.contains(&id));
        for group in groups.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.change_group(group, |it| {
                it.members.remove(&id);
            });
        }
    }

    /// Deletes a group; there is no way back.
    pub fn delete_group(&mut self, id: ObjectId) {
        self.change_group(id, |it| it.assigned = false);
        if self.groups.remove(&id).is_some() {
            self.version += 1;
            self.gone.insert(id, self.version);
            for group in self.groups.values_mut() {
                group.members.remove(&id);
            }
        }
    }

    /// Whoever the application is assigned to: by themselves, or as a direct member of a group that is; members of nested groups are not.
    pub fn entitled_users(&self) -> HashSet<ObjectId> {
        let live = |id: &ObjectId| {
            self.users
                .get(id)
                .is_some_and(|it| it.soft_deleted.is_none())
        };
        if !self.assigned_only {
            return self.users.keys().copied().filter(live).collect();
        }
        let themselves = self.users.iter().filter(|(_, it)| it.assigned);
        let themselves = themselves.map(|(id, _)| *id);
        let groups = self.groups.values().filter(|it| it.assigned);
        let by_group = groups.flat_map(|it| it.members.iter().copied());
        themselves.chain(by_group).filter(live).collect()
    }

    /// Whether the application is assigned to the user: to themselves, or to a group that they are in directly.
    pub(super) fn is_assigned(&self, id: ObjectId) -> bool {
        self.users.get(&id).is_some_and(|it| it.assigned)
            || self
                .groups
                .values()
                .any(|it| it.assigned && it.members.contains(&id))
    }

    /// Whether the group is one that the application is assigned to.
    pub fn is_entitled_group(&self, id: ObjectId) -> bool {
        let group = self.groups.get(&id);
        group.is_some_and(|it| it.assigned || !self.assigned_only)
    }

    fn touch_user(&mut self, id: ObjectId) {
        if let Some(user) = self.users.get_mut(&id) {
            self.version += 1;
            user.changed = self.version;
        }
    }

    fn touch_group(&mut self, id: ObjectId) {
        if let Some(group) = self.groups.get_mut(&id) {
            self.version += 1;
            group.changed = self.version;
        }
    }
}

impl User {
    /// The version in which the user changed last.
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// The one value of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.text(name)
    }

    /// Gives an attribute one value; an empty one takes it away.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.attributes.set(name, AttributeValue::One(value.into()));
    }

    /// Whether the user was deleted 30 days ago.
    fn is_expired(&self, now: Timestamp) -> bool {
        let deleted = self.soft_deleted;
        let until = deleted.and_then(|at| at.checked_add(RETENTION).ok());
        until.is_some_and(|until| until <= now)
    }

    /// What expressions and scoping filters see. `gone` is who has left the scope, which Entra tells as `IsSoftDeleted`.
    pub fn source(&self, id: ObjectId, gone: bool) -> SourceObject {
        let mut object = source(&self.attributes, id);
        if let Some(name) = self
            .text("userPrincipalName")
            .filter(|it| it.contains(EXTERNAL))
        {
            object.set("userPrincipalName", name.replace(EXTERNAL, ""));
        }
        let truth = |it: bool| if it { "True" } else { "False" };
        object.set("accountEnabled", truth(self.account_enabled));
        object.set("IsSoftDeleted", truth(gone || !self.account_enabled));
        let roles = self.app_roles.iter().map(|it| {
            serde_json::json!({"id": named_id(it), "value": it, "displayName": it}).to_string()
        });
        object.set_list("appRoleAssignments", roles.collect());
        object
    }
}

impl Group {
    /// The version in which the group changed last.
    pub const fn changed(&self) -> u64 {
        self.changed
    }

    /// The one value of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.attributes.text(name)
    }

    /// Gives an attribute one value; an empty one takes it away.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.attributes.set(name, AttributeValue::One(value.into()));
    }

    /// What expressions and scoping filters see.
    pub fn source(&self, id: ObjectId) -> SourceObject {
        source(&self.attributes, id)
    }
}

/// An id that follows from a name.
pub(super) fn named_id(name: &str) -> Uuid {
    let digest = Sha256::digest(name.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

fn source(attributes: &Attributes, id: ObjectId) -> SourceObject {
    let mut object = SourceObject::new();
    object.set("objectId", id.to_string());
    for (name, value) in attributes.pairs() {
        match value {
            _ if NO_SOURCES.contains(&name) => {}
            AttributeValue::One(text) => object.set(name, text),
            AttributeValue::Many(texts) => object.set_list(name, texts.clone()),
        }
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u128) -> ObjectId {
        Uuid::from_u128(number)
    }

    fn user(name: &str) -> User {
        let mut user = User {
            account_enabled: true,
            ..User::default()
        };
        user.set("userPrincipalName", name);
        user
    }

    #[test]
    fn a_deleted_name_is_free_and_comes_back_with_its_owner() {
        let mut tenant = EntraTenant::new(id(0));
        tenant.put_user(id(1), user("ana@contoso.example"));

        tenant.soft_delete(id(1), Timestamp::UNIX_EPOCH);
        let name = tenant.users()[&id(1)].text("userPrincipalName").unwrap();
        assert_eq!(name, "00000000000000000000000000000001ana@contoso.example");

        tenant.restore(id(1));
        let name = tenant.users()[&id(1)].text("userPrincipalName").unwrap();
        assert_eq!(name, "ana@contoso.example");
    }

    #[test]
    fn only_direct_members_of_assigned_groups_are_entitled() {
        let mut tenant = EntraTenant::new(id(0));
        for number in 1..=3 {
            tenant.put_user(id(number), user(&format!("{number}@contoso.example")));
        }
        let group = |members: &[u128], assigned| Group {
            members: members.iter().map(|it| id(*it)).collect(),
            assigned,
            ..Group::default()
        };
        tenant.put_group(id(11), group(&[2], false));
        tenant.put_group(id(10), group(&[1, 11], true));

        assert_eq!(tenant.entitled_users(), HashSet::from([id(1)]));
        let before = tenant.version();
        tenant.change_group(id(10), |it| {
            it.members.insert(id(3));
        });
        assert!(
            tenant.users()[&id(3)].changed() > before,
            "who joins counts as changed"
        );
        assert!(tenant.users()[&id(1)].changed() <= before);
    }

    #[test]
    fn thirty_days_after_a_user_was_deleted_nothing_is_left() {
        let mut tenant = EntraTenant::new(id(0));
        tenant.put_user(id(1), user("ana@contoso.example"));
        tenant.soft_delete(id(1), Timestamp::UNIX_EPOCH);
        let after = |days: i64| Timestamp::from_second(days * 86_400).unwrap();

        tenant.purge_expired(after(29));
        assert_eq!(tenant.users().len(), 1);
        tenant.purge_expired(after(30));
        assert_eq!(tenant.users().len(), 0);
        assert_eq!(tenant.gone_since(0).collect::<Vec<_>>(), [id(1)]);
    }
}
