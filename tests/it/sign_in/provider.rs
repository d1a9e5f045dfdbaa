//! A provider in this process with keys of its own, which does wrong where a test wants it to.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair,
    UnparsedPublicKey,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::{Url, form_urlencoded};
use usher::clock::{Clock, ManualClock};

pub(crate) const ENTRA_TENANT: &str = "11111111-2222-3333-4444-555555555555";
pub(crate) const CLIENT_ID: &str = "66666666-7777-8888-9999-aaaaaaaaaaaa";
pub(crate) const CLIENT_SECRET: &str = "the~client.secret";
pub(crate) const SESSION_ID: &str = "b5a4c3d2-session";
pub(crate) const OBJECT_ID: &str = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa";

/// What it does, and where it does wrong.
pub(crate) struct Conduct {
    /// Its answer to everything, when it is down.
    pub(crate) down: bool,
    /// Changes the header of a token.
    pub(crate) header: Value,
    /// Changes the claims of a token; null takes one away.
    pub(crate) claims: Value,
    /// Makes the last part of a token of the first two.
    pub(crate) signature: Option<fn(&str, &Value) -> String>,
    /// What the token endpoint says instead of tokens.
    pub(crate) refusal: Option<(u16, Value)>,
    /// Changes its metadata.
    pub(crate) metadata: Value,
    /// The client secret that it knows.
    pub(crate) client_secret: String,
    /// Whose tokens prove who the client is, in the place of the client secret: issuer, subject, audience and public key.
    pub(crate) federated: Option<(String, String, String, Vec<u8>)>,
    /// How long its token endpoint takes.
    pub(crate) delay: Duration,
    /// Whether an answer of its token endpoint is lost on the way.
    pub(crate) loses_answer: bool,
    /// How often a refresh token was exchanged.
    pub(crate) refreshed: usize,
    /// How often its keys were asked for.
    pub(crate) keys_asked: usize,
    key: EcdsaKeyPair,
    key_id: usize,
    codes: HashMap<String, HashMap<String, String>>,
}

pub(crate) struct Provider {
    base: String,
    clock: ManualClock,
    conduct: Arc<Mutex<Conduct>>,
}

pub(crate) fn fresh_key() -> EcdsaKeyPair {
    let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
    let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
    EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap()
}

/// Changes the members of an object; null takes one away.
fn changed(mut object: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
        .as_object_mut()
        .unwrap()
        .retain(|_, it| !it.is_null());
    object
}

impl Provider {
    pub(crate) async fn start(clock: ManualClock) -> Self {
        let conduct = Conduct {
            down: false,
            header: json!({}),
            claims: json!({}),
            signature: None,
            refusal: None,
            metadata: json!({}),
            client_secret: CLIENT_SECRET.to_owned(),
            federated: None,
            delay: Duration::ZERO,
            loses_answer: false,
            refreshed: 0,
            keys_asked: 0,
            key: fresh_key(),
            key_id: 0,
            codes: HashMap::new(),
        };
        let conduct = Arc::new(Mutex::new(conduct));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let state = (base.clone(), clock.clone(), Arc::clone(&conduct));
        let router = Router::new().fallback(serve).with_state(Arc::new(state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            base,
            clock,
            conduct,
        }
    }

    pub(crate) fn issuer(&self) -> Url {
        issuer(&self.base).parse().unwrap()
    }

    pub(crate) fn conduct(&self) -> MutexGuard<'_, Conduct> {
        self.conduct.lock().unwrap()
    }

    /// Signs by a new key from now on, and publishes that alone.
    pub(crate) fn rotate(&self) {
        let mut conduct = self.conduct();
        conduct.key = fresh_key();
        conduct.key_id += 1;
    }

