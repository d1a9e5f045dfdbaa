//! The public keys of issuers: declared ones, or fetched over HTTPS and kept for a while.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;
use url::{Host, Url};

use super::jwt::{self, Untrusted};
use crate::config::oauth::{Keys, TrustedIssuer};
use crate::telemetry::chain;

/// Age at which keys are fetched anew.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Age at which keys are no longer used, when they cannot be fetched anew.
const USABLE: SignedDuration = SignedDuration::from_hours(24);

/// Time between two fetches, whatever tokens come: an unknown key id costs one fetch in it.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Time for one fetch.
const FETCH_TIME: Duration = Duration::from_secs(5);

/// Bytes of a JWK set at most; Entra's has some 20,000.
const MAX_BYTES: usize = 256 * 1024;

/// The keys of all issuers.
#[derive(Default)]
pub(crate) struct IssuerKeys {
    /// One fetch at a time; who comes meanwhile waits for its result.
    fetched: Mutex<HashMap<Url, Fetched>>,
}

#[derive(Default)]
struct Fetched {
    keys: Option<(Arc<JwkSet>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

impl IssuerKeys {
    /// Checks `token` by the keys of `issuer`, fetching them when they are old or lack the one that is asked for.
    pub(crate) async fn verify(
        &self,
        token: &str,
        issuer: &TrustedIssuer,
        now: Timestamp,
    ) -> Result<(), Untrusted> {
        let url = match &issuer.keys {
            Keys::Declared(text) => {
                let keys = serde_json::from_str(text).map_err(|_| Untrusted::KeysUnavailable)?;
                return jwt::verify(token, issuer, &keys, now);
            }
            Keys::Url(url) => url,
        };
        let keys = self.keys(url, now, false).await?;
        match jwt::verify(token, issuer, &keys, now) {
            Err(Untrusted::UnknownKey) => {
                let keys = self.keys(url, now, true).await?;
                jwt::verify(token, issuer, &keys, now)
            }
            known => known,
        }
    }

    async fn keys(
        &self,
        url: &Url,
        now: Timestamp,
        lacks_one: bool,
    ) -> Result<Arc<JwkSet>, Untrusted> {
        let mut all = self.fetched.lock().await;
        let entry = all.entry(url.clone()).or_default();
        let age = |since: Timestamp| now.duration_since(since);
        let is_fresh = entry.keys.as_ref().is_some_and(|it| age(it.1) < FRESH);
        let may_try = entry.tried_at.is_none_or(|it| age(it) >= WINDOW);
        if (lacks_one || !is_fresh) && may_try {
            entry.tried_at = Some(now);
            match fetch(url).await {
                Ok(keys) => entry.keys = Some((Arc::new(keys), now)),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    url = url.as_str(),
                    "the keys of an issuer cannot be fetched"
                ),
            }
        }
        let usable = entry.keys.as_ref().filter(|it| age(it.1) < USABLE);
        usable
            .map(|it| Arc::clone(&it.0))
            .ok_or(Untrusted::KeysUnavailable)
    }
}

#[derive(Debug, thiserror::Error)]
enum FetchError {
    #[error("keys are fetched over HTTPS only")]
    Plain,
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the answer is no JWK set")]
    Syntax(#[from] serde_json::Error),
}

async fn fetch(url: &Url) -> Result<JwkSet, FetchError> {
    if url.scheme() != "https" && !is_loopback(url) {
        return Err(FetchError::Plain);
    }
    let client = reqwest::Client::builder()
        .timeout(FETCH_TIME)
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let mut response = client.get(url.clone()).send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(serde_json::from_slice(&body)?)
}

/// This machine itself, where an emulated issuer may be.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
