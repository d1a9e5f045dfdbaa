//! What is there, the log, the clock and the keys.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Said;
use super::answer::{Wrong, read, said};
use super::applications;
use crate::emulator::running_job::JobView;
use crate::emulator::world::World;

/// Entries of the log that are given unless more are asked for.
const ENTRIES: usize = 1_000;

/// Which entries.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    job: Option<String>,
    limit: Option<usize>,
}

/// How far the clock is put forward.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Forward {
    by: SignedDuration,
}

/// Everything but people and groups, which are counted.
pub(super) fn whole(world: &World) -> Value {
    let tenant = world.directory.read();
    let now = world.job_clock.now();
    let jobs = world.jobs();
    let jobs: Vec<JobView> = jobs.iter().map(|it| it.view(now)).collect();
    let live = tenant.users().values();
    let live = live.filter(|it| it.soft_deleted.is_none()).count();
    let applications = tenant.applications().values();
    let applications: Vec<Value> = applications.map(applications::shown).collect();
    json!({
        "tenantId": tenant.id,
        "authority": format!("{}/{}/v2.0", world.base, tenant.id),
        "now": now,
        "speed": world.job_clock.speed(),
        "people": live,
        "deletedPeople": tenant.users().len() - live,
        "groups": tenant.groups().len(),
        "applications": applications,
        "jobs": jobs,
        "faults": world.faults(),
    })
}

/// The state as JSON.
pub(super) async fn state(State(world): State<Arc<World>>) -> Said {
    Ok(said(&whole(&world)))
}

/// The newest entries of the provisioning log, one on each line.
pub(super) async fn log(State(world): State<Arc<World>>, Query(which): Query<Which>) -> Said {
    let lines = world
        .log
        .lines(which.job.as_deref(), which.limit.unwrap_or(ENTRIES));
    Ok(([(CONTENT_TYPE, "application/jsonl")], lines).into_response())
}

/// Puts the clock of the jobs forward.
pub(super) async fn advance(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let forward: Forward = read(&body)?;
    if forward.by.is_negative() {
        return Err(Wrong::Field {
            field: "by".to_owned(),
            got: forward.by.to_string(),
            want: "a time such as PT40M or PT672H; the clock is never put back",
        });
    }
    world.job_clock.advance(forward.by);
    for job in world.jobs() {
        job.wake();
    }
    Ok(said(&json!({"now": world.job_clock.now()})))
}

/// Signs by another key from now on.
pub(super) async fn rotate(State(world): State<Arc<World>>) -> Said {
    let random = Arc::clone(&world.random);
    // It takes a good part of a second.
    let made = tokio::task::spawn_blocking(move || random.rsa_key());
    let key = made.await.map_err(|_| Wrong::Key)?;
    world.identity.rotate(&key).map_err(|_| Wrong::Key)?;
    Ok(said(&json!({"rotated": true})))
}
