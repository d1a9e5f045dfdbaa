//! Applications that sign people in: what they are given, and until when.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod assertions;
mod bearer;
mod bearer_proxies;
mod counterparts;
mod devices;
mod logout;
mod passwords;
mod refusals;
mod replicas;

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use url::{Url, form_urlencoded};
use usher::clock::{Random, SystemRandom};
use usher::config::{
    ApplicationAuthentication, ApplicationConfig, ApplicationsConfig, ClaimConfig, PrivateKey,
    ScimTenantConfig, SigningAlgorithm, SigningKey, SigningKeys, Token,
};

use crate::sign_in::Stage;
use crate::sign_in::browser::{Browser, SITE, Shown};
use crate::workload_server::{answer, client};

pub(crate) const SECRET: &str = "s3cret+of/the=crm:0123456789abcdef";
const REDIRECT_URI: &str = "https://crm.example/cb";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// Keys that begin to sign at these seconds since 1970.
pub(crate) fn write_keys(file: &Path, signs_from: &[i64]) {
    let keys = signs_from.iter().map(|second| SigningKey {
        private_key: PrivateKey::from_pkcs8(&SystemRandom.p256_key()),
        signs_from: jiff::Timestamp::from_second(*second).unwrap(),
    });
    let keys = SigningKeys {
        keys: keys.collect(),
    };
    std::fs::write(file, serde_json::to_string(&keys).unwrap()).unwrap();
}

/// A web application, one on a desktop, and one on a device without a browser.
pub(crate) fn applications(folder: &Path) -> ApplicationsConfig {
    let signing_keys_file = folder.join("keys.json");
    write_keys(&signing_keys_file, &[0]);
    let claim = |claim: &str, attribute: &str| ClaimConfig {
        claim: claim.to_owned(),
        attribute: attribute.to_owned(),
    };
    let web = ApplicationConfig {
        client_id: "crm".to_owned(),
        authentication: ApplicationAuthentication::Secret(Token::presented(SECRET).digest()),
        redirect_uris: vec![REDIRECT_URI.to_owned()],
        post_logout_redirect_uris: vec!["https://crm.example/".to_owned()],
        claims: vec![claim("groups", "groups"), claim("user_type", "userType")],
        device_authorization: false,
        backchannel_logout_uri: None,
        signing_algorithm: SigningAlgorithm::default(),
    };
    let desktop = ApplicationConfig {
        client_id: "field-app".to_owned(),
        authentication: ApplicationAuthentication::Public,
        redirect_uris: vec![
            "http://127.0.0.1/cb".to_owned(),
            "com.example.field:/cb".to_owned(),
        ],
        post_logout_redirect_uris: Vec::new(),
        claims: Vec::new(),
        device_authorization: false,
        backchannel_logout_uri: None,
        signing_algorithm: SigningAlgorithm::default(),
    };
    let screen = ApplicationConfig {
        client_id: "screen".to_owned(),
        redirect_uris: Vec::new(),
        device_authorization: true,
        ..desktop.clone()
    };
    ApplicationsConfig {
        signing_keys_file,
        applications: vec![web, desktop, screen],
    }
}

/// A directory with applications, and Lena, who is signed in with a browser.
struct Scene {
    stage: Stage,
    browser: Browser,
    lena: String,
    folder: TempDir,
}

impl Scene {
    async fn begin() -> Self {
        Self::begin_with(|_| {}).await
    }

    async fn begin_with(change: impl FnOnce(&mut ApplicationsConfig)) -> Self {
        Self::begin_in(|tenant| {
            let sign_in = tenant.sign_in.as_mut().unwrap();
            change(sign_in.applications.as_mut().unwrap());
        })
        .await
    }

    async fn begin_in(change: impl FnOnce(&mut ScimTenantConfig)) -> Self {
        let folder = TempDir::new().unwrap();
        let stage = Stage::begin_with(|tenant| {
            let declared = applications(folder.path());
            tenant.sign_in.as_mut().unwrap().applications = Some(declared);
            change(tenant);
        });
        let stage = stage.await;
        let lena = stage.add_lena().await;
        let browser = stage.browser();
        stage.sign_in(&browser).await;
        Self {
            stage,
            browser,
            lena,
            folder,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.stage.workload.server.local_addr())
    }

    /// Opens the authorization endpoint with the usual parameters but for these; an empty one is left out.
    async fn authorize(&self, changes: &[(&str, &str)]) -> Shown {
        self.browser.get(&request(changes)).await
    }

