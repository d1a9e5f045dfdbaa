//! The schema of the database and how it grows: numbered steps, each in one transaction, forward only.
//!
//! A database may be opened by the minor version before the one that migrated it: a roll-out that fails goes back, and people
//! are still there. Hence what a migration may do, which a test checks:
//!
//! - add tables, indexes, triggers, and columns that may be NULL or have a default;
//! - change no row: rows are filled in bounded batches, later, while the workload serves;
//! - name resources by `id` in tables of their own, as a backup does, for the number of a row is not kept; what follows from the rows,
//!   as `lookup` does, is not in a backup and may use the number;
//! - drop or tighten nothing that the minor version before uses. What nobody uses any more goes a minor version later, in a
//!   migration that says `PRAGMA user_version = n`: programs that know fewer than n migrations then refuse the database.

use std::path::Path;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{SqlSafeStr, SqliteConnection};

use crate::store::OpenError;

#[cfg(test)]
mod tests;

/// Number, name and text of each, in order; what was released is never edited.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        "directory",
        include_str!("../migrations/sqlite/0001_directory.sql"),
    ),
    (
        2,
        "audit",
        include_str!("../migrations/sqlite/0002_audit.sql"),
    ),
    (
        3,
        "records",
        include_str!("../migrations/sqlite/0003_records.sql"),
    ),
    (
        4,
        "checksum",
        include_str!("../migrations/sqlite/0004_checksum.sql"),
    ),
    (
        5,
        "lookup",
        include_str!("../migrations/sqlite/0005_lookup.sql"),
    ),
];

/// Brings the schema of the database at `path` up to date.
pub(super) async fn run(connection: &mut SqliteConnection, path: &Path) -> Result<(), OpenError> {
    let needed: i64 = sqlx::query_scalar("PRAGMA user_version")
        .fetch_one(&mut *connection)
        .await
        .map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })?;
    let known = MIGRATIONS.last().map_or(0, |it| it.0);
    if needed > known {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            needed,
            known,
        });
    }
    migrator(known)
        .run_direct(None, connection, false)
        .await
        .map_err(|source| OpenError::Migration {
            path: path.to_owned(),
            source,
        })
}

/// The migrations up to the one of this number; those of a later minor version do no harm.
fn migrator(last: i64) -> Migrator {
    let migrations = MIGRATIONS
        .iter()
        .filter(|it| it.0 <= last)
        .map(|&(number, name, text)| {
            let kind = MigrationType::Simple;
            Migration::new(number, name.into(), kind, text.into_sql_str(), false)
        });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.set_ignore_missing(true);
    migrator
}
