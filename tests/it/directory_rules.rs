//! What a `ScimTenant` declares about changes of its people, over HTTP: the brake, break-glass, adoption, erasure, names of soft-deleted people.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tempfile::TempDir;
use usher::clock::{Clock, ManualClock, SystemRandom};
use usher::config::{Adoption, BrakeConfig, PolicyConfig, VerifiedDomainsConfig};
use usher::workload::{Server, Settings};

use crate::workload_server::{
    REPORT_TOKEN, TOKEN, Workload, answer, client, config, scim_tenant, settings,
};

const OBJECT_ID: &str = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa";

/// A workload under `policy`, and its clock.
async fn start(policy: PolicyConfig) -> (Workload, ManualClock) {
    start_in(TempDir::new().unwrap(), policy).await
}

async fn start_in(folder: TempDir, policy: PolicyConfig) -> (Workload, ManualClock) {
    let clock = ManualClock::at("2026-03-01T00:00:00Z".parse().unwrap());
    start_at(folder, policy, clock).await
}

async fn start_at(
    folder: TempDir,
    policy: PolicyConfig,
    clock: ManualClock,
) -> (Workload, ManualClock) {
    let settings = Settings {
        clock: Arc::new(clock.clone()),
        random: Arc::new(SystemRandom),
        ..settings(None)
    };
    let server = Server::start(settings, document(&folder, policy))
        .await
        .unwrap();
    let base = format!("http://{}/scim/v2", server.local_addr());
    let workload = Workload {
        folder,
        server,
        client: client(),
        base,
    };
    (workload, clock)
}

fn document(folder: &TempDir, policy: PolicyConfig) -> usher::config::WorkloadConfig {
    let mut tenant = scim_tenant("contoso", "http://contoso.example", folder, &json!({}));
    tenant.policy = policy;
    config(vec![tenant])
}

fn brake(open_until: Option<Timestamp>) -> PolicyConfig {
    PolicyConfig {
        brake: Some(BrakeConfig {
            deactivations: 2,
            deletions: 2,
            membership_removals: 2,
            per_minutes: 60,
            open_until,
        }),
        ..PolicyConfig::default()
    }
}

fn break_glass() -> PolicyConfig {
    PolicyConfig {
        break_glass: vec!["Admin@contoso.example".to_owned(), "nobody".to_owned()],
        ..PolicyConfig::default()
    }
}

fn by_external_id() -> PolicyConfig {
    PolicyConfig {
        adoption: Adoption::ByExternalId,
        ..PolicyConfig::default()
    }
}

fn patch(operations: &Value) -> Value {
    json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"], "Operations": operations})
}

/// Entra's default form.
fn set_active(active: &str) -> Value {
    patch(&json!([{"op": "Replace", "path": "active", "value": active}]))
}

async fn create(workload: &Workload, path: &str, body: &Value) -> String {
    let (status, body) = workload.send("POST", path, Some(body)).await;
    assert_eq!(status, 201, "{body}");
    body["id"].as_str().unwrap().to_owned()
}

async fn people(workload: &Workload, count: usize) -> Vec<String> {
    let mut ids = Vec::new();
    for number in 0..count {
        let body = json!({"userName": format!("p{number}@contoso.example")});
        ids.push(create(workload, "/Users", &body).await);
    }
    ids
}

async fn team(workload: &Workload, members: &[String]) -> String {
    let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
    let body = json!({"displayName": "Night Watch", "members": members});
    create(workload, "/Groups", &body).await
}

async fn status(workload: &Workload, method: &str, path: &str, body: Option<&Value>) -> u16 {
    workload.send(method, path, body).await.0
}

#[tokio::test]
async fn a_mass_deactivation_stops_at_the_brake_and_goes_on_after_an_edit() {
    let (workload, clock) = start(brake(None)).await;
    let ids = people(&workload, 5).await;
    let mut answers = Vec::new();
    for id in &ids {
        let path = format!("/Users/{id}");
        answers.push(status(&workload, "PATCH", &path, Some(&set_active("False"))).await);
    }
    assert_eq!(answers, [200, 200, 429, 429, 429]);

    let held = &workload.report().await["scimTenants"][0]["held"];
    assert_eq!(
        (&held["deactivations"], &held["deletions"]),
        (&json!(3), &json!(0))
    );
    assert_eq!(held["since"], "2026-03-01T00:00:00Z");
    let (_, user) = workload
        .send("GET", &format!("/Users/{}", ids[2]), None)
        .await;
    assert_ne!(user["active"], false);

    // It outlives the process, and the window.
    let folder = workload.folder;
    workload.server.shutdown().await;
    let (workload, clock) = {
        let (workload, again) = start_in(folder, brake(None)).await;
        again.advance(Duration::from_hours(5));
        drop(clock);
        (workload, again)
    };
    let request = workload
        .request("PATCH", &format!("/Users/{}", ids[4]))
        .json(&set_active("False"));
    let held = request.send().await.unwrap();
    assert_eq!(
        (held.status().as_u16(), &held.headers()["retry-after"]),
        (429, &"2400".parse().unwrap())
    );

    let opened = clock.now().checked_add(Duration::from_mins(1)).unwrap();
    let edited = document(&workload.folder, brake(Some(opened)));
    workload.server.reload(edited).await.unwrap();
    for id in &ids[2..] {
        let path = format!("/Users/{id}");
        assert_eq!(
            status(&workload, "PATCH", &path, Some(&set_active("False"))).await,
            200
        );
    }
    assert_eq!(workload.report().await["scimTenants"][0].get("held"), None);
}

