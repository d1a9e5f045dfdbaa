//! The store in one schema of a PostgreSQL database, which several processes may have open.
//!
//! Plain SQL, so that databases compatible with PostgreSQL can run it: no extensions, triggers, advisory locks or notifications; what
//! it does use is listed in `docs/kubernetes.md`. Right under READ COMMITTED and under anything stricter: a writer locks the rows that
//! it decides by, and what the database undoes is tried again.

/// Reads, again if the connection was lost. `$read` is a call with the connection.
macro_rules! read {
    ($store:ident, $connection:ident => $read:expr) => {{
        let mut retry = Retry::default();
        loop {
            let outcome = match $store.connections.acquire().await {
                Ok(mut $connection) => {
                    let outcome = $read.await;
                    dispose($connection, &outcome);
                    outcome
                }
                Err(error) => Err(Failure::from(error)),
            };
            match outcome {
                Err(failure) if retry.again(&failure).await => {}
                outcome => break outcome.map_err(StoreError::from),
            }
        }
    }};
}

mod assertions;
mod audit;
mod browsing;
pub(super) mod check;
mod connect;
mod devices;
mod failure;
mod grants;
mod members;
mod migrations;
mod owner;
mod passkeys;
mod passwords;
mod payloads;
mod photos;
mod read;
mod records;
pub(super) mod restore;
mod row;
mod second_factors;
mod sessions;
pub(super) mod snapshot;
mod statements;
mod terms;
mod text;
mod url;
mod write;

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::pool::PoolConnection;
use sqlx::postgres::Postgres;
use tokio::sync::Semaphore;

use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, AuditQuery, Audited};
use crate::store::brake::Held;
use crate::store::filter_sql::{Database, Search, SqlDialect};
use crate::store::write::{Refused, Write, Written, number};
use crate::store::{
    Change, Changed, Commits, Counts, Deletion, Fault, Forgetting, KeptRecord, ListQuery, Listed,
    Note, PostgresLocation, Record, Related, ResourceId, Store, StoreError, Stored, Terms,
};
use connect::Connections;
use failure::{Failure, Kind, Retry};
use row::Slot;

pub use connect::ConnectError;

/// Rows of the tally.
const SHARDS: i64 = 16;

/// Searches that look at every resource at once; the other connections serve others meanwhile.
const SCANS: usize = 4;

/// The store in one schema of a PostgreSQL database.
pub(super) struct PostgresStore {
    connections: Connections,
    scans: Arc<Semaphore>,
    next: AtomicI64,
    transactions: AtomicU64,
    fault: Mutex<Option<Fault>>,
}

/// Gives a connection back, or ends it when it was lost.
fn dispose<T>(mut connection: PoolConnection<Postgres>, outcome: &Result<T, Failure>) {
    if outcome.as_ref().is_err_and(|it| it.kind() == Kind::Lost) {
        connection.close_on_drop();
    }
}

impl PostgresStore {
    /// The store at `location`; it connects when it is first used.
    pub(super) fn new(location: PostgresLocation) -> Self {
        Self {
            connections: Connections::new(location),
            scans: Arc::new(Semaphore::new(SCANS)),
            next: AtomicI64::new(0),
            transactions: AtomicU64::new(0),
            fault: Mutex::default(),
        }
    }

    async fn write(&self, write: Write) -> Result<Written, StoreError> {
        let mut retry = Retry::default();
        loop {
            match self.attempt(&write, retry.maybe_done).await {
                Ok(outcome) => {
                    self.note(None);
                    self.transactions.fetch_add(1, Ordering::Relaxed);
                    return outcome.map_err(Refused::into);
                }
                Err(failure) if retry.again(&failure).await => {}
                Err(failure) => {
                    self.note(Some(failure.fault()));
                    return Err(failure.into());
                }
            }
        }
    }

