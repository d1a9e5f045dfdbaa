//! Bulk over HTTP: references in every direction, errors one by one, and a thousand operations at once.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]
#![expect(clippy::needless_pass_by_value, reason = "bodies are literals")]

use serde_json::{Value, json};

use usher::config::BrakeConfig;

use crate::workload_server::{REPORT_TOKEN, Workload};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

async fn bulk(workload: &Workload, body: Value) -> Vec<Value> {
    let (status, answer) = workload.send("POST", "/Bulk", Some(&body)).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["schemas"][0],
        "urn:ietf:params:scim:api:messages:2.0:BulkResponse"
    );
    answer["Operations"].as_array().unwrap().clone()
}

fn post(path: &str, id: &str, data: Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": id, "data": data})
}

fn statuses(operations: &[Value]) -> Vec<&str> {
    operations
        .iter()
        .map(|it| it["status"].as_str().unwrap())
        .collect()
}

async fn at(workload: &Workload, operation: &Value) -> Value {
    let location = operation["location"].as_str().unwrap();
    let path = location.split_once("/scim/v2").unwrap().1;
    workload.send("GET", path, None).await.1
}

#[tokio::test]
async fn references_lead_forward_backward_and_in_circles() {
    let workload = Workload::start(&json!({})).await;
    let managed =
        |name: &str, by: &str| json!({"userName": name, ENTERPRISE: {"manager": {"value": by}}});
    let done = bulk(
        &workload,
        json!({"Operations": [
            post("/Groups", "g", json!({"displayName": "g", "members": [{"value": "bulkId:a"}, {"value": "bulkId:b"}]})),
            post("/Users", "a", managed("a", "bulkId:b")),
            post("/Users", "b", managed("b", "bulkId:a")),
            {"method": "PATCH", "path": "/Users/bulkId:a",
                "data": {"Operations": [{"op": "add", "path": "title", "value": "x"}]}},
        ]}),
    )
    .await;

    assert_eq!(statuses(&done), ["201", "201", "201", "200"]);
    let (a, b) = (at(&workload, &done[1]).await, at(&workload, &done[2]).await);
    assert_eq!(a[ENTERPRISE]["manager"]["value"], b["id"]);
    assert_eq!(b[ENTERPRISE]["manager"]["value"], a["id"]);
    assert_eq!(a["title"], "x");
    let group = at(&workload, &done[0]).await;
    assert_eq!(group["members"].as_array().unwrap().len(), 2);
    assert_eq!(done[0]["version"], group["meta"]["version"]);
    assert_eq!(
        (&done[0]["method"], &done[0]["bulkId"]),
        (&json!("POST"), &json!("g"))
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn each_operation_has_its_own_outcome_and_nothing_is_done_by_half() {
    let workload = Workload::start(&json!({})).await;
    let (_, ada) = workload
        .send("POST", "/Users", Some(&json!({"userName": "ada"})))
        .await;
    let path = format!("/Users/{}", ada["id"].as_str().unwrap());
    let half = |value: Value| json!({"Operations": [{"op": "add", "path": "title", "value": "x"}, {"op": "add", "path": "active", "value": value}]});
    let done = bulk(
        &workload,
        json!({"Operations": [
            post("/Users", "taken", json!({"userName": "ADA"})),
            post("/Groups", "g", json!({"displayName": "g", "members": [{"value": "bulkId:taken"}]})),
            post("/Users", "circle", json!({"userName": "c", ENTERPRISE: {"manager": {"value": "bulkId:taken2"}}})),
            post("/Users", "taken2", json!({"userName": "ada", ENTERPRISE: {"manager": {"value": "bulkId:circle"}}})),
            {"method": "PATCH", "path": path, "data": half(json!("maybe"))},
            {"method": "DELETE", "path": "/Users/nobody"},
            {"method": "PUT", "path": path, "version": "W/\"9\"", "data": {"userName": "ada"}},
            {"method": "POST", "path": "/Schemas", "bulkId": "s", "data": {}},
            {"method": "DELETE", "path": "/Users"},
        ]}),
    )
    .await;

    assert_eq!(
        statuses(&done),
        [
            "409", "409", "409", "409", "400", "404", "412", "404", "405"
        ]
    );
    assert_eq!(done[0]["response"]["scimType"], "uniqueness");
    assert_eq!(done[0].get("location"), None);
    assert_eq!(
        done[1]["response"]["detail"],
        "Nothing was made that bulkId taken stands for."
    );
    assert_eq!(
        done[5]["location"],
        "http://contoso.example/scim/v2/Users/nobody"
    );
    let (_, users) = workload.send("GET", "/Users", None).await;
    assert_eq!(users["totalResults"], 1);
    assert_eq!(users["Resources"][0].get("title"), None);
    let (_, groups) = workload.send("GET", "/Groups", None).await;
    assert_eq!(groups["totalResults"], 0);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn what_cannot_be_taken_back_is_told() {
    let workload = Workload::start_with(&json!({}), |tenant| {
        tenant.policy.brake = Some(BrakeConfig {
            deactivations: 9,
            deletions: 0,
            membership_removals: 9,
            per_minutes: 60,
            open_until: None,
        });
    })
    .await;
    let managed =
        |name: &str, by: &str| json!({"userName": name, ENTERPRISE: {"manager": {"value": by}}});
    let done = bulk(
        &workload,
        json!({"Operations": [
            post("/Users", "first", managed("ada", "bulkId:second")),
            post("/Users", "second", managed("ADA", "bulkId:first")),
        ]}),
    )
    .await;

    assert_eq!(statuses(&done), ["409", "409"]);
    let (told, kept) = match done[0].get("location") {
        Some(_) => (&done[0], &done[1]),
        None => (&done[1], &done[0]),
    };
    assert_eq!(kept["response"]["scimType"], "uniqueness");
    let detail = told["response"]["detail"].as_str().unwrap();
    assert!(detail.contains("is still there"), "{detail}");
    assert!(detail.contains("brake"), "{detail}");
    let half = at(&workload, told).await;
    assert!(half["userName"].is_string(), "{half}");
    assert_eq!(half.get(ENTERPRISE), None);
    workload.server.shutdown().await;
}

/// Some operations that are done and some that fail.
async fn mixed(workload: &Workload) {
    let (_, ada) = workload
        .send("POST", "/Users", Some(&json!({"userName": "ada"})))
        .await;
    let path = format!("/Users/{}", ada["id"].as_str().unwrap());
    let operations = json!([
        post("/Users", "a", json!({"userName": "a"})),
        post("/Users", "b", json!({"userName": "b"})),
        post("/Groups", "g", json!({"displayName": "g"})),
        post("/Users", "c", json!({"userName": "ADA"})),
        {"method": "patch", "path": path,
            "data": {"Operations": [{"op": "replace", "path": "active", "value": false}]}},
        {"method": "DELETE", "path": "/Users/nobody"},
    ]);
    bulk(workload, json!({"Operations": operations})).await;
}

/// What is read beside SCIM.
async fn told(workload: &Workload, path: &str) -> String {
    let address = workload.server.report_addr().unwrap();
    let request = workload.client.get(format!("http://{address}{path}"));
    let response = request.bearer_auth(REPORT_TOKEN).send().await.unwrap();
    response.text().await.unwrap()
}

#[tokio::test]
async fn each_operation_counts_like_a_request() {
    let workload = Workload::start(&json!({})).await;
    mixed(&workload).await;

    let report = workload.report().await;
    let client = &report["scimTenants"][0]["clients"][0];
    let cycle = &client["lastCycle"];
    for (name, expected) in [
        ("requests", 8),
        ("created", 4),
        ("updated", 0),
        ("deactivated", 1),
        ("deleted", 0),
        ("failed", 1),
    ] {
        assert_eq!(cycle[name], expected, "{name} {cycle}");
    }
    assert_eq!(cycle["repairs"]["LowercaseMethod"], 1, "{cycle}");
    assert!(client["evidence"]["firstGroup"].is_string(), "{client}");
    let error = client["lastError"]["summary"].as_str().unwrap();
    assert!(error.starts_with("POST Users: 409 uniqueness:"), "{error}");
    let metrics = told(&workload, "/metrics").await;
    let counted =
        "usher_scim_bulk_operations_total{route=\"/Users\",method=\"POST\",status=\"201\"} 2";
    assert!(metrics.contains(counted), "{metrics}");
    workload.server.shutdown().await;
}

#[tokio::test]
async fn what_is_repaired_in_an_operation_of_a_circle_is_told() {
    let workload = Workload::start(&json!({})).await;
    let managed =
        |name: &str, by: &str| json!({"userName": name, ENTERPRISE: {"manager": {"value": by}}});
    let circle = json!({"Operations": [
        post("/Users", "a", managed("a", "bulkId:b")),
        post("/Users", "b", managed("b", "bulkId:a")),
    ]});

    let done = bulk(&workload, circle).await;

    assert_eq!(statuses(&done), ["201", "201"]);
    let report = workload.report().await;
    let repairs = &report["scimTenants"][0]["clients"][0]["lastCycle"]["repairs"];
    // Of both people and of the request itself.
    assert_eq!(*repairs, json!({"MissingSchemas": 3}));
    workload.server.shutdown().await;
}

#[tokio::test]
async fn an_operation_that_failed_has_a_record_of_its_own() {
    let workload = Workload::start(&json!({})).await;
    mixed(&workload).await;

    let records = told(&workload, "/requests?client=entra").await;
    let line = |it: &str| {
        let it: Value = serde_json::from_str(it).unwrap();
        let text = |name: &str| it[name].as_str().unwrap().to_owned();
        format!("{} {} {}", text("method"), text("path"), it["status"])
    };
    let mut seen: Vec<String> = records.lines().map(line).collect();
    seen.sort();
    assert_eq!(
        seen,
        [
            "DELETE Users/(text of 6) 404",
            "POST Bulk 200",
            "POST Users 201",
            "POST Users 409"
        ]
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn after_as_many_errors_as_are_allowed_nothing_more_is_begun() {
    let workload = Workload::start(&json!({})).await;
    let mut operations: Vec<Value> = vec![
        post("/Users", "0", json!({})),
        post("/Users", "1", json!({})),
    ];
    operations.push(post("/Users", "2", json!({"userName": "late"})));
    let done = bulk(
        &workload,
        json!({"failOnErrors": 2, "Operations": operations}),
    )
    .await;
    assert_eq!(statuses(&done), ["400", "400"]);
    let (_, users) = workload.send("GET", "/Users", None).await;
    assert_eq!(users["totalResults"], 0);

    let many = vec![post("/Users", "x", json!({})); 1001];
    let (status, refused) = workload
        .send("POST", "/Bulk", Some(&json!({"Operations": many})))
        .await;
    assert_eq!(status, 413);
    assert_eq!(
        refused["detail"],
        "A bulk request may have at most 1000 operations, and this one has 1001."
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_thousand_operations_are_done() {
    let workload = Workload::start(&json!({})).await;
    let mut operations: Vec<Value> = (0..999)
        .map(|it| {
            post(
                "/Users",
                &format!("u{it}"),
                json!({"userName": format!("u{it}")}),
            )
        })
        .collect();
    let members: Vec<Value> = (0..999)
        .map(|it| json!({"value": format!("bulkId:u{it}")}))
        .collect();
    operations.insert(
        0,
        post(
            "/Groups",
            "g",
            json!({"displayName": "all", "members": members}),
        ),
    );

    let done = bulk(&workload, json!({"Operations": operations})).await;

    assert!(done.iter().all(|it| it["status"] == "201"));
    let (_, group) = workload
        .send("GET", "/Groups?filter=displayName+eq+%22all%22", None)
        .await;
    assert_eq!(
        group["Resources"][0]["members"].as_array().unwrap().len(),
        999
    );
    workload.server.shutdown().await;
}
