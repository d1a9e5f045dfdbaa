//! Applications where several pods serve one directory, and each step comes to another one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use url::form_urlencoded;
use usher::clock::{Clock, ManualClock};
use usher::config::{ApplicationAuthentication, ScimTenantConfig};
use usher::workload::{Server, Settings};

use super::{REDIRECT_URI, SECRET, VERIFIER, answered, applications, request};
use crate::database;
use crate::scim_oauth::Signer;
use crate::sign_in::browser::{Browser, SITE};
use crate::sign_in::provider::{OBJECT_ID, Provider};
use crate::sign_in::replicas::{pods, send};
use crate::sign_in::sign_in_at;
use crate::workload_server::{answer, client, config, scim_tenant, settings};

async fn token(pod: &Server, form: &[(&str, &str)]) -> (u16, Value) {
    let url = format!("http://{}/oauth2/token", pod.local_addr());
    let body = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let request = client().post(url).basic_auth("crm", Some(SECRET));
    let form = "application/x-www-form-urlencoded";
    answer(request.header("content-type", form).body(body)).await
}

async fn refresh(pod: &Server, tokens: &Value) -> (u16, Value) {
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let form = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
    token(pod, &form).await
}

async fn userinfo(pod: &Server, tokens: &Value) -> u16 {
    let request = client().get(format!("http://{}/oauth2/userinfo", pod.local_addr()));
    let token = tokens["access_token"].as_str().unwrap();
    answer(request.bearer_auth(token)).await.0
}

/// Signs Lena in to the web application at a pod; says the tokens.
async fn sign_in_to_crm(provider: &Provider, browser: &Browser, pod: &Server) -> Value {
    let sent = browser.get("/sign-in").await;
    browser.get(&provider.authorize(&sent.location)).await;
    let scope = ("scope", "openid offline_access");
    let code = answered(&browser.get(&request(&[scope])).await)["code"].clone();
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let (status, tokens) = token(pod, &redeem).await;
    assert_eq!(status, 200, "{tokens}");
    tokens
}

fn lena() -> Value {
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    json!({"schemas": [schema], "userName": "lena@contoso.example", "externalId": OBJECT_ID})
}

async fn is_signed_in(browser: &mut Browser, pod: &Server) -> bool {
    browser.lead_to(pod.local_addr());
    browser.get("/signed-in").await.status == 200
}

/// A22: a pod whose clock is five minutes wrong ends nobody's session, and lets nobody's last.
#[tokio::test]
async fn a22_a_clock_that_is_wrong_makes_sessions_neither_dead_nor_immortal() {
    let start = |second| ManualClock::at(jiff::Timestamp::from_second(second).unwrap());
    let clocks = [0, 300, -300].map(|it| start(1_769_904_000 + it));
    let provider = Provider::start(clocks[0].clone()).await;
    let folder = TempDir::new().unwrap();
    let mut sign_in = sign_in_at(provider.issuer(), folder.path());
    sign_in.applications = Some(applications(folder.path()));
    let tenant = ScimTenantConfig {
        store: database::store(&folder, "clocks"),
        sign_in: Some(sign_in),
        ..scim_tenant("contoso", "http://contoso.example", &folder, &json!({}))
    };
    let pods = clocks.iter().map(|clock| {
        let settings = Settings {
            clock: Arc::new(clock.clone()),
            ..settings(None)
        };
        Server::start(settings, config(vec![tenant.clone()]))
    });
    let pods = futures::future::try_join_all(pods).await.unwrap();
    let advance = |minutes| {
        for clock in &clocks {
            clock.advance(Duration::from_mins(minutes));
        }
    };
    assert_eq!(send(&pods[0], "POST", "/Users", &lena()).await.0, 201);
    let mut browser = Browser::new(pods[0].local_addr());
    let mut tokens = sign_in_to_crm(&provider, &browser, &pods[0]).await;
    for (minutes, expected) in [(0, true), (45, true), (71, false)] {
        advance(minutes);
        for pod in &pods {
            let is_signed_in = is_signed_in(&mut browser, pod).await;
            let (status, next) = refresh(pod, &tokens).await;
            assert_eq!(
                (is_signed_in, status == 200),
                (expected, expected),
                "{minutes}"
            );
            if status == 200 {
                tokens = next;
            }
            // A token of ten minutes, whichever pod made it.
            assert_eq!(userinfo(pod, &tokens).await == 200, expected, "{minutes}");
        }
    }

    browser.lead_to(pods[0].local_addr());
    sign_in_to_crm(&provider, &browser, &pods[0]).await;
    for _ in 0..23 {
        advance(30);
        for pod in &pods {
            assert!(is_signed_in(&mut browser, pod).await);
        }
    }
    advance(41);
    for pod in &pods {
        assert!(!is_signed_in(&mut browser, pod).await);
    }
    for pod in pods {
        pod.shutdown().await;
    }
}

