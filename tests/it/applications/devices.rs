//! Devices that show a code until somebody lets them sign in (RFC 8628).

use std::time::Duration;

use serde_json::{Value, json};
use url::form_urlencoded;

use super::{SECRET, Scene, claims};
use crate::sign_in::browser::{Browser, SITE, Shown};
use crate::workload_server::{answer, client};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

impl Scene {
    /// The codes that a device gets.
    async fn begin_device(&self, scope: &str) -> Value {
        let form = [("client_id", "screen"), ("scope", scope)];
        let (status, codes) = self.post("/oauth2/device_authorization", None, &form).await;
        assert_eq!(status, 200, "{codes}");
        codes
    }

    /// What a device is told that asks as this application.
    async fn ask(&self, client_id: &str, code: &Value) -> (u16, Value) {
        let form = [
            ("grant_type", GRANT),
            ("client_id", client_id),
            ("device_code", code.as_str().unwrap()),
        ];
        self.post("/oauth2/token", None, &form).await
    }

    /// The error of a device that asks.
    async fn told(&self, codes: &Value) -> String {
        let (status, said) = self.ask("screen", &codes["device_code"]).await;
        assert_eq!(status, 400, "{said}");
        said["error"].as_str().unwrap().to_owned()
    }

    fn seconds(&self, seconds: u64) {
        self.stage.clock.advance(Duration::from_secs(seconds));
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish()
}

/// Types a code.
async fn type_in(browser: &Browser, code: &str) -> Shown {
    browser.post("/device", &form(&[("user_code", code)])).await
}

/// A hidden field of a page.
fn hidden(page: &Shown, name: &str) -> String {
    let (_, rest) = page
        .text
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap_or_else(|| panic!("{}", page.text));
    rest.split('"').next().unwrap().to_owned()
}

/// Types a code and answers the question.
async fn answers(browser: &Browser, code: &str, with: &str) -> Shown {
    let question = type_in(browser, code).await;
    let proof = hidden(&question, "proof");
    let fields = [("user_code", code), ("proof", &proof), ("answer", with)];
    browser.post("/device", &form(&fields)).await
}

fn code_of(codes: &Value) -> &str {
    codes["user_code"].as_str().unwrap()
}

#[tokio::test]
async fn a_device_is_let_in_by_who_is_signed_in_elsewhere() {
    let scene = Scene::begin().await;
    let codes = scene.begin_device("openid email offline_access").await;
    assert_eq!(codes["verification_uri"], format!("{SITE}/device"));
    assert_eq!(codes["expires_in"], 600);
    assert_eq!(codes["interval"], 5);
    assert_eq!(scene.told(&codes).await, "authorization_pending");
    assert_eq!(scene.told(&codes).await, "slow_down");
    scene.seconds(5);
    assert_eq!(scene.told(&codes).await, "authorization_pending");

    // Whoever is not signed in signs in first, and finds the code typed already.
    let complete = codes["verification_uri_complete"].as_str().unwrap();
    let browser = scene.stage.browser();
    let shown = browser.get(complete).await;
    let back = scene.stage.go(&browser, &shown.location).await;
    let shown = browser.get(&back).await;
    assert_eq!(shown.location, complete);
    let page = browser.get(complete).await;
    assert_eq!(hidden(&page, "user_code\" type=\"text").len(), 9);

    let question = type_in(&browser, &code_of(&codes).to_lowercase()).await;
    for text in [
        "Sign in to screen on the device?",
        "Name of lena@contoso.example",
        code_of(&codes),
        "your e-mail address",
        "signed in as long as this browser does",
    ] {
        assert!(question.text.contains(text), "{text}: {}", question.text);
    }
    assert!(!question.text.contains("your name"), "{}", question.text);
    scene.seconds(5);
    assert_eq!(scene.told(&codes).await, "authorization_pending");
    let done = answers(&browser, code_of(&codes), "allow").await;
    assert!(
        done.text.contains("The device is signed in"),
        "{}",
        done.text
    );

    let (status, tokens) = scene.ask("screen", &codes["device_code"]).await;
    assert_eq!(status, 200, "{tokens}");
    let id = claims(&tokens["id_token"]);
    assert_eq!(
        (&id["sub"], &id["aud"], &id["nonce"]),
        (&json!(scene.lena), &json!("screen"), &Value::Null)
    );
    assert_eq!(id["email"], "lena@contoso.example");
    let (_, said) = scene.userinfo(&tokens["access_token"]).await;
    assert_eq!(said["sub"], json!(scene.lena));
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let again = [
        ("grant_type", "refresh_token"),
        ("client_id", "screen"),
        ("refresh_token", refresh),
    ];
    let (status, next) = scene.post("/oauth2/token", None, &again).await;
    assert_eq!(status, 200, "{next}");

    // A device code is good once, as any other: presented again it ends what it gave.
    let (status, said) = scene.ask("screen", &codes["device_code"]).await;
    assert_eq!((status, &said["error"]), (400, &json!("invalid_grant")));
    assert_eq!(scene.userinfo(&next["access_token"]).await.0, 401);
    scene.end().await;
}

#[tokio::test]
async fn a_device_is_told_of_a_no_and_of_the_end_of_its_code() {
    let scene = Scene::begin().await;
    let refused = scene.begin_device("openid").await;
    let shown = answers(&scene.browser, code_of(&refused), "deny").await;
    assert!(shown.text.contains("The device is not signed in"));
    assert_eq!(scene.told(&refused).await, "access_denied");
    let again = type_in(&scene.browser, code_of(&refused)).await;
    assert!(again.text.contains("No device waits with this code"));

    let late = scene.begin_device("openid").await;
    let slow = scene.begin_device("openid").await;
    scene.seconds(599);
    answers(&scene.browser, code_of(&slow), "allow").await;
    scene.seconds(1);
    let shown = type_in(&scene.browser, code_of(&late)).await;
    assert!(shown.text.contains("No device waits with this code"));
    assert_eq!(scene.told(&late).await, "expired_token");
    let (status, said) = scene.ask("screen", &slow["device_code"]).await;
    assert_eq!(status, 200, "let in at the last moment: {said}");

    // Let in, and never fetched.
    let lost = scene.begin_device("openid").await;
    answers(&scene.browser, code_of(&lost), "allow").await;
    scene.seconds(600);
    assert_eq!(scene.told(&lost).await, "expired_token");
    scene.end().await;
}

#[tokio::test]
async fn who_is_out_lets_no_device_stay() {
    let scene = Scene::begin().await;
    let codes = scene.begin_device("openid").await;
    answers(&scene.browser, code_of(&codes), "allow").await;
    let (_, tokens) = scene.ask("screen", &codes["device_code"]).await;
    assert_eq!(scene.userinfo(&tokens["access_token"]).await.0, 200);
    let waiting = scene.begin_device("openid").await;
    answers(&scene.browser, code_of(&waiting), "allow").await;

    scene.stage.set_active(&scene.lena, false).await;

    assert_eq!(scene.userinfo(&tokens["access_token"]).await.0, 401);
    assert_eq!(scene.told(&waiting).await, "invalid_grant");
    let shown = type_in(&scene.browser, code_of(&waiting)).await;
    assert!(shown.location.contains("/sign-in?"), "{}", shown.location);
    scene.end().await;
}

/// What was not asked on the page of this person in this browser lets nobody in.
#[tokio::test]
async fn an_answer_without_its_question_lets_no_device_in() {
    let scene = Scene::begin().await;
    let (codes, others) = (
        scene.begin_device("openid").await,
        scene.begin_device("openid").await,
    );
    let code = code_of(&codes);
    let of_another_code = hidden(&type_in(&scene.browser, code_of(&others)).await, "proof");
    let second = scene.stage.browser();
    scene.stage.sign_in(&second).await;
    let of_another_browser = hidden(&type_in(&second, code).await, "proof");

    for proof in ["", "x", &of_another_code, &of_another_browser] {
        let fields = [("user_code", code), ("proof", proof), ("answer", "allow")];
        let shown = scene.browser.post("/device", &form(&fields)).await;
        assert_eq!(shown.status, 403, "{proof}");
    }
    let proof = hidden(&type_in(&scene.browser, code).await, "proof");
    let fields = form(&[("user_code", code), ("proof", &proof), ("answer", "allow")]);
    let url = format!("{SITE}/device").parse().unwrap();
    let foreign = scene
        .browser
        .request(reqwest::Method::POST, &url)
        .header("origin", "http://evil.example")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(fields.clone());
    assert_eq!(scene.browser.show(&url, foreign).await.status, 403);
    let link = scene.browser.get(&format!("/device?{fields}")).await;
    assert_eq!(link.status, 200, "a link only fills in the code");
    assert_eq!(scene.told(&codes).await, "authorization_pending");
    scene.end().await;
}

#[tokio::test]
async fn codes_of_devices_are_not_guessed() {
    let scene = Scene::begin().await;
    let codes = scene.begin_device("openid").await;
    for _ in 0..20 {
        let right = type_in(&scene.browser, code_of(&codes)).await;
        assert_eq!(right.status, 200, "what is right counts for nothing");
    }
    for index in 0..10 {
        let guess = format!("BBBB-BBB{}", ["B", "C", "D", "X", "1"][index % 5]);
        let shown = type_in(&scene.browser, &guess).await;
        assert_eq!(shown.status, 400, "{guess}");
        assert!(shown.text.contains("No device waits with this code"));
    }
    let shown = type_in(&scene.browser, code_of(&codes)).await;
    assert_eq!(shown.status, 429);
    assert!(shown.headers.contains_key("retry-after"));
    // Another browser of the same person is no way around it.
    let second = scene.stage.browser();
    scene.stage.sign_in(&second).await;
    assert_eq!(type_in(&second, code_of(&codes)).await.status, 429);
    scene.seconds(600);
    let codes = scene.begin_device("openid").await;
    assert_eq!(type_in(&scene.browser, code_of(&codes)).await.status, 200);
    scene.end().await;
}

/// What is sent where, with which secret, and the error that it gets.
type Case<'c> = (&'c str, Option<&'c str>, &'c [(&'c str, &'c str)], &'c str);

#[tokio::test]
async fn a_device_gets_codes_only_where_that_is_declared() {
    let scene = Scene::begin().await;
    let (at, token) = ("/oauth2/device_authorization", "/oauth2/token");
    let codes = scene.begin_device("openid").await;
    let code = codes["device_code"].as_str().unwrap();
    let (open, me, asks) = (
        ("scope", "openid"),
        ("client_id", "screen"),
        ("grant_type", GRANT),
    );
    let as_code = [("grant_type", "authorization_code"), me, ("code", code)];
    let nobody = ("client_id", "nobody");
    let cases: [Case<'_>; 8] = [
        (at, Some(SECRET), &[open], "unauthorized_client"),
        (at, None, &[nobody, open], "invalid_client"),
        (at, None, &[open], "invalid_client"),
        (at, None, &[me], "invalid_scope"),
        (at, None, &[me, ("scope", "email")], "invalid_scope"),
        (token, None, &[asks, me], "invalid_request"),
        (
            token,
            Some(SECRET),
            &[asks, ("device_code", code)],
            "unauthorized_client",
        ),
        (token, None, &as_code, "invalid_grant"),
    ];
    for (path, secret, fields, expected) in cases {
        let (status, said) = scene.post(path, secret, fields).await;
        assert_eq!(said["error"], expected, "{status} {fields:?}: {said}");
    }
    for wrong in ["x", "x.y", &format!("{code}x")] {
        let (_, said) = scene.ask("screen", &json!(wrong)).await;
        assert_eq!(said["error"], "invalid_grant", "{wrong}");
    }
    // One that was let in is no code of the authorization endpoint either.
    answers(&scene.browser, code_of(&codes), "allow").await;
    let (_, said) = scene.post(token, None, &as_code).await;
    assert_eq!(said["error"], "invalid_grant");
    let (_, discovery) = answer(client().get(scene.url("/.well-known/openid-configuration"))).await;
    let address = format!("{SITE}{at}");
    assert_eq!(discovery["device_authorization_endpoint"], address);
    let grants = discovery["grant_types_supported"].as_array().unwrap();
    assert!(grants.contains(&json!(GRANT)));
    scene.end().await;
}
