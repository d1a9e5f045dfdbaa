//! The last requests of a client, as an administrator reads them.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};

use crate::workload_server::{REPORT_TOKEN, Workload};

async fn records(workload: &Workload, query: &str) -> (u16, Vec<Value>) {
    let address = workload.server.report_addr().unwrap();
    let request = workload
        .client
        .get(format!("http://{address}/requests{query}"))
        .bearer_auth(REPORT_TOKEN);
    let response = request.send().await.unwrap();
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let lines = text.lines().filter_map(|it| serde_json::from_str(it).ok());
    (status, lines.collect())
}

#[tokio::test]
async fn each_request_is_there_with_its_answer_and_without_values() {
    let workload = Workload::start(&json!({"userTypes": ["Premium"], "required": []})).await;
    let wrong =
        json!({"userName": "ana@contoso.example", "userType": "premium", "password": "hunter2"});
    let right = json!({"userName": "ana@contoso.example", "userType": "Premium"});
    workload.send("POST", "/Users", Some(&wrong)).await;
    let (_, created) = workload.send("POST", "/Users", Some(&right)).await;
    let id = created["id"].as_str().unwrap();
    workload
        .send(
            "GET",
            "/Users?filter=userName+eq+%22ana%40contoso.example%22",
            None,
        )
        .await;
    workload.send("DELETE", &format!("/Users/{id}"), None).await;

    let (status, found) = records(&workload, "?client=entra").await;

    assert_eq!(status, 200);
    let seen: Vec<_> = found
        .iter()
        .map(|it| {
            format!(
                "{} {} {}",
                it["method"].as_str().unwrap(),
                it["path"].as_str().unwrap(),
                it["status"]
            )
        })
        .collect();
    let deleted = format!("DELETE Users/{id} 204");
    assert_eq!(
        seen,
        [
            deleted.as_str(),
            "GET Users 200",
            "POST Users 201",
            "POST Users 400"
        ]
    );
    assert_eq!(found[1]["query"], "filter=userName eq \"(text of 19)\"");
    assert_eq!(found[2]["answer"]["id"], id);
    assert_eq!(found[3]["body"]["password"], "(text of 7)");
    assert_eq!(found[3]["scimType"], "invalidValue");
    assert!(found[3]["detail"].as_str().unwrap().contains("userType"));
    assert!(found[3]["requestId"].is_string());
    assert!(found[3]["ms"].as_f64().unwrap() > 0.0);
    let text = Value::from(found).to_string();
    for secret in ["ana@", "hunter2", "contoso.example\""] {
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    workload.server.shutdown().await;
}

#[tokio::test]
async fn records_are_read_in_pages_and_survive_a_restart() {
    let workload = Workload::start(&json!({})).await;
    for _ in 0..5 {
        workload.send("GET", "/Users", None).await;
    }
    let (_, first) = records(&workload, "?client=entra&limit=2").await;
    let last = first[1]["number"].as_i64().unwrap();
    let (_, second) = records(&workload, &format!("?client=entra&limit=2&before={last}")).await;
    assert_eq!(second.len(), 2);
    assert_eq!(second[0]["number"], last - 1);
    workload.server.shutdown().await;

    let again = Workload::start_in(workload.folder, &json!({})).await;
    let (_, found) = records(&again, "?client=entra&scim_tenant=identity/contoso").await;
    assert_eq!(found.len(), 5);
    again.server.shutdown().await;
}

#[tokio::test]
async fn records_are_for_who_has_the_report_token() {
    let workload = Workload::start(&json!({})).await;
    let address = workload.server.report_addr().unwrap();
    let url = format!("http://{address}/requests?client=entra");

    let stranger = workload.client.get(&url).send().await.unwrap();

    assert_eq!(stranger.status(), 401);
    assert_eq!(records(&workload, "").await.0, 400);
    assert_eq!(
        records(&workload, "?client=entra&scim_tenant=a/b").await.0,
        404
    );
    workload.server.shutdown().await;
}
