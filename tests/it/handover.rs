//! One process follows another on the same stores, and no request is lost between them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::workload_program::Program;
use crate::workload_server::{TOKEN, answer, client, config, scim_tenant};

fn configuration(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("config.json");
    let tenant = scim_tenant("contoso", "http://contoso.example", folder, &json!({}));
    std::fs::write(&path, config(vec![tenant]).to_json()).unwrap();
    path
}

async fn is_ready(program: &Program) -> bool {
    let url = format!("{}/readyz", program.report);
    answer(client().get(url)).await.0 == 200
}

async fn until_ready(program: &Program) {
    let began = Instant::now();
    while !is_ready(program).await {
        assert!(began.elapsed() < Duration::from_secs(20), "not ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Adds a user; the status of the answer.
async fn add(program: &Program, name: &str) -> u16 {
    let body = json!({"userName": name}).to_string();
    let url = format!("{}/Users", program.base);
    answer(client().post(url).bearer_auth(TOKEN).body(body))
        .await
        .0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_process_keeps_requests_until_it_has_the_stores() {
    let folder = TempDir::new().unwrap();
    let path = configuration(&folder);
    let before = Program::start(&path);
    until_ready(&before).await;
    assert_eq!(add(&before, "first").await, 201);
    let after = Program::start(&path);
    // As a kubelet does: from now on requests are sent to both, and soon to this one alone.
    until_ready(&after).await;

    let kept = tokio::time::timeout(Duration::from_secs(1), add(&after, "too early")).await;
    assert!(kept.is_err(), "two processes have the stores");
    before.terminate();
    assert_eq!(add(&before, "last").await, 201, "it serves on");
    let began = Instant::now();
    assert_eq!(add(&after, "second").await, 201);

    assert!(began.elapsed() < Duration::from_secs(10));
    assert!(before.ended().success());
    for (name, status) in [("first", 409), ("last", 409), ("third", 201)] {
        assert_eq!(add(&after, name).await, status, "{name}");
    }
    after.kill();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_waits_ends_when_it_is_asked_to() {
    let folder = TempDir::new().unwrap();
    let path = configuration(&folder);
    let before = Program::start(&path);
    until_ready(&before).await;
    let after = Program::start(&path);
    until_ready(&after).await;

    after.terminate();

    assert!(after.ended().success());
    assert_eq!(add(&before, "first").await, 201);
    before.kill();
}
