//! Several workloads on one PostgreSQL schema, as the pods of one `ScimTenant` are.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;
use usher::config::{BrakeConfig, PolicyConfig, ScimTenantConfig, StoreConfig};
use usher::workload::Server;

use crate::database;
use crate::workload_server::{REPORT_TOKEN, TOKEN, answer, client, config, scim_tenant, settings};

/// A workload with its directory in `store`.
async fn serve(folder: &TempDir, store: StoreConfig) -> Server {
    serve_under(folder, store, PolicyConfig::default()).await
}

async fn serve_under(folder: &TempDir, store: StoreConfig, policy: PolicyConfig) -> Server {
    let tenant = ScimTenantConfig {
        store,
        policy,
        ..scim_tenant("contoso", "http://contoso.example", folder, &json!({}))
    };
    let server = Server::start(settings(None), config(vec![tenant])).await;
    server.unwrap()
}

/// Sends to the directory of `contoso.example`.
async fn send(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    send_to(server, "contoso.example", (method, path), body).await
}

async fn send_to(
    server: &Server,
    host: &str,
    (method, path): (&str, &str),
    body: &Value,
) -> (u16, Value) {
    let url = format!("http://{}/scim/v2{path}", server.local_addr());
    let request = client().request(method.parse().unwrap(), url);
    let request = request
        .bearer_auth(TOKEN)
        .header("host", host)
        .header("content-type", "application/scim+json");
    let empty = body.is_null();
    answer(if empty {
        request
    } else {
        request.body(body.to_string())
    })
    .await
}

async fn create(server: &Server, name: &str) -> (u16, Value) {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let person = json!({"schemas": [schema], "userName": name});
    send(server, "POST", "/Users", &person).await
}

/// What the operator would read from it.
async fn report(server: &Server) -> Value {
    let url = format!("http://{}/report", server.report_addr().unwrap());
    let (_, mut report) = answer(client().get(url).bearer_auth(REPORT_TOKEN)).await;
    report["scimTenants"][0].take()
}

