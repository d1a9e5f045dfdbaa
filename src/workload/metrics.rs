//! Metrics in Prometheus' text format: by route, method and status, never by person.

use std::sync::atomic::Ordering;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::mail::Emails;
use super::routing::Endpoint;
use super::scim::Answer;
use crate::scim::deviation::Deviation;
use crate::store::brake::Held;
use crate::store::{Commits, Counts};

/// Upper bounds of the buckets in seconds: Entra gives up after some, 200 ms is felt.
const BUCKETS: [f64; 9] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.25, 1.0, 5.0];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ScimTenantLabels {
    scim_tenant: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RepairLabels {
    kind: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DeniedLabels {
    scim_tenant: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NewcomerLabels {
    scim_tenant: String,
    result: &'static str,
}

/// A number of one directory.
type PerScimTenant = Family<ScimTenantLabels, Gauge>;

/// What is measured.
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    bulk_operations: Family<RequestLabels, Counter>,
    seconds: Histogram,
    panics: Counter,
    repairs: Family<RepairLabels, Counter>,
    denied: Family<DeniedLabels, Counter>,
    users: PerScimTenant,
    active_users: PerScimTenant,
    groups: PerScimTenant,
    transactions: Family<ScimTenantLabels, Counter>,
    writes: Family<ScimTenantLabels, Counter>,
    held: PerScimTenant,
    emails: Emails,
    newcomers: Family<NewcomerLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut it = Self {
            registry: Registry::with_prefix("usher_scim"),
            requests: Family::default(),
            bulk_operations: Family::default(),
            seconds: Histogram::new(BUCKETS),
            panics: Counter::default(),
            repairs: Family::default(),
            denied: Family::default(),
            users: Family::default(),
            active_users: Family::default(),
            groups: Family::default(),
            transactions: Family::default(),
            writes: Family::default(),
            held: Family::default(),
            emails: Family::default(),
            newcomers: Family::default(),
        };
        let registry = &mut it.registry;
        registry.register("requests", "Requests", it.requests.clone());
        registry.register(
            "bulk_operations",
            "Operations of bulk requests, each like a request of its own",
            it.bulk_operations.clone(),
        );
        registry.register_with_unit(
            "request_duration",
            "Time from the head of a request to its answer",
            Unit::Seconds,
            it.seconds.clone(),
        );
        registry.register(
            "panics",
            "Requests that ended by a panic",
            it.panics.clone(),
        );
        registry.register(
            "repairs",
            "Deviations from the SCIM standard that were repaired",
            it.repairs.clone(),
        );
        registry.register(
            "denied",
            "Requests of nobody who was recognized, by what was wrong with the credential: missing, unknown, expired, of another endpoint, unchecked because an issuer cannot be asked; limited after too many unknown ones",
            it.denied.clone(),
        );
        it.register_directories();
        it
    }

    fn register_directories(&mut self) {
        let registry = &mut self.registry;
        registry.register(
            "users",
            "People, deactivated ones included",
            self.users.clone(),
        );
        registry.register(
            "active_users",
            "People who are not deactivated",
            self.active_users.clone(),
        );
        registry.register("groups", "Groups", self.groups.clone());
        registry.register(
            "store_transactions",
            "Transactions committed; each takes one sync of the disk",
            self.transactions.clone(),
        );
        registry.register(
            "store_writes",
            "Writes committed, many in one transaction",
            self.writes.clone(),
        );
        registry.register(
            "held_removals",
            "Deactivations, deletions and removals of members that the brake holds",
            self.held.clone(),
        );
        registry.register(
            "emails",
            "Letters by what became of them: sent, failed after all tries, dropped because too many waited",
            self.emails.clone(),
        );
        registry.register(
            "newcomers",
            "People who signed in without being provisioned, where they are not refused anyhow: created, linked to an account, refused",
            self.newcomers.clone(),
        );
    }

    /// Counts one who signed in without being provisioned.
    pub(crate) fn newcomer(&self, name: &str, result: &'static str) {
        let labels = NewcomerLabels {
            scim_tenant: name.to_owned(),
            result,
        };
        self.newcomers.get_or_create(&labels).inc();
    }

    /// Where letters are counted.
    pub(crate) fn emails(&self) -> Emails {
        self.emails.clone()
    }

    /// Takes over what the brake of a directory holds.
    pub(crate) fn held(&self, name: &str, held: &Held) {
        let labels = ScimTenantLabels {
            scim_tenant: name.to_owned(),
        };
        let all = held.deactivations + held.deletions + held.membership_removals;
        let all = i64::try_from(all).unwrap_or(i64::MAX);
        self.held.get_or_create(&labels).set(all);
    }

    /// Counts one request.
    pub(crate) fn request(
        &self,
        route: &'static str,
        method: &'static str,
        status: u16,
        seconds: f64,
    ) {
        let labels = RequestLabels {
            route,
            method,
            status,
        };
        self.requests.get_or_create(&labels).inc();
        self.seconds.observe(seconds);
    }

    /// Counts what was repaired in one request, and the operations of a bulk request.
    pub(crate) fn answer(&self, answer: &Answer) {
        self.repairs(&answer.repairs);
        for operation in &answer.operations {
            let labels = RequestLabels {
                route: operation.endpoint.as_ref().map_or("other", Endpoint::route),
                method: operation.method,
                status: operation.status,
            };
            self.bulk_operations.get_or_create(&labels).inc();
            self.repairs(&operation.repairs);
        }
    }

    /// Counts one panic.
    pub(crate) fn panic(&self) {
        self.panics.inc();
    }

    fn repairs(&self, repairs: &[Deviation]) {
        for repair in repairs {
            let labels = RepairLabels {
                kind: repair.name(),
            };
            self.repairs.get_or_create(&labels).inc();
        }
    }

    /// Counts one request of nobody who was recognized.
    pub(crate) fn denied(&self, scim_tenant: &str, reason: &'static str) {
        let labels = DeniedLabels {
            scim_tenant: scim_tenant.to_owned(),
            reason,
        };
        self.denied.get_or_create(&labels).inc();
    }

    /// Takes over what a directory has.
    pub(crate) fn scim_tenant(&self, name: &str, counts: Counts, commits: Commits) {
        let labels = ScimTenantLabels {
            scim_tenant: name.to_owned(),
        };
        self.users.get_or_create(&labels).set(counts.users);
        self.active_users
            .get_or_create(&labels)
            .set(counts.active_users);
        self.groups.get_or_create(&labels).set(counts.groups);
        raise(
            &self.transactions.get_or_create(&labels),
            commits.transactions,
        );
        raise(&self.writes.get_or_create(&labels), commits.writes);
    }

    /// All of it as text.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            tracing::error!("the metrics cannot be written");
        }
        text
    }
}

/// Brings a counter up to `to`; a store that was opened anew begins again at zero.
fn raise(counter: &Counter, to: u64) {
    counter.inner().fetch_max(to, Ordering::Relaxed);
}