#[tokio::test]
async fn nothing_of_a_removal_that_is_too_big_is_done() {
    let (workload, _) = start(brake(None)).await;
    let ids = people(&workload, 4).await;
    let group = format!("/Groups/{}", team(&workload, &ids).await);
    let gone: Vec<Value> = ids[..3].iter().map(|id| json!({"value": id})).collect();

    let removal = patch(&json!([
        {"op": "Replace", "path": "displayName", "value": "Dawn Watch"},
        {"op": "Remove", "path": "members", "value": gone},
    ]));
    assert_eq!(
        status(&workload, "PATCH", &group, Some(&removal)).await,
        429
    );
    assert_eq!(status(&workload, "DELETE", &group, None).await, 429);

    let (_, found) = workload.send("GET", &group, None).await;
    assert_eq!(found["displayName"], "Night Watch");
    assert_eq!(found["members"].as_array().unwrap().len(), 4);
}

fn member(op: &str, id: &str) -> Value {
    patch(&json!([{"op": op, "path": "members", "value": [{"value": id}]}]))
}

/// Requests that would touch `admin`, who is in `group`, or take the name of a break-glass account.
fn out_of_reach(
    admin: &str,
    other: &str,
    group: &str,
) -> Vec<(&'static str, String, Option<Value>)> {
    let user = format!("/Users/{admin}");
    let at = str::to_owned;
    let rename = patch(&json!([{"op": "Replace", "path": "userName", "value": "nobody"}]));
    let named = json!({"userName": "admin@contoso.example"});
    let team = json!({"displayName": "New", "members": [{"value": admin}]});
    vec![
        ("PATCH", user.clone(), Some(set_active("False"))),
        ("PUT", user.clone(), Some(named)),
        ("DELETE", user, None),
        ("POST", at("/Users"), Some(json!({"userName": "NOBODY"}))),
        ("PATCH", format!("/Users/{other}"), Some(rename)),
        ("PATCH", at(group), Some(member("Add", admin))),
        ("PATCH", at(group), Some(member("Remove", admin))),
        (
            "PUT",
            at(group),
            Some(json!({"displayName": "Night Watch"})),
        ),
        ("DELETE", at(group), None),
        ("POST", at("/Groups"), Some(team)),
    ]
}

#[tokio::test]
async fn break_glass_accounts_are_out_of_reach() {
    let (workload, _) = start(PolicyConfig::default()).await;
    let admin = create(
        &workload,
        "/Users",
        &json!({"userName": "admin@contoso.example"}),
    )
    .await;
    let other = create(
        &workload,
        "/Users",
        &json!({"userName": "lena@contoso.example"}),
    )
    .await;
    let group = team(&workload, std::slice::from_ref(&admin)).await;
    let declared = document(&workload.folder, break_glass());
    workload.server.reload(declared).await.unwrap();

    let report = workload.report().await;
    assert_eq!(
        report["scimTenants"][0]["missingBreakGlass"],
        json!(["nobody"])
    );
    let (user, group) = (format!("/Users/{admin}"), format!("/Groups/{group}"));
    for (method, path, body) in out_of_reach(&admin, &other, &group) {
        let (status, answer) = workload.send(method, &path, body.as_ref()).await;
        assert_eq!(status, 403, "{method} {path}: {answer}");
        assert!(answer["detail"].as_str().unwrap().contains("break-glass"));
    }
    assert_eq!(
        status(&workload, "PATCH", &group, Some(&member("Add", &other))).await,
        204
    );
    assert_eq!(status(&workload, "GET", &user, None).await, 200);
    let report = workload.report().await;
    let error = &report["scimTenants"][0]["clients"][0]["lastError"]["summary"];
    assert!(
        error
            .as_str()
            .unwrap()
            .contains("403: A break-glass account"),
        "{error}"
    );
}

