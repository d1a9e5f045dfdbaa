//! What is known of the state of the database: whether the last write went well, and whether anything in it is damaged.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::{check, snapshot};
use crate::store::backup::Findings;
use crate::store::{DatabaseError, Fault, StoreError};

/// How often a sound database is looked through.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// How often a damaged one is: whoever keeps the disk may have mended it.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

#[derive(Default)]
pub(super) struct Health {
    failed: Mutex<Option<Fault>>,
    damaged: AtomicBool,
}

impl Health {
    /// Why nothing can be written.
    pub(super) fn fault(&self) -> Option<Fault> {
        if self.is_damaged() {
            return Some(Fault::Damaged);
        }
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Remembers how a write went.
    pub(super) fn wrote<T>(&self, outcome: &Result<T, rusqlite::Error>) {
        let fault = outcome.as_ref().err().map(fault_of);
        if fault == Some(Fault::Damaged) {
            self.found(true);
        }
        let mut failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        match (std::mem::replace(&mut *failed, fault), fault) {
            (None, Some(fault)) => tracing::error!(?fault, "nothing can be written any more"),
            (Some(_), None) => tracing::info!("the store can be written again"),
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// Remembers how a read went.
    pub(super) fn read<T>(&self, outcome: Result<T, StoreError>) -> Result<T, StoreError> {
        let damaged = match &outcome {
            Err(StoreError::Damaged(_) | StoreError::Corrupt(_)) => true,
            Err(StoreError::Database(error)) => {
                matches!(&**error, DatabaseError::Sqlite(error) if fault_of(error) == Fault::Damaged)
            }
            Ok(_) | Err(_) => false,
        };
        if damaged {
            self.found(true);
        }
        outcome
    }

    fn found(&self, damaged: bool) {
        match (self.damaged.swap(damaged, Ordering::Relaxed), damaged) {
            (false, true) => tracing::error!(
                "the database is damaged; it is read and not written until a backup is restored"
            ),
            (true, false) => tracing::info!("the database is sound again"),
            (false, false) | (true, true) => {}
        }
    }
}

/// What an error of the database means for all that is to be written.
fn fault_of(error: &rusqlite::Error) -> Fault {
    use rusqlite::{Error, ErrorCode};
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => Fault::Damaged,
        Error::SqliteFailure(failure, _) => match failure.code {
            ErrorCode::DiskFull => Fault::Full,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Damaged,
            _ => Fault::Failed,
        },
        _ => Fault::Failed,
    }
}

/// Looks through the database again and again, and says so the first time.
pub(super) async fn watch(path: PathBuf, health: Arc<Health>, first: oneshot::Sender<()>) {
    let mut first = Some(first);
    loop {
        let path = path.clone();
        let looked = tokio::task::spawn_blocking(move || look(&path));
        let Ok(findings) = looked.await else {
            return;
        };
        if !health.is_damaged() {
            for wrong in &findings.wrong {
                tracing::error!(wrong, "the database is damaged");
            }
        }
        health.found(findings.count > 0);
        if let Some(first) = first.take() {
            // Whoever opened the store may not wait any more.
            first.send(()).unwrap_or_default();
        }
        let pause = if health.is_damaged() {
            LOOK_AGAIN
        } else {
            LOOK_EVERY
        };
        tokio::time::sleep(pause).await;
    }
}

fn look(path: &Path) -> Findings {
    let mut findings = Findings::default();
    let connection = match snapshot::connect(path) {
        Ok(connection) => connection,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the database cannot be looked through");
            return findings;
        }
    };
    if let Err(error) = check::look(&connection, &mut findings) {
        match fault_of(&error) {
            Fault::Damaged => findings.add(|| error.to_string()),
            Fault::Full | Fault::Failed => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the database was not looked through to its end");
            }
        }
    }
    findings
}
