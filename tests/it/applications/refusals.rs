//! What is refused: one error each, and to whom it is told.

use serde_json::{Value, json};

use super::{REDIRECT_URI, SECRET, Scene, VERIFIER, answered, request};
use crate::workload_server::{TOKEN, answer, client};

#[tokio::test]
async fn without_a_known_application_and_redirect_uri_the_browser_is_sent_nowhere() {
    let scene = Scene::begin().await;
    for (changes, expected) in [
        ([("client_id", "")], "no application has this client_id"),
        (
            [("client_id", "other")],
            "no application has this client_id",
        ),
        (
            [("redirect_uri", "")],
            "the redirect_uri is not one of the application",
        ),
        (
            [("redirect_uri", "https://evil.example/cb")],
            "the redirect_uri is not one of the application",
        ),
        (
            [("redirect_uri", "https://crm.example/cb/")],
            "the redirect_uri is not one of the application",
        ),
        (
            [("redirect_uri", "https://crm.example/cb?a")],
            "the redirect_uri is not one of the application",
        ),
        (
            [("redirect_uri", "http://127.0.0.1:8/cb")],
            "the redirect_uri is not one of the application",
        ),
    ] {
        let shown = scene.authorize(&changes).await;
        assert_eq!(
            (shown.status, shown.location.as_str()),
            (400, ""),
            "{changes:?}"
        );
        assert!(shown.text.contains(expected), "{changes:?}: {}", shown.text);
    }
    let twice = format!("{}&redirect_uri=https://crm.example/cb", request(&[]));
    assert_eq!(scene.browser.get(&twice).await.status, 400);
    scene.end().await;
}

#[tokio::test]
async fn a20_a_wrong_request_is_answered_at_the_redirect_uri() {
    let scene = Scene::begin().await;
    for (changes, expected) in [
        ([("response_type", "token")], "unsupported_response_type"),
        ([("code_challenge", "")], "invalid_request"),
        ([("code_challenge_method", "plain")], "invalid_request"),
        ([("code_challenge_method", "")], "invalid_request"),
        ([("scope", "profile")], "invalid_scope"),
        ([("request", "e30")], "request_not_supported"),
        ([("prompt", "none login")], "invalid_request"),
    ] {
        let shown = scene.authorize(&changes).await;
        assert!(
            shown.location.starts_with(REDIRECT_URI),
            "{changes:?}: {}",
            shown.location
        );
        let said = answered(&shown);
        assert_eq!(
            (said["error"].as_str(), said["state"].as_str()),
            (expected, "the state"),
            "{said:?}"
        );
        assert!(!said.contains_key("code") && !said["iss"].is_empty());
    }
    scene.end().await;
}

#[tokio::test]
async fn an_app_on_this_machine_signs_in_by_any_port_and_without_a_secret() {
    let scene = Scene::begin().await;
    for uri in ["http://127.0.0.1:49152/cb", "com.example.field:/cb"] {
        let shown = scene
            .authorize(&[("client_id", "field-app"), ("redirect_uri", uri)])
            .await;
        assert!(shown.location.starts_with(uri), "{}", shown.location);
        let code = &answered(&shown)["code"];
        let form = |client_id: &'static str, more: Option<(&'static str, &'static str)>| {
            let mut form = vec![
                ("grant_type", "authorization_code"),
                ("client_id", client_id),
                ("code", code.as_str()),
                ("redirect_uri", uri),
                ("code_verifier", VERIFIER),
            ];
            form.extend(more);
            form
        };
        let secret = form("field-app", Some(("client_secret", "any")));
        let (status, said) = scene.post("/oauth2/token", None, &secret).await;
        assert_eq!(
            (status, &said["error"]),
            (401, &json!("invalid_client")),
            "{said}"
        );
        let (status, tokens) = scene
            .post("/oauth2/token", None, &form("field-app", None))
            .await;
        assert_eq!(status, 200, "{tokens}");
        let token = tokens["access_token"].as_str().unwrap();
        let (status, said) = scene
            .post(
                "/oauth2/introspect",
                None,
                &[("client_id", "field-app"), ("token", token)],
            )
            .await;
        assert_eq!(
            (status, &said["error"]),
            (403, &json!("unauthorized_client"))
        );
        assert!(
            !scene.is_active(&tokens["access_token"]).await,
            "another's token"
        );
    }
    scene.end().await;
}

