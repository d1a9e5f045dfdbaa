//! What a cycle does with a user.

use serde_json::Value;

use crate::expression::SourceObject;

use super::dialect::{Op, new_user, reference};
use super::failure::{Failure, invalid_anchor};
use super::job::UserLink;
use super::log::Action;
use super::mapped::{Assigned, Change, changes, mapped};
use super::run::{Named, Run, Tried, tried};
use super::schema::{ObjectMapping, Source};
use super::target::Target;
use super::tenant::{ObjectId, User};

/// Where a user stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    InScope,
    /// Not assigned, or by no scoping filter.
    OutOfScope,
    SoftDeleted,
    /// Purged.
    Gone,
}

/// A manager who is set once everybody exists.
#[derive(Debug)]
pub(super) struct Reference {
    user: ObjectId,
    /// The manager at the target.
    before: Value,
}

impl<'a> Run<'a> {
    fn mapping(&self) -> &'a ObjectMapping {
        &self.provisioner.schema.users
    }

    /// Where the user stands.
    pub(super) fn standing(&self, id: ObjectId) -> Standing {
        let Some(user) = self.tenant.users().get(&id) else {
            return Standing::Gone;
        };
        if user.soft_deleted.is_some() {
            return Standing::SoftDeleted;
        }
        let is_entitled = self.entitled.contains(&id);
        if is_entitled && self.mapping().scope.takes(&user.source(id, false)) {
            Standing::InScope
        } else {
            Standing::OutOfScope
        }
    }

    /// The user, by name.
    pub(super) fn named_user(&self, id: ObjectId) -> Named<'a> {
        let user = self.tenant.users().get(&id);
        Named {
            kind: "User",
            id,
            name: user
                .and_then(|it| it.text("userPrincipalName"))
                .unwrap_or_default(),
        }
    }

    /// First pass: everybody by themselves.
    pub(super) async fn user(&self, id: ObjectId) {
        self.provisioner.progress().step();
        let of = self.named_user(id);
        let link = self.job().users.get(&id).cloned();
        let user = self.tenant.users().get(&id);
        let done = match (self.standing(id), user, link) {
            (Standing::InScope, Some(user), link) => self.provision(of, user, link).await,
            (Standing::Gone, _, Some(link)) => self.purged(of, &link).await,
            (Standing::OutOfScope, Some(user), Some(link)) if link.managed => {
                self.left(of, user, link, false).await
            }
            (Standing::SoftDeleted, Some(user), Some(link)) if link.managed => {
                self.left(of, user, link, true).await
            }
            _ => {
                self.skipped(of, "NotEffectivelyEntitled", "not in scope");
                Ok(())
            }
        };
        self.settle(of, done);
    }

    async fn provision(&self, of: Named<'_>, user: &User, link: Option<UserLink>) -> Tried<()> {
        let object = user.source(of.id, false);
        let Some(assigned) = self.assigned(of, self.mapping(), &object)? else {
            return Ok(());
        };
        let is_linked = link.is_some();
        let found = match link {
            Some(link) => Some(self.linked(&link.id).await?),
            None => {
                self.matching(of, &assigned, "Users", self.mapping())
                    .await?
            }
        };
        if let Some(resource) = found {
            return self.update(of, user, assigned, resource).await;
        }
        // Whoever is disabled already and was never linked is not created.
        let is_disabled = assigned
            .iter()
            .any(|it| it.target.is_active() && it.value == false);
        if is_disabled || !self.mapping().actions.add || is_linked {
            self.skipped(
                of,
                "EntrySynchronizationSkipped",
                "disabled, and not at the target",
            );
            return Ok(());
        }
        self.create(of, user, &assigned).await
    }

    async fn create(&self, of: Named<'_>, user: &User, assigned: &[Assigned<'_>]) -> Tried<()> {
        let body = new_user(assigned);
        let created = self.provisioner.connection.create("Users", &body).await;
        let created = created.map_err(tried(Action::Create))?;
        let target = id(&created);
        self.other_owner(&target, of.id);
        let link = UserLink {
            id: target.clone(),
            managed: true,
            active: true,
        };
        self.job().users.insert(of.id, link);
        let sent: Vec<Change<'_>> = assigned
            .iter()
            .map(|it| Change {
                op: Op::Add,
                target: it.target,
                value: it.value.clone(),
                before: Value::Null,
            })
            .collect();
        self.done(of, Action::Create, &target, &sent);
        if let Some(manager) = self.manager_target().filter(|_| user.manager.is_some()) {
            let before = manager_of(manager, &created);
            self.later(Reference {
                user: of.id,
                before,
            });
        }
        Ok(())
    }

    async fn update(
        &self,
        of: Named<'_>,
        user: &User,
        assigned: Vec<Assigned<'_>>,
        resource: Value,
    ) -> Tried<()> {
        let target = id(&resource);
        let wanted = |it: &Target| !(self.on_demand && it.is_role());
        let mut changes = if self.mapping().actions.update {
            changes(assigned, &resource, wanted)
        } else {
            Vec::new()
        };
        if let (Some(to), Some(manager)) = (self.manager_target(), user.manager) {
            let before = manager_of(to, &resource);
            match self.managed(manager) {
                Some(id) if before != id.as_str() => changes.push(reference(to, before, &id)),
                Some(_) => {}
                None => self.later(Reference {
                    user: of.id,
                    before,
                }),
            }
        }
        self.write(of, &target, &changes).await?;
        let active = changes.iter().find(|it| it.target.is_active());
        let active = active.map_or_else(
            || resource["active"] != false,
            |it| it.value != false && it.value != "False",
        );
        let link = UserLink {
            id: target,
            managed: true,
            active,
        };
        self.job().users.insert(of.id, link);
        Ok(())
    }

    /// Sends changes, if there are any.
    async fn write(&self, of: Named<'_>, target: &str, changes: &[Change<'_>]) -> Tried<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let leaves = |it: &Change<'_>| it.target.is_active() && it.value == false;
        let action = if changes.iter().any(leaves) {
            Action::Disable
        } else {
            Action::Update
        };
        let body = self.dialect.patch(changes);
        let answer = self.provisioner.connection.change("Users", target, &body);
        answer.await.map_err(tried(action))?;
        self.done(of, action, target, changes);
        Ok(())
    }

    /// A user who has left the scope, or was deleted for 30 days: disabled, or deleted if nobody can be disabled.
    async fn left(
        &self,
        of: Named<'_>,
        user: &User,
        link: UserLink,
        is_deleted: bool,
    ) -> Tried<()> {
        let mapping = self.mapping();
        let is_left_alone = !is_deleted && self.provisioner.settings.skip_out_of_scope_deletions;
        if !mapping.actions.delete || is_left_alone {
            self.skipped(of, "SkipOutOfScopeDeletions", "deletions are left out");
            return Ok(());
        }
        if !mapping.has_active() {
            return self.delete(of, &link).await;
        }
        let resource = self.linked(&link.id).await?;
        let object = user.source(of.id, true);
        let changes = self.departure(&object, &resource, is_deleted);
        self.write(of, &link.id, &changes).await?;
        let link = UserLink {
            // Who is purged later is deleted only if they were still looked after.
            managed: is_deleted,
            active: false,
            ..link
        };
        self.job().users.insert(of.id, link);
        Ok(())
    }

    /// What is sent of who leaves: that they are not active, and of who was deleted the name that Entra has given them.
    fn departure(
        &self,
        object: &SourceObject,
        resource: &Value,
        is_deleted: bool,
    ) -> Vec<Change<'a>> {
        let wanted = |it: &Target| it.is_active() || is_deleted && it.is_user_name();
        let assigned = mapped(self.mapping(), object, &self.environment);
        changes(assigned.unwrap_or_default(), resource, wanted)
    }

    /// A user who is gone for good is deleted, unless Entra had let go of them before.
    async fn purged(&self, of: Named<'_>, link: &UserLink) -> Tried<()> {
        if link.managed && self.mapping().actions.delete {
            return self.delete(of, link).await;
        }
        self.job().users.remove(&of.id);
        self.disown(&link.id);
        Ok(())
    }

    async fn delete(&self, of: Named<'_>, link: &UserLink) -> Tried<()> {
        let deleted = self.provisioner.connection.delete("Users", &link.id).await;
        deleted.map_err(tried(Action::Delete))?;
        self.job().users.remove(&of.id);
        self.disown(&link.id);
        self.done(of, Action::Delete, &link.id, &[]);
        Ok(())
    }

    /// The resource that an earlier answer has told the id of.
    async fn linked(&self, id: &str) -> Tried<Value> {
        let found = self.provisioner.connection.get("Users", id).await;
        let found = found.map_err(tried(Action::Other))?;
        found.ok_or_else(|| (Action::Other, invalid_anchor("GET", "Users")))
    }

    /// Second pass: a manager, once everybody exists. A manager who is out of scope is left out.
    pub(super) async fn reference(&self, of: &Reference) {
        let named = self.named_user(of.user);
        let user = self.tenant.users().get(&of.user);
        let manager = user
            .and_then(|it| it.manager)
            .and_then(|it| self.managed(it));
        let link = self.job().users.get(&of.user).map(|it| it.id.clone());
        let (Some(manager), Some(target), Some(to)) = (manager, link, self.manager_target()) else {
            return;
        };
        if of.before == manager.as_str() {
            return;
        }
        let change = reference(to, of.before.clone(), &manager);
        if let Err((action, failure)) = self.write(named, &target, &[change]).await {
            self.failed(named, action, &failure, true);
        }
    }

    /// The resource of a user who is in scope; who was deleted is referred to by nobody.
    pub(super) fn managed(&self, id: ObjectId) -> Option<String> {
        let user = self.tenant.users().get(&id)?;
        let job = self.job();
        let link = job
            .users
            .get(&id)
            .filter(|it| it.managed && user.soft_deleted.is_none());
        link.map(|it| it.id.clone())
    }

    fn manager_target(&self) -> Option<&'a Target> {
        let mut lines = self.mapping().lines.iter();
        let line = lines.find(|it| matches!(it.source, Source::Reference));
        line.map(|it| &it.target)
    }

    /// The resource that has the first matching value that any has.
    pub(super) async fn matching(
        &self,
        of: Named<'_>,
        assigned: &[Assigned<'_>],
        endpoint: &str,
        mapping: &ObjectMapping,
    ) -> Tried<Option<Value>> {
        for place in &mapping.matching {
            let target = &mapping.lines[*place].target;
            let value = assigned.iter().find(|it| it.target == target);
            let Some(value) = value.and_then(|it| it.value.as_str()) else {
                continue;
            };
            let connection = &self.provisioner.connection;
            let found = connection.find(endpoint, &target.path(), value).await;
            let mut found = found.map_err(tried(Action::Other))?;
            let request = format!("GET {endpoint}");
            let owner = found.first();
            let owner = owner.and_then(|it| self.other_owner(&id(it), of.id));
            match found.len() {
                0 => {}
                1 if let Some(owner) = owner => {
                    let path = target.path();
                    let why = format!("{path} {value:?} is the resource of {owner} already");
                    let failure = Failure::of("DuplicateSourceEntries", &request, why);
                    return Err((Action::Other, failure));
                }
                1 => return Ok(found.pop()),
                several => {
                    let why = format!("{several} resources have the {} {value:?}", target.path());
                    let failure = Failure::of("DuplicateTargetEntries", &request, why);
                    return Err((Action::Other, failure));
                }
            }
        }
        Ok(None)
    }
}

/// The id of the manager at the target; null of none.
fn manager_of(target: &Target, resource: &Value) -> Value {
    match target.read(resource) {
        Value::Object(manager) => manager.get("value").cloned().unwrap_or_default(),
        other => other,
    }
}

/// The `id` of a resource.
pub(super) fn id(resource: &Value) -> String {
    resource["id"].as_str().unwrap_or_default().to_owned()
}
