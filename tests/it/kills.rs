//! The program killed at random moments under write load: what it acknowledged is there, and nothing is there by half.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::clock::{Random, SeededRandom};

use crate::workload_program::Program;
use crate::workload_server::{TOKEN, answer, client, config, scim_tenant};

const CONNECTIONS: usize = 8;

/// What must be found again.
#[derive(Default)]
struct Acknowledged {
    /// Title of each user by id; a change that was sent but not answered may or may not be there.
    users: BTreeMap<String, BTreeSet<String>>,
    deleted: BTreeSet<String>,
    /// Members of each group by id.
    groups: BTreeMap<String, BTreeSet<String>>,
}

/// Adds a resource and gives its id, unless the program is gone.
async fn post(client: &Client, base: &str, path: &str, body: &Value) -> Option<String> {
    let url = format!("{base}{path}");
    let sent = client
        .post(url)
        .bearer_auth(TOKEN)
        .body(body.to_string())
        .send();
    let created: Value = sent.await.ok()?.json().await.ok()?;
    Some(created["id"].as_str()?.to_owned())
}

/// One connection: adds users, changes and deletes them, makes groups of pairs, until the program is gone.
async fn write(base: String, name: String, known: Arc<Mutex<Acknowledged>>) {
    let client = client();
    let post = async |path: &str, body: Value| post(&client, &base, path, &body).await;
    let mut previous: Option<String> = None;
    for number in 0.. {
        let user = json!({"userName": format!("{name}-{number}"), "title": "new"});
        let Some(id) = post("/Users", user).await else {
            return;
        };
        let titles = BTreeSet::from(["new".to_owned(), "old".to_owned()]);
        known.lock().unwrap().users.insert(id.clone(), titles);
        let url = format!("{base}/Users/{id}");
        let patch = json!({"Operations": [{"op": "replace", "path": "title", "value": "old"}]});
        let sent = client
            .patch(&url)
            .bearer_auth(TOKEN)
            .body(patch.to_string())
            .send()
            .await;
        if !sent.is_ok_and(|response| response.status() == 200) {
            return;
        }
        known
            .lock()
            .unwrap()
            .users
            .get_mut(&id)
            .unwrap()
            .remove("new");
        if number % 5 == 4 {
            known.lock().unwrap().users.remove(&id);
            let sent = client.delete(&url).bearer_auth(TOKEN).send().await;
            if !sent.is_ok_and(|response| response.status() == 204) {
                return;
            }
            known.lock().unwrap().deleted.insert(id);
            previous = None;
            continue;
        }
        if let Some(other) = previous.replace(id.clone())
            && number % 5 == 1
        {
            let members = json!([{"value": id}, {"value": other}]);
            let group = json!({"displayName": format!("{name}-{number}"), "members": members});
            let Some(group) = post("/Groups", group).await else {
                return;
            };
            known
                .lock()
                .unwrap()
                .groups
                .insert(group, BTreeSet::from([id, other]));
        }
    }
}

/// All resources at `path`, page by page.
async fn everything(client: &Client, base: &str, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let url = format!("{base}{path}?count=1000&startIndex={}", all.len() + 1);
        let (status, mut page) = answer(client.get(url).bearer_auth(TOKEN)).await;
        assert_eq!(status, 200);
        match page["Resources"].take() {
            Value::Array(found) if !found.is_empty() => all.extend(found),
            _ => return all,
        }
    }
}

async fn verify(base: &str, known: &Acknowledged) {
    let client = client();
    let id = |it: &Value| it["id"].as_str().unwrap().to_owned();
    let users = everything(&client, base, "/Users").await;
    let users: BTreeMap<String, Value> = users.into_iter().map(|it| (id(&it), it)).collect();
    for (id, titles) in &known.users {
        let user = users.get(id).unwrap_or_else(|| panic!("user {id} is lost"));
        let title = user["title"].as_str().unwrap();
        assert!(
            titles.contains(title),
            "user {id} has the title {title}, not {titles:?}"
        );
    }
    for id in &known.deleted {
        assert!(!users.contains_key(id), "user {id} came back");
    }
    let groups = everything(&client, base, "/Groups").await;
    let mut found = BTreeMap::new();
    for group in groups {
        let members = group["members"].as_array().cloned().unwrap_or_default();
        let members: BTreeSet<String> = members
            .iter()
            .map(|it| it["value"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(members.len(), 2, "group {} is there by half", id(&group));
        found.insert(id(&group), members);
    }
    for (id, members) in &known.groups {
        assert_eq!(found.get(id), Some(members), "group {id}");
    }
}

/// Milliseconds below `below`, the next of the seed.
fn chance(random: &SeededRandom, below: u64) -> u64 {
    let mut bytes = [0; 8];
    random.fill(&mut bytes);
    u64::from_be_bytes(bytes) % below
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_write_is_lost_when_the_program_is_killed() {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let setting = |name: &str| std::env::var(name).ok();
    let kills = if setting("USHER_SOAK").as_deref() == Some("1") {
        1000
    } else {
        25
    };
    let seed = setting("USHER_SEED").map(|it| it.parse().expect("a number"));
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("replay with USHER_SEED={seed}");
    let random = SeededRandom::new(seed);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("config.json");
    let tenant = scim_tenant("contoso", "http://contoso.example", &folder, &json!({}));
    std::fs::write(&path, config(vec![tenant.clone()]).to_json()).unwrap();
    let mut known = Arc::new(Mutex::new(Acknowledged::default()));
    for kill in 0..kills {
        // A new directory now and then, so that a soak does not read ever more.
        if kill % 50 == 49 {
            for ending in ["", "-wal", "-shm"] {
                std::fs::remove_file(folder.path().join(format!("contoso.db{ending}"))).ok();
            }
            known = Arc::default();
        }
        let program = Program::start(&path);
        let writers: Vec<_> = (0..CONNECTIONS)
            .map(|writer| {
                let name = format!("{kill}-{writer}");
                tokio::spawn(write(program.base.clone(), name, Arc::clone(&known)))
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(20 + chance(&random, 180))).await;
        program.kill();
        for writer in writers {
            writer.await.unwrap();
        }
        let again = Program::start(&path);
        {
            let snapshot = std::mem::take(&mut *known.lock().unwrap());
            verify(&again.base, &snapshot).await;
            *known.lock().unwrap() = snapshot;
        }
        again.kill();
    }
    assert!(!known.lock().unwrap().users.is_empty());
}
