//! Random operations of several writers at once, each answer compared with an oracle that shares no code with the server.
//!
//! A replay needs the seed that is printed: `USHER_SEED=7 cargo nextest run -E 'test(model::)'`. `USHER_OPERATIONS=100000` asks for so
//! many.

mod lane;
mod operations;
mod oracle;
mod random;

use std::collections::BTreeSet;

use futures::future::try_join_all;
use reqwest::Method;
use serde_json::{Value, json};

use self::lane::{Directory, Lane, identifier, values};
use crate::workload_server::{TOKEN, Workload};

const LANES: usize = 8;

/// Everything at `path`, page by page.
async fn walk(directory: &Directory, path: &str) -> Vec<Value> {
    let mut all = Vec::new();
    loop {
        let page = format!("{path}?count=37&startIndex={}", all.len() + 1);
        let answer = directory.ask(Method::GET, &page, None, None).await;
        let mut answer = answer.expect("an answer");
        match answer.body["Resources"].take() {
            Value::Array(found) if !found.is_empty() => all.extend(found),
            _ => return all,
        }
    }
}

/// No acknowledged write is lost, and no group lost a member that no request removed: all that is there is what
/// the oracles have, and nothing else.
async fn compare_all(directory: &Directory, lanes: &[Lane], everybody: &str) -> Result<(), String> {
    let ids = |found: &[Value]| found.iter().map(identifier).collect::<BTreeSet<_>>();
    let users = walk(directory, "/Users").await;
    let known = lanes.iter().flat_map(|it| it.oracle.users.keys().cloned());
    if ids(&users) != known.collect() {
        return Err("people are lost, or there are people whom nobody made".to_owned());
    }
    let groups = walk(directory, "/Groups").await;
    let known = lanes.iter().flat_map(|it| it.oracle.groups.keys().cloned());
    let known: BTreeSet<String> = known.chain([everybody.to_owned()]).collect();
    if ids(&groups) != known {
        return Err("groups are lost, or there are groups that nobody made".to_owned());
    }
    for lane in lanes {
        let has = |id: &String| lane.oracle.users.contains_key(id);
        let own = users.iter().filter(|it| has(&identifier(it)));
        own.into_iter().try_for_each(|it| lane.compare_user(it))?;
        let has = |id: &String| lane.oracle.groups.contains_key(id);
        let own = groups.iter().filter(|it| has(&identifier(it)));
        own.into_iter().try_for_each(|it| lane.compare_group(it))?;
    }
    let shared = groups.iter().find(|it| identifier(it) == everybody);
    let members = lanes
        .iter()
        .flat_map(|it| it.oracle.everybody.iter().cloned());
    let members: BTreeSet<String> = members.collect();
    if shared.map(|it| values(&it["members"])) != Some(members) {
        return Err("the shared group gained or lost members that nobody asked for".to_owned());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn soak_of_random_operations_agrees_with_an_oracle() {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let setting = |name: &str| std::env::var(name).ok();
    let soak = setting("USHER_SOAK").as_deref() == Some("1");
    // PostgreSQL syncs each write by itself.
    let whole = match setting("USHER_TEST_STORE").as_deref() {
        Some("postgres") => 100_000,
        Some(_) | None => 1_000_000,
    };
    let operations = setting("USHER_OPERATIONS").map(|it| it.parse().expect("a number"));
    let operations = operations.unwrap_or(if soak { whole } else { 10_000 });
    let seed = setting("USHER_SEED").map(|it| it.parse().expect("a number"));
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("replay with USHER_SEED={seed}");
    let workload = Workload::start(&json!({})).await;
    let directory = |workload: &Workload| Directory {
        client: workload.client.clone(),
        base: workload.base.clone(),
        token: TOKEN,
    };
    let group = json!({"displayName": "everybody"});
    let (_, group) = workload.send("POST", "/Groups", Some(&group)).await;
    let everybody = identifier(&group);

    let lanes = (0..LANES).map(|number| {
        let seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
        let lane = Lane::new(
            directory(&workload),
            format!("lane{number}"),
            seed,
            everybody.clone(),
        );
        lane.run(operations / LANES)
    });
    let lanes = match try_join_all(lanes).await {
        Ok(lanes) => lanes,
        Err(wrong) => panic!("USHER_SEED={seed}, {wrong}"),
    };

    let compared = compare_all(&directory(&workload), &lanes, &everybody).await;
    compared.unwrap_or_else(|wrong| panic!("USHER_SEED={seed}: {wrong}"));
    workload.server.shutdown().await;
    let again = Workload::start_in(workload.folder, &json!({})).await;
    let compared = compare_all(&directory(&again), &lanes, &everybody).await;
    compared.unwrap_or_else(|wrong| panic!("USHER_SEED={seed}, after a restart: {wrong}"));
}
