//! The domain: people and groups of one `ScimTenant` and the rules between them, the same for every protocol.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Mutex;
use uuid::Builder;

use crate::clock::{Clock, Random};
use crate::scim::error::ScimError;
use crate::scim::patch::{MemberChange, PatchRequest, member_ids};
use crate::scim::resource::Resource;
use crate::scim::schema::{ResourceSchema, ResourceType, Schemas};
use crate::store::{
    Change, ListQuery, Listed, Reference, Related, ResourceId, Store, StoreError, Stored, Version,
};

/// How often a change is computed anew when somebody else was faster.
const ATTEMPTS: usize = 16;

/// People and groups of one `ScimTenant`.
pub(crate) struct Directory {
    schemas: Schemas,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Taken by changes that somebody else was faster than, so that they come one after the other.
    contended: Mutex<()>,
}

/// The versions that a client allows to change: `If-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected(pub(crate) Option<Vec<Version>>);

impl Expected {
    fn allows(&self, version: Version) -> bool {
        self.0.as_ref().is_none_or(|it| it.contains(&version))
    }
}

/// The resource that is to be changed.
struct Target<'t> {
    kind: ResourceType,
    id: &'t ResourceId,
    expected: &'t Expected,
}

/// What a request did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Read,
    /// All was as wanted; nothing was written.
    Unchanged,
    Created,
    Updated,
    /// A person who was active is not any more.
    Deactivated,
    Deleted,
}

/// Why a directory does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("no such resource")]
    NotFound(ResourceType),
    #[error("the resource has another version")]
    Precondition,
    #[error("the request is refused")]
    Refused(#[from] ScimError),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Directory {
    pub(crate) fn new(
        schemas: Schemas,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            schemas,
            store,
            clock,
            random,
            contended: Mutex::default(),
        }
    }

    /// What its resources look like.
    pub(crate) fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    fn schema(&self, kind: ResourceType) -> &ResourceSchema {
        self.schemas.of(kind)
    }

    /// The present in whole milliseconds, as the store keeps it.
    fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    /// An identifier that orders by time and is never used again (`UUIDv7`).
    fn new_id(&self, now: Timestamp) -> ResourceId {
        let mut random = [0; 10];
        self.random.fill(&mut random);
        let milliseconds = u64::try_from(now.as_millisecond()).unwrap_or_default();
        let id = Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid();
        ResourceId::new(id.to_string())
    }

    /// The resource called `id`.
    pub(crate) async fn find(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        related: Related,
    ) -> Result<Stored, DirectoryError> {
        let found = self.store.find(kind, id, related).await?;
        found.ok_or(DirectoryError::NotFound(kind))
    }

    /// The part of a list that `query` asks for.
    pub(crate) async fn list(
        &self,
        kind: ResourceType,
        query: &ListQuery,
    ) -> Result<Listed, DirectoryError> {
        Ok(self.store.list(kind, query).await?)
    }

    /// Creates a resource from the body of a POST.
    pub(crate) async fn create(
        &self,
        kind: ResourceType,
        body: &Value,
    ) -> Result<Stored, DirectoryError> {
        let resource = Resource::parse(self.schema(kind), body)?;
        let related = members(kind, body)?.unwrap_or_default();
        let now = self.now();
        let created = Stored {
            id: self.new_id(now),
            version: Version::FIRST,
            created: now,
            last_modified: now,
            resource,
            related: related.into_iter().map(member).collect(),
        };
        self.store.add(kind, created.clone()).await?;
        Ok(created)
    }

    /// Replaces the client's part of a resource by the body of a PUT.
    pub(crate) async fn replace(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
        body: &Value,
    ) -> Result<(Stored, Effect), DirectoryError> {
        let resource = Resource::parse(self.schema(kind), body)?;
        let members = match (kind, members(kind, body)?) {
            (ResourceType::User, _) => Vec::new(),
            (ResourceType::Group, Some(ids)) if !ids.is_empty() => vec![MemberChange::Replace(ids)],
            (ResourceType::Group, _) => vec![MemberChange::Clear],
        };
        let target = Target { kind, id, expected };
        let (changed, effect) = self
            .change(&target, &members, |_| Ok(resource.clone()))
            .await?;
        match kind {
            ResourceType::User => Ok((changed, effect)),
            ResourceType::Group => Ok((self.find(kind, id, Related::Include).await?, effect)),
        }
    }

    /// Applies a PATCH; members of a group are not part of the answer.
    pub(crate) async fn patch(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
        request: &PatchRequest,
    ) -> Result<(Stored, Effect), DirectoryError> {
        let schema = self.schema(kind);
        let target = Target { kind, id, expected };
        self.change(&target, request.member_changes(), |current| {
            request.apply(schema, current)
        })
        .await
    }

    /// Reads, computes and writes, again if somebody else was faster; what changes nothing is not written.
    async fn change(
        &self,
        target: &Target<'_>,
        members: &[MemberChange],
        compute: impl Fn(&Resource) -> Result<Resource, ScimError>,
    ) -> Result<(Stored, Effect), DirectoryError> {
        let related = match target.kind {
            ResourceType::User => Related::Include,
            ResourceType::Group => Related::Skip,
        };
        let mut attempts = ATTEMPTS;
        let mut turn = None;
        loop {
            let current = self.find(target.kind, target.id, related).await?;
            if !target.expected.allows(current.version) {
                return Err(DirectoryError::Precondition);
            }
            let computed = compute(&current.resource)?;
            let written = self.write(target, &current, computed, members).await;
            attempts -= 1;
            match written {
                Err(DirectoryError::Store(StoreError::VersionConflict)) if attempts > 0 => {
                    if turn.is_none() {
                        turn = Some(self.contended.lock().await);
                    }
                }
                other => return other,
            }
        }
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
        let depends = resource.is_some() || target.expected.0.is_some();
        let now = self.now();
        let change = Change {
            id: current.id.clone(),
            expected: depends.then_some(current.version),
            resource,
            members: members.to_vec(),
            at: now,
        };
        let changed = self.store.change(kind, change).await?;
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
        let mut version = None;
        if expected.0.is_some() {
            let current = self.find(kind, id, Related::Skip).await?;
            if !expected.allows(current.version) {
                return Err(DirectoryError::Precondition);
            }
            version = Some(current.version);
        }
        match self.store.delete(kind, id, version, self.now()).await {
            Ok(Some(())) => Ok(()),
            Ok(None) => Err(DirectoryError::NotFound(kind)),
            Err(StoreError::VersionConflict) => Err(DirectoryError::Precondition),
            Err(other) => Err(other.into()),
        }
    }
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
