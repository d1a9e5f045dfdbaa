//! All that is played by one process: a tenant, its jobs, and the platform that people sign in at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;
use url::Url;

use crate::clock::{Clock, Random};

use super::cycle::Provisioner;
use super::directory::Directory;
use super::faults::Faults;
use super::identity::Identity;
use super::job::Job;
use super::job_clock::JobClock;
use super::kept_log::{JobLog, KeptLog};
use super::running_job::{RunningJob, Stage, Started};
use super::tenant::EntraTenant;

/// What is played.
pub(super) struct World {
    /// The address by which others know it, without a slash at its end.
    pub(super) base: String,
    pub(super) directory: Directory,
    /// Time as provisioning has it.
    pub(super) job_clock: JobClock,
    /// Time as everybody else has it.
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) identity: Identity,
    pub(super) log: Arc<KeptLog>,
    pub(super) end: CancellationToken,
    jobs: Mutex<BTreeMap<String, Started>>,
    faults: Mutex<Faults>,
}

/// What a world is made of.
pub(super) struct Origin {
    pub(super) base: Url,
    pub(super) tenant: EntraTenant,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) identity: Identity,
    pub(super) speed: f64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(super) fn new(origin: Origin) -> Self {
        Self {
            base: origin.base.as_str().trim_end_matches('/').to_owned(),
            directory: Directory::new(origin.tenant),
            job_clock: JobClock::new(Arc::clone(&origin.clock), origin.speed),
            clock: origin.clock,
            random: origin.random,
            identity: origin.identity,
            log: Arc::default(),
            end: CancellationToken::new(),
            jobs: Mutex::default(),
            faults: Mutex::default(),
        }
    }

    /// What a cycle is run on.
    pub(super) const fn stage(&self) -> Stage<'_> {
        Stage {
            directory: &self.directory,
            clock: &self.job_clock,
        }
    }

    /// Starts a job, in the place of the one that has the name.
    pub(super) fn start(self: &Arc<Self>, name: &str, provisioner: Provisioner, job: Job) {
        let provisioner = provisioner.also_logged(|other| {
            Box::new(JobLog {
                job: name.to_owned(),
                kept: Arc::clone(&self.log),
                other,
            })
        });
        provisioner.connection().set_faults(self.faults());
        let job = Arc::new(RunningJob::new(name.to_owned(), provisioner, job));
        let end = self.end.child_token();
        let started = Started {
            job: Arc::clone(&job),
            end: end.clone(),
        };
        if let Some(before) = lock(&self.jobs).insert(name.to_owned(), started) {
            before.end.cancel();
        }
        let world = Arc::clone(self);
        tokio::spawn(async move { job.run(world.stage(), end).await });
    }

    /// Ends a job; whether there was one of the name.
    pub(super) fn stop(&self, name: &str) -> bool {
        let removed = lock(&self.jobs).remove(name);
        removed.is_some_and(|it| {
            it.end.cancel();
            true
        })
    }

    /// The jobs by their names.
    pub(super) fn jobs(&self) -> Vec<Arc<RunningJob>> {
        let jobs = lock(&self.jobs);
        jobs.values().map(|it| Arc::clone(&it.job)).collect()
    }

    /// The job of this name.
    pub(super) fn job(&self, name: &str) -> Option<Arc<RunningJob>> {
        lock(&self.jobs).get(name).map(|it| Arc::clone(&it.job))
    }

    /// The faults in effect.
    pub(super) fn faults(&self) -> Faults {
        lock(&self.faults).clone()
    }

    /// Puts faults in the place of those that are in effect.
    pub(super) async fn set_faults(&self, faults: Faults) {
        *lock(&self.faults) = faults.clone();
        for job in self.jobs() {
            job.set_faults(&faults, self.job_clock.now()).await;
        }
    }
}
