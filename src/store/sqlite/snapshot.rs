//! Everything in the database as it was at one moment: one read transaction, which no writer waits for.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, OpenFlags, Row};

use super::read;
use crate::scim::schema::ResourceType;
use crate::store::backup::{BackupError, Contents, Entry, MembersInParts, Record, Sink, Snapshot};
use crate::store::candidate::time;
use crate::store::write::number;
use crate::store::{OpenError, StoreError};

/// Tables that hold neither people, groups, members nor notes. What is not named goes into no backup: what follows from people, and who
/// is signed in and by what.
pub(super) const OTHERS: [&str; 4] = ["audit", "removal", "held", "record"];

/// A read transaction in a process of its own.
pub(in crate::store) struct SqliteSnapshot(Connection);

/// Connects to a database that somebody else has: reads it, and takes no lock that a writer meets.
///
/// It may not even be able to write: SQLite deletes the log of a path when the last connection of a file ends, and the path may
/// have another file by then.
pub(super) fn connect(path: &Path) -> Result<Connection, OpenError> {
    std::fs::metadata(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    let connected = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.pragma_update(None, "cell_size_check", "ON")?;
        // What is no database is noticed when it is read.
        count(&connection, "SELECT count(*) FROM sqlite_schema")?;
        Ok(connection)
    };
    connected().map_err(|source| OpenError::Database {
        path: path.to_owned(),
        source,
    })
}

impl SqliteSnapshot {
    /// Reads the database at `path`.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, OpenError> {
        let connection = connect(path)?;
        // The moment is that of the first read.
        connection
            .execute_batch("BEGIN; SELECT count(*) FROM note")
            .map_err(|source| OpenError::Database {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self(connection))
    }

    fn count(&self, query: &str) -> Result<u64, rusqlite::Error> {
        count(&self.0, query)
    }

    fn resources(&self, kind: ResourceType, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut statement = self.0.prepare(
            "SELECT id, version, created, modified, body, NULL, kind, checksum, deactivated FROM resource WHERE kind = ?1 ORDER BY seq",
        )?;
        let mut rows = statement.query([number(kind)])?;
        while let Some(row) = rows.next()? {
            to.put(&Record::resource(kind, entry(kind, row)?))?;
        }
        Ok(())
    }

    fn members(&self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut statement = self.0.prepare(
            "SELECT g.id, u.id FROM membership m JOIN resource g ON g.seq = m.group_seq
             JOIN resource u ON u.seq = m.member_seq ORDER BY m.group_seq, m.member_seq",
        )?;
        let mut rows = statement.query(())?;
        let mut members = MembersInParts::new(to);
        while let Some(row) = rows.next()? {
            members.put(row.get(0)?, row.get(1)?)?;
        }
        members.finish()
    }

    fn notes(&self, to: &mut dyn Sink) -> Result<(), BackupError> {
        let mut statement = self
            .0
            .prepare("SELECT name, text FROM note ORDER BY name")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let (name, text) = (row.get(0)?, row.get(1)?);
            to.put(&Record::Note { name, text })?;
        }
        Ok(())
    }

    fn rows(&self, table: &str, to: &mut dyn Sink) -> Result<(), BackupError> {
        let pairs: Vec<String> = columns(&self.0, table)?
            .iter()
            .map(|it| format!("'{it}', \"{it}\""))
            .collect();
        let query = format!("SELECT json_object({}) FROM \"{table}\"", pairs.join(", "));
        let mut statement = self.0.prepare(&query)?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let values = row.get::<_, String>(0)?;
            let values = serde_json::from_str(&values)
                .map_err(|_| BackupError::DamagedStore(format!("a row of table {table}")))?;
            let table = table.to_owned();
            to.put(&Record::Row { table, values })?;
        }
        Ok(())
    }
}

fn count(connection: &Connection, query: &str) -> Result<u64, rusqlite::Error> {
    let count: i64 = connection.query_row(query, (), |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// The columns of a table; none when there is no such table.
pub(super) fn columns(
    connection: &Connection,
    table: &str,
) -> Result<Vec<String>, rusqlite::Error> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    statement.query_map([table], |row| row.get(0))?.collect()
}

fn entry(kind: ResourceType, row: &Row<'_>) -> Result<Entry, BackupError> {
    let stored = read::stored(row).map_err(|error| match error {
        StoreError::Corrupt(_) | StoreError::Damaged(_) => {
            let id: String = row.get(0).unwrap_or_default();
            BackupError::DamagedStore(format!("{} {id}", kind.name()))
        }
        other => other.into(),
    })?;
    Ok(Entry {
        id: stored.id.to_string(),
        version: stored.version.0,
        created: stored.created,
        last_modified: stored.last_modified,
        deactivated: row.get::<_, Option<i64>>(8)?.map(time),
        attributes: stored.resource.attributes().clone(),
    })
}

#[async_trait]
impl Snapshot for SqliteSnapshot {
    async fn contents(&mut self) -> Result<Contents, BackupError> {
        let mut rows = 0;
        for table in OTHERS {
            rows += self.count(&format!("SELECT count(*) FROM \"{table}\""))?;
        }
        Ok(Contents {
            users: self.count("SELECT count(*) FROM resource WHERE kind = 0")?,
            groups: self.count("SELECT count(*) FROM resource WHERE kind = 1")?,
            memberships: self.count("SELECT count(*) FROM membership")?,
            notes: self.count("SELECT count(*) FROM note")?,
            rows,
        })
    }

    async fn read(&mut self, to: &mut dyn Sink) -> Result<(), BackupError> {
        self.resources(ResourceType::User, to)?;
        self.resources(ResourceType::Group, to)?;
        self.members(to)?;
        self.notes(to)?;
        for table in OTHERS {
            self.rows(table, to)?;
        }
        Ok(())
    }
}
