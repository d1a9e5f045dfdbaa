//! The connections that read beside the writer: whoever looks something up reads at once, what may take long has a thread of its own.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::configured;
use crate::store::StoreError;

/// How long a read waits for a free connection before it fails.
const WAIT: Duration = Duration::from_secs(5);

/// Some connections; each has its cache.
pub(super) struct Readers {
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
}

impl Readers {
    /// Connects `count` times to the database at `path`.
    pub(super) fn open(path: &Path, count: usize) -> Result<Self, rusqlite::Error> {
        let connections: Result<Vec<_>, _> = (0..count).map(|_| connect(path)).collect();
        Ok(Self {
            idle: Arc::new(Mutex::new(connections?)),
            free: Arc::new(Semaphore::new(count)),
        })
    }

    /// Reads what an index finds: a few pages, mostly in memory, so that another thread would only be slower.
    pub(super) async fn look_up<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let reader = self.take().await?;
        read(reader.connection()?)
    }

    /// Reads what may take long, until it is done or nobody waits for it any more: `read` asks the token of the latter.
    pub(super) async fn walk<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection, &CancellationToken) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let reader = self.take().await?;
        let abandoned = CancellationToken::new();
        let _guard = abandoned.clone().drop_guard();
        tokio::task::spawn_blocking(move || read(reader.connection()?, &abandoned))
            .await
            .map_err(|_| StoreError::Closed)?
    }

    pub(super) fn is_closed(&self) -> bool {
        self.free.is_closed()
    }

    /// Ends the connections, those in use once they are not.
    pub(super) fn close(&self) {
        self.free.close();
        self.idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    async fn take(&self) -> Result<Reader, StoreError> {
        let permit = tokio::time::timeout(WAIT, Arc::clone(&self.free).acquire_owned());
        let permit = permit.await.map_err(|_| StoreError::Busy)?;
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
    for (name, value) in [("query_only", "ON"), ("cache_size", "-2000")] {
        connection.pragma_update(None, name, value)?;
    }
    Ok(connection)
}
