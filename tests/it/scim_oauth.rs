//! Access tokens: who gets them, what they open, and when they end.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::RequestBuilder;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use usher::clock::ManualClock;
use usher::config::oauth::Keys;
use usher::config::{AcceptedAt, OAuthConfig, ScimTenantConfig, TrustedIssuer};

use crate::workload_server::{TOKEN, Workload, answer, config, scim_client, scim_tenant};

const GRANT: (&str, &str) = ("grant_type", "client_credentials");

fn with_oauth(tenant: &mut ScimTenantConfig) {
    let client = &mut tenant.clients[0];
    client.credentials[0].accepted_at = AcceptedAt::TokenEndpoint;
    client.oauth = Some(OAuthConfig {
        access_token_seconds: 3600,
        assertion: None,
    });
    tenant
        .clients
        .push(scim_client("script", "token-of-script"));
}

fn clock() -> ManualClock {
    ManualClock::at("2026-02-01T00:00:00Z".parse().unwrap())
}

fn endpoint(workload: &Workload) -> RequestBuilder {
    let base = workload.base.trim_end_matches("/scim/v2");
    workload.client.post(format!("{base}/oauth2/token"))
}

/// Sends a form.
fn form(request: RequestBuilder, fields: &[(&str, &str)]) -> RequestBuilder {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(fields)
        .finish();
    request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body)
}

async fn users(workload: &Workload, token: &str) -> (u16, Value) {
    let request = workload.client.get(format!("{}/Users", workload.base));
    answer(request.bearer_auth(token)).await
}

