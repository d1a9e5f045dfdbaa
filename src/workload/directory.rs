//! The domain: people and groups of one `ScimTenant` and the rules between them, the same for every protocol.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Builder;

use crate::clock::{Clock, Random};
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::list::Page;
use crate::scim::patch::{MemberChange, PatchRequest, member_ids};
use crate::scim::resource::Resource;
use crate::scim::schema::{ResourceSchema, ResourceType, Schemas};
use crate::store::{
    Change, Listed, Reference, Related, ResourceId, Store, StoreError, Stored, Version,
};

/// How often a change is computed anew when somebody else was faster.
const ATTEMPTS: usize = 16;

/// People and groups of one `ScimTenant`.
pub(crate) struct Directory {
    schemas: Schemas,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

/// The versions that a client allows to change: `If-Match`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected(pub(crate) Option<Vec<Version>>);

impl Expected {
    fn allows(&self, version: Version) -> bool {
        self.0.as_ref().is_none_or(|it| it.contains(&version))
    }
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

    /// One page of those that fulfil `filter`.
    pub(crate) async fn list(
        &self,
        kind: ResourceType,
        filter: Option<&Filter>,
        page: Page,
        related: Related,
    ) -> Result<Listed, DirectoryError> {
        Ok(self.store.list(kind, filter, page, related).await?)
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
        let (changed, effect) = self
            .change(kind, id, expected, &members, |_| Ok(resource.clone()))
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
        self.change(kind, id, expected, request.member_changes(), |current| {
            request.apply(schema, current)
        })
        .await
    }

    /// Reads, computes and writes, again if somebody else was faster; what changes nothing is not written.
    async fn change(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        expected: &Expected,
        members: &[MemberChange],
        compute: impl Fn(&Resource) -> Result<Resource, ScimError>,
    ) -> Result<(Stored, Effect), DirectoryError> {
        let related = match kind {
            ResourceType::User => Related::Include,
            ResourceType::Group => Related::Skip,
        };
        let mut attempts = ATTEMPTS;
        loop {
            let current = self.find(kind, id, related).await?;
            if !expected.allows(current.version) {
                return Err(DirectoryError::Precondition);
            }
            let computed = compute(&current.resource)?;
            let written = self
                .write(kind, &current, computed, members, expected)
                .await;
            attempts -= 1;
            match written {
                Err(DirectoryError::Store(StoreError::VersionConflict)) if attempts > 0 => {}
                other => return other,
            }
        }
    }

    async fn write(
        &self,
        kind: ResourceType,
        current: &Stored,
        computed: Resource,
        members: &[MemberChange],
        expected: &Expected,
    ) -> Result<(Stored, Effect), DirectoryError> {
        let resource = (computed != current.resource).then(|| computed.clone());
        if resource.is_none() && members.is_empty() {
            return Ok((current.clone(), Effect::Unchanged));
        }
        // Changes of members alone do not depend on what the attributes are.
        let depends = resource.is_some() || expected.0.is_some();
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
        let version = match &expected.0 {
            None => None,
            Some(_) => {
                let current = self.find(kind, id, Related::Skip).await?;
                if !expected.allows(current.version) {
                    return Err(DirectoryError::Precondition);
                }
                Some(current.version)
            }
        };
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
