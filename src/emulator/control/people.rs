//! What an administrator does to people.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::Said;
use super::answer::{Wrong, read as read_body, said};
use crate::emulator::attributes::AttributeValue;
use crate::emulator::identity::find_person;
use crate::emulator::tenant::{EntraTenant, ObjectId, User, named_id};
use crate::emulator::world::World;

/// People that are listed at a time.
const PAGE: usize = 100;

/// What is searched for, and from where on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Search {
    #[serde(default)]
    search: String,
    #[serde(default)]
    skip: usize,
}

/// What is changed; an attribute that is null or empty is taken away.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Changes {
    account_enabled: Option<bool>,
    assigned: Option<bool>,
    #[serde(default)]
    manager: Manager,
    app_roles: Option<Vec<String>>,
    #[serde(flatten)]
    attributes: BTreeMap<String, Option<AttributeValue>>,
}

/// What becomes of the manager; null takes the one away who is there.
#[derive(Debug, Default, Deserialize)]
#[serde(from = "Option<String>")]
enum Manager {
    #[default]
    AsBefore,
    Nobody,
    Somebody(String),
}

impl From<Option<String>> for Manager {
    fn from(name: Option<String>) -> Self {
        name.map_or(Self::Nobody, Self::Somebody)
    }
}

/// How somebody is deleted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Deletion {
    #[serde(default)]
    permanently: bool,
}

fn shown(id: ObjectId, user: &User) -> Value {
    let mut all = Map::new();
    all.insert("objectId".to_owned(), id.to_string().into());
    for (name, value) in user.attributes.pairs() {
        let value = match value {
            AttributeValue::One(text) => text.as_str().into(),
            AttributeValue::Many(texts) => texts.clone().into(),
        };
        all.insert(name.to_owned(), value);
    }
    for (name, value) in [
        ("accountEnabled", json!(user.account_enabled)),
        ("assigned", json!(user.assigned)),
        ("manager", json!(user.manager)),
        ("appRoles", json!(user.app_roles)),
        ("softDeleted", json!(user.soft_deleted)),
    ] {
        all.insert(name.to_owned(), value);
    }
    Value::Object(all)
}

/// Who is called so; deleted people go by their object ids.
fn find(tenant: &EntraTenant, who: &str) -> Result<ObjectId, Wrong> {
    find_person(tenant, who).ok_or_else(|| Wrong::person(who))
}

fn one(world: &World, id: ObjectId) -> Said {
    let tenant = world.directory.read();
    let user = tenant.users().get(&id);
    let user = user.ok_or_else(|| Wrong::person(&id.to_string()))?;
    Ok(said(&shown(id, user)))
}

/// People in whose names `search` is, a hundred at a time.
pub(super) async fn list(State(world): State<Arc<World>>, Query(search): Query<Search>) -> Said {
    let tenant = world.directory.read();
    let wanted = search.search.to_lowercase();
    let is_called = |user: &User| {
        let names = ["userPrincipalName", "displayName", "mail"];
        let mut names = names.into_iter().filter_map(|it| user.text(it));
        wanted.is_empty() || names.any(|it| it.to_lowercase().contains(&wanted))
    };
    let all = tenant.users().iter().filter(|(_, it)| is_called(it));
    let total = all.clone().count();
    let page = all.skip(search.skip).take(PAGE);
    let page: Vec<Value> = page.map(|(id, it)| shown(*id, it)).collect();
    Ok(said(&json!({"total": total, "people": page})))
}

/// One person.
pub(super) async fn read(State(world): State<Arc<World>>, Path(who): Path<String>) -> Said {
    let id = find(&world.directory.read(), &who)?;
    one(&world, id)
}

