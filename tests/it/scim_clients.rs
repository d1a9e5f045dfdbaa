//! What a SCIM client may do, and what the report says of it.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use reqwest::Method;
use serde_json::json;
use usher::config::rights::{Access, Resources};
use usher::config::{Rights, ScimClientConfig};

use crate::workload_server::{Workload, scim_client};

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
            .bearer_auth(format!("token-of-{client}"));

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