    /// A code for the web application, by a request with these changes.
    async fn code(&self, changes: &[(&str, &str)]) -> String {
        let shown = self.authorize(changes).await;
        assert_eq!(shown.status, 303, "{}", shown.text);
        let answer = answered(&shown);
        answer
            .get("code")
            .unwrap_or_else(|| panic!("{answer:?}"))
            .clone()
    }

    async fn post(&self, path: &str, secret: Option<&str>, form: &[(&str, &str)]) -> (u16, Value) {
        let mut request = client().post(self.url(path));
        if let Some(secret) = secret {
            request = request.basic_auth("crm", Some(secret));
        }
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let form = "application/x-www-form-urlencoded";
        answer(request.header("content-type", form).body(body)).await
    }

    /// What the token endpoint says to a code.
    async fn redeem(&self, code: &str) -> (u16, Value) {
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ];
        self.post("/oauth2/token", Some(SECRET), &form).await
    }

    /// Tokens with a refresh token among them.
    async fn tokens(&self) -> Value {
        let code = self
            .code(&[("scope", "openid profile email offline_access")])
            .await;
        let (status, tokens) = self.redeem(&code).await;
        assert_eq!(status, 200, "{tokens}");
        tokens
    }

    async fn refresh(&self, token: &Value) -> (u16, Value) {
        let token = token.as_str().unwrap();
        let form = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.post("/oauth2/token", Some(SECRET), &form).await
    }

    async fn userinfo(&self, token: &Value) -> (u16, Value) {
        let request = client().get(self.url("/oauth2/userinfo"));
        answer(request.bearer_auth(token.as_str().unwrap())).await
    }

    async fn is_active(&self, token: &Value) -> bool {
        let form = [("token", token.as_str().unwrap())];
        let (status, said) = self.post("/oauth2/introspect", Some(SECRET), &form).await;
        assert_eq!(status, 200, "{said}");
        said["active"].as_bool().unwrap()
    }

    /// Whether tokens are still good for anything.
    async fn is_out(&self, tokens: &Value) {
        let (access, refresh) = (&tokens["access_token"], &tokens["refresh_token"]);
        assert_eq!(self.userinfo(access).await.0, 401);
        assert!(!self.is_active(access).await);
        assert!(!self.is_active(refresh).await);
        let (status, said) = self.refresh(refresh).await;
        assert_eq!(
            (status, &said["error"]),
            (400, &json!("invalid_grant")),
            "{said}"
        );
    }

    async fn end(self) {
        self.stage.workload.server.shutdown().await;
    }
}

