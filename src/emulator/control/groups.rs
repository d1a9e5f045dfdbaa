//! What an administrator does to groups.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Said;
use super::answer::{Wrong, read as read_body, said};
use crate::emulator::identity::find_person;
use crate::emulator::tenant::{EntraTenant, Group, ObjectId};
use crate::emulator::world::World;

/// Groups that are listed.
const MOST: usize = 1_000;

/// What is changed. Members are people or groups, by their names or ids.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    assigned: Option<bool>,
    #[serde(default)]
    add_members: Vec<String>,
    #[serde(default)]
    remove_members: Vec<String>,
    #[serde(flatten)]
    attributes: BTreeMap<String, String>,
}

fn shown(id: ObjectId, group: &Group) -> Value {
    json!({
        "objectId": id,
        "displayName": group.text("displayName"),
        "assigned": group.assigned,
        "members": group.members,
    })
}

fn find_group(tenant: &EntraTenant, which: &str) -> Option<ObjectId> {
    if let Ok(id) = Uuid::parse_str(which) {
        return tenant.groups().contains_key(&id).then_some(id);
    }
    let mut all = tenant.groups().iter();
    let found = all.find(|(_, it)| {
        it.text("displayName")
            .is_some_and(|it| it.eq_ignore_ascii_case(which))
    });
    found.map(|(id, _)| *id)
}

/// The group that is called so.
pub(super) fn find(tenant: &EntraTenant, which: &str) -> Result<ObjectId, Wrong> {
    find_group(tenant, which).ok_or_else(|| Wrong::group(which))
}

fn one(world: &World, id: ObjectId) -> Said {
    let tenant = world.directory.read();
    let group = tenant.groups().get(&id);
    let group = group.ok_or_else(|| Wrong::group(&id.to_string()))?;
    Ok(said(&shown(id, group)))
}

/// All groups.
pub(super) async fn list(State(world): State<Arc<World>>) -> Said {
    let tenant = world.directory.read();
    let all = tenant.groups().iter().take(MOST);
    let all: Vec<Value> = all.map(|(id, it)| shown(*id, it)).collect();
    let total = tenant.groups().len();
    Ok(said(&json!({"total": total, "groups": all})))
}

/// One group.
pub(super) async fn read(State(world): State<Arc<World>>, Path(which): Path<String>) -> Said {
    let id = find(&world.directory.read(), &which)?;
    one(&world, id)
}

/// Adds a group.
pub(super) async fn add(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let changes: Changes = read_body(&body)?;
    if changes
        .attributes
        .get("displayName")
        .is_none_or(String::is_empty)
    {
        return Err(Wrong::Field {
            field: "displayName".to_owned(),
            got: String::new(),
            want: "a name such as Night Watch",
        });
    }
    let id = world.fresh_id();
    let now = world.job_clock.now();
    world.directory.change(now, |tenant| {
        let mut group = Group {
            assigned: true,
            ..Group::default()
        };
        changes.apply(tenant, &mut group)?;
        tenant.put_group(id, group);
        Ok::<_, Wrong>(())
    })?;
    one(&world, id)
}

/// Changes a group: its name, its assignment, its members.
pub(super) async fn change(
    State(world): State<Arc<World>>,
    Path(which): Path<String>,
    body: Bytes,
) -> Said {
    let changes: Changes = read_body(&body)?;
    let now = world.job_clock.now();
    let id = world.directory.change(now, |tenant| {
        let id = find(tenant, &which)?;
        let mut group = tenant.groups().get(&id).cloned().unwrap_or_default();
        changes.apply(tenant, &mut group)?;
        tenant.put_group(id, group);
        Ok::<_, Wrong>(id)
    })?;
    one(&world, id)
}

impl Changes {
    fn apply(self, tenant: &EntraTenant, group: &mut Group) -> Result<(), Wrong> {
        for (name, value) in self.attributes {
            group.set(&name, value);
        }
        group.assigned = self.assigned.unwrap_or(group.assigned);
        let member = |name: &String| {
            let found = find_person(tenant, name).or_else(|| find_group(tenant, name));
            found.ok_or_else(|| Wrong::person(name))
        };
        for name in &self.add_members {
            group.members.insert(member(name)?);
        }
        for name in &self.remove_members {
            group.members.remove(&member(name)?);
        }
        Ok(())
    }
}

/// Deletes a group; there is no way back.
pub(super) async fn delete(State(world): State<Arc<World>>, Path(which): Path<String>) -> Said {
    let now = world.job_clock.now();
    let id = world.directory.change(now, |tenant| {
        let id = find(tenant, &which)?;
        tenant.delete_group(id);
        Ok::<_, Wrong>(id)
    })?;
    Ok(said(&json!({ "objectId": id })))
}