async fn ready(server: &Server) -> (u16, String) {
    let url = format!("http://{}/readyz", server.report_addr().unwrap());
    let response = client().get(url).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

/// The report of each once all say the same, within the time in which they save.
async fn agreed(servers: &[Server], requests: i64) -> Value {
    let agreeing = async {
        loop {
            let reports = futures::future::join_all(servers.iter().map(report)).await;
            let counted = &reports[0]["clients"][0]["lastCycle"]["requests"];
            if *counted == requests && reports.iter().all(|it| *it == reports[0]) {
                return reports[0].clone();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, agreeing)
        .await
        .expect("they agree")
}

#[tokio::test(flavor = "multi_thread")]
async fn whichever_is_asked_reports_what_all_did() {
    let folder = TempDir::new().unwrap();
    let mut servers = Vec::new();
    for _ in 0..3 {
        servers.push(serve(&folder, database::store(&folder, "contoso")).await);
    }
    for number in 0..30 {
        let (status, _) = create(&servers[number % 3], &format!("p{number}")).await;
        assert_eq!(status, 201);
    }

    let said = agreed(&servers, 30).await;
    assert_eq!(
        (&said["users"], &said["activeUsers"]),
        (&json!(30), &json!(30))
    );
    assert_eq!(said["clients"][0]["lastCycle"]["created"], 30);

    // A list goes on by number wherever the next page is asked for, and whoever comes meanwhile.
    let mut walked = Vec::new();
    for page in 0..4 {
        let server = &servers[page % 3];
        let path = format!("/Users?startIndex={}&count=10", walked.len() + 1);
        let (_, listed) = send(server, "GET", &path, &Value::Null).await;
        let people = listed["Resources"].as_array().unwrap().iter();
        walked.extend(people.map(|it| it["userName"].as_str().unwrap().to_owned()));
        if page == 1 {
            create(server, "late").await;
        }
    }
    let expected = (0..30).map(|number| format!("p{number}"));
    let expected: Vec<String> = expected.chain(["late".to_owned()]).collect();
    assert_eq!(walked, expected);

    // One ends right after a request, and another one begins: nothing is lost or counted twice.
    let (_, listed) = send(&servers[1], "GET", "/Users?count=0", &Value::Null).await;
    assert_eq!(listed["totalResults"], 31);
    servers.remove(1).shutdown().await;
    servers.push(serve(&folder, database::store(&folder, "contoso")).await);
    let said = agreed(&servers, 36).await;
    assert_eq!(said["clients"][0]["lastCycle"]["created"], 31);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_wrote_another_answers_and_a_name_is_given_once() {
    let folder = TempDir::new().unwrap();
    let servers = [
        serve(&folder, database::store(&folder, "contoso")).await,
        serve(&folder, database::store(&folder, "contoso")).await,
    ];

    let (one, other) = tokio::join!(create(&servers[0], "ada"), create(&servers[1], "ada"));

    let mut statuses = [one.0, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let created = if one.0 == 201 { one.1 } else { other.1 };
    let path = format!("/Users/{}", created["id"].as_str().unwrap());
    for server in &servers {
        let (status, found) = send(server, "GET", &path, &Value::Null).await;
        assert_eq!((status, &found["userName"]), (200, &json!("ada")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brake_counts_for_all_together() {
    let folder = TempDir::new().unwrap();
    let brake = BrakeConfig {
        deactivations: 2,
        deletions: 2,
        membership_removals: 2,
        per_minutes: 60,
        open_until: None,
    };
    let policy = PolicyConfig {
        brake: Some(brake),
        ..PolicyConfig::default()
    };
    let store = || database::store(&folder, "contoso");
    let servers = [
        serve_under(&folder, store(), policy.clone()).await,
        serve_under(&folder, store(), policy.clone()).await,
    ];
    let mut statuses = Vec::new();
    for number in 0..4 {
        let (_, person) = create(&servers[number % 2], &format!("p{number}")).await;
        let path = format!("/Users/{}", person["id"].as_str().unwrap());
        let other = &servers[(number + 1) % 2];
        statuses.push(send(other, "DELETE", &path, &Value::Null).await.0);
    }

    assert_eq!(statuses, [204, 204, 429, 429]);
    for server in &servers {
        assert_eq!(report(server).await["held"]["deletions"], 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_directory_waits_for_holds_up_no_other() {
    let folder = TempDir::new().unwrap();
    let directory = |name: &str| ScimTenantConfig {
        store: database::store(&folder, name),
        ..scim_tenant(name, &format!("http://{name}.example"), &folder, &json!({}))
    };
    let both = vec![directory("contoso"), directory("fabrikam")];
    let StoreConfig::Postgres { schema, .. } = both[0].store.clone() else {
        panic!("another store");
    };
    let server = Server::start(settings(None), config(both)).await.unwrap();
    let other = Server::start(settings(None), config(vec![directory("fabrikam")])).await;
    let other = other.unwrap();
    let look = async |host: &str| {
        let users = ("GET", "/Users?count=0");
        let (status, _) = send_to(&server, host, users, &Value::Null).await;
        assert_eq!(status, 200);
    };
    look("contoso.example").await;
    let mut holder = sqlx::PgConnection::connect(database::url()).await.unwrap();
    let begin = format!("BEGIN; LOCK TABLE {schema}.note, {schema}.record");
    let begin = sqlx::raw_sql(sqlx::AssertSqlSafe(begin));
    begin.execute(&mut holder).await.unwrap();
    look("contoso.example").await;

    // Some of these come while the first directory waits.
    for requests in 1..=3 {
        look("fabrikam.example").await;
        let seen = async {
            while report(&other).await["clients"][0]["lastCycle"]["requests"] != requests {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let limit = Duration::from_secs(10);
        tokio::time::timeout(limit, seen)
            .await
            .expect("it is saved");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_a_workload_is_not_ready_and_says_why() {
    let folder = TempDir::new().unwrap();
    let store = database::store(&folder, "contoso");
    let url = folder.path().join("url");
    let nowhere = "postgres://usher:secret-word@localhost/?host=/nowhere";
    std::fs::write(&url, nowhere).unwrap();
    let server = serve(&folder, store).await;

    let (status, text) = ready(&server).await;

    assert_eq!(status, 503);
    assert!(text.contains("identity/contoso cannot be used"), "{text}");
    let said = report(&server).await["storeUnavailable"].to_string();
    assert!(said.contains("cannot be reached"), "{said}");
    assert!(!format!("{text}{said}").contains("secret-word"));
    let users = format!("http://{}/scim/v2/Users", server.local_addr());
    let asked = client().get(users).bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(asked.status(), 503);
    assert_eq!(asked.headers()["retry-after"], "1");
    std::fs::write(&url, database::url()).unwrap();
    let arrived = async {
        while ready(&server).await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let limit = Duration::from_secs(15);
    tokio::time::timeout(limit, arrived).await.unwrap();
    assert_eq!(create(&server, "ada").await.0, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_in_the_schema_of_another_one_is_not_served_and_says_why() {
    let folder = TempDir::new().unwrap();
    let store = database::store(&folder, "contoso");
    let first = serve(&folder, store.clone()).await;
    assert_eq!(create(&first, "ada").await.0, 201);
    let other = ScimTenantConfig {
        store,
        ..scim_tenant("fabrikam", "http://contoso.example", &folder, &json!({}))
    };

    let second = Server::start(settings(None), config(vec![other])).await;

    let second = second.unwrap();
    assert_eq!(create(&second, "bob").await.0, 503);
    assert_eq!(ready(&second).await.0, 503);
    let said = report(&second).await["storeUnavailable"].to_string();
    assert!(
        said.contains("the people of ScimTenant identity/contoso"),
        "{said}"
    );
    assert_eq!(create(&first, "bob").await.0, 201);
}
