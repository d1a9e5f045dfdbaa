//! The question of proxies who is signed in, asked in each shape, and by real proxies.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod bypasses;
pub(crate) mod proxies;

use std::time::{Duration, Instant};

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::Connection;
use tempfile::TempDir;
use usher::config::StoreConfig;

use crate::database;
use crate::sign_in::{SESSION, Stage};
use crate::workload_server::client;

pub(crate) const APP: &str = "wiki.contoso.example";

/// A workload whose proxies are on this machine, and a person who is signed in; with the session and the id of the person.
async fn stage() -> (Stage, String, String) {
    stage_behind("127.0.0.0/8").await
}

async fn stage_behind(network: &str) -> (Stage, String, String) {
    stage_with(network, json!([])).await
}

async fn stage_with(network: &str, rules: Value) -> (Stage, String, String) {
    let stage = Stage::begin_with(|tenant| {
        tenant.trusted_proxies = vec![network.parse().unwrap()];
        let forward_auth = &mut tenant.sign_in.as_mut().unwrap().forward_auth;
        forward_auth.hosts = vec![APP.to_owned(), "crm.contoso.example:8443".to_owned()];
        forward_auth.rules = serde_json::from_value(rules).unwrap();
    });
    let stage = stage.await;
    let id = stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let session = browser.cookie(SESSION).unwrap();
    (stage, session, id)
}

/// What a proxy reads.
pub(crate) struct Said {
    pub(crate) status: u16,
    headers: reqwest::header::HeaderMap,
}

impl Said {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |it| it.to_str().unwrap())
    }
}

async fn said(request: RequestBuilder) -> Said {
    let response = request.send().await.unwrap();
    Said {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
    }
}

fn proxy_client() -> reqwest::Client {
    client();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none());
    client.build().unwrap()
}