    /// One try; an earlier one may have done it.
    async fn attempt(
        &self,
        write: &Write,
        maybe_done: bool,
    ) -> Result<Result<Written, Refused>, Failure> {
        let mut connection = self.connections.acquire().await?;
        let slot = Slot(self.next.fetch_add(1, Ordering::Relaxed).rem_euclid(SHARDS));
        let mut outcome = write::apply(&mut connection, write, slot).await;
        if maybe_done {
            outcome = write::settled(&mut connection, write, outcome).await;
        }
        let outcome = outcome.map_err(Failure::from);
        dispose(connection, &outcome);
        outcome
    }

    fn note(&self, fault: Option<Fault>) {
        let mut noted = self.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match (std::mem::replace(&mut *noted, fault), fault) {
            (None, Some(fault)) => tracing::error!(?fault, "nothing can be written any more"),
            (Some(_), None) => tracing::info!("the store can be written again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }
}

#[async_trait]
impl Store for PostgresStore {
    async fn find(
        &self,
        kind: ResourceType,
        id: &ResourceId,
        related: Related,
    ) -> Result<Option<Stored>, StoreError> {
        read!(self, connection => read::find(&mut connection, kind, id, related))
    }

    async fn list(&self, kind: ResourceType, query: &ListQuery) -> Result<Listed, StoreError> {
        let database = Database {
            dialect: SqlDialect::Postgres,
            has_lookup: true,
        };
        let search = Search::new(database, kind, number(kind), query);
        let _permit = search.permit(&self.scans).await?;
        read!(self, connection => read::list(&mut connection, kind, query, &search))
    }

    async fn add(&self, kind: ResourceType, added: Stored, terms: Terms) -> Result<(), StoreError> {
        let write = Write::Add { kind, added, terms };
        self.write(write).await.map(|_| ())
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
        Ok(self.write(write).await?.changed())
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
        Ok(self.write(write).await?.found())
    }

    async fn record(&self, entry: AuditEntry) -> Result<(), StoreError> {
        self.write(Write::Record(entry)).await.map(|_| ())
    }

    async fn audit(&self, query: &AuditQuery) -> Result<Vec<Audited>, StoreError> {
        read!(self, connection => audit::find(&mut connection, query))
    }

    async fn held(&self, since: Timestamp) -> Result<Held, StoreError> {
        read!(self, connection => audit::held(&mut connection, since))
    }

    async fn deactivated(
        &self,
        before: Timestamp,
        count: usize,
    ) -> Result<Vec<ResourceId>, StoreError> {
        read!(self, connection => audit::deactivated(&mut connection, before, count))
    }

    async fn forget(&self, forgetting: Forgetting) -> Result<u64, StoreError> {
        Ok(self.write(Write::Forget(forgetting)).await?.rows())
    }

    async fn counts(&self) -> Result<Counts, StoreError> {
        read!(self, connection => read::counts(&mut connection))
    }

    async fn notes(&self) -> Result<Vec<Note>, StoreError> {
        read!(self, connection => read::notes(&mut connection))
    }

    async fn keep_note(&self, note: Note, before: Option<String>) -> Result<(), StoreError> {
        self.write(Write::Note { note, before }).await?;
        Ok(())
    }

    /// One look, and no second one: who asks will ask again.
    async fn ready(&self) -> Result<(), StoreError> {
        Ok(self.connections.look().await.map_err(Failure::from)?)
    }

    async fn keep_records(&self, records: Vec<Record>) -> Result<(), StoreError> {
        self.write(Write::Records(records)).await.map(|_| ())
    }

    async fn records(
        &self,
        client: &str,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<KeptRecord>, StoreError> {
        read!(self, connection => records::find(&mut connection, client, before, limit))
    }

    fn commits(&self) -> Commits {
        let transactions = self.transactions.load(Ordering::Relaxed);
        Commits {
            transactions,
            writes: transactions,
        }
    }

    fn generation(&self) -> Option<u64> {
        None
    }

    fn fault(&self) -> Option<Fault> {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}

#[cfg(test)]
mod tests;