#[tokio::test]
async fn each_step_may_come_to_another_pod_and_deactivated_means_out_on_all() {
    let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
    let provider = Provider::start(clock.clone()).await;
    let folder = TempDir::new().unwrap();
    let mut sign_in = sign_in_at(provider.issuer(), folder.path());
    sign_in.applications = Some(applications(folder.path()));
    let tenant = ScimTenantConfig {
        store: database::store(&folder, "applications"),
        sign_in: Some(sign_in),
        ..scim_tenant("contoso", "http://contoso.example", &folder, &json!({}))
    };
    let pods = pods(tenant, &clock).await;
    let lena = lena();
    let (status, made) = send(&pods[0], "POST", "/Users", &lena).await;
    assert_eq!(status, 201);
    let mut browser = Browser::new(pods[0].local_addr());
    let sent = browser.get("/sign-in").await;
    browser.get(&provider.authorize(&sent.location)).await;

    browser.lead_to(pods[1].local_addr());
    let scope = ("scope", "openid offline_access");
    let code = answered(&browser.get(&request(&[scope])).await)["code"].clone();
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    let (status, tokens) = token(&pods[2], &redeem).await;
    assert_eq!(status, 200, "{tokens}");
    let (status, mut tokens) = refresh(&pods[0], &tokens).await;
    assert_eq!(status, 200, "{tokens}");
    for pod in &pods {
        assert_eq!(userinfo(pod, &tokens).await, 200);
    }
    let many = futures::future::join_all(pods.iter().map(|pod| refresh(pod, &tokens))).await;
    let good = many.iter().filter(|it| it.0 == 200).count();
    assert_eq!(good, 1, "{many:?}");
    assert_eq!(refresh(&pods[1], &tokens).await.0, 400);

    let code = answered(&browser.get(&request(&[scope])).await)["code"].clone();
    let mut redeem = redeem;
    redeem[1].1 = &code;
    (_, tokens) = token(&pods[0], &redeem).await;
    let mut gone = lena;
    gone["active"] = json!(false);
    let path = format!("/Users/{}", made["id"].as_str().unwrap());
    let (status, _) = send(&pods[2], "PUT", &path, &gone).await;
    assert_eq!(status, 200);
    for pod in &pods {
        assert_eq!(userinfo(pod, &tokens).await, 401);
        assert_eq!(refresh(pod, &tokens).await.0, 400);
    }
    for pod in pods {
        pod.shutdown().await;
    }
}

/// What a pod answers to a question about a token.
async fn introspect(pod: &Server, body: &str) -> u16 {
    let url = format!("http://{}/oauth2/introspect", pod.local_addr());
    let form = "application/x-www-form-urlencoded";
    let request = client().post(url).header("content-type", form);
    answer(request.body(body.to_owned())).await.0
}

#[tokio::test]
async fn what_one_pod_saw_counts_on_all() {
    let clock = ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap());
    let provider = Provider::start(clock.clone()).await;
    let folder = TempDir::new().unwrap();
    let signer = Signer::new();
    let mut declared = applications(folder.path());
    let keys = signer.issuer("crm", SITE).keys;
    declared.applications[0].authentication = ApplicationAuthentication::PrivateKey(keys);
    let mut sign_in = sign_in_at(provider.issuer(), folder.path());
    sign_in.applications = Some(declared);
    let tenant = ScimTenantConfig {
        store: database::store(&folder, "once"),
        sign_in: Some(sign_in),
        ..scim_tenant("contoso", SITE, &folder, &json!({}))
    };
    let pods = pods(tenant, &clock).await;

    // An assertion is good once, whichever pods it is presented to.
    let now = clock.now().as_second();
    let claims = json!({"iss": "crm", "sub": "crm", "aud": SITE, "exp": now + 60, "jti": "1"});
    let assertion = signer.sign_claims(&claims);
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let body = form_urlencoded::Serializer::new(String::new())
        .append_pair("client_assertion_type", kind)
        .append_pair("client_assertion", &assertion)
        .append_pair("token", "x")
        .finish();
    let asked = pods.iter().map(|pod| introspect(pod, &body));
    let asked = futures::future::join_all(asked).await;
    let good = asked.iter().filter(|it| **it == 200).count();
    assert_eq!(good, 1, "{asked:?}");
    for pod in &pods {
        assert_eq!(introspect(pod, &body).await, 401);
    }

    // Codes of devices that a person types wrong are counted together.
    assert_eq!(send(&pods[0], "POST", "/Users", &lena()).await.0, 201);
    let mut browser = Browser::new(pods[0].local_addr());
    let sent = browser.get("/sign-in").await;
    browser.get(&provider.authorize(&sent.location)).await;
    for number in 0..12 {
        browser.lead_to(pods[number % pods.len()].local_addr());
        let shown = browser.post("/device", "user_code=BBBB-BBBB").await;
        let expected = if number < 10 { 400 } else { 429 };
        assert_eq!(shown.status, expected, "{number}: {}", shown.text);
    }
    for pod in pods {
        pod.shutdown().await;
    }
}
