//! A directory as a file: lines of JSON that are the same whichever store they come from.
//!
//! The first line says what follows and how much of it; each further one is a [`Record`]; every thousandth and the last carry a
//! digest of all before, so that a file that was cut or changed is noticed. People come before groups, and groups before members.

mod members;
mod reading;
mod writing;

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::postgres::restore::PostgresRestoration;
use crate::store::postgres::snapshot::PostgresSnapshot;
use crate::store::write::Refused;
use crate::store::{
    Location, OpenError, PostgresLocation, ResourceId, StoreError, Stored, Version, postgres,
    sqlite,
};

pub use members::MEMBERS_PER_RECORD;
pub(super) use members::MembersInParts;
pub use reading::BackupReader;
pub use writing::BackupWriter;

/// The version of the format that this program writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// Records between two digests.
const RECORDS_PER_DIGEST: u64 = 1000;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Header {
    /// Version of the format.
    pub usher_backup: u32,
    /// Version of the program that wrote it.
    pub program: String,
    /// When.
    pub made_at: Timestamp,
    /// Namespace and name of the `ScimTenant`.
    pub scim_tenant: String,
    /// What follows.
    pub contents: Contents,
}

/// How much there is of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contents {
    /// People.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Members of all groups together.
    pub memberships: u64,
    /// Notes.
    pub notes: u64,
    /// Rows of other tables.
    pub rows: u64,
}

impl Contents {
    fn count(&mut self, record: &Record) {
        match record {
            Record::User(_) => self.users += 1,
            Record::Group(_) => self.groups += 1,
            Record::Members { ids, .. } => self.memberships += ids.len() as u64,
            Record::Note { .. } => self.notes += 1,
            Record::Row { .. } => self.rows += 1,
        }
    }
}

/// One thing that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Record {
    /// A person.
    User(Entry),
    /// A group, without its members.
    Group(Entry),
    /// Some of the members of a group.
    Members {
        /// The group.
        of: String,
        /// Some of its members, [`MEMBERS_PER_RECORD`] at most.
        ids: Vec<String>,
    },
    /// A small document under a name.
    Note {
        /// Its name.
        name: String,
        /// Its text.
        text: String,
    },
    /// A row of another table.
    Row {
        /// The table.
        table: String,
        /// Its columns.
        values: Map<String, Value>,
    },
}

/// A user or group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// Its identifier.
    pub id: String,
    /// How often it was written.
    pub version: i64,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub last_modified: Timestamp,
    /// Since when a person is deactivated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deactivated: Option<Timestamp>,
    /// The client's part.
    pub attributes: Map<String, Value>,
}

impl Entry {
    /// The resource as a store adds it.
    pub(super) fn stored(self) -> Result<Stored, StoreError> {
        let body = Value::Object(self.attributes).to_string();
        Ok(Stored {
            id: ResourceId::new(self.id),
            version: Version(self.version),
            created: self.created,
            last_modified: self.last_modified,
            resource: Resource::from_json(&body)?,
            related: Vec::new(),
        })
    }
}

impl Record {
    /// A user or group.
    pub fn resource(kind: ResourceType, entry: Entry) -> Self {
        match kind {
            ResourceType::User => Self::User(entry),
            ResourceType::Group => Self::Group(entry),
        }
    }
}

/// A line after the first.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Seal {
    /// Digest of all lines before.
    Digest(String),
    /// The same, and nothing follows.
    End(String),
}

/// Everything in a store, as it was at one moment, while others go on writing.
#[async_trait]
pub trait Snapshot: Send {
    /// How much there is.
    async fn contents(&mut self) -> Result<Contents, BackupError>;

    /// Gives each record to `to`, in an order in which they can be restored; ends early when `to` fails.
    async fn read(&mut self, to: &mut dyn Sink) -> Result<(), BackupError>;
}

/// Where the records of a [`Snapshot`] go.
pub trait Sink: Send {
    /// Takes one.
    fn put(&mut self, record: &Record) -> Result<(), BackupError>;
}

/// A store that is being filled; until it is finished nobody sees any of it, and dropped it leaves nothing behind.
#[async_trait]
pub trait Restoration: Send {
    /// Adds one record.
    async fn put(&mut self, record: Record) -> Result<(), BackupError>;

    /// Puts it in the place of what was there.
    async fn finish(self: Box<Self>) -> Result<(), BackupError>;
}