/// The form that redeems a code, with one field changed or left out.
fn form<'f>(
    code: &'f str,
    changed: (&'static str, Option<&'f str>),
) -> Vec<(&'static str, &'f str)> {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
    ];
    form.retain(|(name, _)| *name != changed.0);
    form.extend(changed.1.map(|it| (changed.0, it)));
    form
}

#[tokio::test]
async fn the_token_endpoint_names_what_is_wrong() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let foreign = ("client_id", Some("other"));
    for (changed, status, error, words) in [
        (("code", None), 400, "invalid_request", "code is missing"),
        (("code", Some("x")), 400, "invalid_grant", "not known"),
        (("code", Some("x.y")), 400, "invalid_grant", "not known"),
        (
            ("code", Some(refresh)),
            400,
            "invalid_grant",
            "no refresh token",
        ),
        (
            ("redirect_uri", Some("https://crm.example/")),
            400,
            "invalid_grant",
            "redirect_uri",
        ),
        (("redirect_uri", None), 400, "invalid_grant", "redirect_uri"),
        (
            (
                "code_verifier",
                Some("another-verifier-that-is-long-enough-for-all"),
            ),
            400,
            "invalid_grant",
            "code_verifier",
        ),
        (
            ("code_verifier", None),
            400,
            "invalid_grant",
            "code_verifier",
        ),
        (foreign, 401, "invalid_client", "the Authorization header"),
    ] {
        let code = scene.code(&[]).await;
        let said = scene
            .post("/oauth2/token", Some(SECRET), &form(&code, changed))
            .await;
        check(&said, status, error, words);
    }
    let code = scene.code(&[]).await;
    let wrong = scene
        .post(
            "/oauth2/token",
            Some(SECRET),
            &form(&code, ("code_verifier", None)),
        )
        .await;
    check(&wrong, 400, "invalid_grant", "code_verifier");
    check(
        &scene.redeem(&code).await,
        400,
        "invalid_grant",
        "not known",
    );

    scene.end().await;
}

#[tokio::test]
async fn an_application_that_does_not_show_who_it_is_is_told_how() {
    let scene = Scene::begin().await;
    let code = scene.code(&[]).await;
    let good = form(&code, ("state", None));
    let said = scene
        .post("/oauth2/token", Some("another secret"), &good)
        .await;
    check(
        &said,
        401,
        "invalid_client",
        "not the one of this application",
    );
    let mut twice = good.clone();
    twice.push(("code", &code));
    let said = scene.post("/oauth2/token", Some(SECRET), &twice).await;
    check(&said, 400, "invalid_request", "more than once");
    let mut both = good.clone();
    both.push(("client_secret", SECRET));
    let said = scene.post("/oauth2/token", Some(SECRET), &both).await;
    check(&said, 400, "invalid_request", "more than one way");
    let said = scene.post("/oauth2/token", None, &good).await;
    check(&said, 401, "invalid_client", "does not show who it is");
    let mut named = good.clone();
    named.push(("client_id", "crm"));
    let said = scene.post("/oauth2/token", None, &named).await;
    check(&said, 401, "invalid_client", "has a client_secret");
    let mut other = good.clone();
    other.push(("client_id", "field-app"));
    let said = scene.post("/oauth2/token", None, &other).await;
    check(&said, 400, "invalid_grant", "another application");
    named.push(("client_secret", SECRET));
    let (status, said) = scene.post("/oauth2/token", None, &named).await;
    assert_eq!(status, 200, "{said}");
    scene.end().await;
}

