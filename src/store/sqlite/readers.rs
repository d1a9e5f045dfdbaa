//! The connections that read beside the writer: whoever looks something up reads at once, what takes long has a thread of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::configured;
use crate::store::{DatabaseError, StoreError};

/// How long a read waits for a free connection before it fails.
const WAIT: Duration = Duration::from_secs(5);

/// Instructions of SQLite after which a read is asked whether it goes on: some hundredths of a millisecond.
const ASK_EVERY: i32 = 1_000;

/// How often a read that is done where the request is served may be asked: some hundred rows.
const ASKED: usize = 10;

/// Some connections; each has its cache.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    closing: CancellationToken,
}

impl Readers {
    /// Connects `count` times to the database at `path`.
    pub(super) fn open(path: &Path, count: usize) -> Result<Self, rusqlite::Error> {
        let connections: Result<Vec<_>, _> = (0..count).map(|_| connect(path)).collect();
        Ok(Self {
            idle: Arc::new(Mutex::new(connections?)),
            free: Arc::new(Semaphore::new(count)),
            closing: CancellationToken::new(),
        })
    }

    /// Cancelled when the readers end.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// Reads what an index finds, unless many have what is looked for: then it gives up, with nothing.
    pub(super) async fn glance<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        let mut asked = 0;
        let is_over = move || {
            asked += 1;
            asked > ASKED
        };
        let outcome = self.look_up(|reader| until(reader, is_over, read)).await;
        match outcome {
            Err(error) if was_interrupted(&error) => Ok(None),
            outcome => outcome.map(Some),
        }
    }

    /// Reads what an index finds: a few pages, mostly in memory, so that another thread would only be slower.
    pub(super) async fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.take().await?;
        read(reader.connection()?)
    }

    /// Reads what may take long, until it is done, nobody waits for it any more, or the readers end.
    pub(super) async fn walk<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.take().await?;
        let abandoned = self.closing.child_token();
        let _guard = abandoned.clone().drop_guard();
        let walk = move || until(reader.connection()?, move || abandoned.is_cancelled(), read);
        match tokio::task::spawn_blocking(walk).await {
            Ok(Err(error)) if was_interrupted(&error) => Err(StoreError::Closed),
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Closed),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// Ends what is read, and the connections.
    pub(super) fn close(&self) {
        self.closing.cancel();
        self.free.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn take(&self) -> Result<Reader, StoreError> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.free).acquire_owned());
        let permit = permit.await.map_err(|_| StoreError::Crowded)?;
        let permit = permit.map_err(|_| StoreError::Closed)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Reader {
            connection: idle.pop(),
            idle: Arc::clone(&self.idle),
            free: Arc::clone(&self.free),
            _permit: permit,
        })
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.closing.cancel();
    }
}

/// Reads until `is_over`; what is read then fails.
pub(super) fn until<T, E: From<rusqlite::Error>>(
    connection: &Connection,
    is_over: impl FnMut() -> bool + Send + 'static,
    read: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, E> {
    connection.progress_handler(ASK_EVERY, Some(is_over))?;
    let outcome = read(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    outcome
}

fn was_interrupted(error: &StoreError) -> bool {
    let StoreError::Database(error) = error else {
        return false;
    };
    match &**error {
        DatabaseError::Sqlite(error) => {
            error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
        }
        DatabaseError::Postgres(_) => false,
    }
}

/// A connection in use.
struct Reader {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    _permit: OwnedSemaphorePermit,
}

impl Reader {
    fn connection(&self) -> Result<&Connection, StoreError> {
        self.connection.as_ref().ok_or(StoreError::Closed)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take()
            && !self.free.is_closed()
        {
            let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push(connection);
        }
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = configured(path, OpenFlags::empty())?;
    for (name, value) in [("query_only", "ON"), ("cache_size", "-8000")] {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tempfile::TempDir;
    use tokio::sync::oneshot;

    use super::*;

    fn readers(folder: &TempDir, count: usize) -> Readers {
        let path = folder.path().join("people.db");
        drop(Connection::open(&path).unwrap());
        Readers::open(&path, count).unwrap()
    }

    /// Counts so far.
    fn count(connection: &Connection, end: i64) -> Result<i64, StoreError> {
        let counted = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT count(*) FROM n";
        Ok(connection.query_row(counted, [end], |row| row.get(0))?)
    }

    #[tokio::test]
    async fn a_glance_gives_up_where_there_is_much_to_see() {
        let folder = TempDir::new().unwrap();
        let readers = readers(&folder, 1);
        for _ in 0..100 {
            let few = readers.glance(|reader| count(reader, 100)).await;
            assert_eq!(few.unwrap(), Some(100));
        }
        let many = readers.glance(|reader| count(reader, 100_000)).await;
        assert_eq!(many.unwrap(), None);
        let walked = readers.walk(|reader| count(reader, 100_000)).await;
        assert_eq!(walked.unwrap(), 100_000);
    }

    #[tokio::test]
    async fn a_walk_that_nobody_waits_for_ends_and_holds_what_it_has_until_then() {
        let folder = TempDir::new().unwrap();
        let readers = readers(&folder, 1);
        let scans = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&scans).acquire_owned().await.unwrap();
        let (started, running) = oneshot::channel();
        let ended = Arc::new(AtomicBool::new(false));
        let walk = {
            let ended = Arc::clone(&ended);
            readers.walk(move |reader| {
                let _permit = permit;
                started.send(()).unwrap();
                let outcome = count(reader, i64::MAX);
                ended.store(true, Ordering::SeqCst);
                outcome
            })
        };
        tokio::select! {
            _ = walk => panic!("it never ends"),
            begun = running => begun.unwrap(),
        }

        drop(scans.acquire().await.unwrap());

        assert!(ended.load(Ordering::SeqCst));
    }

    #[tokio::test]
    async fn who_ends_the_readers_does_not_wait_for_a_walk() {
        let folder = TempDir::new().unwrap();
        let readers = readers(&folder, 1);
        let (started, running) = oneshot::channel();
        let walk = readers.walk(move |reader| {
            started.send(()).unwrap();
            count(reader, i64::MAX)
        });
        let close = async {
            running.await.unwrap();
            readers.close();
        };

        let (walked, ()) = tokio::join!(walk, close);

        assert!(matches!(walked, Err(StoreError::Closed)));
        let late = readers.glance(|reader| count(reader, 1)).await;
        assert!(matches!(late, Err(StoreError::Closed)));
    }

    #[tokio::test(start_paused = true)]
    async fn too_many_readers_are_not_taken_for_too_many_searches() {
        let folder = TempDir::new().unwrap();
        let readers = readers(&folder, 1);
        let _taken = readers.take().await.unwrap();
        let refused = readers.look_up(|_| Ok(())).await;
        assert!(matches!(refused, Err(StoreError::Crowded)));
    }
}
