//! By what an application proves who it is without a secret: its own signature (RFC 7523, section 3), or the token of an issuer that its
//! registration trusts.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Client;
use serde_json::Value;

use super::refusal::Refusal;
use crate::emulator::application::{Application, FederatedCredential};
use crate::oidc::id_token::LEEWAY;
use crate::oidc::signature::PublicKey;

/// Bytes of a token at most.
const MAX_TOKEN: usize = 16 * 1024;

/// How long an issuer has to answer.
const ANSWER_TIME: Duration = Duration::from_secs(5);

/// A token of which nothing is believed yet.
pub(super) struct Jwt<'t> {
    header: Value,
    pub(super) claims: Value,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Jwt<'t> {
    /// The parts of a token.
    pub(super) fn read(token: &'t str) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |it: &str| URL_SAFE_NO_PAD.decode(it).ok();
        Some(Self {
            header: serde_json::from_slice(&part(header)?).ok()?,
            claims: serde_json::from_slice(&part(claims)?).ok()?,
            signed,
            signature: part(signature)?,
        })
    }

    /// By which key it says to be signed.
    pub(super) fn kid(&self) -> Option<&str> {
        self.header["kid"].as_str()
    }

    fn algorithm(&self) -> &str {
        self.header["alg"].as_str().unwrap_or_default()
    }

    fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }

    /// RFC 7519, section 4.1.3: one text, or a list of them.
    fn audience(&self) -> Vec<&str> {
        match &self.claims["aud"] {
            Value::String(one) => vec![one],
            Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn is_valid_at(&self, now: f64) -> bool {
        let time = |name: &str| self.claims[name].as_f64();
        let leeway = LEEWAY.as_secs_f64();
        time("exp").is_some_and(|it| it + leeway > now)
            && time("nbf").is_none_or(|it| it - leeway <= now)
    }
}

/// Whether `key` signed the token, by an algorithm that the key is for.
pub(super) fn by_key(jwt: &Jwt<'_>, key: &Value) -> bool {
    let key = public_key(jwt.algorithm(), key);
    key.is_some_and(|it| it.verifies(jwt.signed.as_bytes(), &jwt.signature))
}

/// A JWK (RFC 7518, section 6), if it is for this algorithm.
fn public_key(algorithm: &str, key: &Value) -> Option<PublicKey> {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str()?).ok();
    Some(match (key["kty"].as_str()?, algorithm) {
        ("RSA", "RS256") => PublicKey::rs256(part("n")?, part("e")?),
        ("RSA", "PS256") => PublicKey::ps256(part("n")?, part("e")?),
        // The first byte says that the point is not compressed.
        ("EC", "ES256") => PublicKey::es256([vec![4], part("x")?, part("y")?].concat()),
        _ => return None,
    })
}

/// Whether one of `keys` signed the token: the one that it names, if it names one.
fn by_one_of(jwt: &Jwt<'_>, keys: &[Value]) -> bool {
    let named = keys.iter().filter(|key| match (jwt.kid(), &key["kid"]) {
        (Some(wanted), Value::String(kid)) => wanted == kid,
        _ => true,
    });
    named.into_iter().any(|key| by_key(jwt, key))
}

/// Checks that `assertion` proves to be the application.
pub(super) async fn check(
    http: &Client,
    application: &Application,
    assertion: &str,
    (audiences, now): (&[String], f64),
) -> Result<(), Refusal> {
    let malformed = || Refusal::Malformed("the client_assertion is no JWT".to_owned());
    let jwt = Jwt::read(assertion).ok_or_else(malformed)?;
    let own = application.app_id.to_string();
    if jwt.text("iss") == own && jwt.text("sub") == own {
        return by_own_key(application, &jwt, audiences, now);
    }
    let credential = federated(application, &jwt)?;
    if jwt.algorithm() != "RS256" {
        return Err(Refusal::FederatedAlgorithm(jwt.algorithm().to_owned()));
    }
    if !jwt.is_valid_at(now) {
        return Err(Refusal::AssertionTime);
    }
    let keys = published(http, &credential.issuer).await?;
    if by_one_of(&jwt, &keys) {
        return Ok(());
    }
    Err(Refusal::AssertionSignature(
        "the issuer has no key that signed it",
    ))
}

