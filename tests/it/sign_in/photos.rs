//! The profile photo of who signs in: read from a played Microsoft Graph, shown to whom it concerns, and missed by nobody.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use url::Url;
use usher::config::PortalConfig;

use super::browser::Browser;
use super::passwords::stage_with;
use super::refresh::until;
use super::{SESSION, Stage};
use crate::workload_server::{REPORT_TOKEN, answer, client};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR";
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF\0";

/// What Graph answers: a status and a body that is said to be a JPEG; nothing, ever.
type Conduct = Option<(u16, Vec<u8>)>;

/// A Graph in this process.
struct Graph {
    base: Url,
    conduct: Arc<Mutex<Conduct>>,
    /// Path and credential of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
}

type Shared = (Arc<Mutex<Conduct>>, Arc<Mutex<Vec<(String, String)>>>);

async fn serve(State((conduct, asked)): State<Shared>, request: Request) -> Response {
    let credential = request.headers().get(AUTHORIZATION);
    let credential = credential.map_or("", |it| it.to_str().unwrap()).to_owned();
    let path = request.uri().path().to_owned();
    asked.lock().unwrap().push((path, credential));
    let conduct = conduct.lock().unwrap().clone();
    let Some((status, body)) = conduct else {
        return std::future::pending().await;
    };
    let status = StatusCode::from_u16(status).unwrap();
    (status, [(CONTENT_TYPE, "image/jpeg")], body).into_response()
}

impl Graph {
    async fn start() -> Self {
        let (conduct, asked) = (Arc::new(Mutex::new(None)), Arc::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state: Shared = (Arc::clone(&conduct), Arc::clone(&asked));
        let router = Router::new().fallback(serve).with_state(state);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base: base.parse().unwrap(),
            conduct,
            asked,
        }
    }

    fn answers(&self, status: u16, body: &[u8]) {
        *self.conduct.lock().unwrap() = Some((status, body.to_vec()));
    }

    fn is_silent(&self) {
        *self.conduct.lock().unwrap() = None;
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

/// Where photos are read from `graph`, and there is a portal.
async fn stage(graph: &Graph) -> Stage {
    stage_with(|tenant| {
        tenant.sign_in.as_mut().unwrap().providers[0].graph = Some(graph.base.clone());
        tenant.portal = Some(PortalConfig {
            display_name: "Contoso".to_owned(),
        });
    })
    .await
}

/// Signs in through the provider; says for how long that took.
async fn enter(stage: &Stage) -> (Browser, Duration) {
    let browser = stage.browser();
    let back = stage.go(&browser, "/sign-in/entra").await;
    let began = Instant::now();
    let shown = browser.get(&back).await;
    assert_eq!(shown.status, 303, "{}", shown.text);
    (browser, began.elapsed())
}

/// The picture at `path`, with its headers, as this browser gets it.
async fn picture(stage: &Stage, browser: &Browser, path: &str) -> (u16, HeaderMap, Vec<u8>) {
    let host = stage.workload.server.local_addr();
    let session = browser.cookie(SESSION).unwrap_or_default();
    let request = client()
        .get(format!("http://{host}{path}"))
        .header("host", "contoso.example")
        .header("cookie", format!("{SESSION}={session}"));
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

/// Whether the page of the account has this photo; nothing says that there is none.
async fn has(stage: &Stage, browser: &Browser, photo: Option<&[u8]>) -> bool {
    let (status, _, bytes) = picture(stage, browser, "/account/photo").await;
    let page = browser.get("/account").await;
    assert_eq!(page.status, 200, "{}", page.text);
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    let shows = page
        .text
        .contains("<img class=\"photo\" src=\"/account/photo\"");
    assert_eq!(shows, policy.ends_with("; img-src 'self'"), "{policy}");
    match photo {
        Some(photo) => status == 200 && bytes == photo && shows,
        None => status == 404 && !shows,
    }
}

async fn give_role(stage: &Stage, id: &str, role: &str) {
    let change = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{"op": "replace", "path": "roles", "value": [{"value": role, "primary": true}]}],
    });
    let path = format!("/Users/{id}");
    let (status, said) = stage.workload.send("PATCH", &path, Some(&change)).await;
    assert!(matches!(status, 200 | 204), "{status} {said}");
}

