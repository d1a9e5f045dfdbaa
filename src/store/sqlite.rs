//! The store in one SQLite file: a few readers, and one writer that commits many writes together.

mod assertions;
mod audit;
mod browsing;
pub(super) mod check;
mod checksum;
#[cfg(test)]
mod damage;
mod devices;
mod grants;
mod health;
mod lookup;
mod migrations;
mod passkeys;
mod passwords;
mod payloads;
mod photos;
mod read;
mod readers;
mod records;
pub(super) mod restore;
mod second_factors;
mod sessions;
pub(super) mod snapshot;
mod statements;
mod write;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::{Semaphore, oneshot};

use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, AuditQuery, Audited};
use crate::store::brake::Held;
use crate::store::filter_sql::{Database, Search, SqlDialect};
use crate::store::write::{Write, number};
use crate::store::{
    Change, Changed, Commits, Counts, Deletion, Fault, Forgetting, KeptRecord, ListQuery, Listed,
    Note, OpenError, Record, Related, ResourceId, Store, StoreError, Stored, Terms, lock,
};
use health::Health;
use read::Part;
use readers::Readers;
use writer::{Known, Writer};

/// Connections that read beside the writer.
const READERS: usize = 2;

/// Searches at once that look at every resource: a reader is left for those who know whom they look for.
const SCANS: usize = READERS - 1;

/// Statements that a connection keeps prepared: all of ours, and the shapes of the searches that clients send.
const PREPARED: usize = 64;

/// How long the first look for damage may keep the store from being served: enough for some ten thousand people.
const FIRST_LOOK: Duration = Duration::from_secs(2);

/// The store in one SQLite file.
pub(super) struct SqliteStore {
    readers: Readers,
    scans: Arc<Semaphore>,
    writer: Writer,
    health: Arc<Health>,
}

impl SqliteStore {
    /// Opens or makes the database at `path`.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let lock = lock::take(path)?;
        restore::adopt(path).map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })?;
        let failed = |source| OpenError::Database {
            path: path.to_owned(),
            source,
        };
        let mut connection = connect(path).map_err(failed)?;
        migrations::run(&mut connection, path)?;
        let has_lookup = lookup::is_whole(&connection).map_err(failed)?;
        let readers = Readers::open(path, READERS).map_err(failed)?;
        let counts = readers.walk(read::counts).await.ok();
        let health = Arc::new(Health::default());
        let (first, looked) = oneshot::channel();
        let closing = readers.closing();
        let watch = health::watch(path.to_owned(), Arc::clone(&health), closing.clone(), first);
        tokio::spawn(closing.clone().run_until_cancelled_owned(watch));
        if tokio::time::timeout(FIRST_LOOK, looked).await.is_err() {
            tracing::info!("the database is looked through while it is served");
        }
        let known = Known { counts, has_lookup };
        Ok(Self {
            readers,
            scans: Arc::new(Semaphore::new(SCANS)),
            writer: Writer::start(connection, lock, Arc::clone(&health), known),
            health,
        })
    }
}

/// A connection that writes; it makes the database if there is none.
fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = configured(path, OpenFlags::SQLITE_OPEN_CREATE)?;
    for (name, value) in [
        ("journal_mode", "WAL"),
        ("synchronous", "FULL"),
        ("foreign_keys", "ON"),
        // A page that many writes change is copied into the database once for all of them: after 16 MiB.
        ("wal_autocheckpoint", "4000"),
        // A log that is overwritten is synced faster than one that grows.
        ("journal_size_limit", "33554432"),
        // Names come in no order, so that in a large directory each one changes another page.
        ("cache_size", "-16000"),
    ] {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

fn configured(path: &Path, further: OpenFlags) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | further;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    // Else SQLite would prepare a statement again for each value of a column that a partial index speaks of.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.pragma_update(None, "cell_size_check", "ON")?;
    Ok(connection)
}

#[async_trait]
impl Store for SqliteStore {
    async fn find(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        related: Related,
    ) -> Result<Option<Stored>, StoreError> {
        let has_members = kind == ResourceType::Group && related == Related::Include;
        if !has_members {
            let find = |reader: &_| read::find(reader, kind, id, related);
            if let Some(found) = self.health.read(self.readers.glance(find).await)? {
                return Ok(found);
            }
        }
        let id = id.clone();
        let find = move |reader: &_| read::find(reader, kind, &id, related);
        self.health.read(self.readers.walk(find).await)
    }

    async fn list(&self, kind: ResourceType, query: &ListQuery) -> Result<Listed, StoreError> {
        let database = Database {
            dialect: SqlDialect::Sqlite,
            has_lookup: self.writer.has_lookup(),
        };
        let search = Search::new(database, kind, number(kind), query);
        let mut part = Part::new(kind, query, search, self.writer.counts());
        if part.is_small() {
            let found = self.readers.glance(|reader| part.looked_at(reader)).await;
            if let Some(listed) = self.health.read(found)? {
                return Ok(listed);
            }
            part.search.finds_many();
        }
        // Of the walk, which may go on for a moment when nobody waits for it any more.
        let permit = part.search.permit(&self.scans).await?;
        let walk = move |reader: &_| {
            let _permit = permit;
            part.read(reader)
        };
        self.health.read(self.readers.walk(walk).await)
    }