/// Why a backup cannot be written or restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The store cannot be opened.
    #[error("the store cannot be opened")]
    Open(#[from] OpenError),
    /// The store.
    #[error("the store failed")]
    Store(#[from] StoreError),
    /// The file cannot be read or written.
    #[error("the backup cannot be read or written")]
    File(#[from] std::io::Error),
    /// A row of the store is not what was written.
    #[error("{0} cannot be read; `usher store check` lists everything that is damaged")]
    DamagedStore(String),
    /// The file is not what was written.
    #[error("line {line}: {why}")]
    DamagedFile {
        /// Number of the line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// What the record says does not go together with what is there.
    #[error("{0}")]
    Refused(String),
}

impl From<Refused> for BackupError {
    fn from(refused: Refused) -> Self {
        Self::Refused(StoreError::from(refused).to_string())
    }
}

impl From<sqlx::Error> for BackupError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<rusqlite::Error> for BackupError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Store(error.into())
    }
}

/// Everything in the store at `location`, as it is at this moment; whoever serves it goes on.
///
/// # Errors
/// When there is no such store, or it cannot be read.
pub async fn snapshot(location: &Location) -> Result<Box<dyn Snapshot>, BackupError> {
    Ok(match location {
        Location::Sqlite(path) => Box::new(sqlite::snapshot::SqliteSnapshot::open(path)?),
        Location::Postgres(at) => Box::new(of_schema(at).await?),
    })
}

async fn of_schema(at: &PostgresLocation) -> Result<PostgresSnapshot, BackupError> {
    let snapshot = PostgresSnapshot::open(at).await?;
    snapshot.ok_or_else(|| {
        BackupError::Refused(format!(
            "there is no directory in schema {} of the database",
            at.schema
        ))
    })
}

/// How much is in the store at `location`; nothing when there is none yet.
///
/// # Errors
/// When it cannot be read.
pub async fn contents(location: &Location) -> Result<Option<Contents>, BackupError> {
    let mut snapshot: Box<dyn Snapshot> = match location {
        // A workload that never came so far leaves an empty file.
        Location::Sqlite(path) if std::fs::metadata(path).map_or(0, |it| it.len()) == 0 => {
            return Ok(None);
        }
        Location::Sqlite(_) => snapshot(location).await?,
        Location::Postgres(at) => match PostgresSnapshot::open(at).await? {
            Some(snapshot) => Box::new(snapshot),
            None => return Ok(None),
        },
    };
    snapshot.contents().await.map(Some)
}

/// Begins to fill a store for the place of the one at `location`.
///
/// # Errors
/// When another one is being filled, or nothing can be written there.
pub async fn restoration(location: &Location) -> Result<Box<dyn Restoration>, BackupError> {
    Ok(match location {
        Location::Sqlite(path) => Box::new(sqlite::restore::SqliteRestoration::begin(path)?),
        Location::Postgres(at) => Box::new(PostgresRestoration::begin(at).await?),
    })
}

/// What a look at a whole store brought up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// People and groups looked at.
    pub resources: u64,
    /// Memberships looked at.
    pub memberships: i64,
    /// What is wrong, in sentences without values of attributes; the first hundred.
    pub wrong: Vec<String>,
    /// How much is wrong.
    pub count: u64,
}

impl Findings {
    /// Adds what is wrong.
    pub(super) fn add(&mut self, wrong: impl FnOnce() -> String) {
        self.count += 1;
        if self.wrong.len() < 100 {
            self.wrong.push(wrong());
        }
    }
}

/// Looks for damage in the store at `location`; whoever serves it goes on.
///
/// # Errors
/// When there is no such store, or it cannot be read.
pub async fn check(location: &Location) -> Result<Findings, BackupError> {
    match location {
        Location::Sqlite(path) => Ok(sqlite::check::check(path)?),
        Location::Postgres(at) => Ok(postgres::check::check(of_schema(at).await?).await?),
    }
}

/// Copies a whole backup into `target`.
///
/// # Errors
/// With the number of the line that is damaged or does not go together with the lines before.
pub async fn restore<R: std::io::BufRead + Send>(
    mut backup: BackupReader<R>,
    mut target: Box<dyn Restoration>,
) -> Result<Contents, BackupError> {
    while let Some(record) = backup.record()? {
        target.put(record).await.map_err(|error| match error {
            BackupError::Refused(why) => backup.damaged(why),
            other => other,
        })?;
    }
    target.finish().await?;
    Ok(backup.header().contents)
}

#[cfg(test)]
mod tests;