#[tokio::test]
async fn an_account_that_is_there_already_is_refused_or_adopted_as_declared() {
    let lena =
        json!({"userName": "lena@contoso.example", "externalId": OBJECT_ID, "title": "Skipper"});
    let renamed = json!({"userName": "lena.berg@contoso.example", "externalId": OBJECT_ID, "nickName": "Lee"});
    let (workload, _) = start(PolicyConfig::default()).await;
    let id = create(&workload, "/Users", &lena).await;
    for taken in [&lena, &renamed] {
        let (status, answer) = workload.send("POST", "/Users", Some(taken)).await;
        assert_eq!(
            (status, &answer["scimType"]),
            (409, &json!("uniqueness")),
            "{answer}"
        );
    }
    let nickname = json!({"userName": "ben", "externalId": "not-an-object-id"});
    create(&workload, "/Users", &nickname).await;
    let same = json!({"userName": "ben2", "externalId": "not-an-object-id"});
    let ben = create(&workload, "/Users", &same).await;
    let steal = patch(&json!([{"op": "Replace", "path": "externalId", "value": OBJECT_ID}]));
    assert_eq!(
        status(&workload, "PATCH", &format!("/Users/{ben}"), Some(&steal)).await,
        409
    );

    let declared = document(&workload.folder, by_external_id());
    workload.server.reload(declared).await.unwrap();
    let (status, adopted) = workload.send("POST", "/Users", Some(&renamed)).await;

    assert_eq!((status, adopted["id"].as_str()), (201, Some(&*id)));
    assert_eq!(
        (
            &adopted["userName"],
            &adopted["title"],
            &adopted["nickName"]
        ),
        (
            &json!("lena.berg@contoso.example"),
            &json!("Skipper"),
            &json!("Lee")
        )
    );
    let taken = json!({"userName": "ben", "externalId": OBJECT_ID});
    let (status, _) = workload.send("POST", "/Users", Some(&taken)).await;
    assert_eq!(status, 409, "a name that a third one has");
    let ambiguous = json!({"userName": "ben3", "externalId": "not-an-object-id"});
    assert_ne!(create(&workload, "/Users", &ambiguous).await, ben);
}

fn by_verified_email() -> PolicyConfig {
    PolicyConfig {
        adoption: Adoption::ByVerifiedEmail,
        verified_domains: vec![VerifiedDomainsConfig {
            client: "entra".to_owned(),
            domains: vec!["contoso.example".to_owned()],
        }],
        ..PolicyConfig::default()
    }
}

#[tokio::test]
async fn an_account_is_adopted_by_an_address_that_the_client_assigns() {
    let (workload, _) = start(by_verified_email()).await;
    let old = json!({"userName": "lena", "title": "Skipper", "emails": [
        {"type": "home", "value": "l@home.example"}, {"type": "work", "value": "Lena@contoso.example"}]});
    let id = create(&workload, "/Users", &old).await;
    let posted = json!({"userName": "lena@contoso.example", "externalId": OBJECT_ID, "nickName": "Lee", "emails": [
        {"type": "work", "value": "lena@CONTOSO.example", "primary": true}]});

    let (status, adopted) = workload.send("POST", "/Users", Some(&posted)).await;

    assert_eq!(
        (status, adopted["id"].as_str()),
        (201, Some(&*id)),
        "{adopted}"
    );
    assert_eq!(
        (
            &adopted["userName"],
            &adopted["title"],
            &adopted["externalId"]
        ),
        (
            &json!("lena@contoso.example"),
            &json!("Skipper"),
            &json!(OBJECT_ID)
        )
    );
    // An answer that was lost is asked for again.
    let (status, again) = workload.send("POST", "/Users", Some(&posted)).await;
    assert_eq!((status, again["id"].as_str()), (201, Some(&*id)), "{again}");

    let (_, export) = ask(&workload, &format!("/person?person={id}")).await;
    let audit = export["audit"].as_array().unwrap();
    let adoption: Vec<&Value> = audit
        .iter()
        .filter(|it| it["events"].as_array().unwrap().contains(&json!("Adopted")))
        .collect();
    assert_eq!(adoption.len(), 1, "{audit:?}");
    assert_eq!(
        adoption[0]["replaced"]["externalId"],
        json!({"before": null, "after": OBJECT_ID}),
        "{adoption:?}"
    );
}

