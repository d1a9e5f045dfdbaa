//! What is counted: reconciles, queues, failures by reason, objects by state. Never by object.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::api::Kind;
use crate::api::conditions::READY;
use crate::reconcile::ReconcileError;

use super::cache::Caches;
use super::queue::Queues;

type Labels = Vec<(&'static str, String)>;

/// The metrics of the operator.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    reconciles: Family<Labels, Counter>,
    durations: Family<Labels, Histogram>,
    errors: Family<Labels, Counter>,
    depths: Family<Labels, Gauge>,
    objects: Family<Labels, Gauge>,
    leading: Gauge,
    caches: Arc<Caches>,
    queues: Arc<Queues>,
}

impl Metrics {
    /// Metrics over these caches and queues.
    pub(super) fn new(caches: Arc<Caches>, queues: Arc<Queues>) -> Self {
        let metrics = Self {
            registry: Mutex::new(Registry::with_prefix("usher_operator")),
            reconciles: Family::default(),
            durations: Family::new_with_constructor(|| {
                Histogram::new(exponential_buckets(0.005, 2.0, 14))
            }),
            errors: Family::default(),
            depths: Family::default(),
            objects: Family::default(),
            leading: Gauge::default(),
            caches,
            queues,
        };
        let mut registry = metrics
            .registry
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        registry.register(
            "reconciles",
            "Finished reconciles",
            metrics.reconciles.clone(),
        );
        registry.register(
            "reconcile_duration_seconds",
            "Time of reconciles",
            metrics.durations.clone(),
        );
        registry.register(
            "reconcile_errors",
            "Failed reconciles by reason",
            metrics.errors.clone(),
        );
        registry.register(
            "queue_depth",
            "Objects whose time has come",
            metrics.depths.clone(),
        );
        registry.register(
            "objects",
            "Objects by the status of Ready",
            metrics.objects.clone(),
        );
        registry.register(
            "leading",
            "Whether this replica acts",
            metrics.leading.clone(),
        );
        drop(registry);
        metrics
    }

    /// Counts a finished reconcile.
    pub(super) fn reconciled(&self, kind: Kind, error: Option<&ReconcileError>, took: Duration) {
        let kind = ("kind", kind.as_str().to_owned());
        let result = if error.is_some() {
            "failed"
        } else {
            "succeeded"
        };
        let labels = vec![kind.clone(), ("result", result.to_owned())];
        self.reconciles.get_or_create(&labels).inc();
        self.durations
            .get_or_create(&vec![kind.clone()])
            .observe(took.as_secs_f64());
        if let Some(error) = error {
            let reason = ("reason", error.reason().as_str().to_owned());
            self.errors.get_or_create(&vec![kind, reason]).inc();
        }
    }

    /// Notes whether this replica acts.
    pub(super) fn set_leading(&self, leading: bool) {
        self.leading.set(leading.into());
    }

    /// Whether every watch has delivered its first list.
    pub(super) fn is_ready(&self) -> bool {
        self.caches.are_complete()
    }

    /// The metrics as `OpenMetrics` text.
    pub(super) fn text(&self) -> String {
        for kind in Kind::ALL {
            let depth = i64::try_from(self.queues.of(kind).depth()).unwrap_or(i64::MAX);
            self.depths
                .get_or_create(&vec![("kind", kind.as_str().to_owned())])
                .set(depth);
        }
        self.count_objects();
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        encode(&mut text, &registry).expect("writing to a String cannot fail");
        text
    }

    fn count_objects(&self) {
        self.objects.clear();
        let count = |kind: Kind, conditions: Option<&[Condition]>| {
            let ready = conditions
                .into_iter()
                .flatten()
                .find(|it| it.type_ == READY)
                .map_or("Unknown", |it| it.status.as_str());
            let labels = vec![
                ("kind", kind.as_str().to_owned()),
                ("ready", ready.to_owned()),
            ];
            self.objects.get_or_create(&labels).inc();
        };
        for it in self.caches.scim_tenants.all() {
            let conditions = it.status.as_ref().map(|it| it.conditions.as_slice());
            count(Kind::ScimTenant, conditions);
        }
        for it in self.caches.azure_connectors.all() {
            let conditions = it.status.as_ref().map(|it| it.conditions.as_slice());
            count(Kind::AzureConnector, conditions);
        }
        for it in self.caches.user_mappings.all() {
            let conditions = it.status.as_ref().map(|it| it.conditions.as_slice());
            count(Kind::UserMapping, conditions);
        }
    }
}
