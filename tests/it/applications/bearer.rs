//! An access token of an application in the place of the session, at the question of a proxy.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use serde_json::{Value, json};

use super::{SECRET, Scene};
use crate::sign_in::SESSION;
use crate::workload_server::client;

const APP: &str = "wiki.contoso.example";

/// A scene where the tokens of these applications are taken, with these rules.
pub(super) async fn scene(audiences: &[&str], rules: Value) -> Scene {
    Scene::begin_in(|tenant| {
        tenant.trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
        let forward_auth = &mut tenant.sign_in.as_mut().unwrap().forward_auth;
        forward_auth.hosts = vec![APP.to_owned()];
        forward_auth.audiences = audiences.iter().map(|it| (*it).to_owned()).collect();
        forward_auth.rules = serde_json::from_value(rules).unwrap();
    })
    .await
}

/// What a proxy is told: the status, who it is, and what the client is told of its token.
type Said = (u16, String, String);

async fn said(request: RequestBuilder) -> Said {
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        let value = response.headers().get(name);
        value.map_or("", |it| it.to_str().unwrap()).to_owned()
    };
    let (user, told) = (header("remote-user"), header("www-authenticate"));
    (response.status().as_u16(), user, told)
}

impl Scene {
    /// What proxies of each shape are told of a request for `path` with these headers, all the same.
    async fn check(&self, path: &str, headers: &[(&str, &str)]) -> Said {
        let url = format!("http://{APP}{path}");
        let shapes: [(String, &[(&str, &str)]); 3] = [
            ("/auth-request".to_owned(), &[("x-original-url", &url)]),
            (
                "/forward-auth".to_owned(),
                &[
                    ("x-forwarded-proto", "http"),
                    ("x-forwarded-host", APP),
                    ("x-forwarded-uri", path),
                    ("x-forwarded-method", "GET"),
                ],
            ),
            (
                format!("/ext-authz{path}"),
                &[("x-forwarded-proto", "http"), ("host", APP)],
            ),
        ];
        let mut found = Vec::new();
        for (address, about) in shapes {
            let mut request = client().get(self.url(&address));
            for (name, value) in about.iter().chain(headers) {
                request = request.header(*name, *value);
            }
            found.push(said(request).await);
        }
        assert!(found.windows(2).all(|it| it[0] == it[1]), "{found:?}");
        found.remove(0)
    }

    async fn check_token(&self, token: &str) -> Said {
        let bearer = format!("Bearer {token}");
        self.check("/page", &[("authorization", &bearer)]).await
    }

    /// Each of these is refused, and told so.
    async fn refuses(&self, token: &str, why: &str) {
        let refused = (
            401,
            String::new(),
            "Bearer error=\"invalid_token\"".to_owned(),
        );
        assert_eq!(self.check_token(token).await, refused, "{why}");
    }

    fn cookie(&self) -> String {
        format!("{SESSION}={}", self.browser.cookie(SESSION).unwrap())
    }
}

fn lena() -> Said {
    (200, "lena@contoso.example".to_owned(), String::new())
}

#[tokio::test]
async fn an_access_token_passes_as_the_session_does() {
    let scene = scene(&["crm"], json!([])).await;
    let tokens = scene.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();

    assert_eq!(scene.check_token(token).await, lena());
    for spelling in ["bearer", "BEARER"] {
        let header = format!("{spelling} {token}");
        let said = scene.check("/page", &[("authorization", &header)]).await;
        assert_eq!(said, lena(), "{spelling}");
    }
    // What is no Bearer is the application's own.
    let basic = [
        ("authorization", "Basic bGVuYTp4"),
        ("cookie", &scene.cookie()),
    ];
    assert_eq!(scene.check("/page", &basic).await, lena());
    assert_eq!(scene.check("/page", &basic[..1]).await.0, 401);
    scene.end().await;
}