fn by_own_key(
    application: &Application,
    jwt: &Jwt<'_>,
    audiences: &[String],
    now: f64,
) -> Result<(), Refusal> {
    let got = jwt.audience();
    if !got.iter().any(|it| audiences.iter().any(|one| one == it)) {
        let expected = audiences.first().cloned().unwrap_or_default();
        return Err(Refusal::AssertionAudience(got.join(" "), expected));
    }
    if !jwt.is_valid_at(now) {
        return Err(Refusal::AssertionTime);
    }
    if by_one_of(jwt, &application.key_credentials) {
        return Ok(());
    }
    Err(Refusal::AssertionSignature(
        "the application has no key that signed it",
    ))
}

/// The credential that the token fits; Entra compares issuer and subject as they are.
fn federated<'a>(
    application: &'a Application,
    jwt: &Jwt<'_>,
) -> Result<&'a FederatedCredential, Refusal> {
    let (issuer, subject, audience) = (jwt.text("iss"), jwt.text("sub"), jwt.audience());
    let all = application.federated_identity_credentials.iter();
    let mut fitting = all.filter(|it| {
        let is_for = |wanted: &String| audience.contains(&wanted.as_str());
        it.issuer == issuer && it.subject == subject && it.audiences.iter().any(is_for)
    });
    fitting.next().ok_or_else(|| {
        Refusal::FederatedCredential(issuer.to_owned(), subject.to_owned(), audience.join(" "))
    })
}

/// The keys that an issuer publishes.
async fn published(http: &Client, issuer: &str) -> Result<Vec<Value>, Refusal> {
    let base = issuer.trim_end_matches('/');
    let metadata = fetch(http, &format!("{base}/.well-known/openid-configuration")).await?;
    let url = metadata["jwks_uri"].as_str().unwrap_or_default();
    let mut keys = fetch(http, url).await?;
    match keys["keys"].take() {
        Value::Array(keys) => Ok(keys),
        _ => Err(Refusal::ExternalIssuer(format!("{url} has no keys"))),
    }
}

async fn fetch(http: &Client, url: &str) -> Result<Value, Refusal> {
    let failed = |why: String| Refusal::ExternalIssuer(format!("{url}: {why}"));
    let answered = http.get(url).timeout(ANSWER_TIME).send().await;
    let answered = answered.and_then(reqwest::Response::error_for_status);
    let answered = answered.map_err(|error| failed(error.without_url().to_string()))?;
    let read = answered.json().await;
    read.map_err(|error| failed(error.without_url().to_string()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    fn unsigned(claims: &Value) -> String {
        let part = |it: String| URL_SAFE_NO_PAD.encode(it);
        let header = part(r#"{"alg":"RS256"}"#.to_owned());
        format!("{header}.{}.AAAA", part(claims.to_string()))
    }

    #[tokio::test]
    async fn a_token_of_an_issuer_that_nobody_registered_is_named() {
        let application = Application::new(Uuid::nil());
        let claims = json!({"iss": "https://cluster.example", "sub": "system:serviceaccount:a:b", "aud": ["x"], "exp": 100});
        let token = unsigned(&claims);
        let http = {
            rustls::crypto::ring::default_provider()
                .install_default()
                .ok();
            Client::builder().build().unwrap()
        };

        let refused = check(&http, &application, &token, (&[], 0.0)).await;

        let expected = Refusal::FederatedCredential(
            "https://cluster.example".to_owned(),
            "system:serviceaccount:a:b".to_owned(),
            "x".to_owned(),
        );
        assert_eq!(refused, Err(expected));
    }

    #[test]
    fn an_own_assertion_is_for_the_token_endpoint_and_of_the_present() {
        let application = Application::new(Uuid::nil());
        let id = Uuid::nil().to_string();
        let endpoint = ["https://entra/token".to_owned()];
        let check = |claims: Value, expected: &str| {
            let token = unsigned(&claims);
            let jwt = Jwt::read(&token).unwrap();
            let refused = by_own_key(&application, &jwt, &endpoint, 1_000.0).unwrap_err();
            assert!(refused.headline().starts_with(expected), "{refused}");
        };
        let good = json!({"iss": id, "sub": id, "aud": "https://entra/token", "exp": 2_000});
        let with = |name: &str, value: Value| {
            let mut claims = good.clone();
            claims[name] = value;
            claims
        };
        check(with("aud", json!("https://other")), "AADSTS700023:");
        check(with("exp", json!(900)), "AADSTS700024:");
        check(with("nbf", json!(1_100)), "AADSTS700024:");
        check(good.clone(), "AADSTS700027:");
    }
}