    /// What a person does at the provider: signs in, and is sent back. Says where to.
    pub(crate) fn authorize(&self, location: &str) -> String {
        let url = Url::parse(location).unwrap();
        assert!(location.starts_with(&self.base), "{location}");
        assert_eq!(url.path(), "/authorize");
        let asked: HashMap<String, String> = url.query_pairs().into_owned().collect();
        for (name, value) in [
            ("response_type", "code"),
            ("client_id", CLIENT_ID),
            ("code_challenge_method", "S256"),
        ] {
            assert_eq!(asked[name], value);
        }
        let scopes: Vec<&str> = asked["scope"].split(' ').collect();
        assert_eq!(scopes[..3], ["openid", "profile", "email"]);
        let others = scopes[3..].iter();
        let is_known = |it: &str| it == "offline_access" || it.ends_with("/User.Read");
        assert!(others.clone().all(|it| is_known(it)), "{scopes:?}");
        let mut conduct = self.conduct();
        let code = format!("code/{}", conduct.codes.len());
        let back = form_urlencoded::Serializer::new(String::new())
            .append_pair("code", &code)
            .append_pair("state", &asked["state"])
            .append_pair("session_state", "something else")
            .finish();
        let back = format!("{}?{back}", asked["redirect_uri"]);
        conduct.codes.insert(code, asked);
        back
    }

    /// A logout token with these claims changed; null takes one away.
    pub(crate) fn logout_token(&self, jti: &str, changes: &Value) -> String {
        let now = self.now();
        let event = "http://schemas.openid.net/event/backchannel-logout";
        let claims = json!({
            "iss": issuer(&self.base), "aud": CLIENT_ID, "sub": "pairwise", "sid": SESSION_ID, "jti": jti,
            "iat": now, "exp": now + 120, "events": {event: {}},
        });
        token(&self.conduct(), changed(claims, changes))
    }

    /// The present, as the provider has it.
    pub(crate) fn now(&self) -> i64 {
        self.clock.now().as_second()
    }
}

fn issuer(base: &str) -> String {
    format!("{base}/{ENTRA_TENANT}/v2.0")
}

type Shared = (String, ManualClock, Arc<Mutex<Conduct>>);

/// A JSON document as an answer.
fn document(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    (
        status,
        [(CONTENT_TYPE, "application/json")],
        value.to_string(),
    )
        .into_response()
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let (base, clock, conduct) = &*shared;
    let delay = conduct.lock().unwrap().delay;
    if head.uri.path().ends_with("/token") {
        tokio::time::sleep(delay).await;
    }
    let mut conduct = conduct.lock().unwrap();
    if conduct.down {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    match head.uri.path().rsplit('/').next().unwrap() {
        "openid-configuration" => document(200, &metadata(base, &conduct)),
        "keys" => {
            conduct.keys_asked += 1;
            document(200, &keys(&conduct))
        }
        "token" => match (
            conduct.refusal.clone(),
            redeem(base, clock, &mut conduct, &body),
        ) {
            (Some((status, refusal)), _) => document(status, &refusal),
            (None, Ok(_)) if conduct.loses_answer => StatusCode::BAD_GATEWAY.into_response(),
            (None, Ok(tokens)) => document(200, &tokens),
            (None, Err(error)) => document(400, &json!({ "error": error })),
        },
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn metadata(base: &str, conduct: &Conduct) -> Value {
    let metadata = json!({
        "issuer": issuer(base),
        "authorization_endpoint": format!("{base}/authorize"),
        "token_endpoint": format!("{base}/token"),
        "jwks_uri": format!("{base}/keys"),
        "end_session_endpoint": format!("{base}/logout"),
    });
    changed(metadata, &conduct.metadata)
}

fn keys(conduct: &Conduct) -> Value {
    let point = conduct.key.public_key().as_ref();
    let part = |it: &[u8]| URL_SAFE_NO_PAD.encode(it);
    json!({"keys": [{
        "kty": "EC", "crv": "P-256", "use": "sig", "kid": conduct.key_id.to_string(),
        "x": part(&point[1..33]), "y": part(&point[33..]),
    }]})
}

/// Checks the exchange as a good provider does, and gives what the conduct makes of a good token.
fn redeem(
    base: &str,
    clock: &ManualClock,
    conduct: &mut Conduct,
    body: &[u8],
) -> Result<Value, &'static str> {
    let form: HashMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    let is_known = match &conduct.federated {
        Some(trusted) => is_federated(&form, trusted, clock.now().as_second()),
        None => form.get("client_secret") == Some(&conduct.client_secret),
    };
    if form["client_id"] != CLIENT_ID || !is_known {
        return Err("invalid_client");
    }
    if form["grant_type"] == "refresh_token" {
        // Each is good once.
        if form["refresh_token"] != refresh_token(conduct) {
            return Err("invalid_grant");
        }
        conduct.refreshed += 1;
        return Ok(tokens(base, clock, conduct, &json!({})));
    }
    let asked = conduct.codes.remove(&form["code"]).ok_or("invalid_grant")?;
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(form["code_verifier"].as_bytes()));
    let fits = form["grant_type"] == "authorization_code"
        && form["redirect_uri"] == asked["redirect_uri"]
        && challenge == asked["code_challenge"];
    if !fits {
        return Err("invalid_grant");
    }
    let mut given = tokens(base, clock, conduct, &json!({"nonce": asked["nonce"]}));
    if !asked["scope"].contains(" offline_access") {
        given.as_object_mut().unwrap().remove("refresh_token");
    }
    Ok(given)
}

/// Whether a token proves who the client is, as Entra looks at it: a federated credential of the app registration has exactly its issuer,
/// subject and audience.
fn is_federated(
    form: &HashMap<String, String>,
    (issuer, subject, audience, key): &(String, String, String, Vec<u8>),
    now: i64,
) -> bool {
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let Some(token) = form.get("client_assertion") else {
        return false;
    };
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let read = |it: &str| URL_SAFE_NO_PAD.decode(it).unwrap();
    let claims: Value = serde_json::from_slice(&read(signed.split('.').nth(1).unwrap())).unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key);
    form["client_assertion_type"] == kind
        && !form.contains_key("client_secret")
        && key.verify(signed.as_bytes(), &read(signature)).is_ok()
        && claims["iss"] == *issuer
        && claims["sub"] == *subject
        && claims["aud"] == json!([audience])
        && claims["exp"].as_i64().unwrap() > now
}

