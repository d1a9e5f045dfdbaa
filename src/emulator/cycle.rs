//! Provisioning cycles in Entra's order: test, people, their managers, groups, memberships.

use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde::Serialize;

use super::client::Connection;
use super::failure::Failure;
use super::job::Job;
use super::log::ProvisioningLog;
use super::run::Run;
use super::schema::Schema;
use super::tenant::EntraTenant;

/// What the connection test looks for: nobody is called so.
const NOBODY: &str = "6f9619ff-8b86-d011-b42d-00c04fc964ff";

/// How a job provisions.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// How many people or groups are provisioned at once.
    pub at_once: usize,
    /// "Prevent accidental deletion": more disables and deletions in a cycle than this are staged.
    pub deletion_threshold: Option<usize>,
    /// `SkipOutOfScopeDeletions`: who merely leaves the scope is left alone.
    pub skip_out_of_scope_deletions: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            at_once: 1,
            deletion_threshold: None,
            skip_out_of_scope_deletions: false,
        }
    }
}

/// Plays Entra's provisioning service for one job.
pub struct Provisioner {
    pub(super) connection: Connection,
    pub(super) schema: Schema,
    pub(super) settings: Settings,
    pub(super) log: Option<Box<dyn ProvisioningLog>>,
    progress: Progress,
}

impl std::fmt::Debug for Provisioner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Provisioner")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// How far a cycle is, in people and groups.
#[derive(Debug, Default)]
pub struct Progress {
    done: AtomicUsize,
    all: AtomicUsize,
}

impl Progress {
    /// People and groups that were looked at, and all that will be.
    pub fn read(&self) -> (usize, usize) {
        (
            self.done.load(Ordering::Relaxed),
            self.all.load(Ordering::Relaxed),
        )
    }

    pub(super) fn begin(&self, all: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.all.store(all, Ordering::Relaxed);
    }

    pub(super) fn step(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Which cycle it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CycleKind {
    /// Everybody in scope.
    Initial,
    /// Whoever has changed, and what failed before.
    #[default]
    Incremental,
    /// Some that an administrator chose.
    OnDemand,
}

/// How a cycle went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Which it was.
    pub kind: CycleKind,
    /// Requests sent.
    pub requests: u64,
    /// People and groups created.
    pub created: u64,
    /// Changes of people and groups, memberships included.
    pub updated: u64,
    /// People disabled.
    pub disabled: u64,
    /// People and groups deleted.
    pub deleted: u64,
    /// Objects that are out of scope and were let be.
    pub skipped: u64,
    /// Objects that could not be provisioned.
    pub failed: u64,
    /// The first of the failures.
    pub failures: Vec<Failure>,
    /// Deletions that wait for an administrator.
    pub staged: u64,
    /// Why the job is in quarantine after it.
    pub quarantine: Option<String>,
}

impl Summary {
    /// How many requests changed something.
    pub const fn writes(&self) -> u64 {
        self.created + self.updated + self.disabled + self.deleted
    }
}

impl Provisioner {
    /// A job that provisions over `connection` by `schema`.
    pub fn new(connection: Connection, schema: Schema, settings: Settings) -> Self {
        Self {
            connection,
            schema,
            settings,
            log: None,
            progress: Progress::default(),
        }
    }

    /// The same, and what it does is logged.
    #[must_use]
    pub fn with_log(self, log: Box<dyn ProvisioningLog>) -> Self {
        Self {
            log: Some(log),
            ..self
        }
    }

    /// The same, and what it does is logged by what `also` makes of the log that it has.
    pub(super) fn also_logged(
        self,
        also: impl FnOnce(Option<Box<dyn ProvisioningLog>>) -> Box<dyn ProvisioningLog>,
    ) -> Self {
        Self {
            log: Some(also(self.log)),
            ..self
        }
    }

    /// The connection.
    pub const fn connection(&self) -> &Connection {
        &self.connection
    }

    /// How far the cycle is that runs.
    pub const fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Entra's Test Connection, which it repeats at the beginning of each cycle.
    pub async fn test_connection(&self) -> Result<(), Failure> {
        let matching = self.schema.users.matching.first();
        let target = matching.map(|it| self.schema.users.lines[*it].target.path());
        let attribute = target.unwrap_or_else(|| "userName".to_owned());
        let found = self.connection.find("Users", &attribute, NOBODY).await?;
        if found.is_empty() {
            return Ok(());
        }
        Err(Failure::of(
            "SystemForCrossDomainIdentityManagementServiceIncompatibleFiltering",
            "GET Users",
            format!("the filter {attribute} eq \"{NOBODY}\" finds somebody, so it is not obeyed"),
        ))
    }

    /// Runs the job's next cycle on `tenant` as it was in version `visible`.
    pub async fn cycle(
        &self,
        tenant: &EntraTenant,
        visible: u64,
        job: &mut Job,
        now: Timestamp,
    ) -> Summary {
        let before = self.connection.requests();
        let kind = match job.watermark {
            None => CycleKind::Initial,
            Some(_) => CycleKind::Incremental,
        };
        job.cycles += 1;
        let mut summary = Summary {
            kind,
            ..Summary::default()
        };
        if let Err(failure) = self.test_connection().await {
            job.quarantine_for("EncounteredQuarantineException", failure.to_string(), now);
            summary.failed = 1;
            summary.failures = vec![failure];
        } else {
            let dialect = self.connection.dialect();
            let run = Run::new(self, (tenant, visible), job, now, dialect);
            summary = Summary {
                kind,
                ..run.cycle(job).await
            };
        }
        summary.requests = self.connection.requests() - before;
        summary.quarantine = job
            .quarantine()
            .map(|it| format!("{}: {}", it.reason, it.detail));
        summary
    }
}
