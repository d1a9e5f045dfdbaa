//! Entra as it is played: random tenants with random histories against the server, and what a bad server is told.
//!
//! A replay needs the seed that is printed: `USHER_SEED=7 cargo nextest run -E 'test(emulator::)'`. `USHER_SOAK=1` plays 500 tenants.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod controlled;
mod differ;
pub(crate) mod served;
mod tokens;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use usher::clock::{Clock, ManualClock};
use usher::emulator::{
    Connection, Dialect, Dice, EntraTenant, Faults, Job, JobState, ObjectId, OnDemandError,
    Provisioner, Restart, Schema, Settings, Size, Summary, event, generated, verdict,
};

use crate::workload_server::{TOKEN, Workload};

/// A tenant, its job, and a server.
struct Played {
    tenant: EntraTenant,
    job: Job,
    provisioner: Provisioner,
    clock: ManualClock,
    workload: Workload,
}

impl Played {
    async fn start(size: Size, dialect: Dialect, settings: Settings) -> Self {
        let workload = Workload::start(&json!({})).await;
        let connection = Connection::new(&workload.base, TOKEN).unwrap();
        let connection = connection.with_dialect(dialect);
        let clock = ManualClock::at("2026-03-01T08:00:00Z".parse().unwrap());
        Self {
            tenant: generated(size, clock.now()),
            job: Job::default(),
            provisioner: Provisioner::new(connection, Schema::default(), settings),
            clock,
            workload,
        }
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn cycle(&mut self) -> Summary {
        let now = self.now();
        self.tenant.purge_expired(now);
        let visible = self.tenant.version();
        let cycle = self
            .provisioner
            .cycle(&self.tenant, visible, &mut self.job, now);
        let summary = cycle.await;
        self.clock.advance(Duration::from_mins(40));
        summary
    }

    /// What is different at the target.
    async fn differences(&self, references: differ::References) -> Vec<String> {
        let users = walk(&self.workload, "/Users").await;
        let groups = walk(&self.workload, "/Groups").await;
        let tenant = serde_json::to_value(&self.tenant).unwrap();
        differ::differences(&tenant, &users, &groups, references)
    }
}

/// Everything at `path`, page by page.
async fn walk(workload: &Workload, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = format!("{path}?count=100&startIndex={}", all.len() + 1);
        let (status, mut list) = workload.send("GET", &page, None).await;
        assert_eq!(status, 200, "{list}");
        match list["Resources"].take() {
            Value::Array(page) if !page.is_empty() => all.extend(page),
            _ => return all,
        }
    }
}

/// One tenant with a history that follows from `seed`: equal after each cycle, no quarantine, no write without need.
async fn history(seed: u64) {
    let mut dice = Dice::new(seed);
    let size = Size {
        people: 3 + dice.below(30),
        groups: dice.below(6),
        seed,
    };
    let dialect = [Dialect::Default, Dialect::AadOptscim062020][dice.below(2)];
    let mut played = Played::start(size, dialect, Settings::default()).await;
    let said = |what: &str, summary: &Summary| format!("seed {seed}: {what}: {summary:?}");
    let first = played.cycle().await;
    assert_eq!(first.failed, 0, "{}", said("initial", &first));
    assert_eq!(
        played.differences(differ::References::Compared).await,
        [""; 0],
        "seed {seed}: initial cycle"
    );
    for round in 0..2 + dice.below(5) {
        changes(
            &mut played,
            &mut dice,
            &format!("seed {seed}, round {round}"),
        )
        .await;
    }
    played.job.restart(Restart::Button);
    let again = played.cycle().await;
    assert_eq!(again.failed, 0, "{}", said("restart", &again));
    assert_eq!(
        played.differences(differ::References::Compared).await,
        [""; 0],
        "seed {seed}: after a restart"
    );
    played.job.restart(Restart::Button);
    let needless = played.cycle().await;
    assert_eq!(
        needless.writes(),
        0,
        "{}",
        said("a second restart", &needless)
    );
    let verdict = verdict(
        played.provisioner.connection(),
        &played.job,
        Some(&needless),
    );
    assert_eq!(verdict.quarantine, None, "seed {seed}");
    played.workload.server.shutdown().await;
}

/// A few things happen, and an incremental cycle brings them over.
async fn changes(played: &mut Played, dice: &mut Dice, when: &str) {
    let seen = played.tenant.version();
    for _ in 0..=dice.below(6) {
        let now = played.now();
        event(&mut played.tenant, dice, seen, now);
    }
    if dice.once_in(4) {
        played.clock.advance(Duration::from_hours(31 * 24));
    }
    let mut summary = played.cycle().await;
    // A name that is freed and taken in one cycle may need another.
    if played.job.counts()[2] > 0 {
        summary = played.cycle().await;
    }
    assert_eq!(summary.failed, 0, "{when}: {summary:?}");
    assert_eq!(played.job.counts()[2], 0, "{when}: {summary:?}");
    assert_eq!(played.job.state(played.now()), JobState::Active, "{when}");
    let different = played.differences(differ::References::LeftOut).await;
    assert_eq!(different, [""; 0], "{when}");
}

