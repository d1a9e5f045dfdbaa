//! Bulk over HTTP: references in every direction, errors one by one, and how long a thousand operations take.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]
#![expect(clippy::needless_pass_by_value, reason = "bodies are literals")]

use serde_json::{Value, json};

use crate::workload_server::Workload;

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