impl Stage {
    fn ask(&self, path: &str, headers: &[(&str, &str)]) -> RequestBuilder {
        let url = format!("http://{}{path}", self.workload.server.local_addr());
        let mut request = proxy_client().get(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request
    }

    async fn give_role(&self, id: &str, role: &str) {
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{"op": "add", "path": "roles", "value": [{"value": role, "primary": true}]}],
        });
        let user = format!("/Users/{id}");
        let (status, _) = self.workload.send("PATCH", &user, Some(&patch)).await;
        assert_eq!(status, 200);
    }

    /// Asks about a page of the application in each shape.
    fn in_each_shape(&self, session: &str) -> [(&'static str, RequestBuilder); 3] {
        self.about("/page?a=b", session)
    }

    fn about(&self, path: &str, session: &str) -> [(&'static str, RequestBuilder); 3] {
        let cookie = format!("other=1; {SESSION}={session}");
        let cookie = ("cookie", cookie.as_str());
        let page = ("accept", "text/html,*/*");
        let url = format!("http://{APP}{path}");
        [
            (
                "auth-request",
                self.ask(
                    "/auth-request",
                    &[
                        ("x-original-url", &url),
                        ("x-original-method", "GET"),
                        cookie,
                        page,
                    ],
                ),
            ),
            (
                "forward-auth",
                self.ask(
                    "/forward-auth",
                    &[
                        ("x-forwarded-proto", "http"),
                        ("x-forwarded-host", APP),
                        ("x-forwarded-uri", path),
                        ("x-forwarded-method", "GET"),
                        cookie,
                        page,
                    ],
                ),
            ),
            (
                "ext-authz",
                self.ask(
                    &format!("/ext-authz{path}"),
                    &[("x-forwarded-proto", "http"), ("host", APP), cookie, page],
                ),
            ),
        ]
    }
}

#[tokio::test]
async fn who_is_signed_in_passes_with_a_name_and_who_is_not_is_led_to_sign_in() {
    let (stage, session, id) = stage().await;
    for (shape, request) in stage.in_each_shape(&session) {
        let said = said(request).await;
        assert_eq!(said.status, 200, "{shape}");
        for (name, value) in [
            ("remote-id", id.as_str()),
            ("remote-user", "lena@contoso.example"),
            ("remote-name", "Name of lena@contoso.example"),
            ("remote-email", "lena@contoso.example"),
            ("remote-groups", ""),
            ("remote-roles", ""),
            ("remote-groups-omitted", "0"),
        ] {
            assert!(said.headers.contains_key(name), "{shape} {name}");
            assert_eq!(said.header(name), value, "{shape}");
        }
    }
    let sign_in =
        "http://contoso.example/sign-in?return_to=http%3A%2F%2Fwiki.contoso.example%2Fpage%3Fa%3Db";
    for (shape, request) in stage.in_each_shape("usher_nobody") {
        let said = said(request).await;
        let status = if shape == "auth-request" { 401 } else { 302 };
        assert_eq!(
            (said.status, said.header("location")),
            (status, sign_in),
            "{shape}"
        );
        assert!(!said.headers.contains_key("remote-user"));
    }
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn deactivated_means_out_at_the_next_question() {
    let (stage, session, id) = stage().await;

    stage.set_active(&id, false).await;

    for (shape, request) in stage.in_each_shape(&session) {
        assert_ne!(said(request).await.status, 200, "{shape}");
    }
    stage.workload.server.shutdown().await;
}

/// A16: who cannot be asked says no, and within the time of a proxy.
#[tokio::test]
async fn a16_a_store_that_does_not_answer_lets_nobody_through() {
    let folder = TempDir::new().unwrap();
    let store = database::store(&folder, "slow");
    let StoreConfig::Postgres { schema, .. } = store.clone() else {
        panic!("a store in PostgreSQL");
    };
    let stage = Stage::begin_with(|tenant| {
        tenant.store = store;
        tenant.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let forward_auth = &mut tenant.sign_in.as_mut().unwrap().forward_auth;
        forward_auth.hosts = vec![APP.to_owned()];
    });
    let stage = stage.await;
    stage.add_lena().await;
    let browser = stage.browser();
    stage.sign_in(&browser).await;
    let session = browser.cookie(SESSION).unwrap();
    let mut holder = sqlx::PgConnection::connect(database::url()).await.unwrap();
    let lock = format!("BEGIN; LOCK TABLE {schema}.session IN ACCESS EXCLUSIVE MODE");
    let lock = sqlx::raw_sql(sqlx::AssertSqlSafe(lock));
    lock.execute(&mut holder).await.unwrap();

    for (shape, request) in stage.in_each_shape(&session) {
        let began = Instant::now();
        let said = said(request).await;
        assert_eq!(
            (said.status, said.header("remote-user")),
            (503, ""),
            "{shape}"
        );
        let took = began.elapsed();
        assert!(took < Duration::from_millis(1500), "{shape}: {took:?}");
    }

    sqlx::raw_sql("ROLLBACK")
        .execute(&mut holder)
        .await
        .unwrap();
    for (shape, request) in stage.in_each_shape(&session) {
        assert_eq!(said(request).await.status, 200, "{shape}");
    }
    stage.workload.server.shutdown().await;
}

/// A15: groups come from what was provisioned, however many there are.
#[tokio::test]
async fn a15_groups_and_roles_come_from_what_was_provisioned() {
    let (stage, session, id) = stage().await;
    let schema = "urn:ietf:params:scim:schemas:core:2.0:Group";
    for number in 0..210 {
        let group = json!({"schemas": [schema], "displayName": format!("Group {number:03}"), "members": [{"value": id}]});
        let (status, _) = stage.workload.send("POST", "/Groups", Some(&group)).await;
        assert_eq!(status, 201);
    }
    stage.give_role(&id, "Admin").await;

    let [(_, request), ..] = stage.in_each_shape(&session);
    let said = said(request).await;

    assert_eq!(said.header("remote-roles"), "Admin");
    let groups: Vec<&str> = said.header("remote-groups").split(',').collect();
    assert_eq!((groups[0], groups[1]), ("Group 000", "Group 001"));
    let omitted: usize = said.header("remote-groups-omitted").parse().unwrap();
    assert_eq!(groups.len() + omitted, 210);
    stage.workload.server.shutdown().await;
}

/// A11: each path has its rule, and no spelling leads around it.
#[tokio::test]
async fn a11_rules_say_who_reaches_which_path() {
    let rules = json!([
        {"paths": ["/open"], "public": true},
        {"hosts": [APP], "paths": ["/admin"], "roles": ["Admin"], "groups": ["Night Watch"]},
    ]);
    let (stage, session, id) = stage_with("127.0.0.0/8", rules).await;
    let check = async |path: &str, session: &str, expected: u16, user: &str| {
        for (shape, request) in stage.about(path, session) {
            let said = said(request).await;
            // nginx leads nobody elsewhere by itself.
            let is_led = expected == 302 && shape == "auth-request";
            let expected = if is_led { 401 } else { expected };
            assert_eq!(said.status, expected, "{shape} {path}");
            assert_eq!(said.header("remote-user"), user, "{shape} {path}");
            let has_all = said.headers.contains_key("remote-groups");
            assert_eq!(has_all, expected == 200, "{shape} {path}");
        }
    };
    let lena = "lena@contoso.example";
    check("/open/logo.svg?x=/admin", "usher_nobody", 200, "").await;
    check("/open", &session, 200, lena).await;
    check("/", "usher_nobody", 302, "").await;
    check("/", &session, 200, lena).await;
    check("/admin", "usher_nobody", 302, "").await;
    check("/admin/users", &session, 403, "").await;
    for odd in [
        "/open/..;/admin",
        "/open/%2e%2e/admin",
        "/open%2f..%2fadmin",
        "//admin",
        "/Admin",
    ] {
        check(odd, &session, 403, "").await;
    }

    stage.give_role(&id, "Admin").await;

    check("/admin/users", &session, 200, lena).await;
    check("/open/..;/admin", &session, 403, "").await;
    // Nobody has to be asked about what is public.
    stage.set_active(&id, false).await;
    check("/admin/users", &session, 302, "").await;
    check("/open", &session, 200, "").await;
    stage.workload.server.shutdown().await;
}

/// A10: who may be believed is declared, and what is said twice is not believed.
#[tokio::test]
async fn a10_what_was_requested_is_told_by_declared_proxies_alone_and_once() {
    let (stage, session, _) = stage_behind("10.0.0.0/8").await;
    for (shape, request) in stage.in_each_shape(&session) {
        // Nor does it help to say that one is.
        let request = request.header("x-forwarded-for", "10.0.0.1");
        assert_eq!(said(request).await.status, 403, "{shape}");
    }
    stage.workload.server.shutdown().await;

    let (stage, session, _) = self::stage().await;
    let doubled = [
        [("x-original-url", "http://evil.example/")].as_slice(),
        &[("X-FORWARDED-HOST", "evil.example")],
        &[("x-forwarded-proto", "https")],
    ];
    for ((shape, request), further) in stage.in_each_shape(&session).into_iter().zip(doubled) {
        let request = further
            .iter()
            .fold(request, |it, (name, value)| it.header(*name, *value));
        assert_eq!(said(request).await.status, 403, "{shape}");
    }
    // Other spellings are other headers.
    for (shape, request) in stage.in_each_shape(&session) {
        let request = request
            .header("x_forwarded_host", "evil.example")
            .header("x_original_url", "http://evil.example/");
        assert_eq!(said(request).await.status, 200, "{shape}");
    }
    let cookie = format!("{SESSION}={session}");
    let cookie = ("cookie", cookie.as_str());
    let good = [
        ("x-forwarded-proto", "http"),
        ("x-forwarded-uri", "/"),
        ("x-forwarded-method", "GET"),
        cookie,
    ];
    for (host, status) in [
        (APP, 200),
        ("WIKI.contoso.example:80", 200),
        ("crm.contoso.example:8443", 200),
        ("crm.contoso.example", 403),
        ("evil.example", 403),
        ("wiki.contoso.example, evil.example", 403),
        ("wiki.contoso.example@evil.example", 403),
        ("", 403),
    ] {
        let request = stage
            .ask("/forward-auth", &good)
            .header("x-forwarded-host", host);
        assert_eq!(said(request).await.status, status, "{host}");
    }
    assert_eq!(
        said(stage.ask("/forward-auth", &[cookie])).await.status,
        403
    );
    assert_eq!(said(stage.ask("/auth-request", &good)).await.status, 403);
    stage.workload.server.shutdown().await;
}

/// A11: no method, agent or path is let through by itself, and only who waits for a page is sent around.
#[tokio::test]
async fn a11_every_request_is_asked_about_alike() {
    let (stage, session, _) = stage().await;
    let cookie = format!("{SESSION}={session}");
    let base = [("x-forwarded-proto", "http"), ("x-forwarded-host", APP)];
    let page = ("accept", "text/html");
    for (method, uri, further, anonymous) in [
        ("GET", "/", page, 302),
        ("HEAD", "/", page, 302),
        ("GET", "/api", ("accept", "application/json"), 401),
        ("POST", "/", page, 401),
        ("OPTIONS", "/", ("origin", "http://evil.example"), 401),
        ("TRACE", "/", page, 401),
        ("PROPFIND", "/", page, 401),
        ("GET", "/ping", ("user-agent", "kube-probe/1.34"), 401),
        ("GET", "/", ("user-agent", "GoogleHC/1.0"), 401),
        ("GET", "/socket", ("upgrade", "websocket"), 401),
        ("GET", "/list?of=a,b", page, 302),
        ("GET", "/..;/admin", page, 302),
        ("GET", "/%2e%2e/%252e/admin", page, 302),
        ("GET", "//evil.example/", page, 302),
        ("GET", "/\\evil.example", page, 302),
        ("GET", "/#@evil.example", page, 302),
        ("GET", "/sign-in", page, 302),
    ] {
        let ask = |cookie: &str| {
            let headers = [
                ("x-forwarded-method", method),
                ("x-forwarded-uri", uri),
                further,
                ("cookie", cookie),
            ];
            let request = stage.ask("/forward-auth", &base);
            headers
                .iter()
                .fold(request, |it, (name, value)| it.header(*name, *value))
        };
        let refused = said(ask("usher=usher_nobody")).await;
        assert_eq!(refused.status, anonymous, "{method} {uri}");
        let location = refused.header("location");
        let led = location.starts_with("http://contoso.example/sign-in");
        assert!(led == (anonymous == 302), "{method} {uri} {location}");
        assert_eq!(said(ask(&cookie)).await.status, 200, "{method} {uri}");
    }
    for method in ["POST", "DELETE", "OPTIONS", "PROPFIND"] {
        let url = format!(
            "http://{}/ext-authz/..%2f",
            stage.workload.server.local_addr()
        );
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = proxy_client().request(method.clone(), url);
        let request = request
            .header("x-forwarded-proto", "http")
            .header("host", APP);
        assert_eq!(said(request).await.status, 401, "{method}");
    }
    stage.workload.server.shutdown().await;
}

/// What the application behind a proxy reads: method, address and headers, each name with all its values.
pub(super) async fn application() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let read = |request: axum::extract::Request| async move {
        let mut headers = json!({});
        for (name, value) in request.headers() {
            let name = name.as_str().replace('_', "-");
            let before = headers[&name].as_str().map(|it| format!("{it}|"));
            let value = value.to_str().unwrap_or_default();
            headers[&name] = Value::from(before.unwrap_or_default() + value);
        }
        json!({"method": request.method().as_str(), "uri": request.uri().to_string(), "headers": headers}).to_string()
    };
    let router = axum::Router::new().fallback(read);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}
