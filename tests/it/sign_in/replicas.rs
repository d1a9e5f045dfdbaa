//! Signing in where several pods serve one directory, and each step comes to another one.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::Arc;

use serde_json::{Value, json};
use tempfile::TempDir;
use usher::clock::ManualClock;
use usher::config::ScimTenantConfig;
use usher::workload::{Server, Settings};

use super::browser::Browser;
use super::provider::{OBJECT_ID, Provider};
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

#[tokio::test]
async fn each_step_may_come_to_another_pod_and_deactivated_means_out_on_all() {
    let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
    let provider = Provider::start(clock.clone()).await;
    let folder = TempDir::new().unwrap();
    let tenant = ScimTenantConfig {
        store: database::store(&folder, "signing_in"),
        sign_in: Some(sign_in_at(provider.issuer(), folder.path())),
        ..scim_tenant("contoso", "http://contoso.example", &folder, &json!({}))
    };
    let pods = pods(tenant, &clock).await;
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let lena =
        json!({"schemas": [schema], "userName": "lena@contoso.example", "externalId": OBJECT_ID});
    let (status, made) = send(&pods[0], "POST", "/Users", &lena).await;
    assert_eq!(status, 201);
    let mut browser = Browser::new(pods[0].local_addr());

    let sent = browser.get("/sign-in").await;
    browser.lead_to(pods[1].local_addr());
    let back = browser.get(&provider.authorize(&sent.location)).await;

    assert_eq!(back.status, 303, "{}", back.text);
    for pod in &pods {
        assert!(is_signed_in(&mut browser, pod).await);
    }
    // A21: the provider tells one pod that the person signed out there.
    let url = format!("http://{}/sign-in/entra/logout", pods[1].local_addr());
    let token = provider.logout_token("1", &json!({"sid": null}));
    let request = client()
        .post(url)
        .header("content-type", "application/x-www-form-urlencoded");
    let request = request.body(format!("logout_token={token}"));
    assert_eq!(answer(request).await.0, 200);
    for pod in &pods {
        assert!(!is_signed_in(&mut browser, pod).await);
    }
    browser.lead_to(pods[2].local_addr());
    let sent = browser.get("/sign-in").await;
    browser.get(&provider.authorize(&sent.location)).await;
    assert!(is_signed_in(&mut browser, &pods[0]).await);
    let mut gone = lena;
    gone["active"] = json!(false);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let (status, _) = send(&pods[2], "PUT", &path, &gone).await;
    assert_eq!(status, 200);
    for pod in &pods {
        assert!(!is_signed_in(&mut browser, pod).await);
    }
    for pod in pods {
        pod.shutdown().await;
    }
}
