//! Access tokens in the place of the session behind nginx, Caddy and `HAProxy` as Debian has them, with the settings of the manual: the
//! same cases each.

use std::time::Duration;

use reqwest::RequestBuilder;
use serde_json::Value;

use super::Scene;
use super::bearer::scene;
use crate::forward_auth::proxies::{Proxy, read};
use crate::sign_in::SESSION;

/// What is no good token, and begins like one.
fn bad_tokens(token: &str) -> [String; 11] {
    let parts: Vec<&str> = token.split('.').collect();
    [
        "Bearer x".to_owned(),
        "bearer x".to_owned(),
        "Bearer".to_owned(),
        format!("Bearer {}.{}.", parts[0], parts[1]),
        format!("Bearer {}.{}.{}", parts[0], parts[2], parts[2]),
        format!("Bearer {}.{}.{}", parts[0], parts[1], parts[0]),
        format!("Bearer {token}x"),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}, Bearer x"),
        format!("Bearer {token} x"),
        format!("Bearer {}", "x".repeat(5000)),
    ]
}

/// Who has no good token reaches the application in no way, is not led to a page, and gets no further by a session beside it.
async fn nobody_passes(name: &str, proxy: &Proxy, (token, cookie): (&str, &str)) {
    let bad = bad_tokens(token);
    let refused = async |request: RequestBuilder, why: &str| {
        let (said, body) = read(request).await;
        assert!(
            matches!(said.status, 400 | 401),
            "{name} {why}: {}",
            said.status
        );
        assert_eq!(body, Value::Null, "{name} {why} reached the application");
        assert_eq!(said.header("location"), "", "{name} {why}");
        said
    };
    for header in &bad {
        let page = || {
            proxy
                .request("GET", "/page")
                .header("authorization", header)
        };
        let said = refused(page(), header).await;
        assert_eq!(said.status, 401, "{name} {header}");
        let asked = said.header("www-authenticate");
        assert!(asked.starts_with("Bearer"), "{name} {header}: {asked:?}");
        refused(page().header("cookie", cookie), "beside a session").await;
    }
    let bad = ("authorization", "Bearer x");
    let good = format!("Bearer {token}");
    let good = ("authorization", good.as_str());
    for (method, path, headers) in [
        ("GET", "/page", [bad, ("accept", "text/html")]),
        ("POST", "/form", [bad, ("accept", "application/json")]),
        ("DELETE", "/..;/admin", [bad, ("accept", "*/*")]),
        ("GET", "/%2e%2e/admin", [bad, ("accept", "*/*")]),
        ("GET", "/", [bad, ("upgrade", "websocket")]),
        ("GET", "/", [bad, ("x-forwarded-host", "evil.example")]),
        ("GET", "/", [bad, ("remote-user", "root")]),
        // Of two the application might read the other one.
        ("GET", "/", [good, bad]),
        ("GET", "/", [bad, good]),
        ("GET", "/", [("authorization", "Basic bGVuYTp4"), good]),
    ] {
        let request = headers
            .iter()
            .fold(proxy.request(method, path), |it, (header, value)| {
                it.header(*header, *value)
            });
        refused(request, &format!("{method} {path} {headers:?}")).await;
    }
}

/// A12: of whose token it is, the application reads who it is, and nothing that the client claims.
async fn somebody_passes(name: &str, proxy: &Proxy, token: &str, lena: &str) {
    for (method, spelling, body) in [
        ("GET", "Bearer", ""),
        ("POST", "bearer", "x=y"),
        ("DELETE", "BEARER", ""),
    ] {
        let request = proxy
            .request(method, "/page?a=b")
            .header("authorization", format!("{spelling} {token}"))
            .header("remote-user", "root")
            .header("Remote_User", "root")
            .header("remote-groups", "admins")
            .body(body);
        let (said, read) = read(request).await;
        assert_eq!(said.status, 200, "{name} {spelling}");
        assert_eq!(
            (&read["method"], &read["uri"]),
            (&Value::from(method), &Value::from("/page?a=b")),
            "{name}"
        );
        let headers = &read["headers"];
        for (header, value) in [
            ("remote-id", lena),
            ("remote-user", "lena@contoso.example"),
            ("remote-groups", ""),
        ] {
            let found = headers[header].as_str().unwrap_or_default();
            assert_eq!(found, value, "{name} {header}: {headers}");
        }
    }
}

/// A24: what every proxy does with a token.
async fn check(name: &str) {
    let scene: Scene = scene(&["crm"], serde_json::json!([])).await;
    let proxy = Proxy::start(name, &scene.stage).await;
    let token = async || {
        let tokens = scene.tokens().await;
        let token = tokens["access_token"].as_str();
        token.map(str::to_owned).unwrap_or_default()
    };
    let ask = async |token: &str| {
        let request = proxy.request("GET", "/").bearer_auth(token);
        let (said, body) = read(request).await;
        assert_eq!(said.status == 200, body != Value::Null, "{name}");
        said.status
    };
    let first = token().await;
    let session = scene.browser.cookie(SESSION).unwrap_or_default();
    let cookie = format!("{SESSION}={session}");
    nobody_passes(name, &proxy, (&first, &cookie)).await;
    somebody_passes(name, &proxy, &first, &scene.lena).await;

    // Another host than the declared ones.
    let elsewhere = proxy.request_to("evil.example", "GET", "/");
    let (said, body) = read(elsewhere.bearer_auth(&first)).await;
    assert_eq!((said.status, body), (403, Value::Null), "{name}");

    scene.stage.clock.advance(Duration::from_mins(10));
    assert_eq!(ask(&first).await, 401, "{name}: expired");
    let second = token().await;
    assert_eq!(ask(&second).await, 200, "{name}");
    scene.stage.set_active(&scene.lena, false).await;
    assert_eq!(ask(&second).await, 401, "{name}: deactivated");

    // Nobody passes when nobody can be asked.
    scene.end().await;
    let (said, body) = read(proxy.request("GET", "/").bearer_auth(&second)).await;
    assert!(said.status >= 500, "{name}: {}", said.status);
    assert_eq!(body, Value::Null, "{name}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_nginx_lets_a_good_access_token_through_and_no_other() {
    check("nginx").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_haproxy_lets_a_good_access_token_through_and_no_other() {
    check("haproxy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a24_caddy_lets_a_good_access_token_through_and_no_other() {
    check("caddy").await;
}