#[tokio::test]
async fn who_signs_in_has_a_photo_on_the_page_of_the_account_and_in_the_portal() {
    let graph = Graph::start().await;
    graph.answers(200, PNG);
    let stage = stage(&graph).await;
    let id = stage.add_lena().await;
    let (browser, _) = enter(&stage).await;

    until(async || has(&stage, &browser, Some(PNG)).await).await;

    let path = "/v1.0/me/photos/96x96/$value".to_owned();
    let token = "Bearer the-access-token".to_owned();
    assert_eq!(graph.asked(), [(path, token)]);
    let own = picture(&stage, &browser, "/account/photo").await;
    for (name, value) in [
        // What it is, its first bytes say, whatever Graph calls it.
        ("content-type", "image/png"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(own.1[name], value);
    }
    let policy = own.1["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");

    let page = format!("/portal/people/{id}");
    let photo = format!("{page}/photo");
    let stranger = stage.browser();
    assert_eq!(picture(&stage, &stranger, "/account/photo").await.0, 404);
    assert_eq!(stranger.get(&photo).await.status, 303);
    let without_role = picture(&stage, &browser, &photo).await;
    assert_eq!(without_role.0, 403);
    give_role(&stage, &id, "ReadOnly").await;
    let shown = picture(&stage, &browser, &photo).await;
    assert_eq!((shown.0, shown.2.as_slice()), (200, PNG));
    assert_eq!(shown.1["content-type"], "image/png");
    let person = browser.get(&page).await;
    let img = format!("<img class=\"photo\" src=\"{photo}\" alt=\"\"");
    assert!(person.text.contains(&img), "{}", person.text);
    let dana = stage.add("dana@contoso.example", "dana").await;
    let person = browser.get(&format!("/portal/people/{dana}")).await;
    assert!(!person.text.contains("<img"), "{}", person.text);
    let photo = format!("/portal/people/{dana}/photo");
    assert_eq!(picture(&stage, &browser, &photo).await.0, 404);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn a_photo_is_exported_with_the_person_and_goes_when_graph_has_none() {
    let graph = Graph::start().await;
    graph.answers(200, JPEG);
    let stage = stage(&graph).await;
    let id = stage.add_lena().await;
    let (browser, _) = enter(&stage).await;
    until(async || has(&stage, &browser, Some(JPEG)).await).await;
    let exported = async || {
        let report = stage.workload.server.report_addr().unwrap();
        let asked = client().get(format!("http://{report}/person?person={id}"));
        let (status, said) = answer(asked.bearer_auth(REPORT_TOKEN)).await;
        assert_eq!(status, 200, "{said}");
        said["photo"].clone()
    };
    let photo = exported().await;
    assert_eq!(photo["contentType"], "image/jpeg");
    assert_eq!(photo["base64"], STANDARD.encode(JPEG));

    graph.answers(404, br#"{"error": {"code": "ImageNotFound"}}"#);
    let (browser, _) = enter(&stage).await;

    until(async || has(&stage, &browser, None).await).await;
    assert_eq!(exported().await, Value::Null);
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn nobody_misses_a_photo_that_cannot_be_had() {
    let graph = Graph::start().await;
    graph.answers(200, JPEG);
    let stage = stage(&graph).await;
    stage.add_lena().await;
    let (browser, _) = enter(&stage).await;
    until(async || has(&stage, &browser, Some(JPEG)).await).await;
    let large = [JPEG, &vec![0; 64 * 1024]].concat();
    let endless = [JPEG, &vec![0; 1024 * 1024]].concat();
    let refusal: &[u8] = br#"{"error": {"code": "Authorization_RequestDenied"}}"#;
    let html: &[u8] = b"<html><script>alert(document.domain)</script></html>";
    let svg: &[u8] = b"<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\"/>";
    let wrong = [
        (200, html),
        (200, svg),
        (200, b""),
        (200, &large),
        (200, &endless),
        (302, JPEG),
        (401, refusal),
        (403, refusal),
        (429, b""),
        (500, JPEG),
    ];
    for (number, (status, body)) in wrong.into_iter().enumerate() {
        graph.answers(status, body);
        let (browser, _) = enter(&stage).await;
        until(async || graph.asked().len() == number + 2).await;
        assert!(has(&stage, &browser, Some(JPEG)).await, "{status}");
    }

    graph.is_silent();
    let (browser, took) = enter(&stage).await;
    assert!(took < Duration::from_secs(3), "{took:?}");
    assert!(has(&stage, &browser, Some(JPEG)).await);

    // All that was wrong is over by then, and has left nothing.
    graph.answers(200, PNG);
    let (browser, _) = enter(&stage).await;
    until(async || has(&stage, &browser, Some(PNG)).await).await;
    stage.workload.server.shutdown().await;
}

#[tokio::test]
async fn no_photo_is_asked_for_where_none_is_declared() {
    let stage = stage_with(|_| {}).await;
    stage.add_lena().await;
    let browser = stage.browser();
    let sent = browser.get("/sign-in/entra").await;
    assert!(
        sent.location.contains("&scope=openid+profile+email&"),
        "{}",
        sent.location
    );
    let (browser, _) = enter(&stage).await;
    assert!(has(&stage, &browser, None).await);
    stage.workload.server.shutdown().await;
}