fn refresh_token(conduct: &Conduct) -> String {
    format!("refresh/{}", conduct.refreshed)
}

/// Tokens, with these claims as well in the ID token.
fn tokens(base: &str, clock: &ManualClock, conduct: &Conduct, further: &Value) -> Value {
    let now = clock.now().as_second();
    let access_token = "the-access-token";
    let claims = json!({
        "iss": issuer(base), "aud": CLIENT_ID, "tid": ENTRA_TENANT, "oid": OBJECT_ID, "sub": "pairwise",
        "sid": SESSION_ID, "iat": now, "nbf": now, "exp": now + 3600,
        "at_hash": URL_SAFE_NO_PAD.encode(&Sha256::digest(access_token)[..16]),
        "email": "lena@contoso.example", "preferred_username": "lena@contoso.example",
    });
    let claims = changed(changed(claims, further), &conduct.claims);
    let id_token = token(conduct, claims);
    json!({"token_type": "Bearer", "access_token": access_token, "id_token": id_token, "refresh_token": refresh_token(conduct)})
}

/// A token with these claims.
fn token(conduct: &Conduct, claims: Value) -> String {
    let header = json!({"alg": "ES256", "typ": "JWT", "kid": conduct.key_id.to_string()});
    let part = |it: Value| URL_SAFE_NO_PAD.encode(it.to_string());
    let (header, claims) = (part(changed(header, &conduct.header)), part(claims));
    sign(conduct, &format!("{header}.{claims}"))
}

/// A token of its first two parts.
fn sign(conduct: &Conduct, signed: &str) -> String {
    let good = || {
        let signature = conduct.key.sign(&SystemRandom::new(), signed.as_bytes());
        URL_SAFE_NO_PAD.encode(signature.unwrap())
    };
    let wrong = conduct.signature.map(|it| it(signed, &keys(conduct)));
    format!("{signed}.{}", wrong.unwrap_or_else(good))
}
