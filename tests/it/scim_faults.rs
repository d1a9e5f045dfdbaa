//! What goes wrong between a client and the protocol, one test for each kind: half a change, names that are nearly the same,
//! odd texts, members that are not there.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::workload_program::Program;
use crate::workload_server::{
    STRICT_TOKEN, TOKEN, Workload, answer, client, config, scim_client, scim_tenant, strict_client,
};

async fn started() -> Workload {
    Workload::start(&json!({})).await
}

async fn user(workload: &Workload, body: Value) -> Value {
    let (status, created) = workload.send("POST", "/Users", Some(&body)).await;
    assert_eq!(status, 201, "{created}");
    created
}

fn path(resource: &Value) -> String {
    let kind = resource["meta"]["resourceType"].as_str().unwrap();
    format!("/{kind}s/{}", resource["id"].as_str().unwrap())
}

async fn patch(workload: &Workload, path: &str, operations: Value) -> (u16, Value) {
    let body = json!({"Operations": operations});
    workload.send("PATCH", path, Some(&body)).await
}

async fn get(workload: &Workload, path: &str) -> Value {
    workload.send("GET", path, None).await.1
}

async fn total(workload: &Workload, query: &str) -> Value {
    get(workload, &format!("/Users?{query}")).await["totalResults"].clone()
}

