//! How this process asks others: over TLS, within bounds, without being sent elsewhere; and what they said, kept for a while.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use url::{Url, form_urlencoded};

use crate::oidc::provider::is_private;
use crate::telemetry::chain;

/// Age at which a document is fetched anew.
const FRESH: SignedDuration = SignedDuration::from_hours(1);

/// Age at which a document is no longer used, when it cannot be fetched anew.
const USABLE: SignedDuration = SignedDuration::from_hours(24);

/// Time between two fetches, whatever is asked: an unknown key id costs one fetch in it.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);

/// Time for one answer.
pub(super) const ANSWER_TIME: Duration = Duration::from_secs(5);

/// Bytes of an answer at most; Entra's keys have some 20,000.
pub(super) const MAX_BYTES: usize = 256 * 1024;

/// Why somebody else gave no usable answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboundError {
    #[error("others are asked over HTTPS only")]
    Plain,
    #[error("the request failed")]
    Http(#[from] reqwest::Error),
    #[error("the answer has status {0}")]
    Status(u16),
    #[error("the answer has more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error("the answer is not understood")]
    Syntax(#[from] serde_json::Error),
}

/// The way out.
#[derive(Default)]
pub(crate) struct Outbound(OnceLock<reqwest::Client>);

impl Outbound {
    /// Fetches a JSON document.
    pub(super) async fn get<T: DeserializeOwned>(&self, url: &Url) -> Result<T, OutboundError> {
        let request = self.client(url)?.get(url.clone());
        match answer(request).await? {
            (200, body) => Ok(serde_json::from_slice(&body)?),
            (status, _) => Err(OutboundError::Status(status)),
        }
    }

    /// Fetches something with a bearer token (RFC 6750); gives the status and body of the answer.
    pub(super) async fn get_with(
        &self,
        url: &Url,
        token: &str,
    ) -> Result<(u16, Vec<u8>), OutboundError> {
        answer(self.client(url)?.get(url.clone()).bearer_auth(token)).await
    }

    /// Sends a form; gives the status and body of the answer, for which it waits so long at most.
    pub(super) async fn post(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        within: Duration,
    ) -> Result<(u16, Vec<u8>), OutboundError> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let request = self
            .client(url)?
            .post(url.clone())
            .timeout(within)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json");
        answer(request.body(body)).await
    }

    fn client(&self, url: &Url) -> Result<&reqwest::Client, OutboundError> {
        if !is_private(url) {
            return Err(OutboundError::Plain);
        }
        if let Some(client) = self.0.get() {
            return Ok(client);
        }
        let client = reqwest::Client::builder()
            .timeout(ANSWER_TIME)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(self.0.get_or_init(|| client))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<(u16, Vec<u8>), OutboundError> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() + chunk.len() > MAX_BYTES {
            return Err(OutboundError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok((response.status().as_u16(), body))
}

/// Documents that others publish, each under its address.
pub(crate) struct Documents<T> {
    known: std::sync::Mutex<HashMap<Url, Arc<Mutex<Known<T>>>>>,
}

struct Known<T> {
    document: Option<(Arc<T>, Timestamp)>,
    tried_at: Option<Timestamp>,
}

impl<T> Default for Documents<T> {
    fn default() -> Self {
        Self {
            known: std::sync::Mutex::default(),
        }
    }
}

impl<T> Documents<T> {
    /// What is known of `url`.
    fn entry(&self, url: &Url) -> Arc<Mutex<Known<T>>> {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let unknown = || {
            Arc::new(Mutex::new(Known {
                document: None,
                tried_at: None,
            }))
        };
        Arc::clone(all.entry(url.clone()).or_insert_with(unknown))
    }
}

impl<T: DeserializeOwned + Send + Sync> Documents<T> {
    /// The document at `url`, fetched when there is none or an old one, or when the one that is there `lacks` something.
    pub(super) async fn get(
        &self,
        outbound: &Outbound,
        url: &Url,
        now: Timestamp,
        lacks: bool,
    ) -> Option<Arc<T>> {
        let entry = self.entry(url);
        // One fetch at a time; who comes meanwhile waits for its result.
        let mut entry = entry.lock().await;
        let age = |since: Timestamp| now.duration_since(since);
        let is_fresh = entry.document.as_ref().is_some_and(|it| age(it.1) < FRESH);
        let may_try = entry.tried_at.is_none_or(|it| age(it) >= WINDOW);
        if (lacks || !is_fresh) && may_try {
            // Whoever asks may go away in the middle of it. That counts as tried only where others have a document meanwhile.
            entry.tried_at = entry.document.is_some().then_some(now);
            match outbound.get(url).await {
                Ok(document) => entry.document = Some((Arc::new(document), now)),
                Err(error) => tracing::warn!(
                    error = chain(&error),
                    url = url.as_str(),
                    "what an issuer publishes cannot be fetched"
                ),
            }
            entry.tried_at = Some(now);
        }
        let usable = entry.document.as_ref().filter(|it| age(it.1) < USABLE);
        usable.map(|it| Arc::clone(&it.0))
    }
}
