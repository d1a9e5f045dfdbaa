//! Signing in where several pods serve one directory, and each step comes to another one.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;
use usher::clock::ManualClock;
use usher::config::{RefreshConfig, ScimTenantConfig};
use usher::workload::{Server, Settings};

use super::browser::{Browser, SITE};
use super::provider::{OBJECT_ID, Provider};
use super::refresh::until;
use super::sign_in_at;
use crate::database;
use crate::workload_server::{TOKEN, answer, client, config, scim_tenant, settings};

pub(crate) async fn send(server: &Server, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let url = format!("http://{}/scim/v2{path}", server.local_addr());
    let request = client().request(method.parse().unwrap(), url);
    let request = request.header("content-type", "application/scim+json");
    answer(request.bearer_auth(TOKEN).body(body.to_string())).await
}

/// Three pods that serve `tenant`.
pub(crate) async fn pods(tenant: ScimTenantConfig, clock: &ManualClock) -> Vec<Server> {
    let start = || {
        let settings = Settings {
            clock: Arc::new(clock.clone()),
            ..settings(None)
        };
        Server::start(settings, config(vec![tenant.clone()]))
    };
    let pods = vec![start(), start(), start()];
    futures::future::try_join_all(pods).await.unwrap()
}

async fn is_signed_in(browser: &mut Browser, server: &Server) -> bool {
    browser.lead_to(server.local_addr());
    browser.get("/signed-in").await.status == 200
}

/// Three pods of a directory that Lena signed in to, each step of it at another one; what is kept for them, and her browser and id.
struct Replicas {
    pods: Vec<Server>,
    provider: Provider,
    clock: ManualClock,
    folder: TempDir,
    browser: Browser,
    lena: String,
}

impl Replicas {
    async fn begin(directory: &str) -> Self {
        let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
        let provider = Provider::start(clock.clone()).await;
        let folder = TempDir::new().unwrap();
        let mut sign_in = sign_in_at(provider.issuer(), folder.path());
        sign_in.providers[0].refresh = Some(RefreshConfig {
            every_minutes: 60,
            grace_minutes: 30,
        });
        let tenant = ScimTenantConfig {
            store: database::store(&folder, directory),
            sign_in: Some(sign_in),
            trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()],
            ..scim_tenant("contoso", SITE, &folder, &json!({}))
        };
        let pods = pods(tenant, &clock).await;
        let (status, made) = send(&pods[0], "POST", "/Users", &lena()).await;
        assert_eq!(status, 201);
        let mut browser = Browser::new(pods[0].local_addr());
        let sent = browser.get("/sign-in").await;
        browser.lead_to(pods[1].local_addr());
        let back = browser.get(&provider.authorize(&sent.location)).await;
        assert_eq!(back.status, 303, "{}", back.text);
        Self {
            pods,
            provider,
            clock,
            folder,
            browser,
            lena: made["id"].as_str().unwrap().to_owned(),
        }
    }

    /// Whether she is signed in, as all pods say.
    async fn is_signed_in(&mut self) -> bool {
        let mut all = Vec::new();
        for pod in &self.pods {
            all.push(is_signed_in(&mut self.browser, pod).await);
        }
        assert!(all.iter().all(|it| *it == all[0]), "{all:?}");
        all[0]
    }

    /// Asks a pod for a page or as a proxy, as her browser does.
    async fn ask(&self, pod: &Server, path: &str) -> u16 {
        let cookie = format!("usher={}", self.browser.cookie("usher").unwrap());
        let request = client().get(format!("http://{}{path}", pod.local_addr()));
        let request = request.header("host", "contoso.example");
        let request = request.header("x-original-url", SITE);
        let answer = request.header("cookie", cookie).send();
        answer.await.unwrap().status().as_u16()
    }

    async fn end(self) {
        for pod in self.pods {
            pod.shutdown().await;
        }
    }
}

fn lena() -> Value {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    json!({"schemas": [schema], "userName": "lena@contoso.example", "externalId": OBJECT_ID})
}

#[tokio::test]
async fn each_step_may_come_to_another_pod_and_deactivated_means_out_on_all() {
    let mut stage = Replicas::begin("signing_in").await;
    assert!(stage.is_signed_in().await);

    let mut gone = lena();
    gone["active"] = json!(false);
    let path = format!("/Users/{}", stage.lena);
    assert_eq!(send(&stage.pods[2], "PUT", &path, &gone).await.0, 200);

    assert!(!stage.is_signed_in().await);
    stage.end().await;
}

