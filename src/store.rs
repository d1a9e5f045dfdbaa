//! Where people and groups are kept: the trait [`Store`], whose contract is its conformance suite, and [`open`].

pub mod assertions;
pub mod audit;
pub mod backup;
pub mod brake;
pub mod browsing;
mod candidate;
#[cfg(test)]
mod conformance;
mod counts;
pub mod devices;
mod error;
mod filter_sql;
pub mod grants;
mod lock;
mod lookup;
pub mod passkeys;
pub mod passwords;
pub mod payloads;
pub mod photos;
mod postgres;
mod query;
pub mod second_factors;
pub mod sessions;
mod sqlite;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::scim::patch::MemberChange;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use audit::{AuditEntry, AuditQuery, Audited};
use brake::{Brake, Held};
pub use counts::Counts;
pub use error::{DatabaseError, OpenError, StoreError};
pub use lock::Claim;
pub use postgres::ConnectError;
pub use query::{ListQuery, Listed, Position, Window};

/// Identifier of a resource, issued once and never again.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceId(String);

impl ResourceId {
    /// The identifier that a client sent, or that was just made.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ResourceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Counts the changes of a resource, for optimistic locking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Version(pub i64);

impl Version {
    /// The version of a resource that was just created.
    pub const FIRST: Self = Self(1);
}

/// A user or group with what the server knows of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Its identifier.
    pub id: ResourceId,
    /// How often it was written.
    pub version: Version,
    /// When it was created, in whole milliseconds.
    pub created: Timestamp,
    /// When it was last changed, in whole milliseconds.
    pub last_modified: Timestamp,
    /// The client's part.
    pub resource: Resource,
    /// The groups of a user, or the members of a group; empty unless asked for.
    pub related: Vec<Reference>,
}

/// The other end of a membership.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The group, or the member.
    pub id: ResourceId,
    /// The name of the group; members come without.
    pub display: Option<String>,
}

/// Whether groups of a user, or members of a group, are loaded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Related {
    /// Load them.
    Include,
    /// Leave them; costs nothing however many there are.
    #[default]
    Skip,
}

/// What is to be written to an existing resource, in one transaction.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which one.
    pub id: ResourceId,
    /// The version that it must still have; any when absent.
    pub expected: Option<Version>,
    /// Its new attributes; kept when absent.
    pub resource: Option<Resource>,
    /// What happens to the members of a group, in this order.
    pub members: Vec<MemberChange>,
    /// The time of the change.
    pub at: Timestamp,
}

/// What became of a [`Change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The version now.
    pub version: Version,
    /// False when members were already as wanted and nothing else was to be written.
    pub written: bool,
}

/// What is to be deleted, with its memberships.
#[derive(Clone, Debug)]
pub struct Deletion {
    /// Which one.
    pub id: ResourceId,
    /// The version that it must still have; any when absent.
    pub expected: Option<Version>,
    /// The time; groups that lose a member change at it.
    pub at: Timestamp,
}

/// What becomes of member ids that nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownMembers {
    /// They refuse the whole write.
    #[default]
    Refuse,
    /// They are left out.
    Ignore,
}

/// What a write is done under; regarded in its transaction.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What is remembered of it, if it changes something or is held.
    pub audit: Option<AuditEntry>,
    /// What holds it when too much would be taken away.
    pub brake: Option<Brake>,
    /// What becomes of member ids that nobody has.
    pub unknown_members: UnknownMembers,
    /// Whether no other resource of its type may have the `externalId` that is written, in any casing of its ASCII letters.
    pub unique_external_id: bool,
    /// Whether the person is linked to another identity, so that sessions, password, second factor and passkeys of before end.
    pub ends_credentials: bool,
}

/// What may be forgotten: the oldest first, a bounded number at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forgetting {
    /// Audit entries that stay at most.
    pub audit_entries: u64,
    /// Older audit entries go.
    pub audit_before: Timestamp,
    /// Names of people who are gone go from older audit entries.
    pub names_before: Option<Timestamp>,
    /// What the brake counted before goes.
    pub removals_before: Timestamp,
    /// What the brake held before goes.
    pub held_before: Timestamp,
}

/// What was committed since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Commits {
    /// Transactions.
    pub transactions: u64,
    /// Writes in them.
    pub writes: u64,
}

/// Why nothing can be written at the moment; what is there can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No room is left.
    Full,
    /// A part is not what was written; only a backup helps.
    Damaged,
    /// Anything else: a lost disk, a file system that may only be read.
    Failed,
}

/// Records of one client that are kept; the oldest go first.
pub const RECORDS_PER_CLIENT: i64 = 200;

/// One request of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Name of the client.
    pub client: String,
    /// When it came, in whole milliseconds.
    pub at: Timestamp,
    /// What is said of it.
    pub text: String,
}

/// A record that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptRecord {
    /// Grows from record to record.
    pub number: i64,
    /// The record.
    pub record: Record,
}