async fn access_token(workload: &Workload) -> String {
    let fields = [GRANT, ("client_id", "entra"), ("client_secret", TOKEN)];
    let (status, granted) = answer(form(endpoint(workload), &fields)).await;
    assert_eq!(status, 200, "{granted}");
    granted["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_password_gets_an_access_token_and_that_opens_the_directory_for_an_hour() {
    let clock = clock();
    let workload = Workload::start_at(clock.clone(), with_oauth).await;
    let request = endpoint(&workload).basic_auth("entra", Some(TOKEN));

    let response = form(request, &[GRANT, ("scope", "anything")])
        .send()
        .await
        .unwrap();

    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert!(response.headers().contains_key("x-request-id"));
    let granted: Value = response.json().await.unwrap();
    assert_eq!(granted["token_type"], "Bearer");
    assert_eq!(granted["expires_in"], 3600);
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(users(&workload, token).await.0, 200);
    clock.advance(Duration::from_secs(3599));
    assert_eq!(users(&workload, token).await.0, 200);
    clock.advance(Duration::from_secs(1));
    let (status, expired) = users(&workload, token).await;
    assert_eq!(status, 401);
    assert!(expired["detail"].as_str().unwrap().contains("has expired"));
    workload.server.shutdown().await;
}

#[tokio::test]
async fn the_password_itself_opens_nothing_and_a_client_without_oauth_gets_no_token() {
    let workload = Workload::start_at(clock(), with_oauth).await;

    let (status, refused) = users(&workload, TOKEN).await;
    assert_eq!(status, 401);
    assert!(refused["detail"].as_str().unwrap().contains("access token"));
    assert_eq!(users(&workload, "token-of-script").await.0, 200);
    let fields = [
        GRANT,
        ("client_id", "script"),
        ("client_secret", "token-of-script"),
    ];
    let (status, refused) = answer(form(endpoint(&workload), &fields)).await;
    assert_eq!(
        (status, &refused["error"]),
        (400, &json!("unauthorized_client"))
    );
    workload.server.shutdown().await;
}

#[tokio::test]
async fn an_access_token_ends_with_its_credential_and_outlives_the_process() {
    let workload = Workload::start_at(clock(), with_oauth).await;
    let token = access_token(&workload).await;
    let changed = |change: fn(&mut ScimTenantConfig)| {
        let url = "http://contoso.example";
        let mut tenant = scim_tenant("contoso", url, &workload.folder, &json!({}));
        with_oauth(&mut tenant);
        change(&mut tenant);
        config(vec![tenant])
    };

    workload.server.reload(changed(|_| {})).await.unwrap();
    assert_eq!(users(&workload, &token).await.0, 200);
    let rotated = |tenant: &mut ScimTenantConfig| {
        tenant.clients[0].credentials = scim_client("entra", "another").credentials;
        tenant.clients[0].credentials[0].accepted_at = AcceptedAt::TokenEndpoint;
    };
    workload.server.reload(changed(rotated)).await.unwrap();
    assert_eq!(users(&workload, &token).await.0, 401);
    workload.server.shutdown().await;

    // Another process that was given the same document.
    let other = Workload::start_at(clock(), with_oauth).await;
    assert_eq!(users(&other, &token).await.0, 200);
    other.server.shutdown().await;
}

/// The fields of a form, and the status and error that answer it.
type Bad<'c> = (&'c [(&'c str, &'c str)], u16, &'c str);

#[tokio::test]
async fn a_bad_request_for_a_token_is_answered_as_rfc_6749_says() {
    let workload = Workload::start_at(clock(), with_oauth).await;
    let id = ("client_id", "entra");
    let secret = ("client_secret", TOKEN);
    let cases: [Bad<'_>; 9] = [
        (&[id, secret], 400, "invalid_request"),
        (
            &[("grant_type", "password"), id, secret],
            400,
            "unsupported_grant_type",
        ),
        (&[GRANT, GRANT, id, secret], 400, "invalid_request"),
        (&[GRANT, id], 401, "invalid_client"),
        (&[GRANT, secret], 401, "invalid_client"),
        (
            &[GRANT, id, ("client_secret", "wrong")],
            401,
            "invalid_client",
        ),
        (
            &[GRANT, ("client_id", "script"), secret],
            401,
            "invalid_client",
        ),
        (
            &[GRANT, id, secret, ("client_assertion", "x")],
            400,
            "invalid_request",
        ),
        (
            &[GRANT, id, ("client_assertion", "x")],
            400,
            "invalid_request",
        ),
    ];

    for (fields, status, error) in cases {
        let (found, body) = answer(form(endpoint(&workload), fields)).await;

        assert_eq!(
            (found, &body["error"]),
            (status, &json!(error)),
            "{fields:?}"
        );
        assert!(!body["error_description"].as_str().unwrap().contains(TOKEN));
    }
    let twice = endpoint(&workload).basic_auth("entra", Some(TOKEN));
    let (status, _) = answer(form(twice, &[GRANT, id, secret])).await;
    assert_eq!(status, 400);
    let (status, _) = answer(endpoint(&workload).json(&json!({}))).await;
    assert_eq!(status, 400);
    let (status, _) = answer(form(endpoint(&workload), &[("x", &"y".repeat(40_000))])).await;
    assert_eq!(status, 400);
    workload.server.shutdown().await;
}

#[tokio::test]
async fn guesses_at_the_token_endpoint_are_limited_and_the_right_password_is_not() {
    let workload = Workload::start_at(clock(), with_oauth).await;
    let wrong = [GRANT, ("client_id", "entra"), ("client_secret", "wrong")];

    for _ in 0..20 {
        assert_eq!(answer(form(endpoint(&workload), &wrong)).await.0, 401);
    }
    let response = form(endpoint(&workload), &wrong).send().await.unwrap();

    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "60");
    access_token(&workload).await;
    workload.server.shutdown().await;
}

#[tokio::test]
async fn the_metadata_name_the_token_endpoint_and_nothing_is_there_without_oauth() {
    let workload = Workload::start_at(clock(), with_oauth).await;
    let base = workload.base.trim_end_matches("/scim/v2").to_owned();
    let path = "/.well-known/oauth-authorization-server";

    let (status, metadata) = answer(workload.client.get(format!("{base}{path}"))).await;
    assert_eq!(status, 200);
    assert_eq!(metadata["issuer"], "http://contoso.example");
    assert_eq!(
        metadata["token_endpoint"],
        "http://contoso.example/oauth2/token"
    );
    let (status, _) = answer(workload.client.get(format!("{base}/oauth2/token"))).await;
    assert_eq!(status, 405);
    workload.server.shutdown().await;

    let plain = Workload::start_at(clock(), |_| {}).await;
    let base = plain.base.trim_end_matches("/scim/v2").to_owned();
    assert_eq!(
        answer(plain.client.get(format!("{base}{path}"))).await.0,
        404
    );
    let fields = [GRANT, ("client_id", "entra"), ("client_secret", TOKEN)];
    assert_eq!(answer(form(endpoint(&plain), &fields)).await.0, 404);
    plain.server.shutdown().await;
}