/// Adds somebody.
pub(super) async fn add(State(world): State<Arc<World>>, body: Bytes) -> Said {
    let mut changes: Changes = read_body(&body)?;
    let name = match changes.attributes.get("userPrincipalName") {
        Some(Some(AttributeValue::One(name))) if !name.is_empty() => name.clone(),
        other => {
            return Err(Wrong::Field {
                field: "userPrincipalName".to_owned(),
                got: format!("{other:?}"),
                want: "a name such as ana@contoso.example",
            });
        }
    };
    // Who comes again after a deletion is somebody else.
    let id = named_id(&format!("{} {}", name.to_lowercase(), world.fresh_id()));
    changes.account_enabled.get_or_insert(true);
    changes.assigned.get_or_insert(true);
    let now = world.job_clock.now();
    world.directory.change(now, |tenant| {
        if find_person(tenant, &name).is_some() {
            return Err(Wrong::Twice {
                kind: "a person",
                name,
            });
        }
        let mut user = User::default();
        changes.apply(tenant, &mut user)?;
        tenant.put_user(id, user);
        Ok(())
    })?;
    one(&world, id)
}

/// Changes somebody: a new name, a promotion, a block, an assignment.
pub(super) async fn change(
    State(world): State<Arc<World>>,
    Path(who): Path<String>,
    body: Bytes,
) -> Said {
    let changes: Changes = read_body(&body)?;
    let now = world.job_clock.now();
    let id = world.directory.change(now, |tenant| {
        let id = find(tenant, &who)?;
        let mut user = tenant.users().get(&id).cloned().unwrap_or_default();
        if let Some(Some(AttributeValue::One(name))) = changes.attributes.get("userPrincipalName")
            && find_person(tenant, name).is_some_and(|other| other != id)
        {
            let name = name.clone();
            return Err(Wrong::Twice {
                kind: "a person",
                name,
            });
        }
        changes.apply(tenant, &mut user)?;
        tenant.change_user(id, |it| *it = user);
        Ok(id)
    })?;
    one(&world, id)
}

impl Changes {
    fn apply(self, tenant: &EntraTenant, user: &mut User) -> Result<(), Wrong> {
        for (name, value) in self.attributes {
            let value = value.unwrap_or_else(|| AttributeValue::One(String::new()));
            user.attributes.set(&name, value);
        }
        match self.manager {
            Manager::AsBefore => {}
            Manager::Nobody => user.manager = None,
            Manager::Somebody(name) => user.manager = Some(find(tenant, &name)?),
        }
        user.account_enabled = self.account_enabled.unwrap_or(user.account_enabled);
        user.assigned = self.assigned.unwrap_or(user.assigned);
        if let Some(roles) = self.app_roles {
            user.app_roles = roles;
        }
        Ok(())
    }
}

/// Deletes somebody for 30 days, or permanently; either way their sessions end.
pub(super) async fn delete(
    State(world): State<Arc<World>>,
    Path(who): Path<String>,
    Query(deletion): Query<Deletion>,
) -> Said {
    let now = world.job_clock.now();
    let id = world.directory.change(now, |tenant| {
        let id = find(tenant, &who)?;
        if deletion.permanently {
            tenant.purge(id);
        } else {
            tenant.soft_delete(id, now);
        }
        Ok::<_, Wrong>(id)
    })?;
    world.revoke_sessions(id).await;
    Ok(said(
        &json!({"objectId": id, "permanently": deletion.permanently}),
    ))
}

/// Brings somebody back who was deleted.
pub(super) async fn restore(State(world): State<Arc<World>>, Path(who): Path<String>) -> Said {
    let now = world.job_clock.now();
    let id = world.directory.change(now, |tenant| {
        let id = find(tenant, &who)?;
        tenant.restore(id);
        Ok::<_, Wrong>(id)
    })?;
    one(&world, id)
}

/// "Revoke sessions": whatever somebody is signed in to ends.
pub(super) async fn revoke_sessions(
    State(world): State<Arc<World>>,
    Path(who): Path<String>,
) -> Said {
    let id = find(&world.directory.read(), &who)?;
    world.revoke_sessions(id).await;
    one(&world, id)
}
