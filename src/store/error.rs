//! What goes wrong when a store is opened or used.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::SignedDuration;

use super::brake::Removal;
use super::{ConnectError, ResourceId};
use crate::scim::resource::CorruptResource;

/// Why a store did not do what it was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum StoreError {
    /// A value that must be unique is not.
    #[error("another {what} already has this {attribute}")]
    Taken {
        /// `user` or `group`.
        what: &'static str,
        /// Name of the attribute.
        attribute: &'static str,
    },
    /// The resource no longer has the expected version.
    #[error("the resource changed in the meantime")]
    VersionConflict,
    /// Members that do not exist; nothing was written.
    #[error("{count} of the members do not exist")]
    UnknownMembers {
        /// How many.
        count: usize,
        /// Position of the first one among those of its operation, from 1.
        first: usize,
    },
    /// The brake holds it; nothing was written.
    #[error("more than {at_most} {what} in {window:#}")]
    Held {
        /// What there would be too many of.
        what: Removal,
        /// How many there may be.
        at_most: u32,
        /// In which time.
        window: SignedDuration,
    },
    /// Too many searches that look at every resource; others are served.
    #[error("another search looks at every resource")]
    Busy,
    /// More is asked at once than there are connections to the database.
    #[error("all connections to the database are in use")]
    Crowded,
    /// What was stored cannot be read.
    #[error("a stored resource cannot be read")]
    Corrupt(#[source] Arc<CorruptResource>),
    /// What was stored is not what was written; others can be read.
    #[error("resource {0} was changed on the disk")]
    Damaged(ResourceId),
    /// A part of the store is damaged, and nothing is written until a backup is restored; the rest can be read.
    #[error("the store is damaged, and takes no changes until a backup is restored")]
    ReadOnly,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// There is no connection to the database.
    #[error("the database cannot be reached")]
    Unreachable(#[source] Arc<ConnectError>),
    /// The database failed: full disk, lost file and the like.
    #[error("the database failed")]
    Database(#[source] Arc<DatabaseError>),
}

/// What the library says that speaks to a database.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum DatabaseError {
    /// Of SQLite.
    Sqlite(#[from] rusqlite::Error),
    /// Of PostgreSQL.
    Postgres(#[from] sqlx::Error),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(Arc::new(error.into()))
    }
}

impl From<CorruptResource> for StoreError {
    fn from(error: CorruptResource) -> Self {
        Self::Corrupt(Arc::new(error))
    }
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error(
        "{} is in use by another process; a SQLite store has one owner at a time",
        path.display()
    )]
    InUse {
        /// The database file.
        path: PathBuf,
    },
    /// The file or its folder is missing or may not be written.
    #[error("{} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// No database, or a damaged one.
    #[error(
        "{} is not a usable database; `usher store restore --replace` puts a backup in its place",
        path.display()
    )]
    Database {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer version of this program has changed the schema beyond what this one can work with.
    #[error(
        "{} was written by a newer version of Usher: it needs migration {needed}, and this program knows {known}; start the newer version, or restore a backup made by this one",
        path.display()
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// The migration that a program must know at least.
        needed: i64,
        /// The newest one that this program knows.
        known: i64,
    },
    /// The schema cannot be brought up to date.
    #[error("{} cannot be migrated", path.display())]
    Migration {
        /// The database file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
}
