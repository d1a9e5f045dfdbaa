//! Keys that are fetched, kept, and missing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use tokio::net::TcpListener;

use super::*;
use crate::workload::outbound::{MAX_BYTES, OutboundError};

/// A server of keys that counts how often it was asked.
struct KeyServer {
    url: Url,
    asked: Arc<AtomicUsize>,
}

impl KeyServer {
    async fn start(status: StatusCode, body: String) -> Self {
        rustls::crypto::ring::default_provider()
            .install_default()
            .ok();
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let answer = move || {
            counter.fetch_add(1, Ordering::Relaxed);
            let location = [("location", "/keys")];
            std::future::ready((status, location, body.clone()))
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/keys", listener.local_addr().unwrap());
        let router = Router::new().route("/keys", get(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            url: url.parse().unwrap(),
            asked,
        }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

const NO_KEYS: &str = r#"{"keys": [7]}"#;

/// A token of a key that no server has: its parts are JSON, its signature is not looked at.
const TOKEN: &str = "eyJhbGciOiJFUzI1NiIsImtpZCI6Im9uZSJ9.eyJpc3MiOiJhIn0.AAAA";

fn issuer(url: &Url) -> TrustedIssuer {
    TrustedIssuer {
        issuer: "a".to_owned(),
        subject: None,
        audiences: Vec::new(),
        entra_tenant_id: None,
        keys: Keys::Url(url.clone()),
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[tokio::test]
async fn an_unknown_key_id_costs_one_fetch_a_minute() {
    let server = KeyServer::start(StatusCode::OK, NO_KEYS.to_owned()).await;
    let keys = IssuerKeys::default();

    for (second, asked) in [(0, 1), (1, 1), (59, 1), (60, 2), (61, 2), (3599, 3)] {
        let found = keys.verify(TOKEN, &issuer(&server.url), at(second)).await;
        assert_eq!(found, Err(Untrusted::UnknownKey));
        assert_eq!(server.asked(), asked, "{second}");
    }
}

/// A2: a provider that is down for a while signs nobody out, and one that is gone is not believed for ever.
#[tokio::test]
async fn a2_keys_of_before_are_good_for_a_day_while_none_can_be_fetched() {
    let (listener, url) = silent_server().await;
    let is_down = Arc::new(AtomicBool::new(false));
    let state = Arc::clone(&is_down);
    let answer = move || {
        let status = if state.load(Ordering::Relaxed) {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::OK
        };
        std::future::ready((status, NO_KEYS))
    };
    let router = Router::new().route("/keys", get(answer));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let (keys, issuer) = (IssuerKeys::default(), issuer(&url));
    for (second, down, expected) in [
        (0, false, Untrusted::UnknownKey),
        (3600, true, Untrusted::UnknownKey),
        (86_399, true, Untrusted::UnknownKey),
        (86_400, true, Untrusted::KeysUnavailable),
        (86_460, false, Untrusted::UnknownKey),
    ] {
        is_down.store(down, Ordering::Relaxed);
        let found = keys.verify(TOKEN, &issuer, at(second)).await;
        assert_eq!(found, Err(expected), "{second}");
    }
}

/// A server that takes a request and never answers.
async fn silent_server() -> (TcpListener, Url) {
    rustls::crypto::ring::default_provider()
        .install_default()
        .ok();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/keys", listener.local_addr().unwrap());
    (listener, url.parse().unwrap())
}

#[tokio::test]
async fn who_goes_away_in_the_first_fetch_stops_nobody() {
    let (listener, url) = silent_server().await;
    let (keys, issuer) = (IssuerKeys::default(), issuer(&url));
    tokio::select! {
        _ = keys.verify(TOKEN, &issuer, at(0)) => panic!("nobody answered"),
        asked = listener.accept() => drop(asked.unwrap()),
    }
    let answers = Router::new().route("/keys", get(|| std::future::ready(NO_KEYS)));
    tokio::spawn(async move { axum::serve(listener, answers).await });

    let found = keys.verify(TOKEN, &issuer, at(1)).await;

    assert_eq!(found, Err(Untrusted::UnknownKey));
}

#[tokio::test]
async fn a_silent_issuer_delays_no_other() {
    let (listener, url) = silent_server().await;
    let server = KeyServer::start(StatusCode::OK, NO_KEYS.to_owned()).await;
    let keys = IssuerKeys::default();
    let (silent, other) = (issuer(&url), issuer(&server.url));

    let found = tokio::select! {
        _ = keys.verify(TOKEN, &silent, at(0)) => panic!("nobody answered"),
        found = async {
            let _asked = listener.accept().await.unwrap();
            keys.verify(TOKEN, &other, at(0)).await
        } => found,
    };

    assert_eq!(found, Err(Untrusted::UnknownKey));
}

#[tokio::test]
async fn keys_that_cannot_be_fetched_are_an_answer_no() {
    let cases = [
        (StatusCode::INTERNAL_SERVER_ERROR, NO_KEYS.to_owned()),
        (StatusCode::FOUND, NO_KEYS.to_owned()),
        (StatusCode::OK, "<html>".to_owned()),
        (
            StatusCode::OK,
            format!("{{\"keys\": [], \"more\": \"{}\"}}", "x".repeat(MAX_BYTES)),
        ),
    ];
    for (status, body) in cases {
        let server = KeyServer::start(status, body).await;
        let keys = IssuerKeys::default();

        let found = keys.verify(TOKEN, &issuer(&server.url), at(0)).await;

        assert_eq!(found, Err(Untrusted::KeysUnavailable), "{status}");
        assert_eq!(server.asked(), 1, "{status}");
    }
    let nobody = "http://127.0.0.1:1/keys".parse().unwrap();
    let found = IssuerKeys::default()
        .verify(TOKEN, &issuer(&nobody), at(0))
        .await;
    assert_eq!(found, Err(Untrusted::KeysUnavailable));
}

#[tokio::test]
async fn keys_are_fetched_over_https_except_from_this_machine() {
    let url = "http://issuer.example/keys".parse().unwrap();

    let found = IssuerKeys::default()
        .verify(TOKEN, &issuer(&url), at(0))
        .await;

    assert_eq!(found, Err(Untrusted::KeysUnavailable));
    let fetched = Outbound::default().get::<JwkSet>(&url).await;
    assert!(matches!(fetched, Err(OutboundError::Plain)));
}