/// Somebody who can make their own identity provider say an address gets nobody's account by it.
#[tokio::test]
async fn an_account_is_not_taken_over_by_an_address_that_proves_nothing() {
    let (workload, _) = start(by_verified_email()).await;
    let account = async |name: &str, more: &Value| {
        let mut body = json!({"userName": name, "emails": [{"type": "work", "value": format!("{name}@contoso.example")}]});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        create(&workload, "/Users", &body).await
    };
    let ids = [
        account("ana", &json!({})).await,
        account(
            "linked",
            &json!({"externalId": "11111111-9f3d-4be1-8d21-1d58a1f0b7aa"}),
        )
        .await,
        account("left", &json!({"active": false})).await,
        account("kim", &json!({})).await,
        account("two", &json!({})).await,
        account(
            "second",
            &json!({"emails": [{"value": "two@contoso.example"}]}),
        )
        .await,
    ];
    let mut attacks: Vec<Value> = [
        "ana@contoso.example.evil.example",
        "ana@sub.contoso.example",
        "ana@evil.example@contoso.example",
        "\"ana@contoso.example\"@evil.example",
        "ana@contoso.example.",
        "\u{212a}im@contoso.example",
        "linked@contoso.example",
        "left@contoso.example",
        "two@contoso.example",
    ]
    .iter()
    .map(|it| json!([{"type": "work", "value": it}]))
    .collect();
    attacks.push(
        json!([{"value": "x@evil.example", "primary": true}, {"value": "ana@contoso.example"}]),
    );
    attacks.push(json!([{"value": "x@evil.example"}, {"value": "ana@contoso.example"}]));
    for (number, emails) in attacks.iter().enumerate() {
        let posted = json!({"userName": format!("evil{number}"), "emails": emails,
            "externalId": format!("{number:08}-9f3d-4be1-8d21-1d58a1f0b7aa")});
        let made = create(&workload, "/Users", &posted).await;
        assert!(!ids.contains(&made), "{emails}");
    }
    let nobody = json!({"userName": "nobody", "emails": [{"value": "ana@contoso.example"}]});
    assert!(!ids.contains(&create(&workload, "/Users", &nobody).await));
    for id in &ids {
        let (_, account) = workload.send("GET", &format!("/Users/{id}"), None).await;
        assert_eq!(account["meta"]["version"], "W/\"1\"", "{account}");
    }
}

/// The word of one client is not that of another.
#[tokio::test]
async fn another_client_adopts_nobody_by_a_domain_that_is_not_its_own() {
    let mut policy = by_verified_email();
    policy.verified_domains[0].client = "another".to_owned();
    let (workload, _) = start(policy).await;
    let emails = json!([{"type": "work", "value": "ana@contoso.example"}]);
    let ana = json!({"userName": "ana", "emails": emails});
    let id = create(&workload, "/Users", &ana).await;
    let evil = json!({"userName": "evil", "emails": emails, "externalId": OBJECT_ID});
    assert_ne!(create(&workload, "/Users", &evil).await, id);
    let same_name = json!({"userName": "ana", "emails": emails, "externalId": OBJECT_ID});
    assert_eq!(
        status(&workload, "POST", "/Users", Some(&same_name)).await,
        409
    );
}

/// What the report listener says to who has its token.
async fn ask(workload: &Workload, path: &str) -> (u16, Value) {
    let address = workload.server.report_addr().unwrap();
    let url = format!("http://{address}{path}");
    answer(workload.client.get(url).bearer_auth(REPORT_TOKEN)).await
}

