//! What is known of the state of the database: whether the last write went well, and whether anything in it is damaged.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::{FIRST_LOOK, check, readers, snapshot};
use crate::store::backup::Findings;
use crate::store::{DatabaseError, Fault, OpenError, StoreError};

/// How often a sound database is looked through.
const LOOK_EVERY: Duration = Duration::from_hours(1);

/// How often a damaged one is: whoever keeps the disk may have mended it.
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// How long a look goes on at a time, and how long it rests then, once nobody waits for it: requests have the processor before it.
const STRETCH: Duration = Duration::from_millis(10);
const REST: Duration = Duration::from_millis(20);

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

    /// Remembers what a look through all of it found; one that could not be made says nothing.
    fn looked(&self, findings: Option<&Findings>) {
        let Some(findings) = findings else {
            return;
        };
        if !self.is_damaged() {
            for wrong in &findings.wrong {
                tracing::error!(wrong, "the database is damaged");
            }
        }
        self.found(findings.count > 0);
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
pub(super) async fn watch(
    path: PathBuf,
    health: Arc<Health>,
    closing: CancellationToken,
    first: oneshot::Sender<()>,
) {
    let mut first = Some(first);
    loop {
        let (path, closing) = (path.clone(), closing.clone());
        let looked = tokio::task::spawn_blocking(move || look(&path, &closing));
        let Ok(findings) = looked.await else {
            return;
        };
        health.looked(findings.as_ref());
        if let Some(first) = first.take() {
            // Whoever opened the store may not wait any more.
            first.send(()).unwrap_or_default();
        }
        let pause = if findings.is_none() || health.is_damaged() {
            LOOK_AGAIN
        } else {
            LOOK_EVERY
        };
        tokio::time::sleep(pause).await;
    }
}

/// What is found; nothing of a database that is not looked through to its end, unless damage was found before.
fn look(path: &Path, closing: &CancellationToken) -> Option<Findings> {
    let mut findings = Findings::default();
    let is_over = {
        let closing = closing.clone();
        let begun = Instant::now();
        let mut stretch = begun;
        move || {
            if is_tired(begun.elapsed(), stretch.elapsed()) {
                std::thread::sleep(REST);
                stretch = Instant::now();
            }
            closing.is_cancelled()
        }
    };
    let looked = match snapshot::connect(path) {
        Ok(connection) => readers::until(&connection, is_over, |connection| {
            check::look(connection, &mut findings)
        }),
        Err(OpenError::Database { source, .. }) => Err(source),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the database cannot be looked through");
            return None;
        }
    };
    match looked {
        Ok(()) => {}
        Err(error) if fault_of(&error) == Fault::Damaged => findings.add(|| error.to_string()),
        Err(_) if closing.is_cancelled() => return None,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the database was not looked through to its end");
            return Some(findings).filter(|it| it.count > 0);
        }
    }
    Some(findings)
}

/// Whether a look rests that goes on for `all`, and for `stretch` without a rest.
fn is_tired(all: Duration, stretch: Duration) -> bool {
    all >= FIRST_LOOK && stretch >= STRETCH
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::super::{connect, migrations, write};
    use super::*;

    fn looked(path: &Path) -> Option<u64> {
        look(path, &CancellationToken::new()).map(|it| it.count)
    }

    #[test]
    fn only_a_look_to_the_end_says_that_a_database_is_sound() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let health = Health::default();
        assert_eq!(looked(&path), None);

        std::fs::write(&path, "no database".repeat(100)).unwrap();
        assert_eq!(looked(&path), Some(1));
        health.looked(look(&path, &CancellationToken::new()).as_ref());
        assert_eq!(health.fault(), Some(Fault::Damaged));

        health.looked(None);
        assert_eq!(health.fault(), Some(Fault::Damaged));

        std::fs::remove_file(&path).unwrap();
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        assert_eq!(looked(&path), Some(0));
        health.looked(Some(&Findings::default()));
        assert_eq!(health.fault(), None);
    }

    #[test]
    fn a_look_rests_when_nobody_waits_for_it_any_more() {
        let check = |all: u64, stretch: u64, expected: bool| {
            let tired = is_tired(Duration::from_millis(all), Duration::from_millis(stretch));
            assert_eq!(tired, expected, "{all} {stretch}");
        };
        check(0, 0, false);
        check(1_999, 1_999, false);
        check(2_000, 10, true);
        check(9_000, 9, false);
    }

    #[test]
    fn a_look_does_not_hold_up_who_closes_the_store() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let notes =
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000)
            INSERT INTO note (name, text) SELECT i, i FROM n";
        write::execute(&connection, notes).unwrap();
        let closing = CancellationToken::new();
        assert_eq!(look(&path, &closing).map(|it| it.count), Some(0));

        closing.cancel();

        assert_eq!(look(&path, &closing).map(|it| it.count), None);
    }
}
