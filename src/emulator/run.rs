//! A cycle under way: whom it looks at, in which order, and what it counts.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use futures::stream::{self, StreamExt};
use jiff::Timestamp;
use uuid::Uuid;

use crate::clock::SystemRandom;
use crate::expression::{Environment, SourceObject};

use super::cycle::{Provisioner, Summary};
use super::deletions;
use super::dialect::Dialect;
use super::failure::Failure;
use super::job::Job;
use super::log::{Action, Context, Entry, Outcome};
use super::mapped::{Assigned, Change, Unmapped, mapped};
use super::schema::ObjectMapping;
use super::tenant::{EntraTenant, ObjectId};
use super::users::Reference;

/// Failures of which a summary keeps the words.
const MOST_FAILURES: usize = 100;

/// Requests in a row without an answer, after which a cycle is given up.
const MOST_UNANSWERED: u64 = 50;

/// A cycle under way, which has taken the job for as long as it runs.
pub(super) struct Run<'a> {
    pub(super) provisioner: &'a Provisioner,
    pub(super) tenant: &'a EntraTenant,
    pub(super) dialect: Dialect,
    pub(super) entitled: HashSet<ObjectId>,
    pub(super) environment: Environment<'static>,
    /// Whether it is somebody's wish: roles are left out then.
    pub(super) on_demand: bool,
    now: Timestamp,
    visible: u64,
    cycle: Uuid,
    entries: AtomicU64,
    job: Mutex<Job>,
    /// Whose each resource is.
    owners: Mutex<HashMap<String, ObjectId>>,
    references: Mutex<Vec<Reference>>,
    summary: Mutex<Summary>,
    /// Why the cycle is given up.
    given_up: Mutex<Option<Failure>>,
}

/// A user or group of the tenant, and what it is called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Named<'a> {
    /// `User` or `Group`.
    pub(super) kind: &'static str,
    pub(super) id: ObjectId,
    pub(super) name: &'a str,
}

/// A failure, and what was tried.
pub(super) type Tried<T> = Result<T, (Action, Failure)>;

