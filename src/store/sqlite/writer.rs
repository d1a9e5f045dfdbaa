//! The one writer: takes what is queued, commits it in one transaction with one sync of the disk, and only then answers.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::health::Health;
use super::{checksum, lookup, write};
use crate::store::write::{Refused, Write, Written};
use crate::store::{Commits, Counts, DatabaseError, Fault, StoreError};

/// Writes that wait at most; whoever comes then waits for a place.
const QUEUE: usize = 1024;

/// Writes of one transaction at most.
const BATCH: usize = 256;

/// How often a database that failed is tried again when nobody writes.
const PROBE_EVERY: Duration = Duration::from_secs(2);

type Answer = Result<Written, StoreError>;

struct Queued {
    write: Write,
    answer: oneshot::Sender<Answer>,
}

/// The handle of the writer.
pub(super) struct Writer {
    queue: mpsc::Sender<Queued>,
    closing: CancellationToken,
    task: Mutex<Option<JoinHandle<()>>>,
    committed: Arc<Committed>,
}

/// What is known of a database when it is opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known {
    /// How many there are, if that could be found out.
    pub(super) counts: Option<Counts>,
    /// Whether the table `lookup` has everybody.
    pub(super) has_lookup: bool,
}

#[derive(Default)]
struct Committed {
    /// Transactions that ended, in whichever way: one that failed at its end may have been written.
    generation: AtomicU64,
    transactions: AtomicU64,
    writes: AtomicU64,
    /// How many there are; it is found out once, for nobody else writes.
    counts: Mutex<Option<Counts>>,
    health: Arc<Health>,
    /// Whether the table `lookup` has everybody.
    has_lookup: AtomicBool,
}

impl Committed {
    fn counts(&self) -> MutexGuard<'_, Option<Counts>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Starts to write on `connection`; `lock` is held until the writer has ended.
    pub(super) fn start(
        connection: Connection,
        lock: File,
        health: Arc<Health>,
        known: Known,
    ) -> Self {
        let (queue, queued) = mpsc::channel(QUEUE);
        let closing = CancellationToken::new();
        let committed = Arc::new(Committed {
            health,
            counts: Mutex::new(known.counts),
            has_lookup: known.has_lookup.into(),
            ..Committed::default()
        });
        let writing = run(
            connection,
            queued,
            closing.clone(),
            Arc::clone(&committed),
            lock,
        );
        // It waits for the disk, so it has a thread of its own.
        let runtime = Handle::current();
        let task = tokio::task::spawn_blocking(move || runtime.block_on(writing));
        Self {
            queue,
            closing,
            task: Mutex::new(Some(task)),
            committed,
        }
    }

    /// Writes, and returns when it is on the disk.
    pub(super) async fn write(&self, write: Write) -> Answer {
        if self.committed.health.is_damaged() {
            return Err(StoreError::ReadOnly);
        }
        let (answer, answered) = oneshot::channel();
        self.queue
            .send(Queued { write, answer })
            .await
            .map_err(|_| StoreError::Closed)?;
        answered.await.map_err(|_| StoreError::Closed)?
    }

    /// How many there are, if that is known.
    pub(super) fn counts(&self) -> Option<Counts> {
        *self.committed.counts()
    }

    pub(super) fn generation(&self) -> u64 {
        self.committed.generation.load(Ordering::Acquire)
    }

    pub(super) fn commits(&self) -> Commits {
        Commits {
            transactions: self.committed.transactions.load(Ordering::Relaxed),
            writes: self.committed.writes.load(Ordering::Relaxed),
        }
    }

    /// Whether every person is found by the table `lookup`.
    pub(super) fn has_lookup(&self) -> bool {
        self.committed.has_lookup.load(Ordering::Relaxed)
    }

