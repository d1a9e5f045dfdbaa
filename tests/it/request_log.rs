//! The log of the program: one line a request, with all that support needs and nothing of a person or a secret.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::workload_server::{REPORT_TOKEN, TOKEN, client, config, scim_tenant};

/// Stands in every value that a client sends.
const CANARY: &str = "canary";

/// The program with all that it can say, and what it says, line by line.
fn start(config: &Path) -> (Child, impl Iterator<Item = String>) {
    let mut program = Command::new(env!("CARGO_BIN_EXE_usher"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--report-listen",
            "127.0.0.1:0",
        ])
        .args(["--log", "trace,hyper=off,sqlx=off", "--config"])
        .arg(config)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let lines = BufReader::new(program.stdout.take().expect("a pipe")).lines();
    (program, lines.map(|it| it.expect("UTF-8")))
}

/// Requests of all kinds, with the token that each brings and its body.
fn requests(base: &str) -> Vec<(Method, String, &'static str, String)> {
    let users = format!("{base}/Users");
    let person = json!({"userName": "canary@example.com", "title": "canary"}).to_string();
    let broken = format!("{{\"{CANARY}\"");
    let find = format!("{users}?filter=userName+eq+%22{CANARY}%22");
    let get = |url: String, token| (Method::GET, url, token, String::new());
    vec![
        (Method::POST, users.clone(), TOKEN, person.clone()),
        (Method::POST, users.clone(), TOKEN, person),
        (Method::POST, users.clone(), TOKEN, broken),
        get(find.clone(), TOKEN),
        get(find, CANARY),
        get(format!("{users}/{CANARY}"), TOKEN),
        get(format!("{base}/{CANARY}"), TOKEN),
    ]
}

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
    let (mut program, mut lines) = start(&file);
    let address = lines.by_ref().find_map(|line| {
        let line: Value = serde_json::from_str(&line).unwrap();
        line["address"].as_str().map(str::to_owned)
    });
    let base = format!("http://{}/scim/v2", address.unwrap());

    for (method, url, token, body) in requests(&base) {
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
            let named = |name: &str| it[name].clone();
            Value::from_iter(["method", "route", "scim_tenant", "client", "status"].map(named))
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
