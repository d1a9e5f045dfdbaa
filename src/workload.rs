//! The workload: serves the directories of one `WorkloadConfig`. Protocol over domain over store; it knows no custom resources.

mod activity;
mod credentials;
mod directory;
mod file;
mod http;
mod listener;
mod metrics;
mod report;
mod routing;
mod scim;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Random};
use crate::config::report::ScimTenantReport;
use crate::config::{self, Report, ScimTenantConfig, ScimTenantName, StoreConfig, WorkloadConfig};
use crate::scim::schema::{RulesError, Schemas};
use crate::store::{self, OpenError, StoreError};
use activity::Activity;
use directory::Directory;
use http::Shared;
use listener::Listening;
use routing::{Opened, ScimTenant, Table};

pub use file::{FileError, run};
pub use listener::{ListenError, TlsError, TlsFiles};

/// How often the activity of clients is saved.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How long requests in work may take after the end was announced.
const GRACE: Duration = Duration::from_secs(15);

/// What a server needs beside its configuration.
pub struct Settings {
    /// Where SCIM is served.
    pub listen: SocketAddr,
    /// Certificate and key; plain HTTP when absent.
    pub tls: Option<TlsFiles>,
    /// Where report, health, readiness and metrics are served; nowhere when absent.
    pub report_listen: Option<SocketAddr>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness for identifiers.
    pub random: Arc<dyn Random>,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error("the configuration cannot be served")]
    Config(#[from] ReloadError),
    /// A listener.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: ListenError,
    },
}

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
    /// The store of a directory cannot be read.
    #[error("the store of {name} cannot be read")]
    Read {
        /// The directory.
        name: ScimTenantName,
        /// Why.
        #[source]
        source: StoreError,
    },
    /// Two directories in one file.
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
struct Core {
    shared: Arc<Shared>,
    random: Arc<dyn Random>,
    loaded: Mutex<Loaded>,
    reloading: tokio::sync::Mutex<()>,
}

/// A running workload.
pub struct Server {
    core: Arc<Core>,
    public: Listening,
    report: Option<Listening>,
    stop: CancellationToken,
}

impl Server {
    /// Opens the stores and begins to serve.
    ///
    /// # Errors
    /// When the configuration, a store, a certificate or an address cannot be used.
    pub async fn start(settings: Settings, config: WorkloadConfig) -> Result<Self, StartError> {
        let digest = config::digest(&config.to_json());
        Self::start_document(settings, config, digest).await
    }

    async fn start_document(
        settings: Settings,
        config: WorkloadConfig,
        digest: String,
    ) -> Result<Self, StartError> {
        let mut process = [0; 4];
        settings.random.fill(&mut process);
        let empty = Table {
            report_token: config.report_token.clone(),
            scim_tenants: Vec::new(),
        };
        let shared = Shared::new(
            empty,
            Arc::clone(&settings.clock),
            u32::from_be_bytes(process),
        );
        let core = Arc::new(Core {
            shared: Arc::new(shared),
            random: settings.random,
            loaded: Mutex::default(),
            reloading: tokio::sync::Mutex::default(),
        });
        core.load(config, digest).await?;
        let stop = CancellationToken::new();
        let router = http::router(Arc::clone(&core.shared));
        let public = match listen(settings.listen, router, settings.tls, &stop).await {
            Ok(public) => public,
            Err(error) => {
                core.close().await;
                return Err(error);
            }
        };
        let report = match settings.report_listen {
            None => None,
            Some(address) => {
                let router = report::router(Arc::clone(&core));
                match listen(address, router, None, &stop).await {
                    Ok(report) => Some(report),
                    Err(error) => {
                        stop.cancel();
                        public.shutdown(Duration::ZERO).await;
                        core.close().await;
                        return Err(error);
                    }
                }
            }
        };
        let saving = stop
            .clone()
            .run_until_cancelled_owned(save(Arc::clone(&core)));
        tokio::spawn(saving);
        Ok(Self {
            core,
            public,
            report,
            stop,
        })
    }

    /// Serves `config` from now on, without dropping a request; stores that stay are kept open.
    ///
    /// # Errors
    /// When it cannot be served; then the previous one goes on, and the report says so.
    pub async fn reload(&self, config: WorkloadConfig) -> Result<(), ReloadError> {
        let digest = config::digest(&config.to_json());
        self.reload_document(config, digest).await
    }

    async fn reload_document(
        &self,
        config: WorkloadConfig,
        digest: String,
    ) -> Result<(), ReloadError> {
        let result = self.core.load(config, digest).await;
        if let Err(error) = &result {
            self.core.reject(crate::telemetry::chain(error));
        }
        result
    }