/// A small document that is kept under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Its name.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// What a database must do for one directory.
///
/// - Every method is one transaction, and what it wrote is on the disk when it returns.
/// - "Not found" is `Ok(None)`; callers decide what it means.
/// - Time and identifiers come in as values; a store makes neither.
#[async_trait]
pub trait Store:
    sessions::Sessions
    + passwords::Passwords
    + second_factors::SecondFactors
    + passkeys::Passkeys
    + grants::Grants
    + devices::Devices
    + assertions::Assertions
    + browsing::Browsing
    + payloads::Payloads
    + photos::Photos
{
    /// The resource called `id`.
    async fn find(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        related: Related,
    ) -> Result<Option<Stored>, StoreError>;

    /// The part of a list that `query` asks for.
    async fn list(&self, kind: ResourceType, query: &ListQuery) -> Result<Listed, StoreError>;

    /// Adds a resource, a group with its `related` as members.
    async fn add(&self, kind: ResourceType, added: Stored, terms: Terms) -> Result<(), StoreError>;

    /// Writes `change`, or nothing of it.
    async fn change(
        &self,
        kind: ResourceType,
        change: Change,
        terms: Terms,
    ) -> Result<Option<Changed>, StoreError>;

    /// Deletes a resource and its memberships, if it still has the expected version.
    async fn delete(
        &self,
        kind: ResourceType,
        deletion: Deletion,
        terms: Terms,
    ) -> Result<Option<()>, StoreError>;

    /// Remembers something that is no write of a resource.
    async fn record(&self, entry: AuditEntry) -> Result<(), StoreError>;

    /// What is remembered of changes, the newest first.
    async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audited>, StoreError>;

    /// What was held since `since`, by a brake.
    async fn held(&self, since: Timestamp) -> Result<Held, StoreError>;

    /// Some of the people who have been deactivated since before `before`, the longest ones first.
    async fn deactivated(
        &self,
        before: Timestamp,
        count: usize,
    ) -> Result<Vec<ResourceId>, StoreError>;

    /// Forgets what may be forgotten; says how much of it, nothing being the end.
    async fn forget(&self, forgetting: Forgetting) -> Result<u64, StoreError>;

    /// How many there are.
    async fn counts(&self) -> Result<Counts, StoreError>;

    /// All notes.
    async fn notes(&self) -> Result<Vec<Note>, StoreError>;

    /// Writes a note in the place of one of the same name that still has the text `before`, of none when absent; else fails with
    /// [`StoreError::VersionConflict`].
    async fn keep_note(&self, note: Note, before: Option<String>) -> Result<(), StoreError>;

    /// Whether the database can be used, by a look that costs next to nothing and does not wait long.
    async fn ready(&self) -> Result<(), StoreError> {
        self.counts().await.map(|_| ())
    }

    /// Adds records, in this order; of each client the newest [`RECORDS_PER_CLIENT`] stay.
    async fn keep_records(&self, records: Vec<Record>) -> Result<(), StoreError>;

    /// The newest records of `client`, at most `limit`, of those with a number below `before`; the newest first.
    async fn records(
        &self,
        client: &str,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<KeptRecord>, StoreError>;

    /// What was committed since the store was opened.
    fn commits(&self) -> Commits;

    /// A number that is another one after a write before anybody is told of that write: what was read holds as long as it stays. Nothing
    /// where others may write, as they may once the store is closed.
    fn generation(&self) -> Option<u64>;

    /// Why nothing can be written; nothing when it can.
    fn fault(&self) -> Option<Fault>;

    /// Finishes what was begun and lets go of the database; later calls fail with [`StoreError::Closed`].
    async fn close(&self);
}

/// Where a store is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite database file.
    Sqlite(PathBuf),
    /// A schema of a PostgreSQL database.
    Postgres(PostgresLocation),
}

/// A schema of a PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresLocation {
    /// The file with the connection URL, such as `postgres://user:password@host/database`; read anew when it changes.
    pub url_file: PathBuf,
    /// Name of the schema: lower-case letters, digits and underscores.
    pub schema: String,
    /// Namespace and name of the `ScimTenant` whose people it holds, those of no other.
    pub scim_tenant: String,
}

/// Opens the store at `location`, or makes it in a folder that exists; a PostgreSQL database is connected to when it is first used.
///
/// # Errors
/// When the file cannot be used, or another process uses it.
pub async fn open(location: &Location) -> Result<Arc<dyn Store>, OpenError> {
    Ok(match location {
        Location::Sqlite(path) => Arc::new(sqlite::SqliteStore::open(path).await?),
        Location::Postgres(at) => Arc::new(postgres::PostgresStore::new(at.clone())),
    })
}

/// Whether a restored store waits for its owner to put it in the place of the one at `location`.
pub fn is_restored(location: &Location) -> bool {
    match location {
        Location::Sqlite(path) => sqlite::restore::is_restored(path),
        Location::Postgres(_) => false,
    }
}
