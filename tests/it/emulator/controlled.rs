//! What a test or a demonstration makes happen in a tenant that is served, and what the server that it provisions sees of it.

use reqwest::Method;
use serde_json::{Value, json};
use usher::emulator::{EntraTenant, generated};

use super::served::Entra;
use super::{SMALL, walk};
use crate::workload_server::{TOKEN, Workload};

/// A small tenant that provisions a workload.
async fn provisioned() -> (Entra, Workload) {
    let (entra, workload) = (Entra::playing(small()).await, workload().await);
    entra.provision(&workload).await;
    (entra, workload)
}

async fn workload() -> Workload {
    Workload::start(&json!({})).await
}

fn small() -> EntraTenant {
    generated(SMALL, jiff::Timestamp::UNIX_EPOCH)
}

/// Who is assigned and not deleted.
fn in_scope() -> usize {
    small().entitled_users().len()
}

async fn job(entra: &Entra) -> Value {
    entra.control(Method::GET, "jobs/scim", &Value::Null).await
}

async fn names(workload: &Workload) -> Vec<String> {
    let users = walk(workload, "/Users").await;
    let names = users.iter().map(|it| it["userName"].as_str().unwrap());
    names.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_throttled_is_tried_again_and_nobody_is_there_twice() {
    let (entra, workload) = (Entra::playing(small()).await, workload().await);
    entra.faults(&json!({"throttleEach": 5})).await;
    entra.provision(&workload).await;
    let shown = job(&entra).await;
    let first = &shown["cycles"][0];
    assert!(first["failed"].as_u64().unwrap() > 0, "{shown}");
    assert_eq!(first["failures"][0]["code"], "TooManyRequests", "{first}");
    entra.control(Method::DELETE, "faults", &Value::Null).await;

    // What failed again waits for hours.
    let hours = json!({"by": "PT24H"});
    entra.control(Method::POST, "clock", &hours).await;
    let last = entra.cycle().await;

    assert_eq!(last["failed"], 0, "{last}");
    assert_eq!(job(&entra).await["failing"], 0);
    let mut names = names(&workload).await;
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), all), (in_scope(), in_scope()));
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_put_a_job_into_quarantine_and_their_end_brings_it_out() {
    let (entra, _workload) = provisioned().await;
    for (fault, expected) in [
        ("quarantine", "a fault asks for it"),
        ("expiredSecret", "401"),
    ] {
        entra.faults(&json!({fault: true})).await;
        let refused = entra.cycle().await;
        assert_eq!(refused["created"], 0, "{fault}");
        let shown = job(&entra).await;
        assert_eq!(shown["state"], "Quarantine", "{fault}: {shown}");
        let detail = shown["quarantine"]["detail"].as_str().unwrap();
        assert!(detail.contains(expected), "{fault}: {detail}");

        entra.control(Method::DELETE, "faults", &Value::Null).await;
        entra.cycle().await;
        assert_eq!(job(&entra).await["state"], "Active", "{fault}");
    }
    // At once, without a cycle; and after 28 days only a restart helps.
    entra.faults(&json!({"quarantine": true})).await;
    assert_eq!(job(&entra).await["state"], "Quarantine");
    let days = json!({"by": "PT672H"});
    entra.control(Method::POST, "clock", &days).await;
    assert_eq!(job(&entra).await["state"], "Disabled");
    entra.control(Method::DELETE, "faults", &Value::Null).await;
    entra
        .control(Method::POST, "jobs/scim/restart", &json!({}))
        .await;
    entra.cycle().await;
    let shown = job(&entra).await;
    assert_eq!(shown["state"], "Active", "{shown}");
    let kinds = shown["cycles"].as_array().unwrap().iter();
    let initial = kinds.filter(|it| it["kind"] == "initial" && it["quarantine"].is_null());
    assert!(initial.count() >= 2, "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_provisioned_when_its_lag_is_over() {
    let (entra, workload) = provisioned().await;
    entra.faults(&json!({"lagSeconds": 3_600})).await;
    let added = json!({"userPrincipalName": "new@contoso.example", "displayName": "New"});
    entra.control(Method::POST, "people", &added).await;

    entra.cycle().await;
    assert_eq!(names(&workload).await.len(), in_scope());
    let hour = json!({"by": "PT61M"});
    entra.control(Method::POST, "clock", &hour).await;
    entra.cycle().await;

    let names = names(&workload).await;
    assert!(
        names.contains(&"new@contoso.example".to_owned()),
        "{names:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one story, told in order")]
async fn what_happens_to_people_and_groups_arrives() {
    let (entra, workload) = provisioned().await;
    let post = |path: &'static str, body: Value| {
        let entra = &entra;
        async move { entra.control(Method::POST, path, &body).await }
    };
    let patch = |path: &'static str, body: Value| {
        let entra = &entra;
        async move { entra.control(Method::PATCH, path, &body).await }
    };
    post(
        "people",
        json!({"userPrincipalName": "joy@contoso.example", "displayName": "Joy"}),
    )
    .await;
    post("people", json!({"userPrincipalName": "kim@contoso.example", "displayName": "Kim", "manager": "joy@contoso.example"})).await;
    post(
        "groups",
        json!({"displayName": "Watch", "addMembers": ["joy@contoso.example"]}),
    )
    .await;
    post("cycles", Value::Null).await;
    let groups = walk(&workload, "/Groups").await;
    let watch = groups.iter().find(|it| it["displayName"] == "Watch");
    assert_eq!(watch.unwrap()["members"].as_array().unwrap().len(), 1);

    patch(
        "people/joy@contoso.example",
        json!({"userPrincipalName": "joyce@contoso.example"}),
    )
    .await;
    patch(
        "people/kim@contoso.example",
        json!({"accountEnabled": false, "manager": null}),
    )
    .await;
    patch(
        "groups/Watch",
        json!({"displayName": "Night Watch", "removeMembers": ["joyce@contoso.example"]}),
    )
    .await;
    let cycles = post("cycles", Value::Null).await;
    assert_eq!(cycles["scim"]["failed"], 0, "{cycles}");
    let users = walk(&workload, "/Users").await;
    let of = |name: &str| users.iter().find(|it| it["userName"] == name).unwrap();
    assert_eq!(of("joyce@contoso.example")["active"], true);
    assert_eq!(of("kim@contoso.example")["active"], false);
    let groups = walk(&workload, "/Groups").await;
    let watch = groups.iter().find(|it| it["displayName"] == "Night Watch");
    assert!(watch.is_some_and(|it| it["members"].as_array().is_none_or(Vec::is_empty)));

    let who = entra
        .control(Method::DELETE, "people/joyce@contoso.example", &Value::Null)
        .await;
    entra
        .control(Method::DELETE, "groups/Night%20Watch", &Value::Null)
        .await;
    post("cycles", Value::Null).await;
    let users = walk(&workload, "/Users").await;
    let inactive = users.iter().filter(|it| it["active"] == false).count();
    assert!(inactive >= 2, "{users:?}");
    let restore = format!("people/{}/restore", who["objectId"].as_str().unwrap());
    entra.control(Method::POST, &restore, &Value::Null).await;
    let demand = json!({"person": "joyce@contoso.example"});
    let done = post("jobs/scim/on-demand", demand).await;
    assert_eq!(
        (&done["kind"], &done["failed"]),
        (&json!("onDemand"), &json!(0))
    );
    let users = walk(&workload, "/Users").await;
    let joyce = users
        .iter()
        .find(|it| it["userName"] == "joyce@contoso.example");
    assert_eq!(joyce.unwrap()["active"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_has_an_entry_on_each_line() {
    let (entra, _workload) = provisioned().await;
    let url = format!("{}/_emulator/log?job=scim&limit=5", entra.base());
    let text = crate::workload_server::client().get(url).send().await;
    let text = text.unwrap().text().await.unwrap();
    let entries: Vec<Value> = text
        .lines()
        .map(|it| serde_json::from_str(it).unwrap())
        .collect();
    assert_eq!(entries.len(), 5);
    assert!(
        entries
            .iter()
            .all(|it| it["provisioningStatusInfo"]["status"] == "success"),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "a table")]
async fn mistakes_are_named() {
    let (entra, workload) = provisioned().await;
    let job = |url: &str, token: &str| json!({"url": url, "token": token});
    for (method, path, body, status, expected) in [
        (
            Method::GET,
            "nothing",
            json!({}),
            404,
            "there is nothing at GET /_emulator/nothing",
        ),
        (
            Method::GET,
            "people/nobody",
            json!({}),
            404,
            "there is no person \"nobody\"; GET /_emulator/people",
        ),
        (
            Method::PATCH,
            "groups/none",
            json!({}),
            404,
            "there is no group \"none\"",
        ),
        (
            Method::POST,
            "jobs/other/cycles",
            json!({}),
            404,
            "there is no job \"other\"",
        ),
        (
            Method::POST,
            "people",
            json!({"displayName": "X"}),
            400,
            "userPrincipalName: got",
        ),
        (
            Method::PATCH,
            "faults",
            json!({"wrongKey": true}),
            400,
            "unknown field `wrongKey`",
        ),
        (
            Method::PATCH,
            "faults",
            json!({"wrongKeys": 3}),
            400,
            "invalid type",
        ),
        (
            Method::POST,
            "clock",
            json!({"by": "-PT1H"}),
            400,
            "by: got",
        ),
        (
            Method::POST,
            "jobs",
            job("ftp://x", "y"),
            400,
            "url: got \"ftp://x\", want a Tenant URL",
        ),
        (
            Method::POST,
            "jobs",
            job(&workload.base, "wrong"),
            400,
            "You appear to have entered invalid credentials.",
        ),
        (
            Method::POST,
            "jobs",
            job("http://127.0.0.1:9", TOKEN),
            400,
            "invalid credentials",
        ),
        (
            Method::POST,
            "jobs/scim/on-demand",
            json!({}),
            400,
            "want either person",
        ),
        (
            Method::POST,
            "applications",
            json!({"appId": "x"}),
            400,
            "the body is not understood",
        ),
    ] {
        let (got, said) = entra.ask(method, path, &body).await;
        assert_eq!(got, status, "{path} {body}: {said}");
        let error = said["error"].as_str().unwrap();
        assert!(error.contains(expected), "{path} {body}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_site_changes_nothing() {
    let entra = Entra::playing(small()).await;
    let url = format!("{}/_emulator/faults", entra.base());
    let request = crate::workload_server::client()
        .patch(url)
        .header("origin", "https://evil.example")
        .body(r#"{"wrongKeys": true}"#);
    let (status, said) = crate::workload_server::answer(request).await;
    assert_eq!(status, 403, "{said}");
    let faults = entra.control(Method::GET, "faults", &Value::Null).await;
    assert_eq!(faults["wrongKeys"], false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_lets_lead_here_is_not_answered() {
    let entra = Entra::playing(small()).await;
    for path in [
        "_emulator/people",
        "common/v2.0/.well-known/openid-configuration",
    ] {
        for (host, expected) in [
            ("evil.example", 403),
            ("evil.example:80", 403),
            ("localhost:1", 200),
            ("127.0.0.1", 200),
            ("[::1]:8090", 200),
        ] {
            let url = format!("{}/{path}", entra.base());
            let request = crate::workload_server::client()
                .get(url)
                .header("host", host);
            let (status, said) = crate::workload_server::answer(request).await;
            assert_eq!(status, expected, "{path} of {host}: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cycles_come_by_themselves_on_a_fast_clock() {
    let workload = workload().await;
    // 40 minutes in 20 ms.
    let entra = Entra::at_speed(small(), 120_000.0).await;
    let job = json!({"url": workload.base, "token": TOKEN});
    entra.control(Method::POST, "jobs", &job).await;

    let is_there = || async {
        let shown = self::job(&entra).await;
        shown["cycles"].as_array().unwrap().len() >= 3
    };
    let three = async {
        while !is_there().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(30), three)
        .await
        .unwrap();
    assert_eq!(self::job(&entra).await["state"], "Active");
}
