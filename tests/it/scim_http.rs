//! SCIM over HTTP: the recorded exchanges, what is asked wrongly, and what many ask at once.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::entra_exchanges::Player;
use crate::workload_server::{
    STRICT_TOKEN, TOKEN, Workload, answer, exchange, recorded_rules, strict_client,
};

fn rules() -> Value {
    json!({"userTypes": ["Premium", "Standard"], "required": ["name.givenName"]})
}

fn person(name: &str) -> Value {
    json!({"userName": name, "name": {"givenName": "A"}, "userType": "Standard"})
}

fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

async fn create(workload: &Workload, path: &str, body: &Value) -> String {
    let (status, created) = workload.send("POST", path, Some(body)).await;
    assert_eq!(status, 201, "{created}");
    created["id"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn every_recorded_exchange_passes_in_order() {
    let workload = Workload::start_with(&recorded_rules(), |tenant| {
        tenant.clients.push(strict_client());
    })
    .await;
    let player = Player::new(&workload.base, TOKEN, "202611240001");
    let mut player = player.with_strict_client(STRICT_TOKEN);

    while let Some(request) = player.next_request() {
        let answer = exchange(&workload.client, &workload.base, request).await;
        player.check(&answer).unwrap();
    }

    let report = workload.report().await;
    let tenant = &report["scimTenants"][0];
    assert_eq!(
        tenant["users"], 0,
        "the exchanges clean up after themselves"
    );
    let client = &tenant["clients"][0];
    assert!(client["evidence"]["firstGroup"].is_string());
    assert!(client["lastCycle"]["created"].as_i64() > Some(10));
    workload.server.shutdown().await;
}

/// A request, and the status and `scimType` that answer it.
type Bad = (&'static str, String, String, u16, &'static str);

#[expect(clippy::too_many_lines, reason = "a table")]
fn bad_requests(one: &str) -> Vec<Bad> {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let nested = format!(
        "/Users?filter={}userName pr{}",
        "(".repeat(900),
        ")".repeat(900)
    );
    let long = format!("/Users?filter=userName+eq+%22{}%22", "x".repeat(20_000));
    let huge = format!("{{\"userName\": \"{}\"}}", "x".repeat(2_000_000));
    let bad_type =
        json!({"userName": "b", "name": {"givenName": "B"}, "userType": "premium"}).to_string();
    let half = patch(&json!([{"op": "replace", "path": "title", "value": "T"}, {"op": "replace", "path": "active", "value": "maybe"}])).to_string();
    let unknown_op = patch(&json!([{"op": "move", "path": "title", "value": "T"}])).to_string();
    let table = [
        ("POST", "/Users", "{", 400, "invalidSyntax"),
        ("POST", "/Users", "", 400, "invalidSyntax"),
        ("POST", "/Users", "[]", 400, "invalidSyntax"),
        ("POST", "/Users", "\u{feff}{}", 400, "invalidSyntax"),
        (
            "POST",
            "/Users",
            "{\"userName\": 1e400}",
            400,
            "invalidSyntax",
        ),
        (
            "POST",
            "/Users",
            "{\"userName\": \"\\ud800\"}",
            400,
            "invalidSyntax",
        ),
        ("POST", "/Users", &deep, 400, "invalidSyntax"),
        ("POST", "/Users", &huge, 413, ""),
        ("POST", "/Users", "{}", 400, "invalidValue"),
        (
            "POST",
            "/Users",
            "{\"userName\": \"b\"}",
            400,
            "invalidValue",
        ),
        ("POST", "/Users", &bad_type, 400, "invalidValue"),
        (
            "POST",
            "/Groups",
            "{\"displayName\": \"g\", \"members\": [{\"value\": \"nobody\"}]}",
            400,
            "invalidValue",
        ),
        ("PATCH", one, &half, 400, "invalidValue"),
        ("PATCH", one, &unknown_op, 400, "invalidSyntax"),
        ("GET", "/Users?filter=userName eq", "", 400, "invalidFilter"),
        (
            "GET",
            "/Users?filter=userName eq \"x",
            "",
            400,
            "invalidFilter",
        ),
        ("GET", "/Users?filter=%00", "", 400, "invalidFilter"),
        ("GET", &nested, "", 400, "invalidFilter"),
        ("GET", &long, "", 400, "invalidFilter"),
        ("GET", "/Users?count=x", "", 400, "invalidValue"),
        ("GET", "/Users/nobody", "", 404, ""),
        ("PATCH", "/Users/nobody", "{\"Operations\": []}", 404, ""),
        ("DELETE", "/Groups/nobody", "", 404, ""),
        ("GET", "/Nothing", "", 404, ""),
        ("GET", "/Users/a/b", "", 404, ""),
        ("PUT", "/Users", "{}", 405, ""),
        ("POST", "/Schemas", "{}", 405, ""),
    ];
    table
        .into_iter()
        .map(|(method, path, body, status, scim_type)| {
            (method, path.to_owned(), body.to_owned(), status, scim_type)
        })
        .collect()
}

#[tokio::test]
async fn bad_requests_get_an_error_of_scim() {
    let workload = Workload::start(&rules()).await;
    let id = create(&workload, "/Users", &person("a")).await;
    let one = format!("/Users/{id}");
    for (method, path, body, status, scim_type) in bad_requests(&one) {
        let request = workload.request(method, &path).body(body);
        let response = request.send().await.unwrap();
        let media = response.headers()["content-type"].clone();
        let found = response.status().as_u16();
        assert_eq!(response.headers().contains_key("allow"), status == 405);
        let body: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        let what = format!("{method} {path:.60}: {body}");
        assert_eq!(
            (found, &media),
            (status, &"application/scim+json".parse().unwrap()),
            "{what}"
        );
        assert_eq!(body["status"], status.to_string(), "{what}");
        assert_eq!(
            body["scimType"].as_str().unwrap_or_default(),
            scim_type,
            "{what}"
        );
    }
    let (_, found) = workload.send("GET", &one, None).await;
    assert_eq!(
        found["meta"]["version"], "W/\"1\"",
        "nothing was applied by half"
    );
    let report = workload.report().await;
    let error = report["scimTenants"][0]["clients"][0]["lastError"]["summary"].clone();
    assert_eq!(error, "POST Schemas: 405: Allowed are GET, HEAD");
}

#[tokio::test]
async fn credentials_are_told_apart() {
    let workload = Workload::start(&json!({})).await;
    let url = format!("{}/Users", workload.base);
    for (value, status) in [
        (None, 401),
        (Some(format!("bearer {TOKEN}")), 200),
        (Some(format!("Bearer {TOKEN}x")), 401),
        (Some(TOKEN.to_owned()), 401),
        (
            Some("Basic ZW50cmE6dGhlLXRva2VuLW9mLWVudHJh".to_owned()),
            200,
        ),
        (
            Some("Basic b3RoZXI6dGhlLXRva2VuLW9mLWVudHJh".to_owned()),
            401,
        ),
    ] {
        let mut request = workload.client.get(&url);
        if let Some(value) = &value {
            request = request.header("authorization", value);
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{value:?}");
        assert_eq!(
            response.headers().contains_key("www-authenticate"),
            status == 401
        );
    }
    let twice = workload
        .client
        .get(&url)
        .bearer_auth(TOKEN)
        .header("authorization", "Bearer x");
    assert_eq!(answer(twice).await.0, 401);
}

#[tokio::test]
async fn content_types_are_told_apart() {
    let workload = Workload::start(&json!({})).await;
    for (number, (media, status)) in [
        ("application/scim+json; charset=utf-8", 201),
        ("Application/JSON", 201),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
    ]
    .into_iter()
    .enumerate()
    {
        let body = json!({"userName": number.to_string()}).to_string();
        let request = workload
            .request("POST", "/Users")
            .header("content-type", media)
            .body(body);
        assert_eq!(answer(request).await.0, status, "{media}");
    }
    let bare = workload
        .request("POST", "/Users")
        .body("{\"userName\": \"bare\"}");
    assert_eq!(answer(bare).await.0, 201);
    let packed = workload
        .request("POST", "/Users")
        .header("content-encoding", "gzip")
        .body("x");
    assert_eq!(answer(packed).await.0, 415);
    let slashes = workload
        .send("GET", "//Users?aadOptscim062020&unknown", None)
        .await;
    assert_eq!(slashes.0, 200);
}

#[tokio::test]
async fn entity_tags_guard_changes() {
    let workload = Workload::start(&json!({})).await;
    let id = create(&workload, "/Users", &json!({"userName": "a"})).await;
    let path = format!("/Users/{id}");
    let titled = |title: &str| {
        patch(&json!([{"op": "replace", "path": "title", "value": title}])).to_string()
    };
    for (method, header, tag, body, status) in [
        ("GET", "if-none-match", "W/\"1\"", String::new(), 304),
        ("GET", "if-none-match", "W/\"2\"", String::new(), 200),
        ("PATCH", "if-match", "W/\"9\"", titled("x"), 412),
        ("PATCH", "if-match", "\"1\"", titled("x"), 200),
        ("PATCH", "if-match", "*", titled("y"), 200),
        (
            "PUT",
            "if-match",
            "W/\"1\"",
            json!({"userName": "a"}).to_string(),
            412,
        ),
        ("DELETE", "if-match", "nonsense", String::new(), 412),
        ("DELETE", "if-match", "W/\"1\", W/\"3\"", String::new(), 204),
    ] {
        let request = workload
            .request(method, &path)
            .header(header, tag)
            .body(body);
        assert_eq!(answer(request).await.0, status, "{method} {tag}");
    }
}

#[tokio::test]
async fn a_patch_that_changes_nothing_is_not_written() {
    let workload = Workload::start(&json!({})).await;
    let id = create(&workload, "/Users", &json!({"userName": "a", "title": "T"})).await;
    let group = create(
        &workload,
        "/Groups",
        &json!({"displayName": "g", "members": [{"value": id}]}),
    )
    .await;
    let path = format!("/Users/{id}");
    let (_, before) = workload.send("GET", &path, None).await;

    let same = patch(&json!([{"op": "Replace", "path": "title", "value": "T"}]));
    let (status, after) = workload.send("PATCH", &path, Some(&same)).await;
    let (_, group_before) = workload
        .send("GET", &format!("/Groups/{group}"), None)
        .await;
    let again = patch(&json!([{"op": "Add", "path": "members", "value": [{"value": id}]}]));
    workload
        .send("PATCH", &format!("/Groups/{group}"), Some(&again))
        .await;
    let (_, group_after) = workload
        .send("GET", &format!("/Groups/{group}"), None)
        .await;

    assert_eq!(status, 200);
    assert_eq!(before, after);
    assert_eq!(after["groups"][0]["display"], "g");
    assert_eq!(group_before, group_after);
    let report = workload.report().await;
    assert_eq!(
        report["scimTenants"][0]["clients"][0]["lastCycle"]["updated"],
        0
    );
}

#[tokio::test]
async fn a_patch_of_a_group_is_answered_with_what_is_asked_for() {
    let workload = Workload::start(&json!({})).await;
    let id = create(&workload, "/Users", &json!({"userName": "a"})).await;
    let group = create(&workload, "/Groups", &json!({"displayName": "g"})).await;
    let add = patch(&json!([{"op": "add", "path": "members", "value": [{"value": id}]}]));
    let rename = patch(&json!([{"op": "replace", "path": "displayName", "value": "h"}]));
    let send = async |query: &str, body: &Value| {
        let path = format!("/Groups/{group}{query}");
        workload.send("PATCH", &path, Some(body)).await
    };

    assert_eq!(send("", &add).await, (204, Value::Null));
    assert_eq!(send("?excludedAttributes=members", &add).await.0, 204);
    let (status, answer) = send("?attributes=displayName", &rename).await;
    assert_eq!((status, &answer["displayName"]), (200, &json!("h")));
    assert_eq!(answer.get("members"), None);
    let (_, answer) = send("?attributes=members", &rename).await;
    assert_eq!(answer["members"][0]["value"], json!(id));
    assert_eq!(answer.get("displayName"), None);
}

#[tokio::test]
async fn equal_posts_at_once_make_one_user() {
    let workload = Workload::start(&json!({})).await;
    for round in 0..20 {
        let body = json!({"userName": format!("same-{round}")});
        let posts = (0..8).map(|_| workload.send("POST", "/Users", Some(&body)));
        let mut statuses: Vec<u16> = join_all(posts).await.into_iter().map(|it| it.0).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    }
}

#[tokio::test]
async fn fifty_writers_on_one_group_all_succeed() {
    let workload = Workload::start(&json!({})).await;
    let ids = join_all((0..50).map(async |number: usize| {
        create(
            &workload,
            "/Users",
            &json!({"userName": number.to_string()}),
        )
        .await
    }))
    .await;
    let group = create(&workload, "/Groups", &json!({"displayName": "g"})).await;
    let path = format!("/Groups/{group}");
    let path = path.as_str();

    let statuses = join_all(ids.iter().map(async |id: &String| {
        let body = patch(
            &json!([{"op": "Add", "path": "members", "value": [{"value": id}]},
            {"op": "Replace", "path": "externalId", "value": id}]),
        );
        workload.send("PATCH", path, Some(&body)).await.0
    }))
    .await;

    assert_eq!(statuses, [204; 50]);
    let (_, found) = workload.send("GET", path, None).await;
    assert_eq!(found["members"].as_array().map(Vec::len), Some(50));
}

/// Sends bytes as they stand and gives the first line of the answer.
async fn raw(workload: &Workload, text: &str) -> String {
    let mut stream = TcpStream::connect(workload.server.local_addr())
        .await
        .unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut buffer = [0; 64];
    let read = stream.read(&mut buffer).await.unwrap();
    let answer = String::from_utf8_lossy(&buffer[..read]).into_owned();
    answer.lines().next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn old_and_odd_http_is_understood() {
    let workload = Workload::start(&json!({})).await;
    let auth = format!("Authorization: Bearer {TOKEN}");

    let old = raw(
        &workload,
        &format!("GET /scim/v2/Users HTTP/1.0\r\n{auth}\r\n\r\n"),
    )
    .await;
    assert_eq!(old, "HTTP/1.0 200 OK");
    let absolute =
        format!("GET http://any.example/scim/v2/Users HTTP/1.1\r\nHost: x\r\n{auth}\r\n\r\n");
    assert_eq!(raw(&workload, &absolute).await, "HTTP/1.1 200 OK");
    let announced = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\n{auth}\r\nContent-Length: 99999999\r\n\r\n{{"
    );
    assert_eq!(
        raw(&workload, &announced).await,
        "HTTP/1.1 413 Payload Too Large"
    );
}
