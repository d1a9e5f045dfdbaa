//! Lists over HTTP: order, pages by number and by cursor, `/.search`, and what is answered to somebody without a `/Me`.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use serde_json::{Value, json};

use crate::workload_server::{Workload, answer};

async fn filled(names: &[&str]) -> (Workload, Vec<String>) {
    let workload = Workload::start(&json!({})).await;
    let mut ids = Vec::new();
    for name in names {
        let body =
            json!({"userName": name, "emails": [{"type": "work", "value": format!("{name}@x")}]});
        let (status, created) = workload.send("POST", "/Users", Some(&body)).await;
        assert_eq!(status, 201, "{created}");
        ids.push(created["id"].as_str().unwrap().to_owned());
    }
    (workload, ids)
}

fn names(list: &Value) -> Vec<&str> {
    let resources = list["Resources"].as_array().unwrap();
    let name = |it: &'_ Value| {
        it.get("userName")
            .or_else(|| it.get("displayName"))
            .is_some()
    };
    assert!(resources.iter().all(name), "{list}");
    resources
        .iter()
        .map(|it| {
            it["userName"]
                .as_str()
                .or_else(|| it["displayName"].as_str())
                .unwrap()
        })
        .collect()
}

#[tokio::test]
async fn a_list_is_sorted_by_any_attribute_that_has_one_value() {
    let (workload, _) = filled(&["bo", "Al", "cy"]).await;
    let get = async |query: &str| {
        workload
            .send("GET", &format!("/Users?{query}"), None)
            .await
            .1
    };

    assert_eq!(names(&get("").await), ["bo", "Al", "cy"]);
    assert_eq!(names(&get("sortBy=userName").await), ["Al", "bo", "cy"]);
    let page = get("sortBy=username&sortOrder=descending&startIndex=2&count=1").await;
    assert_eq!(names(&page), ["bo"]);
    assert_eq!(page["totalResults"], 3);
    let by_email = get("sortBy=emails&sortOrder=descending").await;
    assert_eq!(names(&by_email), ["cy", "bo", "Al"]);
    let page = get("sortBy=emails.value&startIndex=2&count=1").await;
    assert_eq!(
        (names(&page), &page["totalResults"]),
        (vec!["bo"], &json!(3))
    );
    let first = get("sortBy=emails.value&cursor&count=2").await;
    let next = first["nextCursor"].as_str().unwrap();
    let last = get(&format!("sortBy=emails.value&cursor={next}&count=2")).await;
    assert_eq!(
        (names(&first), names(&last)),
        (vec!["Al", "bo"], vec!["cy"])
    );
    assert_eq!(names(&get("sortBy=title").await), ["bo", "Al", "cy"]);
    let refused = get("sortBy=name").await;
    assert_eq!(refused["scimType"], "invalidValue");
    assert_eq!(
        refused["detail"],
        "sortBy is \"name\": name a part of it, such as name.formatted."
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_cursor_leads_through_a_list_and_only_through_that_list() {
    let (workload, _) = filled(&["e", "d", "c", "b", "a"]).await;
    let get = async |query: &str| {
        workload
            .send("GET", &format!("/Users?{query}"), None)
            .await
            .1
    };

    let first = get("cursor&count=2&sortBy=userName").await;
    assert_eq!(
        (names(&first), &first["totalResults"]),
        (vec!["a", "b"], &json!(5))
    );
    assert_eq!(first.get("startIndex"), None);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = get(&format!("cursor={cursor}&count=2&sortBy=userName")).await;
    assert_eq!(
        (names(&second), &second["totalResults"]),
        (vec!["c", "d"], &json!(5))
    );
    let next = second["nextCursor"].as_str().unwrap();
    let last = get(&format!("cursor={next}&count=2&sortBy=userName")).await;
    assert_eq!(names(&last), ["e"]);
    assert_eq!(last.get("nextCursor"), None);

    for query in [
        format!("cursor={cursor}"),
        format!("cursor={cursor}x&sortBy=userName"),
        "cursor=x".to_owned(),
    ] {
        assert_eq!(get(&query).await["scimType"], "invalidCursor", "{query}");
    }
    assert_eq!(get("cursor&startIndex=2").await["scimType"], "invalidValue");
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_cursor_leads_back_to_those_before_the_page_whoever_has_gone() {
    let (workload, ids) = filled(&["e", "d", "c", "b", "a"]).await;
    for order in [
        "",
        "&sortBy=userName&sortOrder=descending",
        "&sortBy=emails&sortOrder=descending",
    ] {
        let get = async |cursor: &Value, count: usize| {
            let cursor = cursor.as_str().unwrap_or_default();
            let query = format!("/Users?cursor={cursor}&count={count}{order}");
            let (status, page) = workload.send("GET", &query, None).await;
            assert_eq!((status, &page["totalResults"]), (200, &json!(5)), "{page}");
            page
        };
        let first = get(&json!(""), 2).await;
        assert_eq!(first.get("previousCursor"), None);
        let middle = get(&first["nextCursor"], 2).await;
        let last = get(&middle["nextCursor"], 2).await;
        assert_eq!(names(&last), ["a"]);

        let back = get(&last["previousCursor"], 3).await;
        assert_eq!(names(&back), ["d", "c", "b"]);
        assert_eq!(names(&get(&back["nextCursor"], 2).await), ["a"]);
        let start = get(&back["previousCursor"], 3).await;
        assert_eq!(names(&start), ["e"]);
        assert_eq!(start.get("previousCursor"), None);
        assert_eq!(names(&get(&start["nextCursor"], 2).await), ["d", "c"]);
    }
    let page = async |query: &str| {
        workload
            .send("GET", &format!("/Users?{query}"), None)
            .await
            .1
    };
    let first = page("cursor&count=3").await;
    let last = page(&format!("cursor={}", first["nextCursor"].as_str().unwrap())).await;
    let gone = format!("/Users/{}", ids[1]);
    assert_eq!(workload.send("DELETE", &gone, None).await.0, 204);
    let back = page(&format!(
        "cursor={}",
        last["previousCursor"].as_str().unwrap()
    ))
    .await;
    assert_eq!(
        (names(&back), &back["totalResults"]),
        (vec!["e", "c"], &json!(4))
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_page_that_nobody_is_on_leads_on_and_back_from_its_place() {
    let (workload, ids) = filled(&["e", "d", "c", "b", "a"]).await;
    for order in ["", "&sortBy=userName&sortOrder=descending"] {
        let get = async |cursor: &Value, count: usize| {
            let cursor = cursor.as_str().unwrap_or_default();
            let query = format!("/Users?cursor={cursor}&count={count}{order}");
            workload.send("GET", &query, None).await.1
        };
        let first = get(&json!(""), 2).await;
        let empty = get(&first["nextCursor"], 0).await;
        let backward = get(&empty["previousCursor"], 0).await;
        for page in [&empty, &backward] {
            assert_eq!((names(page), &page["totalResults"]), (vec![], &json!(5)));
            assert_eq!(names(&get(&page["nextCursor"], 2).await), ["c", "b"]);
            assert_eq!(names(&get(&page["previousCursor"], 2).await), ["e", "d"]);
        }
    }
    let get = async |cursor: &Value| {
        let cursor = cursor.as_str().unwrap_or_default();
        let query = format!("/Users?cursor={cursor}&count=3");
        workload.send("GET", &query, None).await.1
    };
    let first = get(&json!("")).await;
    for id in &ids[3..] {
        let path = format!("/Users/{id}");
        assert_eq!(workload.send("DELETE", &path, None).await.0, 204);
    }
    let last = get(&first["nextCursor"]).await;
    assert_eq!((names(&last), last.get("nextCursor")), (vec![], None));
    assert_eq!(names(&get(&last["previousCursor"]).await), ["e", "d", "c"]);
    workload.server.shutdown().await;
}

/// As Entra's account discovery walks.
#[tokio::test]
async fn a_walk_by_number_misses_nobody_who_stays_while_others_come_and_go() {
    let all: Vec<String> = (0..12).map(|number| format!("u{number:02}")).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    let (workload, ids) = filled(&all).await;
    let mut seen = Vec::new();
    let mut start = 1;
    loop {
        let path = format!("/Users?startIndex={start}&count=5");
        let (_, page) = workload.send("GET", &path, None).await;
        assert_eq!(page["startIndex"], start);
        seen.extend(names(&page).into_iter().map(str::to_owned));
        if start == 1 {
            for id in &ids[..4] {
                workload.send("DELETE", &format!("/Users/{id}"), None).await;
            }
            let body = json!({"userName": "new"});
            workload.send("POST", "/Users", Some(&body)).await;
        }
        start += page["itemsPerPage"].as_u64().unwrap();
        if start > page["totalResults"].as_u64().unwrap() {
            break;
        }
    }

    assert_eq!(&seen[..12], all.as_slice());
    assert_eq!(&seen[12..], ["new"]);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_search_may_be_in_the_body_and_over_both_types() {
    let (workload, ids) = filled(&["al", "bo"]).await;
    let team = json!({"displayName": "al", "members": [{"value": ids[0]}]});
    workload.send("POST", "/Groups", Some(&team)).await;
    let search = async |path: &str, body: Value| {
        let (status, found) = workload.send("POST", path, Some(&body)).await;
        assert!([200, 400].contains(&status), "{found}");
        found
    };

    let found = search(
        "/Users/.search",
        json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"], "filter": "emails.value sw \"B\"",
            "attributes": ["userName", "emails.type"], "startIndex": 1, "count": 10}),
    )
    .await;
    assert_eq!(names(&found), ["bo"]);
    assert_eq!(found["Resources"][0]["emails"], json!([{"type": "work"}]));
    assert_eq!(found["Resources"][0].get("meta"), None);

    let both = search(
        "/.search",
        json!({"filter": "userName eq \"al\" or displayName eq \"al\""}),
    )
    .await;
    assert_eq!(
        (names(&both), &both["totalResults"]),
        (vec!["al", "al"], &json!(2))
    );
    let both = search("/.search", json!({"startIndex": 2, "count": 2})).await;
    assert_eq!(
        (names(&both), &both["totalResults"]),
        (vec!["bo", "al"], &json!(3))
    );
    let of =
        |kind: &str| format!("urn:ietf:params:scim:schemas:core:2.0:{kind}:displayName eq \"al\"");
    let groups = search("/.search", json!({"filter": of("Group")})).await;
    assert_eq!(
        (&groups["totalResults"], names(&groups)),
        (&json!(1), vec!["al"])
    );
    let people = search("/.search", json!({"filter": of("User")})).await;
    assert_eq!(people["totalResults"], 0);
    let people = search("/.search", json!({"filter": "active eq true"})).await;
    assert_eq!(names(&people), ["al", "bo"]);
    let typed = search(
        "/.search",
        json!({"filter": "meta.resourceType eq \"Group\""}),
    )
    .await;
    assert_eq!(typed["Resources"][0]["members"][0]["value"], json!(ids[0]));
    assert_eq!(
        search("/.search", json!({"sortBy": "id"})).await["scimType"],
        "invalidValue"
    );
    assert_eq!(
        search("/Users/.search", json!([])).await["scimType"],
        "invalidSyntax"
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_program_has_no_me() {
    let (workload, _) = filled(&[]).await;

    for method in ["GET", "PATCH", "DELETE"] {
        let (status, refused) = workload.send(method, "/Me", None).await;
        assert_eq!(status, 501, "{method}");
        assert_eq!(
            refused["detail"],
            "This client is a program and no person, so it has no /Me; ask for /Users/{id}."
        );
    }
    let (_, config) = workload.send("GET", "/ServiceProviderConfig", None).await;
    assert_eq!(config["sort"]["supported"], true);
    assert_eq!(
        config["pagination"],
        json!({"cursor": true, "index": true, "defaultPaginationMethod": "index", "defaultPageSize": 100,
            "maxPageSize": 1000, "cursorTimeout": 3600})
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_read_has_preconditions_too() {
    let (workload, ids) = filled(&["al"]).await;
    let path = format!("/Users/{}", ids[0]);
    for (name, tag, expected) in [
        ("if-match", "W/\"1\"", 200),
        ("if-match", "*", 200),
        ("if-match", "W/\"2\"", 412),
        ("if-none-match", "W/\"1\"", 304),
        ("if-none-match", "W/\"2\"", 200),
    ] {
        for method in ["GET", "HEAD"] {
            let request = workload.request(method, &path).header(name, tag);
            assert_eq!(answer(request).await.0, expected, "{method} {name} {tag}");
        }
    }
    workload.server.shutdown().await;
}
