//! The two dialects over HTTP: what is repaired and counted for Entra, and refused for a strict client.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use reqwest::Method;
use serde_json::{Value, json};

use crate::workload_server::{STRICT_TOKEN, TOKEN, Workload, answer, strict_client};

const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
const BULK: &str = "urn:ietf:params:scim:api:messages:2.0:BulkRequest";
const PATCH: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

async fn started() -> Workload {
    Workload::start_with(&json!({}), |tenant| tenant.clients.push(strict_client())).await
}

async fn send(
    workload: &Workload,
    token: &str,
    request: (&str, &str),
    body: Value,
) -> (u16, Value) {
    let method = Method::from_bytes(request.0.as_bytes()).unwrap();
    let sent = workload
        .client
        .request(method, format!("{}{}", workload.base, request.1))
        .bearer_auth(token);
    let sent = if body.is_null() {
        sent
    } else {
        sent.body(body.to_string())
    };
    answer(sent).await
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[tokio::test]
async fn what_entra_sends_beyond_the_rfc_is_counted_and_a_strict_client_is_told_what_to_send() {
    let workload = started().await;
    let body = json!({"schemas": [USER], "userName": "ada"});
    let (_, created) = send(&workload, STRICT_TOKEN, ("POST", "/Users"), body).await;
    let user = format!("/Users/{}", created["id"].as_str().unwrap());
    let body = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"], "displayName": "g",
        "members": [{"value": created["id"]}]});
    let (_, created) = send(&workload, STRICT_TOKEN, ("POST", "/Groups"), body).await;
    let group = format!("/Groups/{}", created["id"].as_str().unwrap());
    let member = created["members"][0]["value"].clone();
    let patch = |operation: Value| json!({"schemas": [PATCH], "Operations": [operation]});
    let cases = [
        (
            "POST",
            "/Users",
            json!({"userName": "bo"}),
            "invalidSyntax",
            "MissingSchemas",
        ),
        (
            "PATCH",
            user.as_str(),
            patch(json!({"op": "Replace", "path": "title", "value": "x"})),
            "invalidSyntax",
            "CapitalizedOp",
        ),
        (
            "PATCH",
            user.as_str(),
            patch(json!({"op": "replace", "path": "active", "value": "False"})),
            "invalidValue",
            "StringBoolean",
        ),
        (
            "PATCH",
            user.as_str(),
            patch(json!({"op": "add", "value": {"name.givenName": "A"}})),
            "invalidPath",
            "DottedKey",
        ),
        (
            "POST",
            "/Bulk",
            json!({"schemas": [BULK], "Operations": [{"method": "delete", "path": "/Users/nobody"}]}),
            "invalidSyntax",
            "LowercaseMethod",
        ),
        (
            "PATCH",
            user.as_str(),
            patch(
                json!({"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department", "value": "D"}),
            ),
            "invalidPath",
            "DottedUrn",
        ),
        (
            "PATCH",
            user.as_str(),
            patch(json!({"op": "add", "path": "roles", "value": [{"value": "{\"value\":\"r\"}"}]})),
            "invalidValue",
            "JsonText",
        ),
        (
            "PATCH",
            group.as_str(),
            patch(json!({"op": "remove", "path": "members", "value": [{"value": member}]})),
            "invalidValue",
            "MemberValueList",
        ),
        (
            "GET",
            "/Users?filter=userName+eq+ada",
            Value::Null,
            "invalidFilter",
            "UnquotedValue",
        ),
        (
            "GET",
            "/Users?filter=emails%5Btype+eq+%22work%22%5D.value+eq+%22x%22",
            Value::Null,
            "invalidFilter",
            "ValuePathFilter",
        ),
    ];

    for (method, path, body, scim_type, repair) in cases {
        let (status, refused) = send(&workload, STRICT_TOKEN, (method, path), body.clone()).await;
        assert_eq!(
            (status, refused["scimType"].as_str()),
            (400, Some(scim_type)),
            "{repair} {refused}"
        );
        let (status, answer) = send(&workload, TOKEN, (method, path), body).await;
        assert!(status < 300, "{repair} {answer}");
        let report = workload.report().await;
        let cycle = &report["scimTenants"][0]["clients"][0]["lastCycle"];
        assert_eq!(cycle["repairs"][repair], 1, "{cycle}");
    }
    let address = workload.server.report_addr().unwrap();
    let metrics = workload.client.get(format!("http://{address}/metrics"));
    let metrics = metrics.send().await.unwrap().text().await.unwrap();
    assert!(
        metrics.contains("usher_scim_repairs_total{kind=\"UnquotedValue\"} 1"),
        "{metrics}"
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_strict_client_names_the_schema_of_each_body_and_no_paths_in_keys() {
    let workload = started().await;
    let body = json!({"schemas": [USER], "userName": "ada"});
    let (_, created) = send(&workload, STRICT_TOKEN, ("POST", "/Users"), body).await;
    let user = format!("/Users/{}", created["id"].as_str().unwrap());
    let keyed = json!({"schemas": [PATCH], "Operations":
        [{"op": "add", "value": {"emails[type eq \"work\"].value": "a@x"}}]});
    for (method, path, body, scim_type) in [
        ("POST", "/.search", json!({}), "invalidSyntax"),
        ("POST", "/Users/.search", json!({}), "invalidSyntax"),
        ("POST", "/Bulk", json!({"Operations": []}), "invalidSyntax"),
        ("PATCH", user.as_str(), keyed, "invalidPath"),
    ] {
        let (status, refused) = send(&workload, STRICT_TOKEN, (method, path), body.clone()).await;
        let told = (status, refused["scimType"].as_str());
        assert_eq!(told, (400, Some(scim_type)), "{path} {refused}");
        let (status, answer) = send(&workload, TOKEN, (method, path), body).await;
        assert_eq!(status, 200, "{answer}");
    }
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_path_that_finds_no_value_makes_one_for_entra_alone() {
    let workload = started().await;
    let body = json!({"schemas": [USER], "userName": "ada"});
    let (_, created) = send(&workload, STRICT_TOKEN, ("POST", "/Users"), body).await;
    let user = format!("/Users/{}", created["id"].as_str().unwrap());
    let body = json!({"schemas": [PATCH], "Operations":
        [{"op": "replace", "path": "emails[type eq \"work\"].value", "value": "a@x"}]});

    let (status, refused) = send(
        &workload,
        STRICT_TOKEN,
        ("PATCH", user.as_str()),
        body.clone(),
    )
    .await;
    assert_eq!(
        (status, refused["scimType"].as_str()),
        (400, Some("noTarget"))
    );
    let (_, patched) = send(&workload, TOKEN, ("PATCH", user.as_str()), body).await;
    assert_eq!(patched["emails"], json!([{"type": "work", "value": "a@x"}]));
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_removal_of_members_that_names_nobody_is_refused_and_reported() {
    let workload = started().await;
    let (_, ada) = workload
        .send("POST", "/Users", Some(&json!({"userName": "ada"})))
        .await;
    let body = json!({"displayName": "g", "members": [{"value": ada["id"]}]});
    let (_, group) = workload.send("POST", "/Groups", Some(&body)).await;
    let path = format!("/Groups/{}", group["id"].as_str().unwrap());
    let body = json!({"schemas": [PATCH], "Operations": [
        {"op": "replace", "path": "displayName", "value": "h"}, {"op": "remove", "path": "members"}]});

    let (status, refused) = workload.send("PATCH", &path, Some(&body)).await;

    assert_eq!(
        (status, refused["scimType"].as_str()),
        (400, Some("invalidValue"))
    );
    let (_, kept) = workload.send("GET", &path, None).await;
    assert_eq!(
        (&kept["displayName"], &kept["members"][0]["value"]),
        (&json!("g"), &ada["id"])
    );
    let report = workload.report().await;
    let error = &report["scimTenants"][0]["clients"][0]["lastError"]["summary"];
    assert!(
        error.as_str().unwrap().starts_with(
            "PATCH Groups/…: 400 invalidValue: Operation 2 would remove all members, for it names nobody"
        ),
        "{error}"
    );
    let (status, _) = send(&workload, STRICT_TOKEN, ("PATCH", path.as_str()), body).await;
    assert_eq!(status, 204);
    let (_, emptied) = workload.send("GET", &path, None).await;
    assert_eq!(emptied.get("members"), None);
    workload.server.shutdown().await;
}
