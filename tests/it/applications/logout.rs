//! Applications that are told when a session ends (OpenID Connect Back-Channel Logout 1.0).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Scene, claims};
use crate::sign_in::browser::SITE;

/// How long the word takes at most (A21).
const SOON: Duration = Duration::from_secs(5);

/// An application that is told: the forms that came, and what it answers.
#[derive(Clone)]
struct Told {
    forms: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<StatusCode>>,
    url: String,
}

impl Told {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let told = Self {
            forms: Arc::default(),
            answer: Arc::new(Mutex::new(StatusCode::OK)),
            url: format!("http://{}/logout", listener.local_addr().unwrap()),
        };
        let router = Router::new().fallback(take).with_state(told.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        told
    }

    /// The forms that have come, once there are so many.
    async fn forms(&self, count: usize) -> Vec<String> {
        let wait = async {
            while self.forms.lock().unwrap().len() < count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(SOON, wait).await.unwrap();
        self.forms.lock().unwrap().clone()
    }

    /// The claims of the only token that came.
    async fn only(&self) -> (Value, Value) {
        let forms = self.forms(1).await;
        assert_eq!(forms.len(), 1, "{forms:?}");
        let mut fields = form_urlencoded::parse(forms[0].as_bytes());
        let (name, token) = fields.next().unwrap();
        assert_eq!((&*name, fields.count()), ("logout_token", 0));
        let header = token.split('.').next().unwrap();
        let header = URL_SAFE_NO_PAD.decode(header).unwrap();
        (
            serde_json::from_slice(&header).unwrap(),
            claims(&json!(token)),
        )
    }

    fn answers(&self, status: u16) {
        *self.answer.lock().unwrap() = StatusCode::from_u16(status).unwrap();
    }
}

async fn take(State(told): State<Told>, form: String) -> (StatusCode, [(&'static str, String); 1]) {
    told.forms.lock().unwrap().push(form);
    let answer = *told.answer.lock().unwrap();
    (answer, [("location", told.url.clone())])
}

async fn scene(told: &Told) -> Scene {
    Scene::begin_with(|it| {
        it.applications[0].backchannel_logout_uri = Some(told.url.parse().unwrap());
    })
    .await
}

/// A21: who signs out here is signed out at the application as well.
#[tokio::test]
async fn a21_an_application_is_told_who_has_signed_out() {
    let told = Told::start().await;
    let scene = scene(&told).await;
    // A code that nobody used is no session of the application.
    scene.code(&[]).await;
    let tokens = scene.tokens().await;
    scene.browser.post("/sign-out", "").await;

    let (header, said) = told.only().await;

    let now = scene.stage.provider.now();
    let expected = json!({
        "iss": SITE, "sub": scene.lena, "aud": "crm", "iat": now, "exp": now + 120, "jti": said["jti"],
        "sid": claims(&tokens["id_token"])["sid"],
        "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
    });
    assert_eq!(said, expected);
    assert_eq!(
        (&header["alg"], &header["typ"]),
        (&json!("ES256"), &json!("logout+jwt"))
    );
    // It is told once, and its token is good for nothing else.
    tokio::time::sleep(Duration::from_millis(2200)).await;
    let forms = told.forms(1).await;
    assert_eq!(forms.len(), 1);
    let token = json!(forms[0].strip_prefix("logout_token=").unwrap());
    assert_eq!(scene.userinfo(&token).await.0, 401);
    let link = format!("/oauth2/sign-out?id_token_hint={}", token.as_str().unwrap());
    let question = scene.browser.get(&link).await;
    assert!(question.text.contains("Sign out?"), "{}", question.text);
    scene.end().await;
}

#[tokio::test]
async fn an_application_is_told_of_who_is_deactivated_or_deleted() {
    let told = Told::start().await;
    let scene = scene(&told).await;
    let mut sids = Vec::new();
    let sid = async || claims(&scene.tokens().await["id_token"])["sid"].clone();
    sids.push(sid().await);
    scene.stage.set_active(&scene.lena, false).await;
    told.forms(1).await;
    scene.stage.set_active(&scene.lena, true).await;
    scene.stage.sign_in(&scene.browser).await;
    sids.push(sid().await);
    let user = format!("/Users/{}", scene.lena);
    let (status, _) = scene.stage.workload.send("DELETE", &user, None).await;
    assert_eq!(status, 204);

    let forms = told.forms(2).await;

    for (form, sid) in forms.iter().zip(&sids) {
        let token = form.strip_prefix("logout_token=").unwrap();
        assert_eq!(claims(&json!(token))["sid"], *sid);
        assert_eq!(claims(&json!(token))["sub"], json!(scene.lena));
    }
    scene.end().await;
}

#[tokio::test]
async fn what_cannot_be_told_is_tried_again_and_nobody_is_led_elsewhere() {
    let told = Told::start().await;
    let scene = scene(&told).await;
    scene.tokens().await;
    // A redirect is no answer, and is not followed.
    told.answers(307);
    scene.browser.post("/sign-out", "").await;
    told.forms(1).await;
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(told.forms(1).await.len(), 1, "not before it is time");

    for (pause, answer, count) in [
        (10, 500, 2),
        (60, 400, 3),
        (300, 503, 4),
        (1800, 404, 5),
        (7200, 500, 6),
    ] {
        told.answers(answer);
        scene.stage.clock.advance(Duration::from_secs(pause));
        told.forms(count).await;
    }
    // Six times and no more.
    scene.stage.clock.advance(Duration::from_hours(8));
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(told.forms(6).await.len(), 6);
    scene.end().await;
}

#[tokio::test]
async fn a_try_that_succeeds_is_the_last_one() {
    let told = Told::start().await;
    let scene = scene(&told).await;
    scene.tokens().await;
    told.answers(500);
    scene.browser.post("/sign-out", "").await;
    told.forms(1).await;
    told.answers(204);
    scene.stage.clock.advance(Duration::from_secs(10));
    let forms = told.forms(2).await;
    assert_ne!(forms[0], forms[1], "a new token each time");
    scene.stage.clock.advance(Duration::from_mins(10));
    tokio::time::sleep(Duration::from_millis(2200)).await;
    assert_eq!(told.forms(2).await.len(), 2);
    scene.end().await;
}
