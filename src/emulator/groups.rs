//! What a cycle does with a group.

use super::dialect::new_group;
use super::failure::invalid_anchor;
use super::job::GroupLink;
use super::log::Action;
use super::mapped::changes;
use super::run::{Named, Run, Tried, tried};
use super::schema::Source;
use super::tenant::{Group, ObjectId};
use super::users::id;

/// How many members go into one PATCH; Microsoft publishes no number.
const MEMBERS_AT_ONCE: usize = 20;

impl<'a> Run<'a> {
    /// Whether the group is provisioned.
    pub(super) fn is_group_in_scope(&self, id: ObjectId) -> bool {
        let mapping = &self.provisioner.schema.groups;
        let group = self.tenant.groups().get(&id);
        let fulfils = |it: &Group| mapping.scope.takes(&it.source(id));
        mapping.enabled && self.tenant.is_entitled_group(id) && group.is_some_and(fulfils)
    }

    /// The group, by name.
    pub(super) fn named_group(&self, id: ObjectId) -> Named<'a> {
        let group = self.tenant.groups().get(&id);
        Named {
            kind: "Group",
            id,
            name: group
                .and_then(|it| it.text("displayName"))
                .unwrap_or_default(),
        }
    }

    /// Third pass: groups without their members.
    pub(super) async fn group(&self, id: ObjectId) {
        self.provisioner.progress().step();
        if !self.provisioner.schema.groups.enabled {
            return;
        }
        let of = self.named_group(id);
        let link = self.job().groups.get(&id).map(|it| it.id.clone());
        let group = self.tenant.groups().get(&id);
        let done = match (self.is_group_in_scope(id), group, link) {
            (true, Some(group), link) => self.provision_group(of, group, link).await,
            (false, _, Some(link)) => self.delete_group(of, &link).await,
            _ => {
                self.skipped(of, "NotEffectivelyEntitled", "not in scope");
                Ok(())
            }
        };
        self.settle(of, done);
    }

    async fn provision_group(
        &self,
        of: Named<'_>,
        group: &Group,
        link: Option<String>,
    ) -> Tried<()> {
        let mapping = &self.provisioner.schema.groups;
        let connection = &self.provisioner.connection;
        let object = group.source(of.id);
        let Some(assigned) = self.assigned(of, mapping, &object)? else {
            return Ok(());
        };
        let found = match link {
            Some(link) => {
                let found = connection.get("Groups", &link).await;
                let found = found.map_err(tried(Action::Other))?;
                Some(found.ok_or_else(|| (Action::Other, invalid_anchor("GET", "Groups")))?)
            }
            None => self.matching(of, &assigned, "Groups", mapping).await?,
        };
        let Some(resource) = found else {
            if mapping.actions.add {
                let created = connection.create("Groups", &new_group(&assigned)).await;
                let created = created.map_err(tried(Action::Create))?;
                self.link_group(of.id, &id(&created));
                self.done(of, Action::Create, &id(&created), &[]);
            }
            return Ok(());
        };
        let target = id(&resource);
        self.link_group(of.id, &target);
        let changes = changes(assigned, &resource, |_| mapping.actions.update);
        if changes.is_empty() {
            return Ok(());
        }
        let body = self.dialect.patch(&changes);
        let answer = connection.change("Groups", &target, &body).await;
        answer.map_err(tried(Action::Update))?;
        self.done(of, Action::Update, &target, &changes);
        Ok(())
    }

    fn link_group(&self, id: ObjectId, target: &str) {
        self.other_owner(target, id);
        let mut job = self.job();
        job.groups.entry(id).or_insert_with(|| GroupLink {
            id: target.to_owned(),
            sent: [].into(),
            skipped: [].into(),
        });
    }

    /// Groups know no soft deletion.
    async fn delete_group(&self, of: Named<'_>, link: &str) -> Tried<()> {
        if !self.provisioner.schema.groups.actions.delete {
            self.skipped(of, "SkipOutOfScopeDeletions", "deletions are left out");
            return Ok(());
        }
        let deleted = self.provisioner.connection.delete("Groups", link).await;
        deleted.map_err(tried(Action::Delete))?;
        self.job().groups.remove(&of.id);
        self.disown(link);
        self.done(of, Action::Delete, link, &[]);
        Ok(())
    }

    /// Fourth pass: who has joined and who has left since what was sent last. Members are never read back. `only` are those that an
    /// administrator has chosen.
    pub(super) async fn memberships(&self, id: ObjectId, only: Option<&[ObjectId]>) {
        let mut lines = self.provisioner.schema.groups.lines.iter();
        let is_mapped = lines.any(|it| matches!(it.source, Source::Reference));
        let link = self.job().groups.get(&id).cloned();
        let group = self.tenant.groups().get(&id);
        let (true, Some(link), Some(group)) = (is_mapped, link, group) else {
            return;
        };
        let is_chosen = |it: &ObjectId| only.is_none_or(|only| only.contains(it));
        let known = |it: &ObjectId| link.sent.contains(it) || link.skipped.contains(it);
        // Groups that are nested are no members of theirs.
        let joined = group
            .members
            .iter()
            .filter(|it| !known(it) && is_chosen(it) && self.is_live(**it));
        let joined: Vec<ObjectId> = joined.copied().collect();
        let (joined, skipped): (Vec<_>, Vec<_>) = joined
            .into_iter()
            .partition(|it| self.managed(*it).is_some());
        let left = link
            .sent
            .iter()
            .filter(|it| !group.members.contains(it) && is_chosen(it));
        let left: Vec<ObjectId> = left.copied().collect();
        if let Some(link) = self.job().groups.get_mut(&id) {
            link.skipped.retain(|it| group.members.contains(it));
            link.skipped.extend(skipped);
        }
        for (members, joins) in [(joined, true), (left, false)] {
            for some in members.chunks(MEMBERS_AT_ONCE) {
                self.members(id, &link.id, some, joins).await;
            }
        }
    }

    fn is_live(&self, id: ObjectId) -> bool {
        let user = self.tenant.users().get(&id);
        user.is_some_and(|it| it.soft_deleted.is_none())
    }

    async fn members(&self, id: ObjectId, target: &str, some: &[ObjectId], joins: bool) {
        let of = self.named_group(id);
        let resources: Vec<String> = {
            let job = self.job();
            let links = some.iter().filter_map(|it| job.users.get(it));
            links.map(|it| it.id.clone()).collect()
        };
        // Whose resource was deleted is in no group.
        if !resources.is_empty() {
            let body = if joins {
                self.dialect.join(&resources)
            } else {
                self.dialect.leave(&resources)
            };
            let changed = self.provisioner.connection.change("Groups", target, &body);
            if let Err(failure) = changed.await {
                return self.failed(of, Action::Update, &failure, true);
            }
            self.done(of, Action::Update, target, &[]);
        }
        if let Some(link) = self.job().groups.get_mut(&id) {
            for member in some {
                if joins {
                    link.sent.insert(*member);
                } else {
                    link.sent.remove(member);
                }
            }
        }
    }
}
