//! Changes, each in the name of who asked for it: created, replaced, patched, deleted.

use jiff::Timestamp;
use serde_json::Value;

use super::audit::Entry;
use super::sign_in_method::{SignInMethod, declared};
use super::sign_in_name::{is_same_identity, object_id};
use super::{Directory, DirectoryError, Effect, Expected, Provisioned};
use crate::scim::error::ScimError;
use crate::scim::patch::{MemberChange, PatchRequest, member_ids};
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Requester};
use crate::store::{
    Change, Deletion, Reference, Related, ResourceId, StoreError, Stored, Terms, Version,
};

/// How often a change is computed anew when somebody else was faster.
const ATTEMPTS: usize = 16;

/// A directory as one client changes it by one request.
pub(crate) struct Provisioner<'d> {
    pub(super) directory: &'d Directory,
    requester: &'d Requester,
}

/// The resource that is to be changed.
pub(super) struct Target<'t> {
    pub(super) kind: ResourceType,
    pub(super) id: &'t ResourceId,
    pub(super) expected: &'t Expected,
    /// Whether the change takes over an account that is there already.
    pub(super) adopts: bool,
}

impl<'d> Provisioner<'d> {
    pub(super) fn new(directory: &'d Directory, requester: &'d Requester) -> Self {
        Self {
            directory,
            requester,
        }
    }

    /// Name of the client in whose name changes are made.
    pub(super) fn client(&self) -> &str {
        &self.requester.client
    }

    fn entry(&self, kind: ResourceType, id: &ResourceId, now: Timestamp) -> Entry {
        Entry::new(self.requester, kind, id, now)
    }

    /// `resource` is what is about to be written.
    fn terms(&self, entry: AuditEntry, resource: Option<&Resource>) -> Terms {
        let policy = &self.directory.policy;
        let external_id = resource.and_then(Resource::external_id);
        Terms {
            audit: Some(entry),
            brake: policy.brake,
            unknown_members: policy.unknown_members,
            unique_external_id: external_id.and_then(object_id).is_some(),
            ends_credentials: false,
        }
    }

    /// Creates a resource from the body of a POST, or takes over the one that is there already, where that is declared.
    pub(crate) async fn create(
        &self,
        kind: ResourceType,
        body: &Value,
    ) -> Result<Provisioned, DirectoryError> {
        let resource = Resource::parse(self.directory.schema(kind), body)?;
        let related = members(kind, body)?.unwrap_or_default();
        let break_glass = self.directory.break_glass().await?;
        break_glass.guard_new(kind, &resource)?;
        break_glass.guard_first(&related)?;
        if let Some(adopted) = self.adopt(kind, &resource).await? {
            return Ok(adopted);
        }
        let added = self.add(kind, resource.clone(), related).await;
        match added {
            // The person may have signed in just now.
            Err(DirectoryError::Store(StoreError::Taken { .. })) => {
                let adopted = self.adopt(kind, &resource).await?;
                adopted.map_or(added, Ok)
            }
            other => other,
        }
    }

    /// Adds a resource that is not there.
    pub(super) async fn add(
        &self,
        kind: ResourceType,
        resource: Resource,
        related: Vec<String>,
    ) -> Result<Provisioned, DirectoryError> {
        let now = self.directory.now();
        let id = self.directory.new_id(now);
        let (resource, not_owned) = self.keep(kind, &Resource::default(), resource);
        let created = Stored {
            id,
            version: Version::FIRST,
            created: now,
            last_modified: now,
            resource,
            related: related.into_iter().map(member).collect(),
        };
        let entry = self
            .entry(kind, &created.id, now)
            .creation(&created.resource);
        let terms = self.terms(entry, Some(&created.resource));
        let added = self.directory.store.add(kind, created.clone(), terms);
        added.await?;
        Ok(Provisioned {
            stored: created,
            effect: Effect::Created,
            not_owned,
        })
    }

    /// Replaces the client's part of a resource by the body of a PUT.
    pub(crate) async fn replace(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
        body: &Value,
    ) -> Result<Provisioned, DirectoryError> {
        let resource = Resource::parse(self.directory.schema(kind), body)?;
        let members = match (kind, members(kind, body)?) {
            (ResourceType::User, _) => Vec::new(),
            (ResourceType::Group, Some(ids)) if !ids.is_empty() => vec![MemberChange::Replace(ids)],
            (ResourceType::Group, _) => vec![MemberChange::Clear],
        };
        let target = Target {
            kind,
            id,
            expected,
            adopts: false,
        };
        let mut replaced = self
            .change(&target, &members, |_| Ok(resource.clone()))
            .await?;
        if kind == ResourceType::Group {
            replaced.stored = self.directory.find(kind, id, Related::Include).await?;
        }
        Ok(replaced)
    }

    /// Applies a PATCH; members of a group are not part of the answer.
    pub(crate) async fn patch(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
        request: &PatchRequest,
    ) -> Result<Provisioned, DirectoryError> {
        let schema = self.directory.schema(kind);
        let target = Target {
            kind,
            id,
            expected,
            adopts: false,
        };
        self.change(&target, request.member_changes(), |current| {
            request.apply(schema, current)
        })
        .await
    }

