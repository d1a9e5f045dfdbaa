//! Writers that get in each other's way: none waits for ever, and what is left agrees with itself.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::workload_server::{Workload, answer};

const PEOPLE: usize = 12;

/// No round takes longer, unless writers wait for each other.
const PATIENCE: Duration = Duration::from_mins(1);

async fn create(workload: &Workload, path: &str, body: Value) -> String {
    let (status, created) = workload.send("POST", path, Some(&body)).await;
    assert_eq!(status, 201, "{created}");
    created["id"].as_str().expect("an id").to_owned()
}

async fn patch(workload: &Workload, path: &str, op: &str, attribute: &str, value: Value) -> u16 {
    let operation = json!({"op": op, "path": attribute, "value": value});
    let body = json!({"Operations": [operation]});
    workload.send("PATCH", path, Some(&body)).await.0
}

async fn names(workload: &Workload, ids: &[String; 2]) -> [Value; 2] {
    let name = async |id: &str| {
        let (_, user) = workload.send("GET", &format!("/Users/{id}"), None).await;
        user["userName"].clone()
    };
    [name(&ids[0]).await, name(&ids[1]).await]
}

#[tokio::test]
async fn two_people_cannot_swap_names_at_once_but_by_a_third_name() {
    let workload = Workload::start(&json!({})).await;
    let ids = [
        create(&workload, "/Users", json!({"userName": "ana"})).await,
        create(&workload, "/Users", json!({"userName": "ben"})).await,
    ];
    let paths = ids.clone().map(|id| format!("/Users/{id}"));
    let rename = |who: usize, name: &'static str| {
        patch(&workload, &paths[who], "Replace", "userName", json!(name))
    };

    for _ in 0..20 {
        let statuses = join_all([rename(0, "Ben"), rename(1, "Ana")]).await;
        assert_eq!(statuses, [409, 409]);
    }
    assert_eq!(names(&workload, &ids).await, ["ana", "ben"]);

    assert_eq!(rename(0, "between").await, 200);
    assert_eq!(rename(1, "ana").await, 200);
    assert_eq!(rename(0, "ben").await, 200);
    assert_eq!(names(&workload, &ids).await, ["ben", "ana"]);
    assert_eq!(
        rename(0, "BEN").await,
        200,
        "one's own name in another casing is free"
    );
}

/// RFC 9110, section 13.1.2: the condition holds at the moment of the change, and not only before.
#[tokio::test]
async fn of_changes_that_each_want_not_to_meet_the_other_one_is_done() {
    let workload = Workload::start(&json!({})).await;
    let id = create(&workload, "/Users", json!({"userName": "ana"})).await;
    let path = format!("/Users/{id}");
    let change = async |number: usize| {
        let operation = json!({"op": "replace", "path": "title", "value": number.to_string()});
        let request = workload.request("PATCH", &path);
        // What each of them makes of the first version.
        let request = request.header("If-None-Match", "W/\"2\"");
        answer(request.body(json!({"Operations": [operation]}).to_string()))
            .await
            .0
    };

    let mut statuses = join_all((0..8).map(change)).await;

    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
    let gone = workload
        .request("DELETE", &path)
        .header("If-None-Match", "*");
    assert_eq!(answer(gone).await.0, 412);
    let gone = workload
        .request("DELETE", &path)
        .header("If-None-Match", "W/\"1\", W/\"3\"");
    assert_eq!(answer(gone).await.0, 204);
}

/// Puts everybody into a group in one order, takes everybody out, again and again.
async fn churn(workload: &Workload, group: &str, people: &[String], backwards: bool) {
    let mut members: Vec<Value> = people.iter().map(|id| json!({"value": id})).collect();
    if backwards {
        members.reverse();
    }
    let path = format!("/Groups/{group}");
    for round in 0..30 {
        let op = if round % 2 == 0 { "Add" } else { "Remove" };
        let status = patch(workload, &path, op, "members", json!(members)).await;
        assert!([204, 400].contains(&status), "{op}: {status}");
    }
}

/// Deletes people and makes new ones of the same names.
async fn replace(workload: &Workload, people: &[String]) {
    for id in people {
        let path = format!("/Users/{id}");
        assert_eq!(workload.send("DELETE", &path, None).await.0, 204);
        assert_eq!(workload.send("DELETE", &path, None).await.0, 404);
        create(
            workload,
            "/Users",
            json!({"userName": id, "title": "again"}),
        )
        .await;
    }
}

#[tokio::test]
async fn writers_in_opposite_orders_do_not_wait_for_each_other() {
    let workload = Workload::start(&json!({})).await;
    let person = async |number: usize| {
        create(
            &workload,
            "/Users",
            json!({"userName": format!("p{number}")}),
        )
        .await
    };
    let people = join_all((0..PEOPLE).map(person)).await;
    let group = async |number: usize| {
        create(
            &workload,
            "/Groups",
            json!({"displayName": format!("g{number}")}),
        )
        .await
    };
    let groups = join_all((0..3).map(group)).await;

    let writers = async {
        let churning = groups.iter().flat_map(|group| {
            [false, true].map(|backwards| churn(&workload, group, &people, backwards))
        });
        tokio::join!(
            join_all(churning),
            replace(&workload, &people[..PEOPLE / 3])
        );
    };
    tokio::time::timeout(PATIENCE, writers)
        .await
        .expect("nobody waits for ever");

    let (_, left) = workload.send("GET", "/Users?count=100", None).await;
    let users = left["Resources"].as_array().expect("a list");
    let known: BTreeSet<&str> = users.iter().filter_map(|it| it["id"].as_str()).collect();
    assert_eq!(known.len(), PEOPLE);
    for group in &groups {
        let (_, group) = workload
            .send("GET", &format!("/Groups/{group}"), None)
            .await;
        let members = group["members"].as_array().into_iter().flatten();
        for member in members.filter_map(|it| it["value"].as_str()) {
            assert!(
                known.contains(member),
                "{member} is gone and still a member"
            );
            let of_member = users.iter().find(|it| it["id"] == member);
            let groups = of_member
                .and_then(|it| it["groups"].as_array())
                .into_iter()
                .flatten();
            let has = groups.into_iter().any(|it| it["value"] == group["id"]);
            assert!(has, "{member} does not say that it is in {}", group["id"]);
        }
    }
}
