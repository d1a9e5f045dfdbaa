//! A provisioning job that runs by itself: a cycle every 40 minutes of its clock, and whatever an administrator starts in between.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::cycle::{Provisioner, Summary};
use super::directory::Directory;
use super::failure::Failure;
use super::faults::Faults;
use super::job::{Job, JobState, Quarantine, Restart};
use super::job_clock::JobClock;
use super::on_demand::OnDemandError;
use super::tenant::ObjectId;

/// Cycles of which the summary is shown.
const MOST_CYCLES: usize = 20;

/// Why a fault puts jobs into quarantine.
const ASKED_FOR: &str = "a fault asks for it";

/// A job with a name.
pub(super) struct RunningJob {
    pub(super) name: String,
    provisioner: Provisioner,
    /// Whoever holds it is the one that provisions.
    job: tokio::sync::Mutex<Job>,
    shown: Mutex<Shown>,
    wake: Notify,
}

/// What is known of a job while a cycle has it.
#[derive(Clone, Default)]
struct Shown {
    /// Without what the job knows of people and groups.
    outline: Job,
    /// Users and groups with a resource, and those that failed.
    counts: [usize; 3],
    running: bool,
    last: Option<Timestamp>,
    cycles: Vec<Cycle>,
}

/// A cycle that has run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cycle {
    /// When it began, by the clock of the job.
    pub started_at: Timestamp,
    /// How it went.
    #[serde(flatten)]
    pub summary: Summary,
}

/// A job as it is shown.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobView {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) state: JobState,
    /// Whether a cycle is running.
    pub(super) running: bool,
    /// People and groups that the cycle has looked at, and all that it will.
    pub(super) progress: [usize; 2],
    pub(super) users: usize,
    pub(super) groups: usize,
    pub(super) failing: usize,
    pub(super) requests: u64,
    pub(super) next_cycle: Option<Timestamp>,
    pub(super) quarantine: Option<Quarantine>,
    /// The last ones, the newest last.
    pub(super) cycles: Vec<Cycle>,
}

impl JobView {
    /// The state in a word.
    pub(super) const fn state_name(&self) -> &'static str {
        match self.state {
            JobState::NotRun => "NotRun",
            JobState::Active => "Active",
            JobState::Quarantine => "Quarantine",
            JobState::Disabled => "Disabled",
        }
    }
}

/// What a cycle is run on.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) directory: &'a Directory,
    pub(super) clock: &'a JobClock,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shown {
    fn look(&mut self, job: &Job) {
        self.outline = job.outline();
        self.counts = job.counts();
    }
}

impl RunningJob {
    pub(super) fn new(name: String, provisioner: Provisioner, job: Job) -> Self {
        let mut shown = Shown::default();
        shown.look(&job);
        Self {
            name,
            provisioner,
            job: tokio::sync::Mutex::new(job),
            shown: Mutex::new(shown),
            wake: Notify::new(),
        }
    }

