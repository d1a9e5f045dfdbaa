//! The schema of the database and how it grows: numbered steps, each in one transaction, forward only.
//!
//! A database may be opened by the minor version before the one that migrated it: a roll-out that fails goes back, and people
//! are still there. Hence what a migration may do, which a test checks:
//!
//! - add tables, indexes, triggers, and columns that may be NULL or have a default;
//! - change no row: rows are filled in bounded batches, later, while the workload serves;
//! - say what SQLite is to expect of an index of `resource`, `lookup` or `membership`, in a line of `sqlite_stat1` for each;
//! - name resources by `id` in tables of their own, as a backup does, for the number of a row is not kept; what follows from the rows,
//!   as `lookup` does, is not in a backup and may use the number; who is signed in, and by what, is not in a backup either; what is, is
//!   named in `snapshot`;
//! - drop or tighten nothing that the minor version before uses. What nobody uses any more goes a minor version later, in a
//!   migration that says `PRAGMA user_version = n`: programs that know fewer than n migrations then refuse the database.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior};

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
    (
        6,
        "statistics",
        include_str!("../migrations/sqlite/0006_statistics.sql"),
    ),
    (
        7,
        "session",
        include_str!("../migrations/sqlite/0007_session.sql"),
    ),
    (
        8,
        "password",
        include_str!("../migrations/sqlite/0008_password.sql"),
    ),
    (
        9,
        "grant",
        include_str!("../migrations/sqlite/0009_grant.sql"),
    ),
    (
        10,
        "provider",
        include_str!("../migrations/sqlite/0010_provider.sql"),
    ),
    (
        11,
        "provider session",
        include_str!("../migrations/sqlite/0011_provider_session.sql"),
    ),
    (
        12,
        "refresh token",
        include_str!("../migrations/sqlite/0012_refresh_token.sql"),
    ),
    (
        13,
        "second_factor",
        include_str!("../migrations/sqlite/0013_second_factor.sql"),
    ),
    (
        14,
        "device",
        include_str!("../migrations/sqlite/0014_device.sql"),
    ),
    (
        15,
        "passkey",
        include_str!("../migrations/sqlite/0015_passkey.sql"),
    ),
    (
        16,
        "device authorization",
        include_str!("../migrations/sqlite/0016_device_authorization.sql"),
    ),
    (
        17,
        "logout",
        include_str!("../migrations/sqlite/0017_logout.sql"),
    ),
    (
        18,
        "browsing",
        include_str!("../migrations/sqlite/0018_browsing.sql"),
    ),
    (
        19,
        "client assertion",
        include_str!("../migrations/sqlite/0019_client_assertion.sql"),
    ),
    (
        20,
        "payload",
        include_str!("../migrations/sqlite/0020_payload.sql"),
    ),
    (
        21,
        "sign-in",
        include_str!("../migrations/sqlite/0021_sign_in.sql"),
    ),
];

/// Brings the schema of the database at `path` up to date.
pub(super) fn run(connection: &mut Connection, path: &Path) -> Result<(), OpenError> {
    let needed = connection.pragma_query_value(None, "user_version", |row| row.get(0));
    let needed: i64 = needed.map_err(|source| OpenError::Database {
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
    migrate(connection, known).map_err(|source| OpenError::Migration {
        path: path.to_owned(),
        source,
    })
}

/// Does what was not done yet up to the migration of this number; those of a later minor version do no harm.
fn migrate(connection: &mut Connection, last: i64) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT",
    )?;
    for (number, name, text) in MIGRATIONS.iter().filter(|it| it.0 <= last) {
        let step = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let noted = step.execute(
            "INSERT OR IGNORE INTO migration (number, name) VALUES (?1, ?2)",
            (number, name),
        )?;
        if noted > 0 {
            step.execute_batch(text)?;
        }
        step.commit()?;
    }
    Ok(())
}
