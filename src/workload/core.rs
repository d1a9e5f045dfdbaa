//! What listeners and background tasks share: the loaded configuration, its directories, and the report on them.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::applications;
use super::directory::{Directory, Policy};
use super::http::Shared;
use super::opened::{Opened, location};
use super::replay;
use super::report::people::PEOPLE;
use super::routing::{ScimTenant, Table};
use super::upkeep;
use crate::clock::{Clock, Random};
use crate::config::report::{PeoplePage, ScimTenantReport, StoreFault};
use crate::config::{Report, ScimTenantConfig, ScimTenantName, TokenDigest, WorkloadConfig};
use crate::scim::schema::{RulesError, Schemas};
use crate::store::{self, Counts, Fault, Location, OpenError};

/// How often the activity of clients is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often is looked for what has been kept long enough.
const TIDY_EVERY: Duration = Duration::from_mins(1);

/// How often is looked for sessions that have ended, where applications are told.
const TELL_EVERY: Duration = Duration::from_secs(1);

/// How often what clients sent is kept, and some of it read again.
const REPLAY_EVERY: Duration = Duration::from_secs(1);

/// Why a configuration cannot be served; the previous one goes on.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The schema of a directory contradicts itself.
    #[error("the schema of {name} cannot be used")]
    Schema {
        /// The directory.
        name: ScimTenantName,
        /// Why.
        #[source]
        source: RulesError,
    },
    /// The store of a directory cannot be opened.
    #[error("the store of {name} cannot be opened")]
    Open {
        /// The directory.
        name: ScimTenantName,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// Two directories in one store.
    #[error("{first} and {second} have the same store")]
    SharedStore {
        /// One directory.
        first: ScimTenantName,
        /// The other.
        second: ScimTenantName,
    },
}

/// What is loaded, and what could not be.
#[derive(Default)]
struct Loaded {
    digest: String,
    error: Option<String>,
}

/// What the listeners and the background tasks share.
pub(super) struct Core {
    pub(super) shared: Arc<Shared>,
    random: Arc<dyn Random>,
    loaded: Mutex<Loaded>,
    reloading: tokio::sync::Mutex<()>,
    /// Told when something new is served.
    changed: Notify,
}

