//! Installed, declared, provisioned.

use std::time::Instant;

use serde_json::json;

use super::scim::Scim;
use super::{CANARY, CONNECTOR, SOON, TENANT, all_ready, apply_quickstart, chart};
use crate::cluster::Site;

pub(super) async fn helm_install(site: &Site) {
    site.upgrade(&chart(), &[]).await;
    site.tell("helm install: the operator is ready");
}

pub(super) async fn quickstart_becomes_ready(site: &Site) {
    let began = Instant::now();
    apply_quickstart(site).await;
    all_ready(site).await;
    site.tell(&format!(
        "the quickstart is ready after {:?}",
        began.elapsed()
    ));
}

pub(super) async fn people_are_provisioned_and_counted(site: &Site, scim: &Scim<'_>) {
    let (well, printed) = scim.provision(200, 20).await;
    assert!(well, "{printed}");
    site.tell(&printed.replace('\n', " | "));
    // What the client counted is what the connector tells, to the request.
    told(site, [666, 220, 223, 0], None).await;
    site.within(SOON, "the tenant counts them", async || {
        let status = &site.get(TENANT).await["status"];
        let counts = [&status["users"], &status["activeUsers"], &status["groups"]];
        (counts == [200, 200, 20]).then_some(())
    })
    .await;

    let premium = json!({
        "userName": "a@example.com", "userType": "premium",
        "emails": [{"type": "work", "value": "a@example.com"}],
        "name": {"givenName": "Given", "familyName": "Family"},
    });
    let answer = scim.send("POST", "/Users", &premium.to_string()).await;
    assert_eq!(answer.0, 400);
    let why = "POST Users: 400 invalidValue: userType must be Premium or Standard, got \"premium\"";
    told(site, [667, 220, 223, 1], Some(why)).await;
    site.tell("counts, lastSync and lastError are exact");
}

/// The connector tells of this many requests, created, updated, failed, and of this error.
async fn told(site: &Site, [requests, created, updated, failed]: [u64; 4], error: Option<&str>) {
    let expected = json!({
        "requests": requests, "created": created, "updated": updated,
        "deactivated": 0, "deleted": 0, "failed": failed,
        // Each PATCH says `Replace` or `Add`, and all but one of the people have a manager, who comes as a bare id.
        "repairs": {"CapitalizedOp": 223, "ValueShape": 199},
    });
    site.within(
        SOON,
        &format!("the connector tells exactly {expected}"),
        async || {
            let mut status = site.get(CONNECTOR).await["status"].clone();
            status["lastSync"].as_object_mut()?.remove("startedAt")?;
            let summary = status["lastError"]["summary"].as_str();
            (status["lastSync"] == expected && summary == error).then_some(())
        },
    )
    .await;
}

/// In every place where a client may put something.
pub(super) async fn canaries_are_planted(site: &Site, scim: &Scim<'_>) {
    site.keep_secret(CANARY);
    assert_eq!(scim.status_with(CANARY).await, 401);
    let person = json!({
        "userName": format!("{CANARY}@example.com"), "displayName": CANARY, "password": CANARY,
        "emails": [{"type": "work", "value": format!("{CANARY}@example.com")}],
        "name": {"givenName": CANARY, "familyName": CANARY},
    });
    let (status, made) = scim.send("POST", "/Users", &person.to_string()).await;
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        scim.send("POST", "/Users", &person.to_string()).await.0,
        409
    );
    let find = format!("/Users?filter=userName+eq+%22{CANARY}@example.com%22");
    assert_eq!(scim.send("GET", &find, "").await.1["totalResults"], 1);
    assert_eq!(
        scim.send("GET", &format!("/Users/{CANARY}"), "").await.0,
        404
    );
    let broken = format!("{{\"{CANARY}\"");
    assert_eq!(scim.send("POST", "/Users", &broken).await.0, 400);
    let group = json!({"displayName": CANARY, "members": [{"value": CANARY}]}).to_string();
    assert_eq!(scim.send("POST", "/Groups", &group).await.0, 400);
    let id = made["id"].as_str().expect("an id");
    let patch = |path: &str| {
        json!({"Operations": [{"op": "replace", "path": path, "value": CANARY}]}).to_string()
    };
    let address = format!("/Users/{id}");
    for (path, expected) in [("title", 200), (CANARY, 400)] {
        let answer = scim.send("PATCH", &address, &patch(path)).await;
        assert_eq!(answer.0, expected, "{}", answer.1);
    }
    let search = json!({"filter": format!("{CANARY} eq \"{CANARY}\"")}).to_string();
    assert_eq!(scim.send("POST", "/Users/.search", &search).await.0, 400);
    let bulk = json!({"Operations": [{"method": "POST", "path": "/Users", "bulkId": CANARY, "data": person}]});
    assert_eq!(scim.send("POST", "/Bulk", &bulk.to_string()).await.0, 200);
    let strange = format!("/Users?attributes={CANARY}&{CANARY}={CANARY}");
    assert_eq!(scim.send("GET", &strange, "").await.0, 200);
}
