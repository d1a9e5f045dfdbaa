//! Everything in the database as it was at one moment: one read transaction, which no writer waits for.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use futures::TryStreamExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteRow};
use sqlx::{AssertSqlSafe, ConnectOptions, Row, SqliteConnection};

use super::{number, read, write};
use crate::scim::schema::ResourceType;
use crate::store::backup::{
    BackupError, Contents, Entry, MEMBERS_PER_RECORD, Record, Sink, Snapshot,
};
use crate::store::candidate::time;
use crate::store::{OpenError, StoreError};

/// A read transaction in a process of its own.
pub(in crate::store) struct SqliteSnapshot(SqliteConnection);

/// Connects to a database that somebody else has: reads it, and takes no lock that a writer meets.
///
/// It may not even be able to write: SQLite deletes the log of a path when the last connection of a file ends, and the path may
/// have another file by then.
pub(super) async fn connect(path: &Path) -> Result<SqliteConnection, OpenError> {
    let failed = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    std::fs::metadata(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    let mut connection = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .busy_timeout(Duration::from_secs(5))
        .pragma("cell_size_check", "ON")
        .disable_statement_logging()
        .connect()
        .await
        .map_err(failed)?;
    // What is no database is noticed when it is read.
    write::execute(&mut connection, "SELECT count(*) FROM sqlite_schema")
        .await
        .map_err(failed)?;
    Ok(connection)
}

impl SqliteSnapshot {
    /// Reads the database at `path`.
    pub(in crate::store) async fn open(path: &Path) -> Result<Self, OpenError> {
        let mut connection = connect(path).await?;
        // The moment is that of the first read.
        let begun = async {
            write::execute(&mut connection, "BEGIN").await?;
            write::execute(&mut connection, "SELECT count(*) FROM note").await
        };
        begun.await.map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self(connection))
    }

    async fn count(&mut self, query: &'static str) -> Result<u64, sqlx::Error> {
        let count: i64 = sqlx::query_scalar(query).fetch_one(&mut self.0).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    async fn resources(
        &mut self,
        kind: ResourceType,
        to: &mut dyn Sink,
    ) -> Result<(), BackupError> {
        let mut rows = sqlx::query(
            "SELECT id, version, created, modified, body, NULL, kind, checksum, deactivated FROM resource WHERE kind = ?1 ORDER BY seq",
        )
        .bind(number(kind))
        .fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            to.put(&Record::resource(kind, entry(kind, &row)?))?;
        }
        Ok(())
    }

    async fn members(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut rows = sqlx::query(
            "SELECT g.id, u.id FROM membership m JOIN resource g ON g.seq = m.group_seq
             JOIN resource u ON u.seq = m.member_seq ORDER BY m.group_seq, m.member_seq",
        )
        .fetch(&mut self.0);
        let mut of = String::new();
        let mut ids = Vec::with_capacity(MEMBERS_PER_RECORD);
        while let Some(row) = rows.try_next().await? {
            let (group, member): (String, String) = (row.try_get(0)?, row.try_get(1)?);
            if group != of || ids.len() == MEMBERS_PER_RECORD {
                let before = std::mem::replace(&mut of, group);
                flush(before, &mut ids, to)?;
            }
            ids.push(member);
        }
        flush(of, &mut ids, to)
    }

    async fn notes(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut rows = sqlx::query("SELECT name, text FROM note ORDER BY name").fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            let (name, text) = (row.try_get(0)?, row.try_get(1)?);
            to.put(&Record::Note { name, text })?;
        }
        Ok(())
    }

    async fn rows(&mut self, table: &str, to: &mut dyn Sink) -> Result<(), BackupError> {
        let columns = columns(&mut self.0, table).await?;
        let pairs: Vec<String> = columns
            .iter()
            .map(|it| format!("'{it}', \"{it}\""))
            .collect();
        let query = format!("SELECT json_object({}) FROM \"{table}\"", pairs.join(", "));
        let mut rows = sqlx::query(AssertSqlSafe(query)).fetch(&mut self.0);
        while let Some(row) = rows.try_next().await? {
            let values = serde_json::from_str(row.try_get(0)?)
                .map_err(|_| BackupError::DamagedStore(format!("a row of table {table}")))?;
            let table = table.to_owned();
            to.put(&Record::Row { table, values })?;
        }
        Ok(())
    }
}

/// The tables that hold neither people, groups, members nor notes, nor follow from them, in the order in which they came to be.
pub(super) async fn other_tables(
    connection: &mut SqliteConnection,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND name NOT IN ('resource', 'membership', 'note', 'lookup', '_sqlx_migrations') ORDER BY rowid",
    )
    .fetch_all(connection)
    .await
}

/// The columns of a table; none when there is no such table.
pub(super) async fn columns(
    connection: &mut SqliteConnection,
    table: &str,
) -> Result<Vec<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT name FROM pragma_table_info(?1)")
        .bind(table)
        .fetch_all(connection)
        .await
}

fn entry(kind: ResourceType, row: &SqliteRow) -> Result<Entry, BackupError> {
    let stored = read::stored(row).map_err(|error| match error {
        StoreError::Corrupt(_) | StoreError::Damaged(_) => {
            let id: String = row.try_get(0).unwrap_or_default();
            BackupError::DamagedStore(format!("{} {id}", kind.name()))
        }
        other => other.into(),
    })?;
    Ok(Entry {
        id: stored.id.to_string(),
        version: stored.version.0,
        created: stored.created,
        last_modified: stored.last_modified,
        deactivated: row.try_get::<Option<i64>, _>(8)?.map(time),
        attributes: stored.resource.attributes().clone(),
    })
}

fn flush(of: String, ids: &mut Vec<String>, to: &mut dyn Sink) -> Result<(), BackupError> {
    if ids.is_empty() {
        return Ok(());
    }
    let ids = std::mem::take(ids);
    to.put(&Record::Members { of, ids })
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn contents(&mut self) -> Result<Contents, BackupError> {
        let mut rows = 0;
        for table in other_tables(&mut self.0).await? {
            let query = format!("SELECT count(*) FROM \"{table}\"");
            let count: i64 = sqlx::query_scalar(AssertSqlSafe(query))
                .fetch_one(&mut self.0)
                .await?;
            rows += u64::try_from(count).unwrap_or_default();
        }
        Ok(Contents {
            users: self
                .count("SELECT count(*) FROM resource WHERE kind = 0")
                .await?,
            groups: self
                .count("SELECT count(*) FROM resource WHERE kind = 1")
                .await?,
            memberships: self.count("SELECT count(*) FROM membership").await?,
            notes: self.count("SELECT count(*) FROM note").await?,
            rows,
        })
    }

    async fn read(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        self.resources(ResourceType::User, to).await?;
        self.resources(ResourceType::Group, to).await?;
        self.members(to).await?;
        self.notes(to).await?;
        for table in other_tables(&mut self.0).await? {
            self.rows(&table, to).await?;
        }
        Ok(())
    }
}
