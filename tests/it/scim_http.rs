//! SCIM over HTTP: the recorded exchanges, and what is asked wrongly.

use serde_json::{Value, json};

use crate::entra_exchanges::Player;
use crate::workload_server::{TOKEN, Workload, exchange, recorded_rules};

#[tokio::test]
async fn every_recorded_exchange_passes_in_order() {
    let workload = Workload::start(&recorded_rules()).await;
    let mut player = Player::new(&workload.base, TOKEN, "202611240001");

    while let Some(request) = player.next_request() {
        let answer = exchange(&workload.client, &workload.base, request).await;
        player.check(&answer).unwrap();
    }

    let report = workload.report().await;
    let tenant = &report["scimTenants"][0];
    assert_eq!(
        tenant["users"],
        json!(0),
        "the exchanges clean up after themselves"
    );
    let client = &tenant["clients"][0];
    assert!(client["evidence"]["firstGroup"].is_string());
    assert!(client["lastCycle"]["created"].as_i64() > Some(10));
    workload.server.shutdown().await;
}