/// The address of a request for the web application, with changes.
fn request(changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(VERIFIER));
    let mut parameters: Vec<(&str, &str)> = vec![
        ("response_type", "code"),
        ("client_id", "crm"),
        ("redirect_uri", REDIRECT_URI),
        ("scope", "openid profile email"),
        ("state", "the state"),
        ("nonce", "the nonce"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    parameters.retain(|(name, _)| changes.iter().all(|(changed, _)| changed != name));
    parameters.extend(changes.iter().filter(|(_, value)| !value.is_empty()));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(parameters)
        .finish();
    format!("/oauth2/authorize?{query}")
}

/// The parameters that the application is sent.
fn answered(shown: &Shown) -> HashMap<String, String> {
    let url = Url::parse(&shown.location).unwrap();
    url.query_pairs().into_owned().collect()
}

/// The claims of a token.
fn claims(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn an_application_learns_who_signed_in() {
    let scene = Scene::begin().await;

    let shown = scene.authorize(&[]).await;
    let said = answered(&shown);
    assert!(shown.location.starts_with("https://crm.example/cb?code="));
    assert_eq!(said["state"], "the state");
    assert_eq!(said["iss"], SITE);
    let (status, tokens) = scene.redeem(&said["code"]).await;

    assert_eq!(status, 200, "{tokens}");
    assert_eq!(tokens["token_type"], "Bearer");
    assert_eq!(tokens["refresh_token"], Value::Null, "not asked for");
    let now = scene.stage.provider.now();
    let id = claims(&tokens["id_token"]);
    let expected = json!({
        "iss": SITE, "sub": scene.lena, "aud": "crm", "iat": now, "exp": now + 600, "auth_time": now,
        "sid": id["sid"], "at_hash": id["at_hash"], "nonce": "the nonce", "groups": [],
        "name": "Name of lena@contoso.example", "preferred_username": "lena@contoso.example",
        "email": "lena@contoso.example",
    });
    assert_eq!(id, expected);
    let access = claims(&tokens["access_token"]);
    assert_eq!(access["scope"], "openid profile email");
    assert_eq!(
        (&access["aud"], &access["client_id"]),
        (&json!("crm"), &json!("crm"))
    );
    let (status, said) = scene.userinfo(&tokens["access_token"]).await;
    let expected = json!({
        "sub": scene.lena, "groups": [], "name": "Name of lena@contoso.example",
        "preferred_username": "lena@contoso.example", "email": "lena@contoso.example",
    });
    assert_eq!((status, said), (200, expected));
    // An ID token is no access token.
    assert_eq!(scene.userinfo(&tokens["id_token"]).await.0, 401);
    scene.end().await;
}

#[tokio::test]
async fn a_form_is_a_request_as_well_and_pages_of_other_sites_may_ask() {
    let scene = Scene::begin().await;
    let (path, form) = request(&[])
        .split_once('?')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .unwrap();

    let large = "x".repeat(9000);
    let refused = scene.browser.post(&path, &large).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("The form was not accepted"));
    let shown = scene.browser.post(&path, &form).await;
    assert!(shown.location.starts_with(&format!("{SITE}{path}?")));
    let shown = scene.browser.get(&shown.location).await;

    let (status, tokens) = scene.redeem(&answered(&shown)["code"]).await;
    assert_eq!(status, 200, "{tokens}");
    let url = scene.url("/oauth2/userinfo");
    let asked = client()
        .request(reqwest::Method::OPTIONS, &url)
        .send()
        .await
        .unwrap();
    let headers = asked.headers();
    assert_eq!(asked.status(), 204);
    assert_eq!(headers["access-control-allow-origin"], "*");
    assert_eq!(headers["access-control-allow-headers"], "authorization");
    let refused = client().get(&url).send().await.unwrap();
    assert_eq!(
        (
            refused.status(),
            &refused.headers()["access-control-allow-origin"]
        ),
        (reqwest::StatusCode::UNAUTHORIZED, &"*".parse().unwrap())
    );
    // Who asks there has a secret, which no page can keep.
    for method in [reqwest::Method::OPTIONS, reqwest::Method::POST] {
        let asked = client().request(method, scene.url("/oauth2/introspect"));
        let asked = asked.send().await.unwrap();
        assert!(asked.status().is_client_error());
        let name = "access-control-allow-origin";
        assert!(!asked.headers().contains_key(name));
    }
    scene.end().await;
}

#[tokio::test]
async fn whoever_is_not_signed_in_signs_in_and_comes_back() {
    let scene = Scene::begin().await;
    let browser = scene.stage.browser();

    let shown = browser.get(&request(&[])).await;
    assert!(
        shown
            .location
            .starts_with(&format!("{SITE}/sign-in?return_to=")),
        "{}",
        shown.location
    );
    let back = scene.stage.go(&browser, &shown.location).await;
    let shown = browser.get(&back).await;
    assert!(
        shown
            .location
            .starts_with(&format!("{SITE}/oauth2/authorize?"))
    );
    let shown = browser.get(&shown.location).await;

    assert_eq!(scene.redeem(&answered(&shown)["code"]).await.0, 200);
    scene.end().await;
}

#[tokio::test]
async fn who_has_to_sign_in_again_does_so_once() {
    let scene = Scene::begin().await;
    scene.stage.clock.advance(Duration::from_secs(30));
    let auth_time = async |code: &str| {
        let (_, tokens) = scene.redeem(code).await;
        claims(&tokens["id_token"])["auth_time"].as_i64().unwrap()
    };
    let none = [("prompt", "none")];
    let before = auth_time(&scene.code(&none).await).await;
    assert_eq!(scene.stage.provider.now() - before, 30);
    assert!(!scene.code(&[("max_age", "30")]).await.is_empty());
    let others = scene.tokens().await;

    for again in [("prompt", "login"), ("max_age", "20"), ("max_age", "0")] {
        scene.stage.clock.advance(Duration::from_secs(30));
        let shown = scene.authorize(&[again]).await;
        let sign_in = format!("{SITE}/sign-in/entra?return_to=");
        assert!(shown.location.starts_with(&sign_in), "{}", shown.location);
        // Before the person has signed in, the way back leads to the same question.
        let (_, back) = shown.location.split_once("return_to=").unwrap();
        let back: String = form_urlencoded::parse(back.as_bytes())
            .next()
            .unwrap()
            .0
            .into();
        let early = scene.browser.get(&back).await;
        assert!(early.location.starts_with(&sign_in), "{}", early.location);

        let callback = scene.stage.go(&scene.browser, &shown.location).await;
        let shown = scene.browser.get(&callback).await;
        let shown = scene.browser.get(&shown.location).await;

        let now = scene.stage.provider.now();
        assert_eq!(auth_time(&answered(&shown)["code"]).await, now, "{again:?}");
    }
    // What was given before goes on, and says when the person signed in for it.
    let (status, next) = scene.refresh(&others["refresh_token"]).await;
    assert_eq!(status, 200, "{next}");
    assert_eq!(claims(&next["id_token"])["auth_time"], before);
    let stranger = scene.stage.browser();
    let said = answered(&stranger.get(&request(&none)).await);
    assert_eq!(said["error"], "login_required");
    scene.stage.clock.advance(Duration::from_secs(30));
    let said = answered(
        &scene
            .authorize(&[("prompt", "none"), ("max_age", "20")])
            .await,
    );
    assert_eq!(
        (said["error"].as_str(), said["state"].as_str()),
        ("login_required", "the state")
    );
    scene.end().await;
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_former_one_ends_all() {
    let scene = Scene::begin().await;
    let first = scene.tokens().await;

    let (status, second) = scene.refresh(&first["refresh_token"]).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(claims(&second["id_token"])["nonce"], Value::Null);
    assert_eq!(claims(&second["id_token"])["sub"], scene.lena.as_str());
    assert!(scene.is_active(&second["refresh_token"]).await);

    let (status, said) = scene.refresh(&first["refresh_token"]).await;
    assert_eq!((status, &said["error"]), (400, &json!("invalid_grant")));
    assert!(
        said["error_description"]
            .as_str()
            .unwrap()
            .contains("used before"),
        "{said}"
    );
    scene.is_out(&second).await;
    scene.end().await;
}

/// A5: a code is good once; whoever presents it again ends what it gave.
#[tokio::test]
async fn a5_a_code_is_good_once_and_ends_what_it_gave_when_it_comes_again() {
    let scene = Scene::begin().await;
    let code = scene.code(&[("scope", "openid offline_access")]).await;
    let many = futures::future::join_all((0..10).map(|_| scene.redeem(&code))).await;
    let good: Vec<&Value> = many
        .iter()
        .filter(|it| it.0 == 200)
        .map(|it| &it.1)
        .collect();

    assert_eq!(good.len(), 1, "{many:?}");
    scene.is_out(good[0]).await;
    scene.end().await;
}

#[tokio::test]
async fn deactivated_or_signed_out_is_out_of_applications_as_well() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let code = scene.code(&[]).await;

    scene.stage.set_active(&scene.lena, false).await;
    scene.is_out(&tokens).await;
    assert_eq!(scene.redeem(&code).await.0, 400);
    let shown = scene.authorize(&[]).await;
    assert!(shown.location.contains("/sign-in?"), "{}", shown.location);

    scene.stage.set_active(&scene.lena, true).await;
    scene.is_out(&tokens).await;
    scene.stage.sign_in(&scene.browser).await;
    // A21: at the application that was signed in to, after signing out here.
    let tokens = scene.tokens().await;
    scene.browser.post("/sign-out", "").await;
    scene.is_out(&tokens).await;
    scene.end().await;
}

#[tokio::test]
async fn tokens_end_with_their_time_and_with_the_session() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let late = scene.code(&[]).await;

    scene.stage.clock.advance(Duration::from_mins(1));
    let (_, said) = scene.redeem(&late).await;
    assert!(
        said["error_description"]
            .as_str()
            .unwrap()
            .contains("expired"),
        "{said}"
    );
    scene.stage.clock.advance(Duration::from_mins(9));
    assert_eq!(scene.userinfo(&tokens["access_token"]).await.0, 401);
    // A refresh is a use of the session, whose idle time is an hour and whose whole time is twelve.
    let mut token = tokens["refresh_token"].clone();
    for _ in 0..15 {
        scene.stage.clock.advance(Duration::from_mins(45));
        let (status, next) = scene.refresh(&token).await;
        assert_eq!(status, 200, "{next}");
        token = next["refresh_token"].clone();
    }
    scene.stage.clock.advance(Duration::from_mins(61));
    assert_eq!(scene.refresh(&token).await.0, 400);
    scene.end().await;
}