#[tokio::test]
async fn a7_whichever_pods_are_asked_at_refresh_time_one_asks_the_provider() {
    let stage = Replicas::begin("refreshing").await;
    stage.clock.advance(Duration::from_mins(50));
    let all = stage.pods.iter().cycle().take(30);
    let all = all.map(|pod| stage.ask(pod, "/signed-in"));

    let answers = futures::future::join_all(all).await;

    assert!(answers.iter().all(|it| *it == 200), "{answers:?}");
    until(async || stage.provider.conduct().refreshed == 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(stage.provider.conduct().refreshed, 1);
    stage.end().await;
}

/// A21: one pod is told that she signed out at the provider.
#[tokio::test]
async fn a21_a_logout_token_signs_out_on_all_pods() {
    let mut stage = Replicas::begin("signing_out").await;
    let url = format!("http://{}/sign-in/entra/logout", stage.pods[1].local_addr());
    let token = stage.provider.logout_token("1", &json!({"sid": null}));
    let request = client().post(url).header("host", "contoso.example");
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(format!("logout_token={token}"));
    assert!(stage.is_signed_in().await);

    assert_eq!(answer(request).await.0, 200);

    assert!(!stage.is_signed_in().await);
    stage.end().await;
}

#[tokio::test]
async fn a22_a_pod_whose_clock_is_wrong_keeps_sessions_neither_for_ever_nor_for_no_time() {
    let start: jiff::Timestamp = "2026-02-01T00:00:00Z".parse().unwrap();
    let clocks = [-5, 0, 5].map(|it| ManualClock::at(start + jiff::SignedDuration::from_mins(it)));
    let provider = Provider::start(clocks[1].clone()).await;
    let folder = TempDir::new().unwrap();
    let tenant = ScimTenantConfig {
        store: database::store(&folder, "clocks"),
        sign_in: Some(sign_in_at(provider.issuer(), folder.path())),
        ..scim_tenant("contoso", SITE, &folder, &json!({}))
    };
    let mut stage = Vec::new();
    for clock in &clocks {
        stage.extend(pods(tenant.clone(), clock).await.pop());
    }
    assert_eq!(send(&stage[0], "POST", "/Users", &lena()).await.0, 201);
    let advance = |minutes| {
        for clock in &clocks {
            clock.advance(Duration::from_mins(minutes));
        }
    };
    // Who signs in by the pod that is ahead, or by the one that is right.
    for pod in [2, 1] {
        let mut browser = Browser::new(stage[pod].local_addr());
        let sent = browser.get("/sign-in").await;
        let back = browser.get(&provider.authorize(&sent.location)).await;
        assert_eq!(back.status, 303, "{}", back.text);
        for _ in 0..14 {
            for pod in &stage {
                assert!(is_signed_in(&mut browser, pod).await);
            }
            advance(49);
        }
        // After 12 hours and what the clocks are apart it is over everywhere.
        advance(45);
        for pod in &stage {
            assert!(!is_signed_in(&mut browser, pod).await);
        }
    }
    for pod in stage {
        pod.shutdown().await;
    }
}

/// A16: a database that waits for somebody. No pod knows who is signed in, and it says so within the time that a proxy has.
#[tokio::test]
async fn a16_when_it_is_not_known_in_time_who_is_signed_in_the_answer_is_no() {
    let stage = Replicas::begin("slow").await;
    let ask = || stage.ask(&stage.pods[1], "/auth-request");
    assert_eq!(ask().await, 200);
    let folder = stage.folder.path().file_name().unwrap().to_str().unwrap();
    let name = folder.bytes();
    let name = name.fold(String::new(), |name, it| format!("{name}{it:02x}"));
    let mut holder = sqlx::PgConnection::connect(database::url()).await.unwrap();
    let hold = format!("BEGIN; LOCK TABLE it_{name}_slow.session IN ACCESS EXCLUSIVE MODE");
    let hold = sqlx::raw_sql(sqlx::AssertSqlSafe(hold));
    hold.execute(&mut holder).await.unwrap();

    let began = std::time::Instant::now();
    let answers = futures::future::join_all((0..20).map(|_| ask())).await;

    assert!(answers.iter().all(|it| *it == 503), "{answers:?}");
    let took = began.elapsed();
    assert!(took < Duration::from_secs(3), "{took:?}");
    drop(holder);
    until(async || ask().await == 200).await;
    stage.end().await;
}
