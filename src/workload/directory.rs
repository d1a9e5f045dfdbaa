//! The domain: people and groups of one `ScimTenant` and the rules between them, the same for every protocol.

mod administered;
mod adoption;
mod audit;
mod break_glass;
mod erasure;
mod export;
mod newcomer;
mod ownership;
pub(crate) mod password;
mod policy;
mod provisioner;
pub(crate) mod sign_in_method;
pub(crate) mod sign_in_name;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::{Mutex, OnceCell};
use uuid::Builder;

use crate::clock::{Clock, Random};
use crate::scim::error::ScimError;
use crate::scim::filter::{Comparison, Filter, Literal, Operator};
use crate::scim::schema::{AttributePath, ResourceSchema, ResourceType, Schemas};
use crate::store::audit::Requester;
use crate::store::brake::Held;
use crate::store::{ListQuery, Listed, Related, ResourceId, Store, StoreError, Stored, Version};
use break_glass::BreakGlass;
pub(crate) use policy::Policy;
pub(crate) use provisioner::Provisioner;
use sign_in_name::object_id;

/// People and groups of one `ScimTenant`.
pub(crate) struct Directory {
    schemas: Schemas,
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    policy: Policy,
    /// Looked for when they are first needed, for a database may be away when the configuration arrives.
    break_glass: OnceCell<BreakGlass>,
    /// Taken by changes that somebody else was faster than, so that they come one after the other.
    contended: Mutex<()>,
}

/// The versions that a client allows to change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    /// `If-Match`: one of these; any when absent.
    pub(crate) one_of: Option<Vec<Version>>,
    /// `If-None-Match`: none of these.
    pub(crate) none_of: Vec<Version>,
}

impl Expected {
    pub(crate) fn allows(&self, version: Version) -> bool {
        let is_one = self.one_of.as_ref().is_none_or(|it| it.contains(&version));
        is_one && !self.none_of.contains(&version)
    }

    /// One version; any when absent.
    pub(crate) fn version(version: Option<Version>) -> Self {
        Self {
            one_of: version.map(|it| vec![it]),
            none_of: Vec::new(),
        }
    }

    /// Whether it allows all versions.
    pub(crate) fn is_any(&self) -> bool {
        self.one_of.is_none() && self.none_of.is_empty()
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

/// A resource as it is after a change.
#[derive(Clone, Debug)]
pub(crate) struct Provisioned {
    pub(crate) stored: Stored,
    pub(crate) effect: Effect,
    /// Attributes that stayed as they were, because another client owns them.
    pub(crate) not_owned: usize,
}

/// Why a directory does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("no such resource")]
    NotFound(ResourceType),
    #[error("the resource has another version")]
    Precondition,
    /// A person who is out of reach, or a group that would win or lose one.
    #[error("a break-glass account is out of reach")]
    BreakGlass(ResourceType),
    #[error("the request is refused")]
    Refused(#[from] ScimError),
    #[error("the store failed")]
    Store(#[from] StoreError),
}

impl Directory {
    pub(crate) fn new(
        (schemas, policy): (Schemas, Policy),
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            schemas,
            store,
            clock,
            random,
            policy,
            break_glass: OnceCell::new(),
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

    /// The people or groups that clients know by `external_id`. An object id is the same in any casing; everything else, and what a SCIM
    /// client filters by, has the one in which it was sent (RFC 7643, section 3.1).
    pub(crate) async fn with_external_id(
        &self,
        kind: ResourceType,
        external_id: &str,
    ) -> Result<Vec<Stored>, DirectoryError> {
        let filter = Filter::Compare(Comparison {
            attribute: AttributePath::core("externalId"),
            operator: Operator::Equal,
            value: Literal::Text(external_id.to_owned()),
            case_exact: object_id(external_id).is_none(),
        });
        let query = ListQuery {
            filter: Some(filter),
            ..ListQuery::default()
        };
        Ok(self.list(kind, &query).await?.resources)
    }

    /// The people one of whose addresses is `address`.
    async fn with_email(&self, address: &str) -> Result<Vec<Stored>, DirectoryError> {
        let kind = ResourceType::User;
        let text = format!("emails.value eq {}", Value::from(address));
        let query = ListQuery {
            filter: Some(Filter::parse(&text, self.schema(kind))?),
            ..ListQuery::default()
        };
        Ok(self.list(kind, &query).await?.resources)
    }

    /// The person with this user name, in any casing.
    pub(crate) async fn with_user_name(
        &self,
        user_name: &str,
    ) -> Result<Option<Stored>, DirectoryError> {
        let kind = ResourceType::User;
        let text = format!("userName eq {}", Value::from(user_name));
        let query = ListQuery {
            filter: Some(Filter::parse(&text, self.schema(kind))?),
            ..ListQuery::default()
        };
        Ok(self.list(kind, &query).await?.resources.pop())
    }

    /// What the brake holds at present.
    pub(crate) async fn held(&self) -> Result<Held, DirectoryError> {
        match self.policy.brake {
            Some(brake) if !brake.is_open(self.now()) => {
                Ok(self.store.held(brake.holds_since()).await?)
            }
            Some(_) | None => Ok(Held::default()),
        }
    }

    /// Break-glass accounts that are declared and not there.
    pub(crate) async fn missing_break_glass(&self) -> Result<&[String], DirectoryError> {
        Ok(self.break_glass().await?.missing())
    }

    async fn break_glass(&self) -> Result<&BreakGlass, StoreError> {
        let declared = &self.policy.break_glass;
        let look = || BreakGlass::find(declared, self.schema(ResourceType::User), &*self.store);
        self.break_glass.get_or_try_init(look).await
    }

    /// The directory as `requester` may change it.
    pub(crate) fn provisioner<'d>(&'d self, requester: &'d Requester) -> Provisioner<'d> {
        Provisioner::new(self, requester)
    }
}
