//! The token endpoint of a tenant that is served: how applications prove who they are, and what becomes of codes and refresh tokens.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use url::Url;
use usher::clock::Clock;
use usher::emulator::read_tenant;

use super::served::{ANA, Entra, HOME};
use crate::sign_in::browser::Browser;
use crate::sign_in::provider::{CLIENT_ID, ENTRA_TENANT};
use crate::workload_server::{answer, client};

const SECRET: &str = "s3cret+of/the=web:app";
const SINGLE_PAGE: &str = "https://page.example.com/cb";
const DESKTOP: &str = "http://localhost";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A tenant with Ana, and an application on each platform, of which `more` is said as well.
async fn entra(more: &Value) -> Entra {
    let mut application = json!({
        "appId": CLIENT_ID,
        "web": {"redirectUris": [format!("{HOME}cb")]},
        "spa": {"redirectUris": [SINGLE_PAGE]},
        "publicClient": {"redirectUris": [DESKTOP]},
        "passwordCredentials": [{"secretText": SECRET}, {"secretText": "old", "endDateTime": "2020-01-01T00:00:00Z"}],
    });
    for (name, value) in more.as_object().unwrap() {
        application[name] = value.clone();
    }
    let groups: Vec<Value> = (0..201)
        .map(|number| json!({"displayName": format!("Group {number}"), "members": [ANA]}))
        .collect();
    let tenant = json!({
        "tenantId": ENTRA_TENANT,
        "users": [{"userPrincipalName": ANA, "displayName": "Ana Lima", "mail": ANA}],
        "groups": groups,
        "applications": [application],
    });
    Entra::playing(read_tenant(&tenant.to_string()).unwrap()).await
}

fn endpoint(entra: &Entra, name: &str) -> String {
    format!("{}/{ENTRA_TENANT}/oauth2/v2.0/{name}", entra.base())
}

/// A code for Ana by a request with these parameters.
async fn code(entra: &Entra, redirect_uri: &str, further: &[(&str, &str)]) -> String {
    let mut url = Url::parse(&endpoint(entra, "authorize")).unwrap();
    url.query_pairs_mut()
        .append_pair("client_id", CLIENT_ID)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("response_type", "code")
        .append_pair("scope", "openid profile offline_access")
        .extend_pairs(further);
    let browser = Browser::new("127.0.0.1:9".parse().unwrap());
    let form = format!("person={}", ANA.replace('@', "%40"));
    let back = browser.post(url.as_str(), &form).await;
    let back = Url::parse(&back.location).unwrap();
    let all: HashMap<String, String> = back.query_pairs().into_owned().collect();
    all.get("code")
        .or(all.get("error_description"))
        .unwrap()
        .clone()
}

