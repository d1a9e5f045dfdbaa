//! The workload: serves the directories of one `WorkloadConfig`. Protocol over domain over store; it knows no custom resources.

mod activity;
mod administration;
mod api;
mod applications;
mod attempts;
mod core;
mod credentials;
mod device;
mod directory;
mod entrance;
mod figures;
mod file;
mod guesses;
mod handover;
mod http;
mod intake;
mod jwt;
mod keys;
mod listener;
mod mail;
mod metrics;
mod noted;
mod oauth;
mod opened;
mod outbound;
mod passwords;
mod portal;
mod recorder;
mod replay;
mod report;
mod routing;
mod scim;
mod sealing;
mod sessions;
mod sign_in;
mod source;
mod told;
mod totp;
mod upkeep;
mod webauthn;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
use tokio_util::sync::CancellationToken;

use crate::clock::{Clock, Random};
use crate::config::report::PeoplePage;
use crate::config::{self, Report, ScimTenantName, TokenDigest, WorkloadConfig};
use core::Core;
use listener::Listening;

pub use core::ReloadError;
pub use file::{FileError, run};
pub use listener::{ListenError, TlsError, TlsFiles};
pub use opened::location;

/// How long requests in work may take after the end was announced.
const GRACE: Duration = Duration::from_secs(15);

/// Connections that may wait to be let in; a system has a bound of its own, mostly this one.
const BACKLOG: u32 = 4096;

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
        let server = Self::listen(settings, config.report_token.clone()).await?;
        match server.core.load(config, digest).await {
            Ok(()) => Ok(server),
            Err(error) => {
                server.shutdown().await;
                Err(error.into())
            }
        }
    }

    /// Takes requests, and keeps them until something is loaded.
    async fn listen(settings: Settings, report_token: TokenDigest) -> Result<Self, StartError> {
        let core = Arc::new(Core::new(report_token, settings.clock, settings.random));
        let stop = CancellationToken::new();
        let router = entrance::router(Arc::clone(&core.shared));
        let public = listen(settings.listen, router, settings.tls, &stop).await?;
        let report = match settings.report_listen {
            None => None,
            Some(address) => {
                let router = report::router(Arc::clone(&core));
                match listen(address, router, None, &stop).await {
                    Ok(report) => Some(report),
                    Err(error) => {
                        stop.cancel();
                        public.shutdown(Duration::ZERO).await;
                        return Err(error);
                    }
                }
            }
        };
        let saving = stop
            .clone()
            .run_until_cancelled_owned(Arc::clone(&core).save());
        tokio::spawn(saving);
        let tidying = stop
            .clone()
            .run_until_cancelled_owned(Arc::clone(&core).tidy());
        tokio::spawn(tidying);
        let telling = stop
            .clone()
            .run_until_cancelled_owned(Arc::clone(&core).tell_of_ends());
        tokio::spawn(telling);
        let replaying = stop
            .clone()
            .run_until_cancelled_owned(Arc::clone(&core).replay());
        tokio::spawn(replaying);
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
    pub async fn report(&self) -> Report {
        self.core.report().await
    }

    /// A page of the people of one directory, behind the place `after`; nothing when it is not served or cannot be read.
    pub async fn people(&self, name: &ScimTenantName, after: Option<i64>) -> Option<PeoplePage> {
        self.core.people(name, after).await
    }

    /// Where SCIM is served.
    pub fn local_addr(&self) -> SocketAddr {
        self.public.address
    }

    /// Where the report is served.
    pub fn report_addr(&self) -> Option<SocketAddr> {
        self.report.as_ref().map(|report| report.address)
    }

    /// Announces the end: connections close after their next answer; everything is still served.
    pub fn drain(&self) {
        self.core.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Answers what is in work, saves, closes the stores.
    pub async fn shutdown(self) {
        self.drain();
        self.public.shutdown(GRACE).await;
        self.core.shared.mail.close().await;
        self.stop.cancel();
        self.core.close().await;
        if let Some(report) = self.report {
            report.shutdown(Duration::from_secs(1)).await;
        }
    }
}

/// A socket at which thousands may arrive at once: for whom it has no place, a second is lost.
fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

async fn listen(
    address: SocketAddr,
    router: axum::Router,
    tls: Option<TlsFiles>,
    stop: &CancellationToken,
) -> Result<Listening, StartError> {
    let failed = |source| StartError::Listen { address, source };
    let listener = bind(address).map_err(|error| failed(error.into()))?;
    match tls {
        None => Listening::plain(listener, router).map_err(|error| failed(error.into())),
        Some(files) => Listening::tls(listener, router, files, stop.clone())
            .await
            .map_err(failed),
    }
}