/// What is good at one endpoint is nothing at another.
#[tokio::test]
async fn no_credential_is_taken_for_another_kind() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let code = scene.code(&[]).await;
    for name in ["access_token", "id_token", "refresh_token"] {
        let users = client().get(scene.url("/scim/v2/Users"));
        let token = tokens[name].as_str().unwrap();
        assert_eq!(answer(users.bearer_auth(token)).await.0, 401, "{name}");
    }
    for token in [
        &json!(TOKEN),
        &json!(SECRET),
        &json!(code),
        &tokens["id_token"],
        &tokens["refresh_token"],
    ] {
        let (status, said) = scene.userinfo(token).await;
        let expected = (401, Some("invalid_token"));
        assert_eq!((status, said["error"].as_str()), expected, "{token}");
    }
    for token in [
        &json!(TOKEN),
        &json!(SECRET),
        &json!(code),
        &tokens["id_token"],
    ] {
        assert!(!scene.is_active(token).await, "{token}");
    }
    let grant = [("grant_type", "client_credentials")];
    let said = scene.post("/oauth2/token", Some(SECRET), &grant).await;
    assert_eq!((said.0, &said.1["error"]), (401, &json!("invalid_client")));
    let by_scim = scene.post("/oauth2/introspect", Some(TOKEN), &grant).await;
    assert_eq!(by_scim.1["error"], "invalid_client");
    scene.end().await;
}

/// The form that redeems a refresh token.
fn refreshed<'f>(token: &'f str, scope: &'f str) -> [(&'static str, &'f str); 3] {
    [
        ("grant_type", "refresh_token"),
        ("refresh_token", token),
        ("scope", scope),
    ]
}

#[tokio::test]
async fn a_refresh_gives_no_more_than_was_given_and_an_encoded_secret_is_the_same() {
    let scene = Scene::begin().await;
    let tokens = scene.tokens().await;
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let code = scene.code(&[("scope", "openid offline_access")]).await;
    let (_, fewer) = scene.redeem(&code).await;
    let few = fewer["refresh_token"].as_str().unwrap();
    for scope in ["openid email", "email", "offline_access", "admin"] {
        let said = scene
            .post("/oauth2/token", Some(SECRET), &refreshed(few, scope))
            .await;
        check(&said, 400, "invalid_scope", "no more scopes");
    }
    let code = scene.code(&[]).await;
    let said = scene
        .post("/oauth2/token", Some(SECRET), &refreshed(&code, "openid"))
        .await;
    check(&said, 400, "invalid_grant", "no refresh token");

    // RFC 6749, section 2.3.1: id and secret are encoded before they become Basic.
    let encoded: String = url::form_urlencoded::byte_serialize(SECRET.as_bytes()).collect();
    let (status, said) = scene
        .post(
            "/oauth2/token",
            Some(&encoded),
            &refreshed(refresh, "openid"),
        )
        .await;
    assert_eq!((status, &said["scope"]), (200, &json!("openid")), "{said}");
    scene.end().await;
}

#[tokio::test]
async fn whoever_guesses_is_made_to_wait_and_a_good_secret_is_not() {
    let scene = Scene::begin().await;
    let guess = [("grant_type", "refresh_token"), ("refresh_token", "x.y")];
    let mut last = 0;
    for _ in 0..21 {
        last = scene.post("/oauth2/token", Some("a guess"), &guess).await.0;
    }
    assert_eq!(last, 429);

    let code = scene.code(&[]).await;
    assert_eq!(scene.redeem(&code).await.0, 200);
    scene.end().await;
}

fn check((status, said): &(u16, Value), expected: u16, error: &str, words: &str) {
    let description = said["error_description"].as_str().unwrap_or_default();
    assert_eq!(
        (*status, said["error"].as_str()),
        (expected, Some(error)),
        "{said}"
    );
    assert!(description.contains(words), "{said}");
}