pub(super) fn tried(action: Action) -> impl Fn(Failure) -> (Action, Failure) {
    move |failure| (action, failure)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<'a> Run<'a> {
    pub(super) fn new(
        provisioner: &'a Provisioner,
        (tenant, visible): (&'a EntraTenant, u64),
        job: &mut Job,
        now: Timestamp,
        dialect: Dialect,
    ) -> Self {
        let job = std::mem::take(job);
        let users = job.users.iter().map(|(id, it)| (it.id.clone(), *id));
        let groups = job.groups.iter().map(|(id, it)| (it.id.clone(), *id));
        Self {
            provisioner,
            tenant,
            dialect,
            entitled: tenant.entitled_users(),
            environment: Environment::at(now, &SystemRandom),
            on_demand: false,
            now,
            visible,
            cycle: Uuid::from_u128(tenant.id.as_u128() ^ (u128::from(job.cycles) << 64)),
            entries: AtomicU64::new(0),
            owners: Mutex::new(users.chain(groups).collect()),
            job: Mutex::new(job),
            references: Mutex::default(),
            summary: Mutex::default(),
            given_up: Mutex::default(),
        }
    }

    /// All of a cycle; the job is given back as it is afterwards.
    pub(super) async fn cycle(self, job: &mut Job) -> Summary {
        let (users, groups) = self.candidates();
        let leaving = deletions::leaving(&self, &users, &groups);
        let most = self.provisioner.settings.deletion_threshold;
        let is_allowed = self.job().deletions_allowed;
        if most.is_some_and(|most| leaving.len() > most) && !is_allowed {
            deletions::stage(&self, &leaving);
            let now = self.now;
            let summary = self.end(job).0;
            let why = format!("{} disables and deletions are staged", leaving.len());
            job.quarantine_for("TooManyDeletes", why, now);
            return summary;
        }
        self.provisioner
            .progress()
            .begin(users.len() + groups.len());
        self.each(&users, |it| self.user(*it)).await;
        self.references().await;
        self.each(&groups, |it| self.group(*it)).await;
        self.each(&groups, |it| self.memberships(*it, None)).await;
        let (now, visible) = (self.now, self.visible);
        let (summary, given_up) = self.end(job);
        if let Some(failure) = given_up {
            job.quarantine_for("EncounteredQuarantineException", failure.to_string(), now);
            return summary;
        }
        job.watermark = Some(visible);
        job.deletions_allowed = false;
        match job.too_many_escrows() {
            Some((reason, why)) => job.quarantine_for(reason, why, now),
            None => job.quarantine = None,
        }
        summary
    }

    /// References that had to wait, once whoever is referred to exists.
    pub(super) async fn references(&self) {
        let references = std::mem::take(&mut *lock(&self.references));
        self.each(&references, |it| self.reference(it)).await;
    }

    /// Gives the job back.
    pub(super) fn end(self, job: &mut Job) -> (Summary, Option<Failure>) {
        let after = self.job.into_inner();
        *job = after.unwrap_or_else(PoisonError::into_inner);
        (lock(&self.summary).clone(), lock(&self.given_up).clone())
    }

    /// Users and groups to be looked at: at the first time all, later those that changed or are to be tried again, in the order in
    /// which they changed.
    fn candidates(&self) -> (Vec<ObjectId>, Vec<ObjectId>) {
        let job = self.job();
        let after = job.watermark.unwrap_or_default();
        let is_first = job.watermark.is_none();
        let is_new = |at: u64| at > after && at <= self.visible;
        let due: BTreeSet<ObjectId> = job.due(self.now).collect();
        let (tenant, mut users, mut groups) = (self.tenant, Vec::new(), Vec::new());
        for (id, user) in tenant.users() {
            if is_first || is_new(user.changed()) || due.contains(id) {
                users.push((user.changed(), *id));
            }
        }
        for (id, group) in tenant.groups() {
            if is_first || is_new(group.changed()) || due.contains(id) {
                groups.push((group.changed(), *id));
            }
        }
        // Who is gone and still has a resource; that a resource was forgotten needs no look.
        let gone_users = job
            .users
            .keys()
            .filter(|it| !tenant.users().contains_key(it));
        let gone_groups = job
            .groups
            .keys()
            .filter(|it| !tenant.groups().contains_key(it));
        users.extend(gone_users.map(|id| (0, *id)));
        groups.extend(gone_groups.map(|id| (0, *id)));
        let in_order = |mut some: Vec<(u64, ObjectId)>| {
            some.sort_unstable();
            some.into_iter().map(|(_, id)| id).collect()
        };
        (in_order(users), in_order(groups))
    }

    /// Does `work` for each of `all`, several at once, until the cycle is given up.
    pub(super) async fn each<'i, T: Sync, Work>(
        &self,
        all: &'i [T],
        work: impl Fn(&'i T) -> Work + Send,
    ) where
        Work: Future<Output = ()> + Send,
    {
        let at_once = self.provisioner.settings.at_once.max(1);
        let all = stream::iter(all).take_while(|_| {
            let goes_on = lock(&self.given_up).is_none();
            async move { goes_on }
        });
        all.for_each_concurrent(at_once, work).await;
    }

    pub(super) fn job(&self) -> MutexGuard<'_, Job> {
        lock(&self.job)
    }

    pub(super) fn summary(&self) -> MutexGuard<'_, Summary> {
        lock(&self.summary)
    }

    /// The other object of the tenant that a resource belongs to; if there is none, it belongs to this one now.
    pub(super) fn other_owner(&self, resource: &str, id: ObjectId) -> Option<ObjectId> {
        let mut owners = lock(&self.owners);
        let owner = *owners.entry(resource.to_owned()).or_insert(id);
        (owner != id).then_some(owner)
    }

    pub(super) fn disown(&self, resource: &str) {
        lock(&self.owners).remove(resource);
    }

    pub(super) fn later(&self, reference: Reference) {
        lock(&self.references).push(reference);
    }

    /// What `mapping` makes of an object; nothing, and that is logged, where an expression lets it be.
    pub(super) fn assigned<'m>(
        &self,
        of: Named<'_>,
        mapping: &'m ObjectMapping,
        object: &SourceObject,
    ) -> Tried<Option<Vec<Assigned<'m>>>> {
        match mapped(mapping, object, &self.environment) {
            Ok(assigned) => Ok(Some(assigned)),
            Err(Unmapped::Ignored(target)) => {
                let why = format!("the expression of {target} says IgnoreObjectFlow");
                self.skipped(of, "EntrySynchronizationSkipped", &why);
                Ok(None)
            }
            Err(Unmapped::Failed(why)) => {
                let failure = Failure::of("EntrySynchronizationError", "mapping", why);
                Err((Action::Other, failure))
            }
        }
    }

    /// Ends what was tried with an object, or escrows it.
    pub(super) fn settle(&self, of: Named<'_>, outcome: Tried<()>) {
        match outcome {
            Ok(()) => {
                self.job().escrows.remove(&of.id);
            }
            Err((action, failure)) => self.failed(of, action, &failure, false),
        }
    }

    /// Counts and logs what was done.
    pub(super) fn done(&self, of: Named<'_>, action: Action, target: &str, changes: &[Change<'_>]) {
        {
            let mut summary = self.summary();
            match action {
                Action::Create => summary.created += 1,
                Action::Update | Action::Other => summary.updated += 1,
                Action::Disable => summary.disabled += 1,
                Action::Delete => summary.deleted += 1,
                Action::StagedDelete => summary.staged += 1,
            }
        }
        self.record(&Entry {
            action,
            of,
            target: Some(target),
            changes,
            outcome: Outcome::Success,
        });
    }

    /// Counts and logs that an object is let be.
    pub(super) fn skipped(&self, of: Named<'_>, code: &'static str, reason: &str) {
        self.summary().skipped += 1;
        self.record(&Entry {
            action: Action::Other,
            of,
            target: None,
            changes: &[],
            outcome: Outcome::Skipped(code, reason),
        });
    }

    /// Counts, logs and escrows a failure.
    pub(super) fn failed(&self, of: Named<'_>, action: Action, failure: &Failure, reference: bool) {
        self.record(&Entry {
            action,
            of,
            target: None,
            changes: &[],
            outcome: Outcome::Failure(failure),
        });
        let is_fatal = failure.status == Some(401)
            || failure.code.contains("ServiceIncompatible") && failure.request.starts_with("GET")
            || self.provisioner.connection.unanswered() >= MOST_UNANSWERED;
        if is_fatal {
            lock(&self.given_up).get_or_insert_with(|| failure.clone());
        }
        {
            let mut summary = self.summary();
            summary.failed += 1;
            if summary.failures.len() < MOST_FAILURES {
                summary.failures.push(failure.clone());
            }
        }
        self.job()
            .escrow(of.id, failure.clone(), reference, self.now);
    }

    pub(super) fn record(&self, entry: &Entry<'_>) {
        if let Some(log) = &self.provisioner.log {
            log.record(entry.to_json(Context {
                tenant: self.tenant.id,
                cycle: self.cycle,
                now: self.now,
                number: self.entries.fetch_add(1, Ordering::Relaxed),
            }));
        }
    }
}