async fn token(entra: &Entra, form: &[(&str, &str)], basic: Option<&str>) -> (u16, Value) {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let mut request = client()
        .post(endpoint(entra, "token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    if let Some(pair) = basic {
        request = request.header("authorization", format!("Basic {}", STANDARD.encode(pair)));
    }
    answer(request).await
}

/// What the error begins with; nothing of a success.
fn number(said: &Value) -> &str {
    let text = said["error_description"].as_str().unwrap_or_default();
    text.split(':').next().unwrap()
}

fn claims(token: &Value) -> Value {
    let part = token.as_str().unwrap().split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_platform_proves_who_it_is_in_its_way() {
    let entra = entra(&json!({})).await;
    let cb = format!("{HOME}cb");
    let pkce = [
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    let encoded = "s3cret%2Bof%2Fthe%3Dweb%3Aapp";
    let basic = format!("{CLIENT_ID}:{encoded}");
    for (uri, secret, basic, expected) in [
        (cb.as_str(), Some(SECRET), None, ""),
        (&cb, None, Some(basic.as_str()), ""),
        (&cb, None, None, "AADSTS7000218"),
        (&cb, Some("wrong"), None, "AADSTS7000215"),
        (&cb, Some("old"), None, "AADSTS7000222"),
        (SINGLE_PAGE, None, None, ""),
        (SINGLE_PAGE, Some(SECRET), None, "AADSTS700025"),
        ("http://localhost:51234", None, None, ""),
    ] {
        let code = code(&entra, uri, &pkce).await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", uri),
            ("client_id", CLIENT_ID),
            ("code_verifier", VERIFIER),
        ];
        form.extend(secret.map(|it| ("client_secret", it)));
        let (status, said) = token(&entra, &form, basic).await;
        assert_eq!(number(&said), expected, "{uri} {secret:?}: {said}");
        assert_eq!(status == 200, expected.is_empty(), "{said}");
        if status == 200 {
            let (_, again) = token(&entra, &form, basic).await;
            assert_eq!(number(&again), "AADSTS54005", "{again}");
        }
    }
    let refused = code(&entra, SINGLE_PAGE, &[]).await;
    assert!(refused.starts_with("AADSTS9002325:"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_not_used_up_and_ends_when_sessions_are_revoked() {
    let more = json!({"groupMembershipClaims": "SecurityGroup", "optionalClaims": ["auth_time"]});
    let entra = entra(&more).await;
    let uri = format!("{HOME}cb");
    let code = code(&entra, &uri, &[("nonce", "once")]).await;
    let proof = [("client_id", CLIENT_ID), ("client_secret", SECRET)];
    let redeem = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &uri),
    ];
    let (_, first) = token(&entra, &[&redeem[..], &proof[..]].concat(), None).await;
    let said = claims(&first["id_token"]);
    assert_eq!(said["nonce"], "once");
    // More than 200 groups.
    assert_eq!(said["_claim_names"], json!({"groups": "src1"}), "{said}");
    let refresh = |token: &Value| token["refresh_token"].as_str().unwrap().to_owned();
    let old = refresh(&first);
    let with = |token: &str| {
        let token = token.to_owned();
        let entra = &entra;
        async move {
            let form = [("grant_type", "refresh_token"), ("refresh_token", &token)];
            self::token(entra, &[&form[..], &proof[..]].concat(), None).await
        }
    };

    let (_, second) = with(&old).await;
    let (_, third) = with(&old).await;

    assert_ne!(refresh(&second), old);
    assert_ne!(refresh(&second), refresh(&third));
    assert_eq!(claims(&third["id_token"])["sub"], said["sub"]);
    assert!(claims(&third["id_token"])["nonce"].is_null());
    let (_, forged) = with(&format!("{old}A")).await;
    assert_eq!(number(&forged), "AADSTS70000");

    let person = format!("people/{ANA}");
    let block = json!({"accountEnabled": false});
    entra.control(Method::PATCH, &person, &block).await;
    assert_eq!(number(&with(&old).await.1), "AADSTS50057");
    let unblock = json!({"accountEnabled": true});
    entra.control(Method::PATCH, &person, &unblock).await;
    assert_eq!(with(&old).await.0, 200);
    let revoke = format!("{person}/revoke-sessions");
    entra.control(Method::POST, &revoke, &Value::Null).await;
    assert_eq!(number(&with(&old).await.1), "AADSTS50173");
}

/// The assertion of an application with these claims, signed by `key`.
fn assertion(key: &EcdsaKeyPair, claims: &Value) -> String {
    let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
    let signed = format!("{}.{}", part(&json!({"alg": "ES256"})), part(claims));
    let signature = key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

async fn by_itself(entra: &Entra, assertion: &str) -> (u16, Value) {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("scope", "https://graph.microsoft.com/.default"),
        ("client_assertion_type", JWT_BEARER),
        ("client_assertion", assertion),
    ];
    token(entra, &form, None).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_proves_itself_by_its_own_key() {
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let fresh = || {
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
    };
    let (key, other) = (fresh(), fresh());
    let point = key.public_key().as_ref();
    let part = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
    let public =
        json!({"kty": "EC", "crv": "P-256", "x": part(&point[1..33]), "y": part(&point[33..])});
    let entra = entra(&json!({"keyCredentials": [public]})).await;
    let now = usher::clock::SystemClock.now().as_second();
    let good = json!({"iss": CLIENT_ID, "sub": CLIENT_ID, "aud": endpoint(&entra, "token"), "exp": now + 300, "jti": "1"});
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        claims
    };
    for (key, claims, expected) in [
        (&key, good.clone(), ""),
        (&other, good.clone(), "AADSTS700027"),
        (&key, with("exp", json!(now - 300)), "AADSTS700024"),
        (&key, with("aud", json!("https://other")), "AADSTS700023"),
        (&key, with("sub", json!("other")), "AADSTS70021"),
    ] {
        let (_, said) = by_itself(&entra, &assertion(key, &claims)).await;
        assert_eq!(number(&said), expected, "{claims}: {said}");
    }
    assert_eq!(
        number(&by_itself(&entra, "no.jwt").await.1),
        "AADSTS9002313"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_proves_itself_by_the_token_of_an_issuer_that_it_trusts() {
    // Another tenant is the issuer: it signs by RS256 and publishes its keys, as a cluster does.
    let issuer = entra(&json!({})).await;
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", CLIENT_ID),
        ("client_secret", SECRET),
        ("scope", "api://exchange/.default"),
    ];
    let (_, said) = token(&issuer, &form, None).await;
    let foreign = said["access_token"].as_str().unwrap();
    let known = claims(&said["access_token"]);
    let credential = |subject: &Value| json!({"issuer": known["iss"], "subject": subject, "audiences": ["exchange"]});
    let entra = trusting(json!([credential(&known["sub"])])).await;
    let (status, said) = by_itself(&entra, foreign).await;
    assert_eq!(status, 200, "{said}");
    let own = claims(&said["access_token"]);
    assert_eq!(own["aud"], "https://graph.microsoft.com");
    assert_eq!(own["idtyp"], "app");

    let entra = trusting(json!([credential(&json!("system:serviceaccount:a:b"))])).await;
    let (_, said) = by_itself(&entra, foreign).await;
    assert_eq!(number(&said), "AADSTS70021", "{said}");
    let description = said["error_description"].as_str().unwrap();
    assert!(
        description.contains(known["sub"].as_str().unwrap()),
        "{description}"
    );

    // The issuer signs by other keys than it publishes.
    issuer.faults(&json!({"wrongKeys": true})).await;
    let (_, said) = token(&issuer, &form, None).await;
    let foreign = said["access_token"].as_str().unwrap();
    let entra = trusting(json!([credential(&known["sub"])])).await;
    let (_, said) = by_itself(&entra, foreign).await;
    assert_eq!(number(&said), "AADSTS700027", "{said}");
}

async fn trusting(credentials: Value) -> Entra {
    entra(&json!({ "federatedIdentityCredentials": credentials })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_signed_before_stays_published() {
    let entra = entra(&json!({})).await;
    let keys = || async {
        let url = format!("{}/{ENTRA_TENANT}/discovery/v2.0/keys", entra.base());
        let (_, keys) = answer(client().get(url)).await;
        let keys = keys["keys"].as_array().unwrap().clone();
        keys.iter()
            .map(|it| it["kid"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let before = keys().await;
    entra.control(Method::POST, "keys", &Value::Null).await;
    let after = keys().await;
    assert_eq!((before.len(), after.len()), (1, 2));
    assert_eq!(after[1], before[0]);
}
