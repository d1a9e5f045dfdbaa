//! What a SCIM client may do, and what the report says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use reqwest::Method;
use serde_json::json;
use usher::clock::ManualClock;
use usher::config::rights::{Access, Resources};
use usher::config::{Rights, ScimClientConfig};

use crate::workload_server::{TOKEN, Workload, answer, scim_client};

fn with_rights(name: &str, access: Access, resources: Resources) -> ScimClientConfig {
    ScimClientConfig {
        rights: Rights { access, resources },
        ..scim_client(name, &format!("token-of-{name}"))
    }
}

#[tokio::test]
async fn a_client_that_lacks_a_right_is_told_which() {
    let workload = Workload::start_with(&json!({}), |tenant| {
        tenant.clients.extend([
            with_rights("reader", Access::ReadOnly, Resources::All),
            with_rights("people", Access::ReadWrite, Resources::Users),
        ]);
    })
    .await;
    let cases = [
        ("reader", Method::GET, "/Users", 200),
        ("reader", Method::GET, "/ServiceProviderConfig", 200),
        // RFC 7644, section 3.4.3: a search is a read.
        ("reader", Method::POST, "/.search", 200),
        ("reader", Method::POST, "/Users/.search", 200),
        ("people", Method::POST, "/Groups/.search", 403),
        ("reader", Method::POST, "/Users", 403),
        ("reader", Method::PATCH, "/Groups/1", 403),
        ("reader", Method::DELETE, "/Users/1", 403),
        ("people", Method::GET, "/Groups", 403),
        ("people", Method::GET, "/Users", 200),
        ("people", Method::DELETE, "/Users/1", 404),
    ];
    for (client, method, path, status) in cases {
        let request = workload
            .client
            .request(method.clone(), format!("{}{path}", workload.base))
            .bearer_auth(format!("token-of-{client}"))
            .body("{}");

        let answer = request.send().await.unwrap();

        assert_eq!(answer.status().as_u16(), status, "{client} {method} {path}");
        if status == 403 {
            let body: serde_json::Value = answer.json().await.unwrap();
            assert_eq!(body["status"], "403");
            assert!(body["detail"].as_str().unwrap().contains("spec.clients"));
        }
    }
    let report = workload.report().await;
    let clients = report["scimTenants"][0]["clients"].as_array().unwrap();
    let reader = clients.iter().find(|it| it["name"] == "reader").unwrap();
    assert_eq!(reader["lastCycle"]["failed"], 3);
    assert!(
        reader["lastError"]["summary"]
            .as_str()
            .unwrap()
            .starts_with("DELETE Users/…: 403: This client may read"),
        "{reader}"
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn the_rights_of_a_client_hold_for_each_operation_of_a_bulk_request() {
    let workload = Workload::start_with(&json!({}), |tenant| {
        tenant.clients.extend([
            with_rights("reader", Access::ReadOnly, Resources::All),
            with_rights("people", Access::ReadWrite, Resources::Users),
        ]);
    })
    .await;
    let group = json!({"displayName": "Night Watch"});
    let (_, group) = workload.send("POST", "/Groups", Some(&group)).await;
    let group = format!("/Groups/{}", group["id"].as_str().unwrap());
    let bulk = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [
            {"method": "POST", "path": "/Users", "bulkId": "a", "data": {"userName": "ana"}},
            {"method": "POST", "path": "/Groups", "bulkId": "g", "data": {"displayName": "Day Watch"}},
            {"method": "DELETE", "path": group},
        ],
    });
    let send = async |client: &str| {
        let request = workload.client.post(format!("{}/Bulk", workload.base));
        let request = request.bearer_auth(format!("token-of-{client}"));
        answer(request.body(bulk.to_string())).await
    };

    let (status, answered) = send("people").await;
    let operations = answered["Operations"].as_array().unwrap();
    let statuses: Vec<&str> = operations
        .iter()
        .filter_map(|it| it["status"].as_str())
        .collect();
    assert_eq!(
        (status, statuses),
        (200, vec!["201", "403", "403"]),
        "{answered}"
    );
    let (status, refused) = send("reader").await;
    assert_eq!(status, 403, "{refused}");

    let count = async |path: &str| workload.send("GET", path, None).await.1["totalResults"].clone();
    assert_eq!(
        (count("/Users").await, count("/Groups").await),
        (json!(1), json!(1))
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn the_report_has_the_cleaned_user_agent_of_the_last_use() {
    let workload = Workload::start(&json!({})).await;
    let long = format!("Okta\u{9}SCIM {}", "x".repeat(200));

    for agent in ["first", &long] {
        let request = workload.request("GET", "/Users");
        let answer = request.header("User-Agent", agent).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }

    let report = workload.report().await;
    let used = &report["scimTenants"][0]["clients"][0]["credentials"][0];
    let expected = format!("OktaSCIM {}", "x".repeat(119));
    assert_eq!(used["userAgent"], expected);
    assert_eq!(used["lastUsedFrom"], "127.0.0.1");
    workload.server.shutdown().await;
}

fn clock() -> ManualClock {
    ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap())
}

/// Requests with a token and an `X-Forwarded-For`: the status, and `Retry-After`.
async fn attempt(workload: &Workload, token: &str, forwarded: &str) -> (u16, bool) {
    let request = workload.client.get(format!("{}/Users", workload.base));
    let request = request
        .bearer_auth(token)
        .header("x-forwarded-for", forwarded);
    let answer = request.send().await.unwrap();
    let waits = answer.headers().get("retry-after").is_some();
    (answer.status().as_u16(), waits)
}

#[tokio::test]
async fn unknown_credentials_are_limited_by_source_and_a_good_one_still_passes() {
    let workload = Workload::start_at(clock(), |tenant| {
        tenant.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
    })
    .await;

    let mut limited = (0, false);
    for _ in 0..21 {
        limited = attempt(&workload, "wrong", "192.0.2.1").await;
    }

    assert_eq!(limited, (429, true));
    assert_eq!(attempt(&workload, TOKEN, "192.0.2.1").await, (200, false));
    assert_eq!(attempt(&workload, "wrong", "192.0.2.2").await, (401, false));
    let forged = attempt(&workload, "wrong", "203.0.113.7, 192.0.2.1").await;
    assert_eq!(forged, (429, true));
    workload.server.shutdown().await;
}

#[tokio::test]
async fn nobody_escapes_the_limit_or_is_blamed_by_a_forged_header() {
    let workload = Workload::start_at(clock(), |_| {}).await;

    let mut last = (0, false);
    for number in 0..21 {
        last = attempt(&workload, "wrong", &format!("192.0.2.{number}")).await;
    }

    assert_eq!(last, (429, true));
    assert_eq!(attempt(&workload, TOKEN, "192.0.2.1").await, (200, false));
    let report = workload.report().await;
    let used = &report["scimTenants"][0]["clients"][0]["credentials"][0];
    assert_eq!(used["lastUsedFrom"], "127.0.0.1");
    workload.server.shutdown().await;
}