    /// Writes what is queued and ends.
    pub(super) async fn close(&self) {
        self.closing.cancel();
        let task = self
            .task
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(task) = task
            && task.await.is_err()
        {
            tracing::error!("the writer of a store ended by a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

async fn run(
    connection: Connection,
    mut queued: mpsc::Receiver<Queued>,
    closing: CancellationToken,
    committed: Arc<Committed>,
    lock: File,
) {
    let mut batch = Vec::with_capacity(BATCH);
    let mut unfilled = true;
    loop {
        let fault = committed.health.fault();
        let received = tokio::select! {
            biased;
            received = queued.recv_many(&mut batch, BATCH) => received,
            () = closing.cancelled(), if !queued.is_closed() => {
                // What is queued already is still received.
                queued.close();
                continue;
            }
            () = tokio::time::sleep(PROBE_EVERY), if matches!(fault, Some(Fault::Full | Fault::Failed)) => {
                committed.health.wrote(&probe(&connection));
                continue;
            }
            () = tokio::task::yield_now(), if unfilled && fault.is_none() => {
                unfilled = fill(&connection, &committed);
                continue;
            }
        };
        if received == 0 {
            break;
        }
        settle(&connection, &mut batch, &committed);
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(
            error = &error as &dyn std::error::Error,
            "the database was not closed in order"
        );
    }
    drop(lock);
}

/// A write that changes nothing, to see whether one can be done again before somebody needs it: the mark of the file.
fn probe(connection: &Connection) -> Result<(), rusqlite::Error> {
    write::execute(connection, "PRAGMA application_id = 1433626738")
}

/// Gives some rows of the version before what they lack; whether there may be more.
fn fill(connection: &Connection, committed: &Committed) -> bool {
    let filled = || {
        if checksum::fill(connection)? {
            return Ok(true);
        }
        let more = lookup::fill(connection)?;
        committed.has_lookup.store(!more, Ordering::Relaxed);
        Ok::<_, rusqlite::Error>(more)
    };
    match filled() {
        Ok(more) => more,
        Err(error) => {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "old rows stay without checksum or lookup until the next start"
            );
            // It may have ended by itself.
            drop(write::execute(connection, "ROLLBACK"));
            false
        }
    }
}

/// Commits a batch and answers; when that fails, each write is tried by itself, so that one cannot harm the others.
fn settle(connection: &Connection, batch: &mut Vec<Queued>, committed: &Committed) {
    let writes: Vec<&Write> = batch.iter().map(|queued| &queued.write).collect();
    match commit(connection, &writes, committed) {
        Ok(results) => {
            for (queued, result) in batch.drain(..).zip(results) {
                reply(queued.answer, result.map_err(Refused::into));
            }
        }
        Err(error) if batch.len() == 1 => {
            for queued in batch.drain(..) {
                reply(queued.answer, Err(StoreError::Database(Arc::clone(&error))));
            }
        }
        Err(_) => {
            for queued in batch.drain(..) {
                let result = match commit(connection, &[&queued.write], committed) {
                    Ok(mut results) => results.pop().unwrap_or(Ok(Written::NotFound)),
                    Err(error) => {
                        reply(queued.answer, Err(StoreError::Database(error)));
                        continue;
                    }
                };
                reply(queued.answer, result.map_err(Refused::into));
            }
        }
    }
}

fn reply(answer: oneshot::Sender<Answer>, result: Answer) {
    if answer.send(result).is_err() {
        tracing::debug!("nobody waits for a write any more");
    }
}

/// One transaction; what is refused inside leaves no trace, and the rest is committed.
fn commit(
    connection: &Connection,
    writes: &[&Write],
    committed: &Committed,
) -> Result<Vec<Result<Written, Refused>>, Arc<DatabaseError>> {
    let outcome = transact(connection, writes);
    committed.generation.fetch_add(1, Ordering::Release);
    committed.health.wrote(&outcome);
    let (results, more) = outcome.map_err(|error| Arc::new(error.into()))?;
    if let Some(counts) = committed.counts().as_mut() {
        *counts += more;
    }
    let count = u64::try_from(writes.len()).unwrap_or(u64::MAX);
    committed.transactions.fetch_add(1, Ordering::Relaxed);
    committed.writes.fetch_add(count, Ordering::Relaxed);
    Ok(results)
}

/// By statements of our own: SQLite ends a transaction by itself when the disk is full, and a [`rusqlite::Transaction`] does not learn
/// of it.
fn transact(
    connection: &Connection,
    writes: &[&Write],
) -> Result<(Vec<Result<Written, Refused>>, Counts), rusqlite::Error> {
    write::execute(connection, "BEGIN IMMEDIATE")?;
    let outcome = all(connection, writes);
    if outcome.is_err()
        && let Err(error) = write::execute(connection, "ROLLBACK")
    {
        tracing::debug!(
            error = &error as &dyn std::error::Error,
            "it was rolled back already"
        );
    }
    outcome
}

fn all(
    connection: &Connection,
    writes: &[&Write],
) -> Result<(Vec<Result<Written, Refused>>, Counts), rusqlite::Error> {
    let mut results = Vec::with_capacity(writes.len());
    let mut aside = write::Aside::default();
    for write in writes {
        results.push(write::apply(connection, write, &mut aside)?);
    }
    write::terms::write_audit(connection, &aside.audit)?;
    write::execute(connection, "COMMIT")?;
    Ok((results, aside.more))
}

#[cfg(test)]
mod tests {
    use super::super::{connect, lock, migrations};
    use super::*;
    use crate::store::Note;

    fn note(text: &str) -> Write {
        Write::Note {
            note: Note {
                name: text.chars().take(20).collect(),
                text: text.to_owned(),
            },
            before: None,
        }
    }

    #[tokio::test]
    async fn after_a_full_disk_writing_goes_on_by_itself() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        connection
            .pragma_update(None, "max_page_count", 60)
            .unwrap();
        let health = Arc::new(Health::default());
        let writer = Writer::start(
            connection,
            lock::take(&path).unwrap(),
            Arc::clone(&health),
            Known {
                counts: None,
                has_lookup: true,
            },
        );
        writer.write(note("fits")).await.unwrap();
        assert_eq!(health.fault(), None);

        let refused = writer.write(note(&"x".repeat(1 << 20))).await;

        assert!(matches!(refused, Err(StoreError::Database(_))));
        assert_eq!(health.fault(), Some(Fault::Full));
        writer.write(note("fits again")).await.unwrap();
        assert_eq!(health.fault(), None);

        writer.write(note(&"x".repeat(1 << 20))).await.unwrap_err();
        assert_eq!(health.fault(), Some(Fault::Full));
        while health.fault().is_some() {
            // Nobody writes.
            tokio::task::yield_now().await;
        }
        writer.close().await;
    }
}