#[tokio::test]
async fn a_token_that_is_not_good_is_refused_whatever_the_session() {
    let scene = scene(&["crm"], json!([])).await;
    let tokens = scene.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    let text = |name: &str| tokens[name].as_str().unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
    for (bad, why) in [
        (text("id_token"), "an ID token"),
        (text("refresh_token"), "a refresh token"),
        ("x", "no token"),
        (&format!("{}.{}.", parts[0], parts[1]), "no signature"),
        (&format!("{none}.{}.", parts[1]), "alg none"),
        (
            &format!("{}.{}.{}", parts[0], parts[2], parts[2]),
            "other claims",
        ),
        (&"x".repeat(7000), "a long one"),
    ] {
        scene.refuses(bad, why).await;
    }
    let (good, bad) = (format!("Bearer {token}"), "Bearer x");
    let cookie = scene.cookie();
    for (headers, why) in [
        (
            vec![("authorization", bad), ("cookie", &cookie)],
            "a bad one with a session",
        ),
        (
            vec![("authorization", &*good), ("authorization", bad)],
            "two",
        ),
        (
            vec![("authorization", "Basic x"), ("authorization", &good)],
            "two of other kinds",
        ),
        (
            vec![("authorization", "Bearer "), ("cookie", &cookie)],
            "an empty one",
        ),
    ] {
        let said = scene.check("/page", &headers).await;
        assert_eq!((said.0, said.1.as_str()), (401, ""), "{why}");
    }
    scene.stage.clock.advance(Duration::from_mins(10));
    scene.refuses(token, "expired").await;
    scene.end().await;
}

#[tokio::test]
async fn a_token_of_who_is_out_or_that_was_revoked_is_refused() {
    let scene = scene(&["crm"], json!([])).await;
    let token = async || {
        scene.tokens().await["access_token"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let revoked = token().await;
    let form = [("token", revoked.as_str())];
    assert_eq!(
        scene.post("/oauth2/revoke", Some(SECRET), &form).await.0,
        200
    );
    scene.refuses(&revoked, "revoked").await;

    let deactivated = token().await;
    assert_eq!(scene.check_token(&deactivated).await, lena());
    scene.stage.set_active(&scene.lena, false).await;
    scene.refuses(&deactivated, "deactivated").await;
    scene.stage.set_active(&scene.lena, true).await;
    scene.refuses(&deactivated, "activated again").await;

    scene.stage.sign_in(&scene.browser).await;
    let signed_out = token().await;
    scene.browser.post("/sign-out", "").await;
    scene.refuses(&signed_out, "signed out").await;
    scene.end().await;
}

#[tokio::test]
async fn tokens_of_declared_applications_alone_are_taken() {
    let others = scene(&["field-app", "screen"], json!([])).await;
    let tokens = others.tokens().await;
    let token = tokens["access_token"].as_str().unwrap();
    others.refuses(token, "another audience").await;
    others.end().await;

    // Where none is declared, the header is the application's own.
    let nobody = scene(&[], json!([])).await;
    let tokens = nobody.tokens().await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let (bearer, cookie) = (("authorization", bearer.as_str()), nobody.cookie());
    let (status, user, told) = nobody.check("/page", &[bearer]).await;
    assert_eq!((status, user.as_str(), told.as_str()), (401, "", ""));
    let both = [bearer, ("cookie", cookie.as_str())];
    assert_eq!(nobody.check("/page", &both).await, lena());
    nobody.end().await;
}

#[tokio::test]
async fn the_rules_are_those_of_the_session() {
    let rules = json!([
        {"paths": ["/open"], "public": true},
        {"paths": ["/admin"], "roles": ["Admin"]},
    ]);
    let scene = scene(&["crm"], rules).await;
    let tokens = scene.tokens().await;
    let bearer = format!("Bearer {}", tokens["access_token"].as_str().unwrap());
    let good = [("authorization", bearer.as_str())];
    let bad = [("authorization", "Bearer x")];

    assert_eq!(scene.check("/page", &good).await, lena());
    assert_eq!(scene.check("/admin/users", &good).await.0, 403);
    assert_eq!(scene.check("/open", &good).await, lena());
    let nobody = (200, String::new(), String::new());
    assert_eq!(scene.check("/open", &bad).await, nobody);
    assert_eq!(scene.check("/admin", &bad).await.0, 401);
    assert_eq!(scene.check("/open/..;/admin", &good).await.0, 403);
    scene.end().await;
}

/// A16: a check that cannot be made answers no, and within the time.
#[tokio::test]
async fn a16_without_keys_no_token_is_good() {
    let scene = scene(&["crm"], json!([])).await;
    let tokens = scene.tokens().await;
    std::fs::remove_file(scene.folder.path().join("keys.json")).unwrap();

    let token = tokens["access_token"].as_str().unwrap();
    let (status, user, _) = scene.check_token(token).await;

    assert_eq!((status, user.as_str()), (503, ""));
    scene.end().await;
}
