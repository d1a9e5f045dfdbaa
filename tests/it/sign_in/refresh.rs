//! The provider is asked again and again whether it still knows who is signed in.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use serde_json::json;
use usher::config::RefreshConfig;

use super::{SESSION, Stage};

const MINUTE: Duration = Duration::from_mins(1);

/// A stage where the provider confirms a session every hour, and may be away for half of one; sessions end by nothing else.
async fn begin() -> Stage {
    let stage = Stage::begin_with(|tenant| {
        let sign_in = tenant.sign_in.as_mut().unwrap();
        sign_in.session.idle_minutes = 720;
        sign_in.providers[0].refresh = Some(RefreshConfig {
            every_minutes: 60,
            grace_minutes: 30,
        });
    });
    let stage = stage.await;
    stage.add_lena().await;
    stage
}

/// Waits for what is done in the background.
pub(crate) async fn until(what: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if what().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not happen");
}

#[tokio::test]
async fn a7_a_hundred_requests_at_refresh_time_ask_the_provider_once_and_sign_nobody_out() {
    let stage = begin().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let session = browser.cookie(SESSION);
    stage.clock.advance(MINUTE * 44);
    assert!(stage.is_signed_in(&browser).await);
    stage.provider.conduct().delay = Duration::from_secs(2);

    for (round, passed) in [(1, 4), (2, 46)] {
        stage.clock.advance(MINUTE * passed);
        let all = (0..100).map(|_| stage.is_signed_in(&browser));
        let all = futures::future::join_all(all).await;
        assert!(all.into_iter().all(|it| it));
        until(async || stage.provider.conduct().refreshed == round).await;
        // The answer is on its way; it is kept soon.
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(stage.is_signed_in(&browser).await);
        assert_eq!(stage.provider.conduct().refreshed, round);
    }
    assert_eq!(browser.cookie(SESSION), session);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a8_whom_the_provider_does_not_know_any_more_signs_in_again_once() {
    let stage = begin().await;
    let browser = stage.browser();
    for refusal in ["invalid_grant", "interaction_required"] {
        stage.sign_in(&browser).await;
        let revoked = json!({"error": refusal, "error_description": "AADSTS50173: revoked"});
        stage.provider.conduct().refusal = Some((400, revoked));
        stage.clock.advance(MINUTE * 46);

        assert!(stage.is_signed_in(&browser).await);
        until(async || !stage.is_signed_in(&browser).await).await;

        stage.provider.conduct().refusal = None;
    }
    stage.sign_in(&browser).await;
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a8_whose_next_refresh_token_was_lost_on_the_way_signs_in_again_once() {
    let stage = begin().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    stage.provider.conduct().loses_answer = true;
    stage.clock.advance(MINUTE * 46);
    assert!(stage.is_signed_in(&browser).await);
    until(async || stage.provider.conduct().refreshed == 1).await;
    stage.provider.conduct().loses_answer = false;

    // Asked again a minute later, with a token that was spent.
    stage.clock.advance(MINUTE + MINUTE);
    assert!(stage.is_signed_in(&browser).await);
    until(async || !stage.is_signed_in(&browser).await).await;

    stage.sign_in(&browser).await;
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a1_a_provider_that_says_nothing_signs_nobody_out_until_the_grace_is_over() {
    let stage = begin().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    stage.provider.conduct().down = true;
    for passed in [46, 20, 23] {
        stage.clock.advance(MINUTE * passed);
        assert!(stage.is_signed_in(&browser).await, "{passed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    stage.clock.advance(MINUTE);
    assert!(!stage.is_signed_in(&browser).await);
    stage.provider.conduct().down = false;

    // What is wrong here, and not with the person, signs nobody out either.
    stage.sign_in(&browser).await;
    stage.provider.conduct().client_secret = "another".to_owned();
    stage.clock.advance(MINUTE * 46);
    assert!(stage.is_signed_in(&browser).await);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(stage.is_signed_in(&browser).await);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_refresh_that_is_about_somebody_else_ends_the_session() {
    let stage = begin().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    stage.provider.conduct().claims = json!({"sub": "somebody else"});
    stage.clock.advance(MINUTE * 46);
    assert!(stage.is_signed_in(&browser).await);
    until(async || !stage.is_signed_in(&browser).await).await;
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn without_refresh_no_refresh_token_is_asked_for() {
    let stage = Stage::begin().await;
    stage.add_lena().await;
    let browser = stage.browser();
    let sent = browser.get("/sign-in").await;
    assert!(
        !sent.location.contains("offline_access"),
        "{}",
        sent.location
    );
    stage.workload.server.shutdown().await;
}
