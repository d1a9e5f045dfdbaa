//! The provider ends sessions: by a logout token, or by a page of its own that leads here.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use serde_json::{Value, json};

use super::Stage;
use super::browser::{SITE, Shown};
use super::provider::{CLIENT_ID, OBJECT_ID, SESSION_ID};

const FORM: &str = "application/x-www-form-urlencoded";

impl Stage {
    /// Sends a logout token, as the provider does; says the status and the error.
    async fn log_out(&self, token: &str) -> (u16, Value) {
        let browser = self.browser();
        let url = format!("{SITE}/sign-in/entra/logout").parse().unwrap();
        let request = browser.request(reqwest::Method::POST, &url);
        let shown = browser.show(
            &url,
            request
                .header("content-type", FORM)
                .body(format!("logout_token={token}")),
        );
        let Shown {
            status,
            headers,
            text,
            ..
        } = shown.await;
        assert_eq!(headers["cache-control"], "no-store");
        (status, serde_json::from_str(&text).unwrap_or_default())
    }
}

#[tokio::test]
async fn a21_a_logout_token_ends_the_sessions_that_it_names_and_is_good_once() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    stage.add("joe@contoso.example", "joe").await;
    let (one, two, joe) = (stage.browser(), stage.browser(), stage.browser());
    let signed_in = async || {
        let mut are = Vec::new();
        for browser in [&one, &two, &joe] {
            are.push(stage.is_signed_in(browser).await);
        }
        are
    };
    stage.sign_in(&one).await;
    let as_of = |claims: Value| stage.provider.conduct().claims = claims;
    as_of(json!({"sid": "another-session"}));
    stage.sign_in(&two).await;
    as_of(json!({"sid": "session-of-joe", "sub": "joe", "oid": "joe"}));
    stage.sign_in(&joe).await;
    assert_eq!(signed_in().await, [true, true, true]);

    let token = stage.provider.logout_token("1", &json!({}));
    assert_eq!(stage.log_out(&token).await.0, 200);
    assert_eq!(signed_in().await, [false, true, true]);
    as_of(json!({}));
    stage.sign_in(&one).await;
    stage.clock.advance(Duration::from_secs(1));
    let (status, why) = stage.log_out(&token).await;
    assert_eq!((status, &why["error"]), (400, &json!("invalid_request")));
    assert_eq!(signed_in().await, [true, true, true]);

    // A person, and nothing of which session.
    let token = stage.provider.logout_token("2", &json!({"sid": null}));
    assert_eq!(stage.log_out(&token).await.0, 200);
    assert_eq!(signed_in().await, [false, false, true]);
    // Whom nobody knows.
    let token = stage.provider.logout_token("3", &json!({"sid": "no"}));
    assert_eq!(stage.log_out(&token).await.0, 200);
    assert_eq!(signed_in().await, [false, false, true]);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a21_a_logout_token_that_is_wrong_in_one_thing_ends_nothing() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let now = stage.provider.now();
    let cases = [
        (json!({"iss": "https://evil.example"}), "another issuer"),
        (json!({"aud": "another"}), "another audience"),
        (json!({"iat": now - 600}), "more than five minutes ago"),
        (json!({"iat": now + 600}), "in the future"),
        (json!({"exp": now - 61}), "has expired"),
        (json!({"exp": null}), "has expired"),
        (json!({"jti": null}), "(jti)"),
        (json!({"events": {}}), "(events)"),
        (json!({"nonce": "n"}), "no nonce"),
        (json!({"sub": null, "sid": null}), "(sid)"),
    ];
    for (changes, reason) in cases {
        let token = stage.provider.logout_token("j", &changes);
        let (status, why) = stage.log_out(&token).await;
        let said = why["error_description"].as_str().unwrap();
        assert_eq!(status, 400, "{changes}");
        assert!(said.contains(reason), "{changes}: {said}");
    }
    // An ID token is none, nor is one that another key signed.
    let id_token = json!({"tid": CLIENT_ID, "oid": OBJECT_ID, "nonce": "n", "events": null});
    let id_token = stage.provider.logout_token("j", &id_token);
    assert_eq!(stage.log_out(&id_token).await.0, 400);
    stage.provider.conduct().signature = Some(|_, _| "AAAA".to_owned());
    let forged = stage.provider.logout_token("j", &json!({}));
    stage.provider.conduct().signature = None;
    assert_eq!(stage.log_out(&forged).await.0, 400);
    assert_eq!(stage.log_out("").await.0, 400);
    assert_eq!(browser.post("/sign-in/entra/logout", "").await.status, 400);
    let nobody = browser.post("/sign-in/nobody/logout", "logout_token=x");
    assert_eq!(nobody.await.status, 404);
    assert!(stage.is_signed_in(&browser).await);

    // Whose keys cannot be had is not believed.
    let fresh = Stage::begin().await;
    fresh.provider.conduct().down = true;
    let token = fresh.provider.logout_token("j", &json!({}));
    let (status, why) = fresh.log_out(&token).await;
    let later = json!("temporarily_unavailable");
    assert_eq!((status, &why["error"]), (400, &later));
    fresh.workload.server.shutdown().await;
    stage.workload.server.shutdown().await;
}

/// Entra has the browser ask in a frame, to which it presents no cookie.
#[tokio::test]
async fn a21_a_page_of_the_provider_ends_the_session_that_it_names() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let (browser, frame) = (stage.browser(), stage.browser());
    stage.sign_in(&browser).await;
    let issuer = stage.provider.issuer();
    for wrong in [
        String::new(),
        format!("?iss={issuer}"),
        format!("?sid={SESSION_ID}"),
        format!("?iss=https://evil.example&sid={SESSION_ID}"),
        format!("?iss={issuer}&sid={SESSION_ID}&sid=x"),
    ] {
        let shown = frame.get(&format!("/sign-in/entra/logout{wrong}")).await;
        assert_eq!(shown.status, 400, "{wrong}");
    }
    let other = format!("/sign-in/entra/logout?iss={issuer}&sid=another");
    assert_eq!(frame.get(&other).await.status, 200);
    assert!(stage.is_signed_in(&browser).await);

    let named = format!("/sign-in/entra/logout?iss={issuer}&sid={SESSION_ID}");
    let shown = frame.get(&named).await;

    assert_eq!(shown.status, 200);
    assert!(!shown.headers.contains_key("x-frame-options"));
    assert!(!stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}