#[tokio::test]
async fn a_question_of_an_application_is_no_use_of_the_session() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    scene.stage.clock.advance(Duration::from_mins(5));
    assert_eq!(scene.userinfo(&tokens["access_token"]).await.0, 200);
    scene.stage.clock.advance(Duration::from_mins(50));
    assert!(scene.is_active(&tokens["refresh_token"]).await);
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let more = [
        ("grant_type", "refresh_token"),
        ("refresh_token", refresh),
        ("scope", "admin"),
    ];
    assert_eq!(
        scene.post("/oauth2/token", Some(SECRET), &more).await.0,
        400
    );

    scene.stage.clock.advance(Duration::from_mins(5));

    scene.is_out(&tokens).await;
    scene.end().await;
}

#[tokio::test]
async fn an_application_signs_out_whom_its_id_token_is_about() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let sign_out = |more: &[(&str, &str)]| {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(more)
            .finish();
        format!("/oauth2/sign-out?{query}")
    };
    let hint = tokens["id_token"].as_str().unwrap().to_owned();
    let home = ("post_logout_redirect_uri", "https://crm.example/");

    for bare in [
        sign_out(&[home]),
        sign_out(&[home, ("id_token_hint", "no.token.here")]),
        sign_out(&[
            home,
            ("id_token_hint", tokens["access_token"].as_str().unwrap()),
        ]),
        sign_out(&[home, ("id_token_hint", &hint), ("client_id", "field-app")]),
    ] {
        let page = scene.browser.get(&bare).await;
        assert!(page.text.contains("Sign out?"), "{bare}: {}", page.text);
        assert!(
            scene.stage.is_signed_in(&scene.browser).await,
            "a link signs nobody out"
        );
    }
    // Somebody else sits at this browser.
    let other = scene.stage.browser();
    let elsewhere = ("post_logout_redirect_uri", "https://evil.example/");
    scene.stage.clock.advance(Duration::from_mins(30));
    let shown = other
        .get(&sign_out(&[
            home,
            ("id_token_hint", &hint),
            ("state", "a b"),
        ]))
        .await;
    assert_eq!(
        shown.location, "https://crm.example/?state=a+b",
        "nobody was signed in"
    );

    let shown = scene
        .browser
        .get(&sign_out(&[elsewhere, ("id_token_hint", &hint)]))
        .await;
    assert_eq!(shown.location, format!("{SITE}/signed-out"));
    assert!(!scene.stage.is_signed_in(&scene.browser).await);
    scene.is_out(&tokens).await;
    scene.end().await;
}

