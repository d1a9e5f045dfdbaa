//! The Kubernetes side: watches, queues, leadership, and the adapter through which reconciling works on a cluster.

mod cache;
mod children;
pub mod connection;
mod controllers;
mod definitions;
mod events;
mod failure;
mod kubernetes;
mod leadership;
mod metrics;
mod metrics_server;
mod queue;
pub mod rbac;
mod reports;
mod service_account;
mod triggers;
mod watches;
mod workloads;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use kube::Client;
use kube::runtime::events::Reporter;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::api::Kind;
use crate::clock::{Clock, Random};
use crate::plan::ChildKind;
use crate::reconcile::{Context, Settings as ReconcileSettings};

use children::Applied;
use controllers::Controllers;
use events::Events;
use kubernetes::Kubernetes;
use leadership::{Elector, Leadership};
use metrics::Metrics;
use reports::Reports;
use triggers::Triggers;
use watches::Scope;

pub use leadership::LeaseSettings;

/// Field manager of everything that is applied.
pub const FIELD_MANAGER: &str = "usher";

/// How long the end may take before what still runs is left behind.
const PATIENCE_AT_END: Duration = Duration::from_secs(5);

/// Settings of the operator.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Settings of every reconcile.
    pub reconcile: ReconcileSettings,
    /// Namespaces that are watched; every namespace when empty.
    pub namespaces: Vec<String>,
    /// The Lease by which one of several replicas acts; none to act at once.
    pub lease: Option<LeaseSettings>,
    /// Address of a report, with `{name}` and `{namespace}` of the `ScimTenant`.
    pub report_url: String,
    /// How often each report is read.
    pub report_every: Duration,
    /// Where metrics, health and readiness are served; nowhere when absent.
    pub metrics_listen: Option<SocketAddr>,
    /// Name of this process in events.
    pub instance: String,
}

/// What ends the operator.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The metrics cannot be served.
    #[error("cannot listen on {address} for metrics and health")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The report client cannot be made.
    #[error("cannot make a client for reports")]
    ReportClient(#[source] reqwest::Error),
}

/// Runs the operator until `end` is cancelled. An API server that cannot be reached is waited for.
pub async fn run(
    client: Client,
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    end: CancellationToken,
) -> Result<(), OperatorError> {
    let operator = Operator::new(client, settings, clock, random)?;
    let mut tasks = JoinSet::new();
    if let Some(address) = operator.settings.metrics_listen {
        let server = metrics_server::bind(address, Arc::clone(&operator.metrics)).await?;
        tasks.spawn(server.serve(end.clone()));
    }
    let known = definitions::wait(&operator.client);
    if end.run_until_cancelled(known).await.is_some() {
        operator.act(&end).await;
    }
    let ended = async { while tasks.join_next().await.is_some() {} };
    if tokio::time::timeout(PATIENCE_AT_END, ended).await.is_err() {
        tracing::warn!("open requests for metrics were left behind");
    }
    Ok(())
}

struct Operator {
    client: Client,
    settings: Settings,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    triggers: Triggers,
    leadership: Arc<Leadership>,
    reports: Arc<Reports>,
    controllers: Controllers,
}

impl Operator {
    fn new(
        client: Client,
        settings: Settings,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, OperatorError> {
        let triggers = Triggers {
            caches: Arc::default(),
            queues: Arc::default(),
        };
        let leadership = Arc::new(if settings.lease.is_some() {
            Leadership::by_lease()
        } else {
            Leadership::always()
        });
        let reports = Arc::new(
            Reports::new(settings.report_url.clone()).map_err(OperatorError::ReportClient)?,
        );
        let metrics = Arc::new(Metrics::new(
            Arc::clone(&triggers.caches),
            Arc::clone(&triggers.queues),
        ));
        let reporter = Reporter {
            controller: FIELD_MANAGER.to_owned(),
            instance: Some(settings.instance.clone()),
        };
        let platform = Kubernetes {
            client: client.clone(),
            caches: Arc::clone(&triggers.caches),
            triggers: triggers.clone(),
            applied: Applied::default(),
            reports: Arc::clone(&reports),
            leadership: Arc::clone(&leadership),
            events: Events::new(client.clone(), reporter),
            token_issuer: service_account::token_issuer(),
        };
        let context = Context::new(
            Arc::new(platform),
            Arc::clone(&clock),
            random,
            settings.reconcile.clone(),
        );
        Ok(Self {
            controllers: Controllers {
                context: Arc::new(context),
                queues: Arc::clone(&triggers.queues),
                metrics: Arc::clone(&metrics),
            },
            client,
            settings,
            clock,
            metrics,
            triggers,
            leadership,
            reports,
        })
    }

    /// Watches all the time, and works on objects while leading.
    async fn act(&self, end: &CancellationToken) {
        let elector =
            self.settings.lease.clone().map(|lease| {
                Elector::new(&self.client, lease, &self.leadership, self.clock.as_ref())
            });
        let election = async {
            if let Some(mut elector) = elector {
                elector.run(end).await;
                elector.release().await;
            } else {
                end.cancelled().await;
            }
        };
        tokio::select! {
            // Watches end only with the process.
            () = self.watch() => {}
            () = self.work() => {}
            () = election => {}
        }
    }

    /// Works on objects whenever this process leads.
    async fn work(&self) {
        let mut leading = self.leadership.changes();
        loop {
            if leading.wait_for(|it| *it).await.is_err() {
                return;
            }
            self.wait_until_complete().await;
            self.metrics.set_leading(true);
            self.triggers.all();
            let workers = self.controllers.start();
            let polling = reports::poll(
                Arc::clone(&self.reports),
                self.settings.report_every,
                |key| self.triggers.caches.scim_tenants.get(key).is_some(),
                |key| self.triggers.report(key),
            );
            tokio::select! {
                () = polling => {}
                _ = leading.wait_for(|it| !*it) => {}
            }
            drop(workers);
            self.metrics.set_leading(false);
            for kind in Kind::ALL {
                self.triggers.queues.of(kind).clear();
            }
        }
    }

    async fn wait_until_complete(&self) {
        while !self.triggers.caches.are_complete() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Keeps the caches, for ever.
    async fn watch(&self) {
        let namespaces: Vec<Option<String>> = if self.settings.namespaces.is_empty() {
            vec![None]
        } else {
            self.settings.namespaces.iter().cloned().map(Some).collect()
        };
        self.triggers.caches.expect(3 * namespaces.len());
        let caches = &self.triggers.caches;
        let scope = |namespace: &Option<String>| Scope {
            client: self.client.clone(),
            namespace: namespace.clone(),
            triggers: &self.triggers,
        };
        let mut watching: Vec<BoxFuture<'_, ()>> = Vec::new();
        for namespace in &namespaces {
            watching.push(
                watches::custom_resources(
                    scope(namespace),
                    &caches.scim_tenants,
                    Triggers::scim_tenant,
                )
                .boxed(),
            );
            watching.push(
                watches::custom_resources(
                    scope(namespace),
                    &caches.azure_connectors,
                    Triggers::azure_connector,
                )
                .boxed(),
            );
            watching.push(
                watches::custom_resources(
                    scope(namespace),
                    &caches.user_mappings,
                    Triggers::user_mapping,
                )
                .boxed(),
            );
            for kind in ChildKind::ALL {
                watching.push(watches::children(scope(namespace), kind).boxed());
            }
        }
        futures::future::join_all(watching).await;
    }
}