    /// Reads, computes and writes, again if somebody else was faster; what changes nothing is not written.
    pub(super) async fn change(
        &self,
        target: &Target<'_>,
        members: &[MemberChange],
        compute: impl Fn(&Resource) -> Result<Resource, ScimError>,
    ) -> Result<Provisioned, DirectoryError> {
        let related = match target.kind {
            ResourceType::User => Related::Include,
            ResourceType::Group => Related::Skip,
        };
        let mut attempts = ATTEMPTS;
        let mut turn = None;
        loop {
            let current = self.directory.find(target.kind, target.id, related).await?;
            if !target.expected.allows(current.version) {
                return Err(DirectoryError::Precondition);
            }
            let computed = compute(&current.resource)?;
            let (computed, not_owned) = self.keep(target.kind, &current.resource, computed);
            self.guard(target, &computed, members).await?;
            let written = self.write(target, &current, computed, members).await;
            attempts -= 1;
            match written {
                Err(DirectoryError::Store(StoreError::VersionConflict)) if attempts > 0 => {
                    if turn.is_none() {
                        turn = Some(self.directory.contended.lock().await);
                    }
                }
                other => {
                    let (stored, effect) = other?;
                    return Ok(Provisioned {
                        stored,
                        effect,
                        not_owned,
                    });
                }
            }
        }
    }

    /// What is written of `wanted`: attributes that another client owns stay as they are; and how many these are.
    fn keep(&self, kind: ResourceType, current: &Resource, wanted: Resource) -> (Resource, usize) {
        match kind {
            ResourceType::User => {
                let ownership = &self.directory.policy.ownership;
                ownership.keep(&self.requester.client, current, wanted)
            }
            ResourceType::Group => (wanted, 0),
        }
    }

    /// Refuses what is out of reach.
    async fn guard(
        &self,
        target: &Target<'_>,
        wanted: &Resource,
        members: &[MemberChange],
    ) -> Result<(), DirectoryError> {
        let break_glass = self.directory.break_glass().await?;
        break_glass.guard(target.kind, target.id, Some(wanted))?;
        let store = &*self.directory.store;
        break_glass.guard_members(store, target.id, members).await
    }

    async fn write(
        &self,
        target: &Target<'_>,
        current: &Stored,
        computed: Resource,
        members: &[MemberChange],
    ) -> Result<(Stored, Effect), DirectoryError> {
        let resource = (computed != current.resource).then(|| computed.clone());
        if resource.is_none() && members.is_empty() {
            return Ok((current.clone(), Effect::Unchanged));
        }
        // Changes of members alone do not depend on what the attributes are.
        let kind = target.kind;
        let depends = resource.is_some() || !target.expected.is_any();
        let now = self.directory.now();
        let change = Change {
            id: current.id.clone(),
            expected: depends.then_some(current.version),
            resource,
            members: members.to_vec(),
            at: now,
        };
        let entry = self.entry(kind, &current.id, now);
        let entry = entry.change(&current.resource, &computed, target.adopts);
        let terms = Terms {
            ends_credentials: target.adopts && changes_hands(&current.resource, &computed),
            ..self.terms(entry, change.resource.as_ref())
        };
        let changed = self.directory.store.change(kind, change, terms).await?;
        let changed = changed.ok_or(DirectoryError::NotFound(kind))?;
        let leaves = current.resource.is_active() && !computed.is_active();
        let effect = match (changed.written, kind) {
            (false, _) => Effect::Unchanged,
            (true, ResourceType::User) if leaves => Effect::Deactivated,
            (true, ResourceType::User | ResourceType::Group) => Effect::Updated,
        };
        let stored = Stored {
            version: changed.version,
            last_modified: if changed.written {
                now
            } else {
                current.last_modified
            },
            resource: computed,
            ..current.clone()
        };
        Ok((stored, effect))
    }

    /// Deletes a resource; a deleted user leaves all groups.
    pub(crate) async fn delete(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
    ) -> Result<(), DirectoryError> {
        let mut attempts = ATTEMPTS;
        loop {
            let mut version = None;
            if !expected.is_any() {
                let current = self.directory.find(kind, id, Related::Skip).await?;
                if !expected.allows(current.version) {
                    return Err(DirectoryError::Precondition);
                }
                version = Some(current.version);
            }
            attempts -= 1;
            match self.delete_version(kind, id, version).await {
                Err(DirectoryError::Store(StoreError::VersionConflict)) if attempts > 0 => {}
                other => return other,
            }
        }
    }

    /// Deletes a resource if it has this version, or any.
    async fn delete_version(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        version: Option<Version>,
    ) -> Result<(), DirectoryError> {
        let now = self.directory.now();
        let break_glass = self.directory.break_glass().await?;
        break_glass.guard(kind, id, None)?;
        if kind == ResourceType::Group {
            let store = &*self.directory.store;
            break_glass
                .guard_members(store, id, &[MemberChange::Clear])
                .await?;
        }
        let terms = self.terms(self.entry(kind, id, now).deletion(), None);
        let deletion = Deletion {
            id: id.clone(),
            expected: version,
            at: now,
        };
        let deleted = self.directory.store.delete(kind, deletion, terms).await?;
        deleted.ok_or(DirectoryError::NotFound(kind))
    }
}

/// Whether an account that is taken over is linked to an identity that it was not before. Who is declared to sign in by a password goes on.
fn changes_hands(before: &Resource, after: &Resource) -> bool {
    let goes_on = declared(after).and_then(SignInMethod::named) == Some(SignInMethod::BuiltIn);
    !is_same_identity(before.external_id(), after.external_id()) && !goes_on
}

/// The members in a body; users have none.
fn members(kind: ResourceType, body: &Value) -> Result<Option<Vec<String>>, ScimError> {
    match kind {
        ResourceType::User => Ok(None),
        ResourceType::Group => member_ids(body),
    }
}

fn member(id: String) -> Reference {
    Reference {
        id: ResourceId::new(id),
        display: None,
    }
}
