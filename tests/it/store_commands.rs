//! `usher store` beside a workload that serves: out, in again, and whether it is sound.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::workload_program::Program;
use crate::workload_server::{TOKEN, answer, client, config, scim_tenant};

fn configuration(folder: &TempDir) -> PathBuf {
    let path = folder.path().join("config.json");
    let tenant = scim_tenant("contoso", "http://contoso.example", folder, &json!({}));
    fs::write(&path, config(vec![tenant]).to_json()).unwrap();
    path
}

/// Where the configuration has the store.
fn database(configuration: &Path) -> PathBuf {
    let config: Value = serde_json::from_slice(&fs::read(configuration).unwrap()).unwrap();
    let path = &config["scimTenants"][0]["store"]["sqlite"]["path"];
    PathBuf::from(path.as_str().unwrap())
}

fn store(configuration: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
        .arg("store")
        .args(arguments)
        .arg("--config")
        .arg(configuration)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses does not read to the end.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn succeeded(output: Output) -> Vec<u8> {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    output.stdout
}

fn refused(output: &Output, expected: &str) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(expected), "{said}");
}

async fn add(program: &Program, name: &str) -> u16 {
    let body = json!({"userName": name}).to_string();
    let url = format!("{}/Users", program.base);
    answer(client().post(url).bearer_auth(TOKEN).body(body))
        .await
        .0
}

/// How many people there are; none while nothing is served.
async fn people(program: &Program) -> Option<u64> {
    let url = format!("{}/Users?count=0", program.base);
    let (status, body) = answer(client().get(url).bearer_auth(TOKEN)).await;
    (status == 200).then(|| body["totalResults"].as_u64().unwrap())
}

async fn until_people(program: &Program, expected: u64) {
    let began = Instant::now();
    loop {
        let now = people(program).await;
        if now == Some(expected) {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{now:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_backed_up_checked_and_restored_while_it_is_served() {
    let folder = TempDir::new().unwrap();
    let path = configuration(&folder);
    let program = Program::start(&path);
    for name in ["anna", "ben"] {
        assert_eq!(add(&program, name).await, 201);
    }
    let backup = succeeded(store(&path, &["backup", "--output", "-"], b""));
    let file = folder.path().join("contoso.jsonl");
    succeeded(store(
        &path,
        &["backup", "--output", file.to_str().unwrap()],
        b"",
    ));
    assert_eq!(
        fs::read_to_string(&file).unwrap().lines().count(),
        String::from_utf8_lossy(&backup).lines().count()
    );
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    let sound = succeeded(store(&path, &["check"], b""));
    assert_eq!(
        String::from_utf8_lossy(&sound),
        "the store of identity/contoso is sound: 2 people and groups, 0 memberships\n"
    );

    assert_eq!(add(&program, "carla").await, 201);
    let from = ["restore", "--input", "-"];
    refused(&store(&path, &from, &backup), "has 3 people, 0 groups");
    let replacing = ["restore", "--replace", "--input", "-"];
    let cut = &backup[..backup.len() / 2];
    refused(&store(&path, &replacing, cut), "it was cut");
    assert_eq!(people(&program).await, Some(3));
    succeeded(store(&path, &replacing, &backup));
    until_people(&program, 2).await;
    assert_eq!(add(&program, "dora").await, 201);
    until_people(&program, 3).await;
    program.terminate();
    assert!(program.ended().success());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_none_any_more_is_reported_and_restored_without_a_restart() {
    let folder = TempDir::new().unwrap();
    let path = configuration(&folder);
    let program = Program::start(&path);
    assert_eq!(add(&program, "anna").await, 201);
    let backup = succeeded(store(&path, &["backup", "--output", "-"], b""));
    // One that is killed leaves everything in the log as well.
    program.terminate();
    assert!(program.ended().success());
    fs::write(database(&path), vec![7; 50_000]).unwrap();

    let program = Program::start(&path);
    let began = Instant::now();
    // The first ones are kept, as long as it may be a hand-over.
    while add(&program, "ben").await != 503 {}
    assert!(began.elapsed() < Duration::from_secs(22));
    assert_eq!(people(&program).await, None);
    refused(&store(&path, &["check"], b""), "is not a usable database");
    refused(
        &store(&path, &["restore", "--input", "-"], &backup),
        "--replace puts the backup in its place",
    );

    succeeded(store(
        &path,
        &["restore", "--replace", "--input", "-"],
        &backup,
    ));

    until_people(&program, 1).await;
    assert_eq!(add(&program, "ben").await, 201);
    program.kill();
}