    /// What is known: counts, cycles, errors, use of credentials.
    ///
    /// # Errors
    /// When a store cannot be read.
    pub async fn report(&self) -> Result<Report, StoreError> {
        self.core.report().await
    }

    /// Where SCIM is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.public.address
    }

    /// Where the report is served.
    pub fn report_addr(&self) -> Option<SocketAddr> {
        self.report.as_ref().map(|report| report.address)
    }

    /// Announces the end: not ready any more, connections close after their next answer; everything is still served.
    pub fn drain(&self) {
        self.core.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Answers what is in work, saves, closes the stores.
    pub async fn shutdown(self) {
        self.drain();
        self.public.shutdown(GRACE).await;
        self.stop.cancel();
        self.core.close().await;
        if let Some(report) = self.report {
            report.shutdown(Duration::from_secs(1)).await;
        }
    }
}

async fn listen(
    address: SocketAddr,
    router: axum::Router,
    tls: Option<TlsFiles>,
    stop: &CancellationToken,
) -> Result<Listening, StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| failed(error.into()))?;
    match tls {
        None => Listening::plain(listener, router).map_err(|error| failed(error.into())),
        Some(files) => Listening::tls(listener, router, files, stop.clone())
            .await
            .map_err(failed),
    }
}

async fn save(core: Arc<Core>) {
    let mut ticks = tokio::time::interval(SAVE_EVERY);
    loop {
        ticks.tick().await;
        for scim_tenant in &core.shared.table.load_full().scim_tenants {
            scim_tenant.opened.save_activity().await;
        }
    }
}

impl Core {
    /// Makes the table of `config` and puts it in the place of the present one.
    async fn load(&self, config: WorkloadConfig, digest: String) -> Result<(), ReloadError> {
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
        let kept = |opened: &Opened| scim_tenants.iter().any(|it| it.opened.path == opened.path);
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
        for opened in gone {
            opened.save_activity().await;
            opened.store.close().await;
        }
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
        let schemas = Schemas::new(&config.schema).map_err(|source| ReloadError::Schema {
            name: name.clone(),
            source,
        })?;
        let StoreConfig::Sqlite { path } = config.store.clone();
        if let Some(other) = others.iter().find(|it| it.opened.path == path) {
            return Err(ReloadError::SharedStore {
                first: other.config.name.clone(),
                second: name,
            });
        }
        let open = before.scim_tenants.iter().find(|it| it.opened.path == path);
        let opened = match open {
            Some(open) => Arc::clone(&open.opened),
            None => {
                let opened = Arc::new(open_store(name, path).await?);
                fresh.push(Arc::clone(&opened));
                opened
            }
        };
        let directory = Directory::new(
            schemas,
            Arc::clone(&opened.store),
            Arc::clone(&self.shared.clock),
            Arc::clone(&self.random),
        );
        Ok(ScimTenant::new(config, directory, opened))
    }

    fn loaded(&self) -> std::sync::MutexGuard<'_, Loaded> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers why the newest configuration is not served.
    fn reject(&self, error: String) {
        tracing::error!(
            error,
            "the new configuration is not served, the previous one goes on"
        );
        self.loaded().error = Some(error);
    }

    async fn report(&self) -> Result<Report, StoreError> {
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
            let counts = scim_tenant.opened.store.counts().await?;
            let clients = scim_tenant.opened.with_activity(|activity| {
                let names = scim_tenant.clients.names();
                names.map(|name| activity.report(name, now)).collect()
            });
            report.scim_tenants.push(ScimTenantReport {
                name: scim_tenant.config.name.clone(),
                users: counts.users,
                active_users: counts.active_users,
                groups: counts.groups,
                clients,
            });
        }
        Ok(report)
    }

    /// Saves and closes all stores.
    async fn close(&self) {
        let _one_at_a_time = self.reloading.lock().await;
        for scim_tenant in &self.shared.table.load_full().scim_tenants {
            scim_tenant.opened.save_activity().await;
            scim_tenant.opened.store.close().await;
        }
    }
}

async fn open_store(name: ScimTenantName, path: PathBuf) -> Result<Opened, ReloadError> {
    let store = store::open(&path)
        .await
        .map_err(|source| ReloadError::Open {
            name: name.clone(),
            source,
        })?;
    let notes = store
        .notes()
        .await
        .map_err(|source| ReloadError::Read { name, source })?;
    Ok(Opened::new(path, store, Activity::restore(notes)))
}