#[tokio::test]
async fn an_application_ends_what_it_was_given() {
    let scene = Scene::begin().await;
    for which in ["refresh_token", "access_token"] {
        let tokens = scene.tokens().await;
        let others = [
            ("client_id", "field-app"),
            ("token", tokens[which].as_str().unwrap()),
        ];
        assert_eq!(scene.post("/oauth2/revoke", None, &others).await.0, 200);
        assert!(scene.is_active(&tokens[which]).await, "another's");

        let form = [("token", tokens[which].as_str().unwrap())];
        assert_eq!(
            scene.post("/oauth2/revoke", Some(SECRET), &form).await.0,
            200
        );

        scene.is_out(&tokens).await;
    }
    for nothing in ["", "x", "x.y", "a.b.c"] {
        let form = [("token", nothing)];
        let (status, _) = scene.post("/oauth2/revoke", Some(SECRET), &form).await;
        assert_eq!(
            status,
            if nothing.is_empty() { 400 } else { 200 },
            "{nothing}"
        );
    }
    scene.end().await;
}

/// A library that verifies RS256 alone.
#[tokio::test]
async fn an_application_has_its_tokens_signed_by_rsa() {
    let scene = Scene::begin_with(|it| {
        it.applications[0].signing_algorithm = SigningAlgorithm::Rs256;
    });
    let scene = scene.await;
    let (status, said) = scene.redeem(&scene.code(&[]).await).await;
    assert_eq!(
        (status, &said["error"]),
        (503, &json!("temporarily_unavailable"))
    );
    let file = scene.folder.path().join("keys.json");
    let mut keys: SigningKeys = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    keys.keys.push(SigningKey {
        private_key: PrivateKey::from_pkcs8(&SystemRandom.rsa_key()),
        signs_from: jiff::Timestamp::UNIX_EPOCH,
    });
    std::fs::write(&file, serde_json::to_string(&keys).unwrap()).unwrap();

    let tokens = scene.tokens().await;

    let (_, published) = answer(client().get(scene.url("/oauth2/keys"))).await;
    let rsa = &published["keys"][1];
    for token in ["id_token", "access_token"] {
        let token = tokens[token].as_str().unwrap();
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let decoded = |text: &Value| URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap();
        let key = ring::signature::RsaPublicKeyComponents {
            n: decoded(&rsa["n"]),
            e: decoded(&rsa["e"]),
        };
        let algorithm = &ring::signature::RSA_PKCS1_2048_8192_SHA256;
        let signature = decoded(&json!(signature));
        key.verify(algorithm, signed.as_bytes(), &signature)
            .unwrap();
    }
    assert_eq!(scene.userinfo(&tokens["access_token"]).await.0, 200);
    let (_, discovery) = answer(client().get(scene.url("/.well-known/openid-configuration"))).await;
    let algorithms = &discovery["id_token_signing_alg_values_supported"];
    assert_eq!(algorithms, &json!(["ES256", "RS256"]));
    scene.end().await;
}