/// A key, and what it signs.
pub(crate) struct Signer {
    random: SystemRandom,
    key: EcdsaKeyPair,
}

impl Signer {
    pub(crate) fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { random, key }
    }

    pub(crate) fn issuer(&self, issuer: &str, audience: &str) -> TrustedIssuer {
        let point = self.key.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key =
            json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])});
        TrustedIssuer {
            issuer: issuer.to_owned(),
            subject: None,
            audiences: vec![audience.to_owned()],
            entra_tenant_id: None,
            keys: Keys::Declared(json!({"keys": [key]}).to_string()),
        }
    }

    fn sign(&self, issuer: &str, audience: &str, second: i64) -> String {
        self.sign_claims(&json!({"iss": issuer, "sub": issuer, "aud": audience, "exp": second}))
    }

    pub(crate) fn sign_claims(&self, claims: &Value) -> String {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let message = format!("{}.{}", part(&json!({"alg": "ES256"})), part(claims));
        let code = self.key.sign(&self.random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))
    }
}

/// Seconds of the clock of these tests, and an hour more.
const END: i64 = 1_769_904_000 + 3600;

#[tokio::test]
async fn a_signed_assertion_gets_an_access_token() {
    let signer = Signer::new();
    let workload = Workload::start_at(clock(), |tenant| {
        with_oauth(tenant);
        let oauth = tenant.clients[0].oauth.as_mut().unwrap();
        oauth.assertion = Some(signer.issuer("entra", "here"));
    })
    .await;
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let check = async |assertion: &str, client: &str, expected: (u16, &str)| {
        let fields = [
            GRANT,
            ("client_assertion_type", kind),
            ("client_assertion", assertion),
            ("client_id", client),
        ];
        let (status, body) = answer(form(endpoint(&workload), &fields)).await;
        let error = body["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!((status, error.as_str()), expected, "{body}");
        body
    };

    let granted = check(&signer.sign("entra", "here", END), "entra", (200, "")).await;
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(users(&workload, token).await.0, 200);
    let refused = (401, "invalid_client");
    check(&signer.sign("entra", "elsewhere", END), "entra", refused).await;
    check(&signer.sign("entra", "here", END - 7200), "entra", refused).await;
    check(&signer.sign("other", "here", END), "entra", refused).await;
    check(&signer.sign("entra", "here", END), "script", refused).await;
    check(&Signer::new().sign("entra", "here", END), "entra", refused).await;
    check("no.jwt.here", "entra", refused).await;
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_token_of_a_trusted_issuer_opens_the_directory_of_its_connector() {
    let signer = Signer::new();
    let workload = Workload::start_at(clock(), |tenant| {
        tenant.clients[0].credentials[0].accepted_at = AcceptedAt::Nowhere;
        tenant.clients[0].issuer = Some(signer.issuer("https://sts.example/", "scim"));
    })
    .await;

    let right = signer.sign("https://sts.example/", "scim", END);
    assert_eq!(users(&workload, &right).await.0, 200);
    for (token, why) in [
        (signer.sign("https://other.example/", "scim", END), "issuer"),
        (
            signer.sign("https://sts.example/", "graph", END),
            "audience",
        ),
        (
            signer.sign("https://sts.example/", "scim", END - 7200),
            "expired",
        ),
        (
            Signer::new().sign("https://sts.example/", "scim", END),
            "signature",
        ),
        (TOKEN.to_owned(), "mode"),
    ] {
        let (status, body) = users(&workload, &token).await;
        assert_eq!(status, 401);
        assert!(body["detail"].as_str().unwrap().contains(why), "{body}");
    }
    workload.server.shutdown().await;
}

#[tokio::test]
async fn a_check_that_cannot_be_made_is_answered_with_503() {
    let signer = Signer::new();
    let workload = Workload::start_at(clock(), |tenant| {
        let issuer = signer.issuer("https://sts.example/", "scim");
        tenant.clients[0].issuer = Some(TrustedIssuer {
            keys: Keys::Url("http://127.0.0.1:1/keys".parse().unwrap()),
            ..issuer
        });
    })
    .await;

    let token = signer.sign("https://sts.example/", "scim", END);
    let (status, body) = users(&workload, &token).await;

    assert_eq!(status, 503, "{body}");
    assert_eq!(users(&workload, TOKEN).await.0, 200);
    workload.server.shutdown().await;
}
