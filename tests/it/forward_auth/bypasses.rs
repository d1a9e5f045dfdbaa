//! Ways around proxies of others that were published in 2026, each by the name of its advisory; the one with several `@` in an address,
//! GHSA-c5c4-8r6x-56w3, is with the identities.

use serde_json::json;

use super::{said, stage_with};
use crate::sign_in::{SESSION, Stage};

/// Nobody who is not signed in reaches `path` with these further headers, in whatever shape the proxy asks.
async fn nobody_passes(stage: &Stage, path: &str, further: &[(&str, &str)]) {
    for (shape, request) in stage.about(path, "usher_nobody") {
        let request = further
            .iter()
            .fold(request, |it, (name, value)| it.header(*name, *value));
        let status = said(request).await.status;
        assert!(
            matches!(status, 302 | 401 | 403),
            "{shape} {path} {further:?}: {status}"
        );
    }
}

/// Everything below `/open` is public.
async fn public_stage() -> (Stage, String, String) {
    let rules =
        json!([{"paths": ["/open"], "public": true}, {"paths": ["/admin"], "roles": ["Admin"]}]);
    stage_with("127.0.0.0/8", rules).await
}

/// GHSA-5hvv-m4w4-gf6v: whoever called itself a health check was let through.
#[tokio::test]
async fn ghsa_5hvv_m4w4_gf6v_an_agent_of_health_checks_is_asked_about_like_any_other() {
    let (stage, ..) = public_stage().await;
    for agent in ["GoogleHC/1.0", "kube-probe/1.34", "ELB-HealthChecker/2.0"] {
        for path in ["/", "/admin", "/ping", "/ready", "/healthz", "/oauth2/auth"] {
            nobody_passes(&stage, path, &[("user-agent", agent)]).await;
        }
    }
    stage.workload.server.shutdown().await;
}

/// GHSA-7x63-xv5r-3p2x: the path that rules were held against was the one that the client said.
#[tokio::test]
async fn ghsa_7x63_xv5r_3p2x_a_client_does_not_say_what_it_requests() {
    let (stage, ..) = public_stage().await;
    for name in [
        "x-forwarded-uri",
        "X-Forwarded-Uri",
        "x_forwarded_uri",
        "x-original-uri",
        "x-original-url",
        "x-rewrite-url",
        "x-forwarded-path",
        "x-envoy-original-path",
        "x-forwarded-prefix",
        "forwarded",
    ] {
        for value in ["/open", "http://wiki.contoso.example/open"] {
            nobody_passes(&stage, "/admin", &[(name, value)]).await;
        }
    }
    for (name, value) in [
        ("x-forwarded-method", "OPTIONS"),
        ("x-original-method", "OPTIONS"),
        ("x-http-method-override", "OPTIONS"),
    ] {
        nobody_passes(&stage, "/admin", &[(name, value)]).await;
    }
    stage.workload.server.shutdown().await;
}

/// GHSA-pxq7-h93f-9jrg: behind a fragment a public path was found.
#[tokio::test]
async fn ghsa_pxq7_h93f_9jrg_what_stands_behind_a_fragment_makes_nothing_public() {
    let (stage, session, _) = public_stage().await;
    for path in [
        "/admin#/open",
        "/admin#/../open",
        "/admin%23/open",
        "/admin%2523/open",
        "/admin?x=#/open",
        "/admin?/open",
        "/admin;/open",
        "/open#/../admin",
        "/open/#/../../admin",
        "/open/..%23/admin",
    ] {
        for (shape, request) in stage.about(path, "usher_nobody") {
            // ext_authz has the path in its own address, where a fragment never gets.
            if shape == "ext-authz" && path.contains('#') {
                continue;
            }
            let status = said(request).await.status;
            let is_refused = matches!(status, 302 | 401 | 403);
            assert!(is_refused, "{shape} {path}: {status}");
        }
        // Who is signed in, and has not the role, gets no further.
        for (shape, request) in stage.about(path, &session) {
            if path.starts_with("/admin") && !(shape == "ext-authz" && path.contains('#')) {
                assert_eq!(said(request).await.status, 403, "{shape} {path}");
            }
        }
    }
    stage.workload.server.shutdown().await;
}

/// GHSA-f24x-5g9q-753f: a session that somebody had given to the browser became that of who signed in.
#[tokio::test]
async fn ghsa_f24x_5g9q_753f_what_a_browser_was_given_before_is_no_session_afterwards() {
    let (stage, session, _) = public_stage().await;
    let browser = stage.browser();
    for planted in ["usher_planted", session.as_str()] {
        browser.set_cookie(SESSION, planted);
        let back = stage.go(&browser, "/sign-in/entra").await;
        browser.get(&back).await;
        let own = browser.cookie(SESSION).unwrap();
        assert_ne!(own, planted);
        for (token, expected) in [(planted, false), (own.as_str(), true)] {
            for (shape, request) in stage.in_each_shape(token) {
                let passes = said(request).await.status == 200;
                assert_eq!(passes, expected, "{shape} {planted}");
            }
        }
    }
    stage.workload.server.shutdown().await;
}