    async fn add(&self, kind: ResourceType, added: Stored, terms: Terms) -> Result<(), StoreError> {
        let write = Write::Add { kind, added, terms };
        self.writer.write(write).await.map(|_| ())
    }

    async fn change(
        &self,
        kind: ResourceType,
        change: Change,
        terms: Terms,
    ) -> Result<Option<Changed>, StoreError> {
        let write = Write::Change {
            kind,
            change,
            terms,
        };
        Ok(self.writer.write(write).await?.changed())
    }

    async fn delete(
        &self,
        kind: ResourceType,
        deletion: Deletion,
        terms: Terms,
    ) -> Result<Option<()>, StoreError> {
        let write = Write::Delete {
            kind,
            deletion,
            terms,
        };
        Ok(self.writer.write(write).await?.found())
    }

    async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.writer.write(Write::Record(entry)).await.map(|_| ())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audited>, StoreError> {
        let query = query.clone();
        self.readers
            .walk(move |reader| audit::find(reader, &query))
            .await
    }

    async fn held(&self, since: Timestamp) -> Result<Held, StoreError> {
        self.readers
            .look_up(|reader| audit::held(reader, since))
            .await
    }

    async fn deactivated(
        &self,
        before: Timestamp,
        count: usize,
    ) -> Result<Vec<ResourceId>, StoreError> {
        self.readers
            .look_up(|reader| audit::deactivated(reader, before, count))
            .await
    }

    async fn forget(&self, forgetting: Forgetting) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Forget(forgetting)).await?.rows())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        match self.writer.counts() {
            Some(counts) if !self.readers.is_closed() => Ok(counts),
            Some(_) | None => {
                let counts = self.readers.walk(read::counts);
                self.health.read(counts.await)
            }
        }
    }

    async fn notes(&self) -> Result<Vec<Note>, StoreError> {
        self.health.read(self.readers.look_up(read::notes).await)
    }

    async fn keep_note(&self, note: Note, before: Option<String>) -> Result<(), StoreError> {
        self.writer.write(Write::Note { note, before }).await?;
        Ok(())
    }

    async fn keep_records(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.writer.write(Write::Records(records)).await?;
        Ok(())
    }

    async fn records(
        &self,
        client: &str,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        let client = client.to_owned();
        self.readers
            .walk(move |reader| records::find(reader, &client, before, limit))
            .await
    }

    async fn ready(&self) -> Result<(), StoreError> {
        self.health.read(self.readers.look_up(read::look).await)
    }

    fn commits(&self) -> Commits {
        self.writer.commits()
    }

    fn generation(&self) -> Option<u64> {
        (!self.readers.is_closed()).then(|| self.writer.generation())
    }

    fn fault(&self) -> Option<Fault> {
        self.health.fault()
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close().await;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::filter::Filter;
    use crate::scim::resource::Resource;
    use crate::scim::schema::sample;
    use crate::store::Version;

    #[tokio::test]
    async fn what_very_many_have_is_found_on_a_thread_of_its_own() {
        let folder = tempfile::TempDir::new().unwrap();
        let store = SqliteStore::open(&folder.path().join("people.db"))
            .await
            .unwrap();
        let schemas = sample::schemas();
        let people = (0..1000).map(|number| {
            let body = json!({"userName": format!("u{number}"), "externalId": "one", "title": "x"});
            let added = Stored {
                id: ResourceId::new(number.to_string()),
                version: Version::FIRST,
                created: Timestamp::UNIX_EPOCH,
                last_modified: Timestamp::UNIX_EPOCH,
                resource: Resource::parse(&schemas.user, &body).unwrap(),
                related: Vec::new(),
            };
            store.add(ResourceType::User, added, Terms::default())
        });
        for added in futures::future::join_all(people).await {
            added.unwrap();
        }
        for (filter, takes_turn) in [
            ("externalId eq \"one\"", false),
            ("externalId eq \"one\" and title eq \"x\"", true),
        ] {
            let query = ListQuery {
                filter: Some(Filter::parse(filter, &schemas.user).unwrap()),
                ..ListQuery::default()
            };
            let turn = Arc::clone(&store.scans).acquire_owned().await.unwrap();
            let listed = store.list(ResourceType::User, &query);
            let listed = if takes_turn {
                let mut listed = listed;
                assert!(futures::poll!(&mut listed).is_pending());
                drop(turn);
                listed.await
            } else {
                listed.await
            };
            let listed = listed.unwrap();
            assert_eq!((listed.total, listed.resources.len()), (1000, 100));
        }
        store.close().await;
    }

    #[test]
    fn a_commit_is_synced_before_it_is_answered() {
        let folder = tempfile::TempDir::new().unwrap();
        let connection = connect(&folder.path().join("people.db")).unwrap();
        let value = |name| {
            connection.pragma_query_value(None, name, |row| {
                row.get_ref(0)?
                    .as_str()
                    .map(str::to_owned)
                    .or_else(|_| Ok(row.get::<_, i64>(0)?.to_string()))
            })
        };

        assert_eq!(value("synchronous").unwrap(), "2");
        assert_eq!(value("journal_mode").unwrap(), "wal");
    }
}