#[tokio::test]
async fn a_person_is_exported_with_groups_and_audit_and_that_is_remembered() {
    let (workload, clock) = start(PolicyConfig::default()).await;
    let lena =
        json!({"userName": "lena@contoso.example", "externalId": OBJECT_ID, "title": "Skipper"});
    let id = create(&workload, "/Users", &lena).await;
    team(&workload, std::slice::from_ref(&id)).await;
    clock.advance(Duration::from_mins(1));
    let path = format!("/Users/{id}");
    let rename =
        patch(&json!([{"op": "Replace", "path": "userName", "value": "berg@contoso.example"}]));
    assert_eq!(status(&workload, "PATCH", &path, Some(&rename)).await, 200);
    // A second time changes nothing, and leaves no entry.
    assert_eq!(status(&workload, "PATCH", &path, Some(&rename)).await, 200);

    let (status, first) = ask(
        &workload,
        "/person?scim_tenant=identity/contoso&person=BERG@contoso.example",
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(first["attributes"]["title"], "Skipper");
    assert_eq!(first["groups"][0]["displayName"], "Night Watch");
    let (_, again) = ask(&workload, &format!("/person?person={id}")).await;
    let audit = again["audit"].as_array().unwrap();
    let events: Vec<&Value> = audit.iter().map(|it| &it["events"]).collect();
    assert_eq!(
        events,
        [
            &json!(["Exported"]),
            &json!(["Exported"]),
            &json!(["Renamed"]),
            &json!(["Created"])
        ]
    );
    assert_eq!(
        audit[2]["replaced"]["name"],
        json!({"before": "lena@contoso.example", "after": "berg@contoso.example"})
    );
    assert_eq!(
        (&audit[3]["client"], &audit[3]["resourceType"]),
        (&json!("entra"), &json!("User"))
    );
    assert!(!audit[3].to_string().contains("Skipper"));

    let (_, page) = ask(
        &workload,
        "/audit?client=entra&from=2026-03-01T00:00:30Z&limit=1",
    )
    .await;
    assert_eq!(page["entries"].as_array().unwrap().len(), 1);
    assert_eq!(page["entries"][0]["events"], json!(["Renamed"]));
    assert_eq!(ask(&workload, "/person?person=nobody").await.0, 404);
    let stranger = format!("http://{}/audit", workload.server.report_addr().unwrap());
    assert_eq!(
        answer(workload.client.get(stranger).bearer_auth(TOKEN))
            .await
            .0,
        401
    );
}

#[tokio::test]
async fn a_deactivated_person_is_erased_in_time_and_only_that_is_remembered() {
    let erasing = PolicyConfig {
        erase_after_seconds: Some(3600),
        ..PolicyConfig::default()
    };
    let (workload, clock) = start(erasing.clone()).await;
    let ids = people(&workload, 3).await;
    let path = |id: &str| format!("/Users/{id}");
    let rename =
        patch(&json!([{"op": "Replace", "path": "userName", "value": "someone@contoso.example"}]));
    assert_eq!(
        status(&workload, "PATCH", &path(&ids[0]), Some(&rename)).await,
        200
    );
    for id in &ids[..2] {
        assert_eq!(
            status(&workload, "PATCH", &path(id), Some(&set_active("False"))).await,
            200
        );
    }
    clock.advance(Duration::from_mins(61));
    assert_eq!(
        status(
            &workload,
            "PATCH",
            &path(&ids[1]),
            Some(&set_active("True"))
        )
        .await,
        200
    );

    // What is due is looked for when a workload starts.
    let folder = workload.folder;
    workload.server.shutdown().await;
    let (workload, _) = start_at(folder, erasing, clock).await;
    let gone = async || status(&workload, "GET", &path(&ids[0]), None).await == 404;
    while !gone().await {
        tokio::task::yield_now().await;
    }

    assert_eq!(status(&workload, "GET", &path(&ids[1]), None).await, 200);
    assert_eq!(status(&workload, "GET", &path(&ids[2]), None).await, 200);
    let (_, page) = ask(&workload, &format!("/audit?id={}", ids[0])).await;
    let events: Vec<&Value> = page["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["events"][0])
        .collect();
    assert_eq!(events, ["Erased", "Deactivated", "Renamed", "Created"]);
    assert!(!page.to_string().contains("contoso.example"), "{page}");
}

#[tokio::test]
async fn a_soft_delete_and_its_restore_are_answered_as_they_were_sent() {
    let (workload, _) = start(PolicyConfig::default()).await;
    let lena = json!({"userName": "lena@contoso.example", "externalId": OBJECT_ID});
    let path = format!("/Users/{}", create(&workload, "/Users", &lena).await);
    let marked = format!("{}lena@contoso.example", OBJECT_ID.replace('-', ""));
    let rename = |active: &str, name: &str| {
        patch(&json!([
            {"op": "Replace", "path": "active", "value": active},
            {"op": "Replace", "path": "userName", "value": name},
        ]))
    };

    let (status, gone) = workload
        .send("PATCH", &path, Some(&rename("False", &marked)))
        .await;
    assert_eq!((status, &gone["userName"]), (200, &json!(marked)));
    // Entra gives the name to somebody else in the meantime.
    let other = json!({"userName": "lena@contoso.example"});
    let other = format!("/Users/{}", create(&workload, "/Users", &other).await);
    let (status, _) = workload
        .send(
            "PATCH",
            &path,
            Some(&rename("True", "lena@contoso.example")),
        )
        .await;
    assert_eq!(status, 409);
    assert_eq!(workload.send("DELETE", &other, None).await.0, 204);

    let (status, back) = workload
        .send(
            "PATCH",
            &path,
            Some(&rename("True", "lena@contoso.example")),
        )
        .await;
    assert_eq!((status, &back["active"]), (200, &json!(true)));
    assert_eq!(back["userName"], "lena@contoso.example");
}
