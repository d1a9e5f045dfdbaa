//! The log of the program: one line a request, with all that support needs and nothing of a person or a secret.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::workload_server::{REPORT_TOKEN, TOKEN, client, config, scim_tenant};

/// Stands in every value that a client sends.
const CANARY: &str = "canary";

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_one_line_without_values_and_secrets() {
    let folder = TempDir::new().unwrap();
    let document = config(vec![scim_tenant(
        "contoso",
        "http://contoso.example",
        &folder,
        &json!({}),
    )]);
    let file = folder.path().join("config.json");
    std::fs::write(&file, document.to_json()).unwrap();
    let mut program = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--report-listen",
            "127.0.0.1:0",
        ])
        .args(["--log", "trace,hyper=off,sqlx=off", "--config"])
        .arg(&file)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(program.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut begin = lines.by_ref().filter_map(|line| {
        let line: Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().map(str::to_owned)
    });
    let base = format!("http://{}/scim/v2", begin.next().unwrap());

    let person = json!({"userName": "canary@example.com", "title": "canary"});
    let find = format!("{base}/Users?filter=userName+eq+%22{CANARY}%22");
    let sent = [
        (
            Method::POST,
            format!("{base}/Users"),
            TOKEN,
            person.to_string(),
        ),
        (
            Method::POST,
            format!("{base}/Users"),
            TOKEN,
            person.to_string(),
        ),
        (
            Method::POST,
            format!("{base}/Users"),
            TOKEN,
            format!("{{\"{CANARY}\""),
        ),
        (Method::GET, find.clone(), TOKEN, String::new()),
        (Method::GET, find, CANARY, String::new()),
        (
            Method::GET,
            format!("{base}/Users/{CANARY}"),
            TOKEN,
            String::new(),
        ),
        (
            Method::GET,
            format!("{base}/{CANARY}"),
            TOKEN,
            String::new(),
        ),
    ];
    for (method, url, token, body) in sent {
        client()
            .request(method, url)
            .bearer_auth(token)
            .body(body)
            .send()
            .await
            .unwrap();
    }
    program.kill().unwrap();
    program.wait().unwrap();

    let text: Vec<String> = lines.collect();
    for secret in [CANARY, TOKEN, REPORT_TOKEN] {
        let told: Vec<&String> = text.iter().filter(|it| it.contains(secret)).collect();
        assert!(told.is_empty(), "{secret} is told: {told:#?}");
    }
    let requests: Vec<Value> = text
        .iter()
        .map(|it| serde_json::from_str(it).unwrap())
        .filter(|it: &Value| it.get("route").is_some())
        .collect();
    let told: Vec<Value> = requests
        .iter()
        .map(|it| {
            json!([
                it["method"],
                it["route"],
                it["scim_tenant"],
                it["client"],
                it["status"]
            ])
        })
        .collect();
    let tenant = "identity/contoso";
    let expected = [
        json!(["POST", "/Users", tenant, "entra", 201]),
        json!(["POST", "/Users", tenant, "entra", 409]),
        json!(["POST", "/Users", tenant, "entra", 400]),
        json!(["GET", "/Users", tenant, "entra", 200]),
        json!(["GET", "/Users", tenant, null, 401]),
        json!(["GET", "/Users/{id}", tenant, "entra", 404]),
        json!(["GET", "other", tenant, "entra", 404]),
    ];
    assert_eq!(told, expected);
    assert!(
        requests
            .iter()
            .all(|it| it["ms"].is_number() && it["request_id"].is_string())
    );
}