#[tokio::test]
async fn random_tenants_are_equal_after_every_history_soak() {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    if let Some(seed) = number("USHER_SEED") {
        return history(seed).await;
    }
    let count = if number("USHER_SOAK").is_some() {
        500
    } else {
        40
    };
    for seed in 0..count {
        history(seed).await;
    }
}

const SMALL: Size = Size {
    people: 12,
    groups: 3,
    seed: 7,
};

#[tokio::test]
async fn lost_answers_make_nobody_twice() {
    let mut played = Played::start(SMALL, Dialect::Default, Settings::default()).await;
    played.provisioner.connection().set_faults(Faults {
        lose_answer_of_each: 4,
        ..Faults::default()
    });
    let first = played.cycle().await;
    assert!(first.failed > 0, "{first:?}");
    played
        .provisioner
        .connection()
        .set_faults(Faults::default());

    let second = played.cycle().await;

    assert_eq!(second.failed, 0, "{second:?}");
    played.job.restart(Restart::Button);
    played.cycle().await;
    let different = played.differences(differ::References::Compared).await;
    assert_eq!(different, [""; 0]);
    played.workload.server.shutdown().await;
}

#[tokio::test]
async fn an_expired_secret_is_a_quarantine_that_ends_by_itself() {
    let mut played = Played::start(SMALL, Dialect::Default, Settings::default()).await;
    played.provisioner.connection().set_faults(Faults {
        expired_secret: true,
        ..Faults::default()
    });
    let refused = played.cycle().await;
    assert_eq!((refused.requests, refused.created), (1, 0));
    assert_eq!(played.job.state(played.now()), JobState::Quarantine);
    let quarantine = played.job.quarantine().unwrap();
    assert_eq!(quarantine.reason, "EncounteredQuarantineException");
    assert!(quarantine.detail.contains("401"), "{}", quarantine.detail);

    played
        .provisioner
        .connection()
        .set_faults(Faults::default());
    played.cycle().await;
    assert_eq!(played.job.state(played.now()), JobState::Active);
    played.workload.server.shutdown().await;
}

#[tokio::test]
async fn too_many_deletions_wait_for_an_administrator() {
    let settings = Settings {
        deletion_threshold: Some(3),
        ..Settings::default()
    };
    let mut played = Played::start(SMALL, Dialect::Default, settings).await;
    played.cycle().await;
    let now = played.now();
    let people: Vec<_> = played.tenant.entitled_users().into_iter().take(4).collect();
    for id in people {
        played.tenant.soft_delete(id, now);
    }

    let staged = played.cycle().await;
    assert_eq!((staged.staged, staged.writes()), (4, 0), "{staged:?}");
    assert_eq!(played.job.quarantine().unwrap().reason, "TooManyDeletes");

    played.job.allow_deletions();
    let allowed = played.cycle().await;
    assert_eq!((allowed.staged, allowed.disabled), (0, 4), "{allowed:?}");
    played.workload.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_person_is_provisioned_on_demand() {
    let size = Size {
        people: 12,
        groups: 0,
        seed: 5,
    };
    let mut played = Played::start(size, Dialect::Default, Settings::default()).await;
    let (entitled, now) = (played.tenant.entitled_users(), played.now());
    let live = |it: &&ObjectId| played.tenant.users()[*it].soft_deleted.is_none();
    let one = *entitled.iter().find(live).unwrap();
    let nobody = ObjectId::nil();
    let demand = (one, &[][..]);

    let done = played
        .provisioner
        .on_demand(&played.tenant, &mut played.job, demand, now)
        .await;
    let unknown = played
        .provisioner
        .on_demand(&played.tenant, &mut played.job, (nobody, &[]), now)
        .await;

    let done = done.unwrap();
    assert_eq!((done.created, done.failed), (1, 0), "{done:?}");
    assert_eq!(unknown.unwrap_err(), OnDemandError::Unknown(nobody));
    assert_eq!(walk(&played.workload, "/Users").await.len(), 1);
    let rest = played.cycle().await;
    assert_eq!(rest.failed, 0, "{rest:?}");
    assert_eq!(
        played.differences(differ::References::Compared).await,
        [""; 0]
    );
    played.workload.server.shutdown().await;
}
