//! Filling a database of its own beside the one that is there, and the moment in which it takes its place.
//!
//! Three names beside the database: `restoring` is being filled and worth nothing after a kill; `restored` is whole and on the
//! disk; whoever has the lock, now or at its next start, puts it in the place of the database.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use rusqlite::{Connection, Error, OpenFlags, ffi};

use super::snapshot::columns;
use super::{configured, migrations, write};
use crate::scim::schema::ResourceType;
use crate::store::backup::{BackupError, Entry, Record, Restoration};
use crate::store::lock::{self, beside};
use crate::store::write::Write;
use crate::store::{Note, OpenError, ResourceId, StoreError, Terms};

/// Records of one transaction.
const BATCH: u32 = 10_000;

/// A database that is being filled.
pub(in crate::store) struct SqliteRestoration {
    connection: Option<Connection>,
    path: PathBuf,
    filling: PathBuf,
    inserts: HashMap<String, Option<String>>,
    uncommitted: u32,
    _only: File,
}

/// Whether a database waits for whoever has the lock to put it in the place of the one at `path`.
pub(in crate::store) fn is_restored(path: &Path) -> bool {
    beside(path, "restored").exists()
}

/// Puts a restored database in the place of the one at `path`, if there is one. The caller has the lock, and nothing open.
pub(super) fn adopt(path: &Path) -> io::Result<()> {
    if !is_restored(path) {
        return Ok(());
    }
    // What these hold belongs to the old database and must not be applied to the other. A kill in between is harmless: the
    // restored one is still there.
    for ending in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        match fs::remove_file(&name) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(beside(path, "restored"), path)?;
    sync_folder(path)
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => File::open(folder)?.sync_all(),
        Some(_) | None => File::open(".")?.sync_all(),
    }
}

impl SqliteRestoration {
    /// Begins to fill a database for the place of the one at `path`.
    pub(in crate::store) fn begin(path: &Path) -> Result<Self, OpenError> {
        let only = lock::take_for_restore(path)?;
        let filling = beside(path, "restoring");
        if let Err(source) = fs::remove_file(&filling)
            && source.kind() != io::ErrorKind::NotFound
        {
            return Err(OpenError::File {
                path: filling,
                source,
            });
        }
        lock::private_file(&filling).map_err(|source| OpenError::File {
            path: filling.clone(),
            source,
        })?;
        // It is synced once, when it is whole.
        let failed = |source| OpenError::Database {
            path: filling.clone(),
            source,
        };
        let filled = || {
            let connection = configured(&filling, OpenFlags::SQLITE_OPEN_CREATE)?;
            for (name, value) in [
                ("journal_mode", "MEMORY"),
                ("synchronous", "OFF"),
                ("foreign_keys", "ON"),
                ("cache_size", "-32000"),
            ] {
                connection.pragma_update(None, name, value)?;
            }
            Ok(connection)
        };
        let mut connection = filled().map_err(failed)?;
        migrations::run(&mut connection, &filling)?;
        write::execute(&connection, "BEGIN").map_err(failed)?;
        Ok(Self {
            connection: Some(connection),
            path: path.to_owned(),
            filling,
            inserts: HashMap::new(),
            uncommitted: 0,
            _only: only,
        })
    }

    fn connection(&self) -> Result<&Connection, BackupError> {
        self.connection
            .as_ref()
            .ok_or(BackupError::Store(StoreError::Closed))
    }

    fn write(&self, write: &Write) -> Result<(), BackupError> {
        match write::apply(self.connection()?, write, &mut write::Aside::default()) {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(refused)) => Err(refused.into()),
            Err(Error::SqliteFailure(failure, _)) if is_there_twice(failure) => {
                Err(BackupError::Refused("its id is there twice".to_owned()))
            }
            Err(other) => Err(other.into()),
        }
    }

    fn members(&self, of: String, ids: &[String]) -> Result<(), BackupError> {
        let group = ResourceId::new(of);
        match write::join(self.connection()?, &group, ids)?? {
            Some(_) => Ok(()),
            None => Err(BackupError::Refused(format!("there is no group {group}"))),
        }
    }

    fn row(&mut self, table: &str, values: &str) -> Result<(), BackupError> {
        if !self.inserts.contains_key(table) {
            let columns = columns(self.connection()?, table)?;
            let statement = (!columns.is_empty()).then(|| insert(table, &columns));
            self.inserts.insert(table.to_owned(), statement);
        }
        let Some(Some(insert)) = self.inserts.get(table).cloned() else {
            return Err(BackupError::Refused(format!(
                "this version knows no table {table}; a newer one made the backup"
            )));
        };
        self.connection()?
            .prepare_cached(&insert)?
            .execute([values])
            .map_err(|error| BackupError::Refused(format!("the row does not fit: {error}")))?;
        Ok(())
    }
}

fn is_there_twice(failure: ffi::Error) -> bool {
    matches!(
        failure.extended_code,
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY
    )
}

fn insert(table: &str, columns: &[String]) -> String {
    let quoted: Vec<String> = columns.iter().map(|it| format!("\"{it}\"")).collect();
    let values: Vec<String> = columns
        .iter()
        .map(|it| format!("json_extract(?1, '$.\"{it}\"')"))
        .collect();
    format!(
        "INSERT INTO \"{table}\" ({}) VALUES ({})",
        quoted.join(", "),
        values.join(", ")
    )
}

fn added(kind: ResourceType, entry: Entry) -> Result<Write, StoreError> {
    let (added, terms) = (entry.stored()?, Terms::default());
    Ok(Write::Add { kind, added, terms })
}

#[async_trait]
impl Restoration for SqliteRestoration {
    async fn put(&mut self, record: Record) -> Result<(), BackupError> {
        match record {
            Record::User(entry) => {
                let (id, deactivated) = (entry.id.clone(), entry.deactivated);
                self.write(&added(ResourceType::User, entry)?)?;
                if let Some(since) = deactivated {
                    self.connection()?
                        .prepare_cached("UPDATE resource SET deactivated = ?2 WHERE id = ?1")?
                        .execute((id, since.as_millisecond()))?;
                }
            }
            Record::Group(entry) => self.write(&added(ResourceType::Group, entry)?)?,
            Record::Members { of, ids } => self.members(of, &ids)?,
            Record::Note { name, text } => {
                let note = Note { name, text };
                self.write(&Write::Note { note, before: None })?;
            }
            // The version before takes along what it does not know; people bring it themselves.
            Record::Row { table, .. } if table == "lookup" => {}
            Record::Row { table, values } => {
                let values = serde_json::Value::Object(values).to_string();
                self.row(&table, &values)?;
            }
        }
        self.uncommitted += 1;
        if self.uncommitted == BATCH {
            self.uncommitted = 0;
            write::execute(self.connection()?, "COMMIT")?;
            write::execute(self.connection()?, "BEGIN")?;
        }
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<(), BackupError> {
        let Some(connection) = self.connection.take() else {
            return Err(BackupError::Store(StoreError::Closed));
        };
        write::execute(&connection, "COMMIT")?;
        connection.close().map_err(|(_, error)| error)?;
        File::open(&self.filling)?.sync_all()?;
        fs::rename(&self.filling, beside(&self.path, "restored"))?;
        sync_folder(&self.path)?;
        // Whoever has the lock does it else.
        if let Ok(_lock) = lock::take(&self.path) {
            adopt(&self.path)?;
        }
        Ok(())
    }
}

impl Drop for SqliteRestoration {
    fn drop(&mut self) {
        // Once it is finished there is no such file.
        drop(fs::remove_file(&self.filling));
    }
}
