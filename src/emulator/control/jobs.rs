//! Provisioning jobs, and what an administrator does to them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};

use super::answer::{Wrong, read as read_body, said};
use super::{Said, groups};
use crate::emulator::client::Connection;
use crate::emulator::cycle::{Provisioner, Settings, Summary};
use crate::emulator::identity::find_person;
use crate::emulator::job::{Job, Restart};
use crate::emulator::running_job::{JobView, RunningJob};
use crate::emulator::schema::Schema;
use crate::emulator::tenant::{EntraTenant, ObjectId};
use crate::emulator::world::World;

/// What is entered in the portal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct NewJob {
    /// Tenant URL.
    url: String,
    /// Secret Token.
    token: String,
    #[serde(default = "scim")]
    name: String,
    /// A synchronization schema, as Entra or `usher mapping export` gives it.
    schema: Option<Value>,
    deletion_threshold: Option<usize>,
    #[serde(default)]
    skip_out_of_scope_deletions: bool,
}

fn scim() -> String {
    "scim".to_owned()
}

/// What a restart forgets.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Restarting {
    #[serde(default)]
    full: bool,
}

/// Who is provisioned on demand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Demand {
    person: Option<String>,
    group: Option<String>,
    #[serde(default)]
    members: Vec<String>,
}

fn find(world: &World, name: &str) -> Result<Arc<RunningJob>, Wrong> {
    world.job(name).ok_or_else(|| Wrong::job(name))
}

/// All jobs.
pub(super) async fn list(State(world): State<Arc<World>>) -> Said {
    let now = world.job_clock.now();
    let jobs = world.jobs();
    let jobs: Vec<JobView> = jobs.iter().map(|it| it.view(now)).collect();
    Ok(said(&json!({ "jobs": jobs })))
}

/// One job.
pub(super) async fn read(State(world): State<Arc<World>>, Path(name): Path<String>) -> Said {
    let job = find(&world, &name)?;
    Ok(said(&job.view(world.job_clock.now())))
}

/// Enters URL and token, tests the connection, and starts to provision. As in the portal nothing is saved when the test fails.
pub(super) async fn add(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let new: NewJob = read_body(&body)?;
    let connection = Connection::new(&new.url, &new.token);
    let connection = connection.map_err(|_| Wrong::Field {
        field: "url".to_owned(),
        got: new.url.clone(),
        want: "a Tenant URL that begins with http:// or https://",
    })?;
    let schema = match &new.schema {
        Some(schema) => Schema::read(schema).map_err(|error| Wrong::Body(error.to_string()))?,
        None => Schema::default(),
    };
    let settings = Settings {
        deletion_threshold: new.deletion_threshold,
        skip_out_of_scope_deletions: new.skip_out_of_scope_deletions,
        ..Settings::default()
    };
    let provisioner = Provisioner::new(connection, schema, settings);
    provisioner.test_connection().await?;
    world.start(&new.name, provisioner, Job::default());
    let job = find(&world, &new.name)?;
    Ok(said(&job.view(world.job_clock.now())))
}

/// Ends a job. What it made at the server stays there.
pub(super) async fn delete(State(world): State<Arc<World>>, Path(name): Path<String>) -> Said {
    if world.stop(&name) {
        return Ok(said(&json!({ "name": name })));
    }
    Err(Wrong::job(&name))
}

/// Runs `work` to its end, whether or not who asked for it waits.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Wrong> {
    tokio::spawn(work).await.map_err(|_| Wrong::Ending)
}

async fn cycle_of(world: &Arc<World>, job: Arc<RunningJob>) -> Result<Summary, Wrong> {
    let world = Arc::clone(world);
    to_its_end(async move { job.cycle(world.stage()).await }).await
}

/// Runs a cycle now, and says how it went.
pub(super) async fn cycle(State(world): State<Arc<World>>, Path(name): Path<String>) -> Said {
    let job = find(&world, &name)?;
    Ok(said(&cycle_of(&world, job).await?))
}

/// Runs a cycle of each job now, one after the other.
pub(super) async fn cycle_all(State(world): State<Arc<World>>) -> Said {
    let mut all = serde_json::Map::new();
    for job in world.jobs() {
        let name = job.name.clone();
        let summary = cycle_of(&world, job).await?;
        all.insert(name, json!(summary));
    }
    Ok(said(&all))
}

/// "Restart provisioning"; `full` forgets who is who as well.
pub(super) async fn restart(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Said {
    let restarting: Restarting = read_body(&body)?;
    let job = find(&world, &name)?;
    let how = if restarting.full {
        Restart::Full
    } else {
        Restart::Button
    };
    job.restart(how).await;
    Ok(said(&job.view(world.job_clock.now())))
}

/// Test Connection.
pub(super) async fn test(State(world): State<Arc<World>>, Path(name): Path<String>) -> Said {
    find(&world, &name)?.test_connection().await?;
    Ok(said(&json!({"connected": true})))
}

/// Lets disables and deletions through that were staged.
pub(super) async fn allow_deletions(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
) -> Said {
    let job = find(&world, &name)?;
    job.allow_deletions().await;
    Ok(said(&job.view(world.job_clock.now())))
}

/// Provisions one person, or one group with some of its members.
pub(super) async fn on_demand(
    State(world): State<Arc<World>>,
    Path(name): Path<String>,
    body: Bytes,
) -> Said {
    let demand: Demand = read_body(&body)?;
    let job = find(&world, &name)?;
    let tenant = world.directory.read();
    let id = match (&demand.person, &demand.group) {
        (Some(person), None) => one(&tenant, person)?,
        (None, Some(group)) => groups::find(&tenant, group)?,
        _ => {
            return Err(Wrong::Body(
                "want either person or group, a name or an objectId".to_owned(),
            ));
        }
    };
    let members = demand.members.iter().map(|it| one(&tenant, it));
    let members: Vec<ObjectId> = members.collect::<Result<_, _>>()?;
    let done = to_its_end(async move { job.on_demand(world.stage(), (id, &members)).await });
    Ok(said(&done.await??))
}

fn one(tenant: &EntraTenant, name: &str) -> Result<ObjectId, Wrong> {
    find_person(tenant, name).ok_or_else(|| Wrong::person(name))
}
