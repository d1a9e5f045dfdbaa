//! Tokens that are believed, and one for each reason why another is not.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::config::oauth::Keys;

const ISSUER: &str = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/";
const ENTRA_TENANT: &str = "11111111-2222-3333-4444-555555555555";
const NOW: i64 = 1_770_000_000;

/// Whether a token is believed.
fn verify(
    token: &str,
    issuer: &TrustedIssuer,
    keys: &JwkSet,
    now: Timestamp,
) -> Result<(), Untrusted> {
    super::verify::<Value>(token, issuer, keys, now).map(|_| ())
}

/// An issuer with one key.
struct Signer {
    random: SystemRandom,
    key: EcdsaKeyPair,
}

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { random, key }
    }

    fn keys(&self) -> JwkSet {
        let point = self.key.public_key().as_ref();
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let key = json!({"kty": "EC", "crv": "P-256", "kid": "one", "x": part(&point[1..33]), "y": part(&point[33..])});
        serde_json::from_value(json!({"keys": [key]})).unwrap()
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let message = format!("{}.{}", part(header), part(claims));
        let code = self.key.sign(&self.random, message.as_bytes()).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(code))
    }
}

fn issuer() -> TrustedIssuer {
    TrustedIssuer {
        issuer: ISSUER.to_owned(),
        subject: None,
        audiences: vec!["provisioning".to_owned()],
        entra_tenant_id: Some(ENTRA_TENANT.to_uppercase()),
        keys: Keys::Declared(String::new()),
    }
}

fn header() -> Value {
    json!({"alg": "ES256", "typ": "JWT", "kid": "one"})
}

fn claims() -> Value {
    json!({"iss": ISSUER, "aud": "provisioning", "tid": ENTRA_TENANT, "sub": "entra", "nbf": NOW - 10, "exp": NOW + 3600})
}

fn now() -> Timestamp {
    Timestamp::from_second(NOW).unwrap()
}

/// Checks the right token with one thing changed.
fn check(header_of: &Value, claims_of: &Value, expected: Result<(), Untrusted>) {
    let signer = Signer::new();
    let (mut head, mut body) = (header(), claims());
    for (to, from) in [(&mut head, header_of), (&mut body, claims_of)] {
        for (name, value) in from.as_object().unwrap() {
            to[name] = value.clone();
        }
    }
    let token = signer.sign(&head, &body);

    let found = verify(&token, &issuer(), &signer.keys(), now());

    assert_eq!(found, expected, "{header_of} {claims_of}");
}

#[test]
fn the_right_token_is_believed() {
    let none = json!({});
    check(&none, &none, Ok(()));
    check(&none, &json!({"aud": ["other", "provisioning"]}), Ok(()));
    check(&none, &json!({"exp": NOW - 59, "nbf": NOW + 59}), Ok(()));
    check(&none, &json!({"nbf": null}), Ok(()));
}

#[test]
fn another_issuer_is_not_believed() {
    check(
        &json!({}),
        &json!({"iss": "https://sts.windows.net/22222222-2222-3333-4444-555555555555/"}),
        Err(Untrusted::Issuer),
    );
    check(
        &json!({}),
        &json!({"iss": ISSUER.trim_end_matches('/')}),
        Err(Untrusted::Issuer),
    );
}

#[test]
fn another_audience_is_not_believed() {
    check(
        &json!({}),
        &json!({"aud": "graph"}),
        Err(Untrusted::Audience),
    );
    check(&json!({}), &json!({"aud": []}), Err(Untrusted::Audience));
}

#[test]
fn another_entra_tenant_is_not_believed() {
    check(
        &json!({}),
        &json!({"tid": "22222222-2222-3333-4444-555555555555"}),
        Err(Untrusted::EntraTenant),
    );
    check(
        &json!({}),
        &json!({"tid": null}),
        Err(Untrusted::EntraTenant),
    );
}

#[test]
fn another_subject_is_not_believed() {
    let signer = Signer::new();
    let wants = TrustedIssuer {
        subject: Some("somebody".to_owned()),
        ..issuer()
    };
    let token = signer.sign(&header(), &claims());

    let found = verify(&token, &wants, &signer.keys(), now());

    assert_eq!(found, Err(Untrusted::Subject));
}

#[test]
fn an_expired_token_is_not_believed() {
    check(
        &json!({}),
        &json!({"exp": NOW - 60}),
        Err(Untrusted::Expired),
    );
    check(&json!({}), &json!({"exp": null}), Err(Untrusted::Expired));
}

#[test]
fn a_token_of_tomorrow_is_not_believed() {
    check(
        &json!({}),
        &json!({"nbf": NOW + 61}),
        Err(Untrusted::NotYetValid),
    );
}

#[test]
fn a_token_that_somebody_else_signed_or_changed_is_not_believed() {
    let (signer, other) = (Signer::new(), Signer::new());
    let token = other.sign(&header(), &claims());
    let right = signer.sign(&header(), &claims());
    let mut more = claims();
    more["exp"] = json!(NOW + 9_999_999);
    let parts: Vec<&str> = right.split('.').collect();
    let changed = format!(
        "{}.{}.{}",
        parts[0],
        URL_SAFE_NO_PAD.encode(more.to_string()),
        parts[2]
    );

    for token in [token, changed] {
        let found = verify(&token, &issuer(), &signer.keys(), now());
        assert_eq!(found, Err(Untrusted::Signature));
    }
}

#[test]
fn a_token_that_is_not_signed_is_not_believed() {
    check(
        &json!({"alg": "none"}),
        &json!({}),
        Err(Untrusted::Algorithm),
    );
    check(
        &json!({"alg": "None"}),
        &json!({}),
        Err(Untrusted::Algorithm),
    );
}

#[test]
fn the_public_key_is_no_secret_to_sign_with() {
    check(
        &json!({"alg": "HS256"}),
        &json!({}),
        Err(Untrusted::Algorithm),
    );
    // An algorithm that is allowed, and not for this key.
    check(
        &json!({"alg": "RS256"}),
        &json!({}),
        Err(Untrusted::Algorithm),
    );
}

#[test]
fn an_unknown_key_is_not_believed() {
    check(
        &json!({"kid": "two"}),
        &json!({}),
        Err(Untrusted::UnknownKey),
    );
}

#[test]
fn what_is_no_token_is_refused_without_a_panic() {
    let signer = Signer::new();
    let long = format!("ey.{}.x", "a".repeat(MAX_TOKEN));
    for text in ["", ".", "..", "...", "a.b.c", "ey.ey.ey", &long] {
        assert!(
            verify(text, &issuer(), &signer.keys(), now()).is_err(),
            "{text}"
        );
        assert!(!claims_issuer(text, &issuer().issuer), "{text}");
    }
}

/// RFC 7515, appendix A.2: made by others.
#[test]
fn a_signature_by_rsa_is_verified() {
    let keys: JwkSet = serde_json::from_value(json!({"keys": [{"kty": "RSA",
        "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
        "e": "AQAB"}]})).unwrap();
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    let joe = TrustedIssuer {
        issuer: "joe".to_owned(),
        entra_tenant_id: None,
        ..issuer()
    };

    // The signature is right, and there is no audience in it.
    assert_eq!(verify(token, &joe, &keys, now()), Err(Untrusted::Audience));
    let broken = token.replace("cC4hi", "cC4hj");
    assert_eq!(
        verify(&broken, &joe, &keys, now()),
        Err(Untrusted::Signature)
    );
}