/// A3: tokens of both keys are good, and the second one signs when its time has come.
#[tokio::test]
async fn a3_keys_are_exchanged_without_anybody_noticing() {
    let scene = Scene::begin().await;
    let before = scene.tokens().await;
    let file = scene.folder.path().join("keys.json");
    let mut keys: SigningKeys = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let soon = scene.stage.provider.now() + 60;
    keys.keys.push(SigningKey {
        private_key: PrivateKey::from_pkcs8(&SystemRandom.p256_key()),
        signs_from: jiff::Timestamp::from_second(soon).unwrap(),
    });
    std::fs::write(&file, serde_json::to_string(&keys).unwrap()).unwrap();
    let published = async || answer(client().get(scene.url("/oauth2/keys"))).await.1;
    let ids = published().await["keys"].clone();
    let signed_by = |tokens: &Value| {
        let header = tokens["id_token"]
            .as_str()
            .unwrap()
            .split('.')
            .next()
            .unwrap();
        let header: Value =
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
        header["kid"].clone()
    };
    assert_eq!(ids.as_array().unwrap().len(), 2);
    assert_eq!(signed_by(&scene.tokens().await), ids[0]["kid"]);

    scene.stage.clock.advance(Duration::from_mins(1));

    assert_eq!(signed_by(&scene.tokens().await), ids[1]["kid"]);
    assert_eq!(scene.userinfo(&before["access_token"]).await.0, 200);
    std::fs::remove_file(&file).unwrap();
    let (status, said) = scene.userinfo(&before["access_token"]).await;
    assert_eq!(
        (status, &said["error"]),
        (503, &json!("temporarily_unavailable"))
    );
    scene.end().await;
}

#[tokio::test]
async fn both_documents_say_the_same_and_nothing_is_there_without_applications() {
    let scene = Scene::begin().await;
    let document = |path: &str| answer(client().get(scene.url(path)));
    let (status, discovery) = document("/.well-known/openid-configuration").await;
    assert_eq!(status, 200);
    assert_eq!(discovery["issuer"], SITE);
    assert_eq!(
        discovery["code_challenge_methods_supported"],
        json!(["S256"])
    );
    // RFC 8414, section 2: it is about assertions alone, and nobody presents one here.
    let algorithms = "token_endpoint_auth_signing_alg_values_supported";
    assert_eq!(discovery.get(algorithms), None);
    let (_, other) = document("/.well-known/oauth-authorization-server").await;
    assert_eq!(discovery, other);
    for (name, address) in discovery.as_object().unwrap() {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = address.as_str().unwrap().strip_prefix(SITE).unwrap();
            let status = client().get(scene.url(path)).send().await.unwrap().status();
            assert_ne!(status, 404, "{name}");
        }
    }
    scene.end().await;

    let without = Stage::begin().await;
    let at = without.workload.server.local_addr();
    for path in [
        "/.well-known/openid-configuration",
        "/oauth2/keys",
        "/oauth2/authorize",
    ] {
        let said = client()
            .get(format!("http://{at}{path}"))
            .send()
            .await
            .unwrap();
        assert!(matches!(said.status().as_u16(), 401 | 404), "{path}");
    }
    without.workload.server.shutdown().await;
}