#[tokio::test]
async fn members_are_added_once_a_thousand_at_a_time_and_all_or_none() {
    let workload = started().await;
    let users = (0..1000).map(|it| json!({"method": "POST", "path": "/Users", "bulkId": it.to_string(), "data": {"userName": format!("u{it}")}}));
    let body = json!({"Operations": users.collect::<Vec<_>>()});
    let (_, made) = workload.send("POST", "/Bulk", Some(&body)).await;
    let ids = made["Operations"].as_array().unwrap().iter();
    let ids = ids.map(|it| it["location"].as_str().unwrap().rsplit('/').next().unwrap());
    let mut members: Vec<Value> = ids.map(|it| json!({"value": it})).collect();
    let (_, group) = workload
        .send("POST", "/Groups", Some(&json!({"displayName": "g"})))
        .await;
    let group = path(&group);
    let count = async || {
        get(&workload, &group).await["members"]
            .as_array()
            .map_or(0, Vec::len)
    };

    let mut wrong = members[..99].to_vec();
    wrong.push(json!({"value": "nobody"}));
    let (status, refused) = patch(
        &workload,
        &group,
        json!([{"op": "add", "path": "members", "value": wrong}]),
    )
    .await;
    assert_eq!((status, count().await), (400, 0));
    assert_eq!(
        refused["detail"],
        "1 of the members are not users of this server, the first is number 100 of its list; nothing was changed."
    );

    members.push(members[0].clone());
    let add = json!([{"op": "add", "path": "members", "value": members}]);
    assert_eq!(patch(&workload, &group, add.clone()).await.0, 204);
    assert_eq!(count().await, 1000);
    let before = get(&workload, &group).await["meta"]["version"].clone();
    assert_eq!(patch(&workload, &group, add).await.0, 204);
    assert_eq!(get(&workload, &group).await["meta"]["version"], before);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn of_many_operations_none_is_applied_when_the_last_is_bad() {
    let workload = started().await;
    let one = path(&user(&workload, json!({"userName": "a"})).await);
    let mut operations: Vec<Value> = (0..200)
        .map(|it| json!({"op": "add", "path": "title", "value": it.to_string()}))
        .collect();
    operations.push(json!({"op": "replace", "path": "active", "value": "perhaps"}));

    let (status, _) = patch(&workload, &one, json!(operations)).await;

    assert_eq!(status, 400);
    assert_eq!(get(&workload, &one).await.get("title"), None);
    operations.pop();
    assert_eq!(
        patch(&workload, &one, json!(operations)).await.1["title"],
        "199"
    );
    let many = vec![operations[0].clone(); 1001];
    assert_eq!(patch(&workload, &one, json!(many)).await.0, 413);
    workload.server.shutdown().await;
}

/// Entra repeats a request whose answer it did not get.
#[tokio::test]
async fn a_repeated_create_is_refused_and_finds_the_first() {
    let workload = started().await;
    let body = json!({"userName": "Straße@x", "externalId": "e"});
    let first = user(&workload, body.clone()).await;

    let (status, refused) = workload.send("POST", "/Users", Some(&body)).await;

    assert_eq!((status, &refused["scimType"]), (409, &json!("uniqueness")));
    let found = get(&workload, "/Users?filter=externalId+eq+%22e%22").await;
    assert_eq!(found["Resources"][0]["id"], first["id"]);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn names_are_the_same_in_any_casing_and_come_back_as_sent() {
    let workload = started().await;
    let long = "n".repeat(1000);
    for (name, same) in [
        ("Ünal", "üNAL"),
        ("İpek", "i\u{307}pek"),
        (long.as_str(), &long.to_uppercase()),
        ("a\u{202e}b <b>&\t\u{7}", "A\u{202e}B <B>&\t\u{7}"),
    ] {
        let created = user(&workload, json!({"userName": name})).await;
        assert_eq!(created["userName"], name);
        assert_eq!(get(&workload, &path(&created)).await["userName"], name);
        let (status, _) = workload
            .send("POST", "/Users", Some(&json!({"userName": same})))
            .await;
        assert_eq!(status, 409, "{name}");
    }
    let nul = json!({"userName": "a\u{0}b"});
    let (status, refused) = workload.send("POST", "/Users", Some(&nul)).await;
    assert_eq!(
        (status, &refused["scimType"]),
        (400, &json!("invalidValue"))
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn two_people_swap_their_names_and_stay_who_they_are() {
    let workload = started().await;
    let one = path(&user(&workload, json!({"userName": "one", "title": "1"})).await);
    let two = path(&user(&workload, json!({"userName": "two", "title": "2"})).await);
    let rename = async |path: &str, name: &str| {
        patch(
            &workload,
            path,
            json!([{"op": "replace", "path": "userName", "value": name}]),
        )
        .await
        .0
    };

    let rounds = if option_env!("USHER_SOAK").is_some() {
        1000
    } else {
        50
    };
    for round in 0..rounds {
        let names = ["one", "two"];
        let (first, second) = (names[round % 2], names[1 - round % 2]);
        assert_eq!(rename(&one, second).await, 409);
        assert_eq!(rename(&one, "free").await, 200);
        assert_eq!(rename(&two, first).await, 200);
        assert_eq!(rename(&one, second).await, 200);

        let (first_now, second_now) = (get(&workload, &one).await, get(&workload, &two).await);
        assert_eq!(
            (&first_now["title"], &second_now["title"]),
            (&json!("1"), &json!("2"))
        );
        assert_eq!(
            (&first_now["userName"], &second_now["userName"]),
            (&json!(second), &json!(first))
        );
    }
    assert_eq!(total(&workload, "").await, 2);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_put_replaces_what_a_client_may_write_and_nothing_else() {
    let workload = started().await;
    let created = user(
        &workload,
        json!({"userName": "a", "title": "t", "nickName": "n"}),
    )
    .await;
    let one = path(&created);
    let body = json!({"id": "other", "userName": "b", "title": null, "nickName": "", "emails": [], "name": {},
        "meta": {"created": "2000-01-01T00:00:00Z"}, "groups": [{"value": "x"}], "nobody": 1});

    let (status, replaced) = workload.send("PUT", &one, Some(&body)).await;

    assert_eq!(status, 200);
    assert_eq!(
        (&replaced["id"], &replaced["userName"]),
        (&created["id"], &json!("b"))
    );
    assert_eq!(replaced["meta"]["created"], created["meta"]["created"]);
    for gone in ["title", "nickName", "emails", "name", "groups", "nobody"] {
        assert_eq!(replaced.get(gone), None, "{gone}");
    }
    assert_eq!(
        workload
            .send("PUT", &one, Some(&json!({"title": "t"})))
            .await
            .0,
        400
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn at_most_one_value_is_primary_after_a_patch() {
    let workload = started().await;
    let emails =
        json!([{"value": "1", "type": "work", "primary": true}, {"value": "2", "type": "work"}]);
    let created = user(&workload, json!({"userName": "a", "emails": emails})).await;
    assert_eq!(created["emails"].as_array().unwrap().len(), 2);

    let add = json!([{"op": "add", "path": "emails", "value": [{"value": "3", "primary": true}]}]);
    let (_, patched) = patch(&workload, &path(&created), add).await;

    let primary: Vec<&Value> = patched["emails"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["primary"] == true)
        .collect();
    assert_eq!(primary, [&json!({"value": "3", "primary": true})]);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn who_left_is_kept_and_who_was_deleted_is_somebody_new() {
    let workload = started().await;
    let created = user(&workload, json!({"userName": "a"})).await;
    let one = path(&created);
    assert_eq!(total(&workload, "filter=active+eq+true").await, 1);
    let active = |value: bool| json!([{"op": "replace", "path": "active", "value": value}]);
    patch(&workload, &one, active(false)).await;
    assert_eq!(total(&workload, "filter=active+eq+false").await, 1);
    let (status, _) = workload
        .send("POST", "/Users", Some(&json!({"userName": "A"})))
        .await;
    assert_eq!(status, 409);
    assert_eq!(patch(&workload, &one, active(true)).await.1["active"], true);

    assert_eq!(workload.send("DELETE", &one, None).await.0, 204);
    let again = user(&workload, json!({"userName": "A"})).await;
    assert_ne!(again["id"], created["id"]);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_reference_to_somebody_who_comes_later_is_kept() {
    let workload = started().await;
    let enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
    let body = json!({"userName": "a", enterprise: {"manager": {"value": "later"}}});
    let created = user(&workload, body).await;
    assert_eq!(created[enterprise]["manager"]["value"], "later");

    let (_, group) = workload
        .send("POST", "/Groups", Some(&json!({"displayName": "a"})))
        .await;
    let add = json!([{"op": "add", "path": "members", "value": [{"value": created["id"]}]}]);
    assert_eq!(patch(&workload, &path(&group), add).await.0, 204);
    let found = get(
        &workload,
        &format!("/Users?filter=groups+eq+{}", group["id"]),
    )
    .await;
    assert_eq!(found["Resources"][0]["groups"][0]["display"], "a");
    workload.server.shutdown().await;
}

#[tokio::test]
async fn names_of_attributes_that_nobody_knows_are_not_answered_and_no_error() {
    let workload = started().await;
    let body = json!({"userName": "a", "name": {"givenName": "g", "familyName": "f"}});
    let one = path(&user(&workload, body).await);
    let core = "urn:ietf:params:scim:schemas:core:2.0:User";
    for (query, expected) in [
        (
            format!("attributes={core}:name.givenName"),
            json!({"givenName": "g"}),
        ),
        (
            "attributes=name,nobody&excludedAttributes=name.familyName".to_owned(),
            json!({"givenName": "g"}),
        ),
        (
            "excludedAttributes=id,NAME.givenname".to_owned(),
            json!({"familyName": "f"}),
        ),
        ("attributes=nobody".to_owned(), Value::Null),
    ] {
        let found = get(&workload, &format!("{one}?{query}")).await;
        assert_eq!(
            found.get("name").cloned().unwrap_or_default(),
            expected,
            "{query}"
        );
        assert!(
            found["id"].is_string() && found["schemas"].is_array(),
            "{query}"
        );
    }
    workload.server.shutdown().await;
}

/// A client that begins many requests and ends none takes nobody's place.
#[tokio::test]
async fn many_half_bodies_keep_nobody_from_being_served() {
    let folder = TempDir::new().unwrap();
    let mut tenant = scim_tenant("contoso", "http://contoso.example", &folder, &json!({}));
    tenant.clients.push(strict_client());
    let path = folder.path().join("workload.json");
    std::fs::write(&path, config(vec![tenant]).to_json()).unwrap();
    let program = Program::start(&path);
    let address = program.base.split('/').nth(2).unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {STRICT_TOKEN}\r\nContent-Length: 1000000\r\nExpect: 100-continue\r\n\r\n"
    );
    let mut open = Vec::new();
    for _ in 0..600 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 21];
        stream.read_exact(&mut answer).await.unwrap();
        // The body is being read from here on.
        assert_eq!(&answer, b"HTTP/1.1 100 Continue");
        stream.write_all(b"{\"userName\": ").await.unwrap();
        open.push(stream);
    }

    let url = format!("{}/Users", program.base);
    let good = client().post(url).bearer_auth(TOKEN);
    let good = good.body(json!({"userName": "good"}).to_string());
    assert_eq!(answer(good).await.0, 201);
    drop(open);
    program.kill();
}

/// Their time is over by a clock that is turned; nobody else waits for it.
#[tokio::test]
async fn who_sends_slowly_is_ended_and_others_are_served() {
    let workload = started().await;
    let connect = || TcpStream::connect(workload.server.local_addr());
    let (mut slow_head, mut slow_body) = (connect().await.unwrap(), connect().await.unwrap());
    slow_head.write_all(b"GET /scim/v2/Users HT").await.unwrap();
    let head = format!(
        "POST /scim/v2/Users HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    );
    slow_body.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 25];
    slow_body.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    slow_body.write_all(b"{").await.unwrap();
    assert_eq!(total(&workload, "").await, 0);

    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();

    let (mut of_body, mut of_head) = (Vec::new(), Vec::new());
    slow_body.read_buf(&mut of_body).await.unwrap();
    slow_head.read_to_end(&mut of_head).await.unwrap();
    let of_body = String::from_utf8(of_body).unwrap();
    assert!(of_body.starts_with("HTTP/1.1 408"), "{of_body}");
    assert_eq!(String::from_utf8(of_head).unwrap(), "");
    assert_eq!(total(&workload, "").await, 0);
    workload.server.shutdown().await;
}

/// A directory, a connector or a client that is taken away is no empty success for whoever goes on to ask.
#[tokio::test]
async fn what_was_taken_away_is_refused_and_never_an_empty_success() {
    let workload =
        Workload::start_with(&json!({}), |tenant| tenant.clients.push(strict_client())).await;
    let one = path(&user(&workload, json!({"userName": "a"})).await);
    let check = async |expected: u16| {
        let one = one.as_str();
        let patch = json!({"Operations": [{"op": "replace", "path": "active", "value": false}]});
        for (method, path, body) in [
            ("GET", "/Users?filter=userName+eq+%22a%22", None),
            ("GET", one, None),
            ("POST", "/Users", Some(json!({"userName": "b"}))),
            ("PATCH", one, Some(patch)),
            ("DELETE", one, None),
        ] {
            let (status, refused) = workload.send(method, path, body.as_ref()).await;
            assert_eq!(status, expected, "{method} {path}: {refused}");
            assert_eq!(refused["status"], expected.to_string());
        }
    };
    let served = |clients| {
        let mut tenant = scim_tenant(
            "contoso",
            "http://contoso.example",
            &workload.folder,
            &json!({}),
        );
        tenant.clients = clients;
        config(vec![tenant])
    };

    workload
        .server
        .reload(served(vec![strict_client()]))
        .await
        .unwrap();
    check(401).await;
    workload.server.reload(config(Vec::new())).await.unwrap();
    check(404).await;

    let again = served(vec![scim_client("entra", TOKEN)]);
    workload.server.reload(again).await.unwrap();
    assert_eq!(get(&workload, &one).await["active"], Value::Null);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_packed_body_is_not_unpacked() {
    let workload = started().await;
    let request = workload
        .request("POST", "/Users")
        .header("content-encoding", "gzip");
    let (status, refused) = answer(request.body(vec![0x1f, 0x8b, 8, 0])).await;
    assert_eq!(status, 415);
    assert_eq!(refused["detail"], "Send the body without Content-Encoding.");
    workload.server.shutdown().await;
}
