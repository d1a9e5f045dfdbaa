//! What outlives a change of the configuration: the open store and what the clients did.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::activity::Activity;
use super::figures::Counting;
use super::recorder::{self, Exchange, Recorder};
use super::replay::Waiting;
use super::sessions::Remembered;
use crate::config::{ScimTenantConfig, StoreConfig};
use crate::store::{Location, PostgresLocation, Store, StoreError};

/// Notes that are kept in one go, some of them again because another process was faster.
const ADDITIONS: usize = 64;

/// How long a report waits for what other processes saw; without them it says what is known here.
const PATIENCE: Duration = Duration::from_secs(2);

/// An open store and what the clients did.
pub(crate) struct Opened {
    pub(crate) location: Location,
    pub(crate) store: Arc<dyn Store>,
    activity: Mutex<Activity>,
    recorder: Mutex<Recorder>,
    /// Counts what is shown of it.
    pub(crate) counting: Arc<Counting>,
    /// What clients sent, until it is kept.
    pub(crate) sent: Waiting,
    /// Who asks again and again.
    pub(crate) sessions: Remembered,
    /// One at a time, so that records stay in order.
    saving: tokio::sync::Mutex<()>,
    /// Held by who exchanges activity with the store.
    exchanging: tokio::sync::Mutex<()>,
}

impl Opened {
    /// `process` is a name that no other process has.
    pub(crate) fn new(location: Location, store: Arc<dyn Store>, process: String) -> Self {
        Self {
            location,
            store,
            activity: Mutex::new(Activity::new(process)),
            recorder: Mutex::default(),
            counting: Arc::default(),
            sent: Waiting::default(),
            sessions: Remembered::default(),
            saving: tokio::sync::Mutex::default(),
            exchanging: tokio::sync::Mutex::default(),
        }
    }

    /// The file of a store that has one owner at a time.
    pub(crate) fn file(&self) -> Option<&Path> {
        match &self.location {
            Location::Sqlite(path) => Some(path),
            Location::Postgres(_) => None,
        }
    }

    /// Looks at or changes what the clients did.
    pub(crate) fn with_activity<T>(&self, look: impl FnOnce(&mut Activity) -> T) -> T {
        look(&mut self.activity.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Remembers an exchange until it is saved.
    pub(crate) fn record(&self, exchange: Exchange) {
        let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
        recorder.take(exchange);
    }

    /// Saves the exchanges since the last time; what cannot be saved is tried again the next time.
    pub(crate) async fn save_records(&self) {
        let _one_at_a_time = self.saving.lock().await;
        let waiting = {
            let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.waiting()
        };
        if waiting.is_empty() {
            return;
        }
        if let Err(error) = self.store.keep_records(recorder::records(&waiting)).await {
            tracing::debug!(
                error = crate::telemetry::chain(&error),
                "the records of requests were not saved"
            );
            let mut recorder = self.recorder.lock().unwrap_or_else(PoisonError::into_inner);
            recorder.take_back(waiting);
        }
    }

    /// Saves what the clients did since the last time; what cannot be saved is tried again the next time.
    pub(crate) async fn save_activity(&self) {
        self.save_records().await;
        let _one_at_a_time = self.exchanging.lock().await;
        for _ in 0..ADDITIONS {
            let Some(addition) = self.with_activity(Activity::next) else {
                return;
            };
            let note = addition.note.clone();
            let failed = match self.store.keep_note(note, addition.before).await {
                Ok(()) => {
                    self.with_activity(|activity| activity.kept(addition.note));
                    continue;
                }
                Err(StoreError::VersionConflict) => self.learn().await.err(),
                Err(error) => Some(error),
            };
            if let Some(error) = failed {
                tracing::debug!(
                    error = crate::telemetry::chain(&error),
                    "the activity of clients was not saved"
                );
                return;
            }
        }
    }

    /// Saves what the clients did by a task of its own.
    pub(crate) fn save_aside(self: Arc<Self>) -> JoinHandle<()> {
        tokio::spawn(async move { self.save_activity().await })
    }

    /// Saves what the clients did, and closes the store.
    pub(crate) async fn close(&self) {
        self.save_activity().await;
        self.store.close().await;
    }

    /// Reads what all processes saved, if that can be done soon.
    pub(crate) async fn refresh_activity(&self) {
        let refresh = async {
            let _one_at_a_time = self.exchanging.lock().await;
            self.learn().await
        };
        if !matches!(tokio::time::timeout(PATIENCE, refresh).await, Ok(Ok(()))) {
            tracing::debug!("what other processes saw of the clients is not known");
        }
    }

    async fn learn(&self) -> Result<(), StoreError> {
        let notes = self.store.notes().await?;
        self.with_activity(|activity| activity.learn(notes));
        Ok(())
    }
}

/// Where the people of `scim_tenant` are.
pub fn location(scim_tenant: &ScimTenantConfig) -> Location {
    match scim_tenant.store.clone() {
        StoreConfig::Sqlite { path } => Location::Sqlite(path),
        StoreConfig::Postgres { url_file, schema } => Location::Postgres(PostgresLocation {
            url_file,
            schema,
            scim_tenant: scim_tenant.name.to_string(),
        }),
    }
}