    /// Runs cycles when it is time, until `end`.
    pub(super) async fn run(&self, stage: Stage<'_>, end: CancellationToken) {
        loop {
            let woken = self.wake.notified();
            let due = self.due(stage.clock.now());
            let wait = due.map(|it| stage.clock.until(it));
            let sleep = async {
                match wait {
                    Some(wait) => tokio::time::sleep(wait).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = end.cancelled() => return,
                () = woken => continue,
                () = sleep => {}
            }
            if self
                .due(stage.clock.now())
                .is_some_and(|it| it <= stage.clock.now())
            {
                self.cycle(stage).await;
            }
        }
    }

    /// When the next cycle begins; never, once 28 days of quarantine are over.
    fn due(&self, now: Timestamp) -> Option<Timestamp> {
        let shown = lock(&self.shown);
        match (shown.outline.state(now), shown.last) {
            (JobState::Disabled, _) => None,
            (_, None) => Some(now),
            (_, Some(last)) => Some(shown.outline.next_cycle(last)),
        }
    }

    /// Runs a cycle now.
    pub(super) async fn cycle(&self, stage: Stage<'_>) -> Summary {
        let mut job = self.job.lock().await;
        lock(&self.shown).running = true;
        let now = stage.clock.now();
        let faults = self.provisioner.connection().faults();
        stage.directory.purge_expired(now);
        let lag = jiff::SignedDuration::from_secs(faults.lag_seconds.into());
        let then = now.checked_sub(lag).unwrap_or(now);
        let (tenant, visible) = stage.directory.visible(then);
        let summary = if faults.quarantine {
            quarantine(&mut job, now)
        } else {
            self.provisioner
                .cycle(&tenant, visible, &mut job, now)
                .await
        };
        let mut shown = lock(&self.shown);
        shown.running = false;
        shown.last = Some(now);
        shown.look(&job);
        if shown.cycles.len() == MOST_CYCLES {
            shown.cycles.remove(0);
        }
        shown.cycles.push(Cycle {
            started_at: now,
            summary: summary.clone(),
        });
        drop(shown);
        // What comes next may be another time than was waited for.
        self.wake.notify_waiters();
        summary
    }

    /// Provisions one user, or one group with `members`.
    pub(super) async fn on_demand(
        &self,
        stage: Stage<'_>,
        (id, members): (ObjectId, &[ObjectId]),
    ) -> Result<Summary, OnDemandError> {
        let mut job = self.job.lock().await;
        let tenant = stage.directory.read();
        let now = stage.clock.now();
        let done = self
            .provisioner
            .on_demand(&tenant, &mut job, (id, members), now)
            .await;
        lock(&self.shown).look(&job);
        done
    }

    /// Test Connection.
    pub(super) async fn test_connection(&self) -> Result<(), Failure> {
        self.provisioner.test_connection().await
    }

    /// Begins anew; the next cycle comes at once.
    pub(super) async fn restart(&self, restart: Restart) {
        self.change(|job| job.restart(restart)).await;
        lock(&self.shown).last = None;
        self.wake.notify_waiters();
    }

    /// Lets the next cycle disable and delete, however many that are; it comes at once.
    pub(super) async fn allow_deletions(&self) {
        self.change(Job::allow_deletions).await;
        lock(&self.shown).last = None;
        self.wake.notify_waiters();
    }

    /// Puts faults into effect, quarantine at once.
    pub(super) async fn set_faults(&self, faults: &Faults, now: Timestamp) {
        let before = self.provisioner.connection().faults();
        self.provisioner.connection().set_faults(faults.clone());
        if faults.quarantine && !before.quarantine {
            self.change(|job| {
                quarantine(job, now);
            })
            .await;
        }
        self.wake.notify_waiters();
    }

    /// Looks at the clock again, which was put forward.
    pub(super) fn wake(&self) {
        self.wake.notify_waiters();
    }

    async fn change(&self, change: impl FnOnce(&mut Job)) {
        let mut job = self.job.lock().await;
        change(&mut job);
        lock(&self.shown).look(&job);
    }

    /// What is shown of it at `now`.
    pub(super) fn view(&self, now: Timestamp) -> JobView {
        let due = self.due(now);
        let shown = lock(&self.shown);
        let connection = self.provisioner.connection();
        let (done, all) = self.provisioner.progress().read();
        let [users, groups, failing] = shown.counts;
        JobView {
            name: self.name.clone(),
            url: connection.url().to_owned(),
            state: shown.outline.state(now),
            running: shown.running,
            progress: [done, all],
            users,
            groups,
            failing,
            requests: connection.requests(),
            next_cycle: due,
            quarantine: shown.outline.quarantine().cloned(),
            cycles: shown.cycles.clone(),
        }
    }
}

/// Puts the job into quarantine, or leaves it there for longer.
fn quarantine(job: &mut Job, now: Timestamp) -> Summary {
    job.quarantine_for("EncounteredQuarantineException", ASKED_FOR, now);
    Summary {
        quarantine: job
            .quarantine()
            .map(|it| format!("{}: {}", it.reason, it.detail)),
        ..Summary::default()
    }
}

/// A job and what makes it end.
pub(super) struct Started {
    pub(super) job: Arc<RunningJob>,
    pub(super) end: CancellationToken,
}