impl Core {
    /// Nothing is served yet.
    pub(super) fn new(
        report_token: TokenDigest,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let empty = Table {
            report_token,
            scim_tenants: Vec::new(),
        };
        Self {
            shared: Arc::new(Shared::new(empty, clock, Arc::clone(&random))),
            random,
            loaded: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Makes the table of `config` and puts it in the place of the present one.
    pub(super) async fn load(
        &self,
        config: WorkloadConfig,
        digest: String,
    ) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        let before = self.shared.table.load_full();
        let mut scim_tenants = Vec::with_capacity(config.scim_tenants.len());
        let mut fresh = Vec::new();
        for config in config.scim_tenants {
            match self
                .scim_tenant(config, &before, &mut fresh, &scim_tenants)
                .await
            {
                Ok(scim_tenant) => scim_tenants.push(Arc::new(scim_tenant)),
                Err(error) => {
                    for opened in fresh {
                        opened.store.close().await;
                    }
                    return Err(error);
                }
            }
        }
        let kept = |opened: &Opened| {
            scim_tenants
                .iter()
                .any(|it| it.opened.location == opened.location)
        };
        let gone: Vec<_> = before
            .scim_tenants
            .iter()
            .filter(|it| !kept(&it.opened))
            .map(|it| Arc::clone(&it.opened))
            .collect();
        self.shared.table.store(Arc::new(Table {
            report_token: config.report_token,
            scim_tenants,
        }));
        *self.loaded() = Loaded {
            digest,
            error: None,
        };
        self.shared.handover.opened();
        self.changed.notify_one();
        join_all(gone.iter().map(|it| it.close())).await;
        Ok(())
    }

    async fn scim_tenant(
        &self,
        config: ScimTenantConfig,
        before: &Table,
        fresh: &mut Vec<Arc<Opened>>,
        others: &[Arc<ScimTenant>],
    ) -> Result<ScimTenant, ReloadError> {
        let name = config.name.clone();
        let schemas = schemas(&config)?;
        let location = location(&config);
        let is_same = |it: &&Arc<ScimTenant>| it.opened.location == location;
        if let Some(other) = others.iter().find(is_same) {
            return Err(ReloadError::SharedStore {
                first: other.config.name.clone(),
                second: name,
            });
        }
        let open = before.scim_tenants.iter().find(is_same);
        let opened = if let Some(open) = open {
            Arc::clone(&open.opened)
        } else {
            let opened = Arc::new(self.open(name, location).await?);
            fresh.push(Arc::clone(&opened));
            opened
        };
        Ok(self.serve(config, schemas, opened))
    }

    fn serve(&self, config: ScimTenantConfig, schemas: Schemas, opened: Arc<Opened>) -> ScimTenant {
        let policy = Policy::of(&config.policy, &schemas.user);
        let directory = Directory::new(
            (schemas, policy),
            Arc::clone(&opened.store),
            Arc::clone(&self.shared.clock),
            Arc::clone(&self.random),
        );
        ScimTenant::new(config, directory, opened)
    }

    async fn open(&self, name: ScimTenantName, location: Location) -> Result<Opened, ReloadError> {
        let store = store::open(&location)
            .await
            .map_err(|source| ReloadError::Open { name, source })?;
        let mut process = [0; 8];
        self.random.fill(&mut process);
        let process = format!("{:016x}", u64::from_be_bytes(process));
        Ok(Opened::new(location, store, process))
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers why the newest configuration is not served.
    pub(super) fn reject(&self, error: String) {
        tracing::error!(
            error,
            "the new configuration is not served, the previous one goes on"
        );
        self.remember(error);
    }

    /// Reports why the newest configuration is not served.
    pub(super) fn remember(&self, error: String) {
        self.loaded().error = Some(error);
    }

    pub(super) async fn people(
        &self,
        name: &ScimTenantName,
        after: Option<i64>,
    ) -> Option<PeoplePage> {
        let table = self.shared.table.load_full();
        let mut all = table.scim_tenants.iter();
        let found = all.find(|it| it.config.name == *name)?;
        found.directory.people(after, PEOPLE).await.ok()
    }

    pub(super) async fn report(&self) -> Report {
        let now = self.shared.clock.now();
        let mut report = {
            let loaded = self.loaded();
            Report {
                config_digest: loaded.digest.clone(),
                config_error: loaded.error.clone(),
                scim_tenants: Vec::new(),
            }
        };
        for scim_tenant in &self.shared.table.load_full().scim_tenants {
            let opened = &scim_tenant.opened;
            let counted = match opened.store.ready().await {
                Ok(()) => opened.store.counts().await,
                Err(error) => Err(error),
            };
            let (mut held, mut missing_break_glass, mut replay) = (None, Vec::new(), None);
            if counted.is_ok() {
                opened.refresh_activity().await;
                held = upkeep::held(scim_tenant).await;
                missing_break_glass = upkeep::missing_break_glass(scim_tenant).await;
                replay = replay::report(scim_tenant).await;
            }
            let clients = opened.with_activity(|activity| {
                let names = scim_tenant.clients.names();
                names.map(|name| activity.report(name, now)).collect()
            });
            let (counts, unavailable) = match counted {
                Ok(counts) => (counts, None),
                Err(error) => (Counts::default(), Some(crate::telemetry::chain(&error))),
            };
            report.scim_tenants.push(ScimTenantReport {
                name: scim_tenant.config.name.clone(),
                users: counts.users,
                active_users: counts.active_users,
                groups: counts.groups,
                store_fault: opened.store.fault().map(|it| match it {
                    Fault::Full => StoreFault::Full,
                    Fault::Damaged => StoreFault::Damaged,
                    Fault::Failed => StoreFault::Failed,
                }),
                store_unavailable: unavailable,
                held,
                missing_break_glass,
                email_trouble: self.shared.mail.last_trouble(&scim_tenant.config),
                replay,
                clients,
            });
        }
        report
    }

    /// Saves the activity of clients again and again, that of each directory aside, and takes up what was restored.
    pub(super) async fn save(self: Arc<Self>) {
        let mut ticks = tokio::time::interval(SAVE_EVERY);
        let mut lost: Vec<Location> = Vec::new();
        let mut saving: Vec<(Arc<Opened>, JoinHandle<()>)> = Vec::new();
        loop {
            ticks.tick().await;
            saving.retain(|(_, task)| !task.is_finished());
            for scim_tenant in &self.shared.table.load_full().scim_tenants {
                let opened = &scim_tenant.opened;
                let lost_before = lost.contains(&opened.location);
                if !lost_before && !store::is_restored(&opened.location) {
                    if !saving.iter().any(|(it, _)| Arc::ptr_eq(it, opened)) {
                        let task = Arc::clone(opened).save_aside();
                        saving.push((Arc::clone(opened), task));
                    }
                    continue;
                }
                lost.retain(|it| *it != opened.location);
                if let Err(error) = self.open_again(opened).await {
                    let error = crate::telemetry::chain(&error);
                    tracing::error!(error, "a restored store cannot be opened");
                    lost.push(opened.location.clone());
                }
            }
        }
    }

    /// Erases people and forgets changes whose time is over, again and again.
    pub(super) async fn tidy(self: Arc<Self>) {
        loop {
            for scim_tenant in &self.shared.table.load_full().scim_tenants {
                upkeep::tidy(scim_tenant, self.shared.clock.now()).await;
            }
            // Either is a reason to look again.
            let changed = self.changed.notified();
            drop(tokio::time::timeout(TIDY_EVERY, changed).await);
        }
    }

    /// Tells applications of sessions that have ended, again and again.
    pub(super) async fn tell_of_ends(self: Arc<Self>) {
        loop {
            let table = self.shared.table.load_full();
            let all = table.scim_tenants.iter();
            join_all(all.map(|it| applications::tell_of_ends(&self.shared, it))).await;
            tokio::time::sleep(TELL_EVERY).await;
        }
    }

    /// Keeps what clients sent, and reads it again when rules have changed, again and again.
    pub(super) async fn replay(self: Arc<Self>) {
        loop {
            let table = self.shared.table.load_full();
            let all = table.scim_tenants.iter();
            join_all(all.map(|it| replay::turn(&self.shared, it))).await;
            tokio::time::sleep(REPLAY_EVERY).await;
        }
    }

    /// Opens a store for which a backup was restored; requests that come in between are asked to come again.
    async fn open_again(&self, before: &Arc<Opened>) -> Result<(), ReloadError> {
        let _one_at_a_time = self.reloading.lock().await;
        before.store.close().await;
        let table = self.shared.table.load_full();
        let mut scim_tenants = table.scim_tenants.clone();
        for scim_tenant in &mut scim_tenants {
            if Arc::ptr_eq(&scim_tenant.opened, before) {
                let config = scim_tenant.config.clone();
                let schemas = schemas(&config)?;
                let opened = self
                    .open(config.name.clone(), before.location.clone())
                    .await?;
                *scim_tenant = Arc::new(self.serve(config, schemas, Arc::new(opened)));
            }
        }
        self.shared.table.store(Arc::new(Table {
            report_token: table.report_token.clone(),
            scim_tenants,
        }));
        tracing::info!("a restored store is served");
        Ok(())
    }

    /// Saves and closes all stores.
    pub(super) async fn close(&self) {
        let _one_at_a_time = self.reloading.lock().await;
        let table = self.shared.table.load_full();
        let all = table.scim_tenants.iter();
        let shared = &self.shared;
        join_all(all.map(|it| async move {
            replay::save_of(shared, it).await;
            it.opened.close().await;
        }))
        .await;
    }
}

fn schemas(config: &ScimTenantConfig) -> Result<Schemas, ReloadError> {
    Schemas::new(&config.schema).map_err(|source| ReloadError::Schema {
        name: config.name.clone(),
        source,
    })
}
