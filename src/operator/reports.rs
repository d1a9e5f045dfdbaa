//! Asks workloads what they know: conditionally, within limits, and again every few seconds.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use futures::stream;
use reqwest::header::{ETAG, HeaderValue, IF_NONE_MATCH};
use reqwest::{Client, Response, StatusCode};
use tokio::time::Instant;
use url::Url;

use crate::api::ObjectKey;
use crate::config::report::PeoplePage;
use crate::config::{Report, Token};
use crate::platform::PlatformError;

/// Longest report that is read, in bytes.
const LONGEST: usize = 4 << 20;
/// Longest page of people that is read, in bytes.
const LONGEST_PAGE: usize = 32 << 20;
/// How long one report may take.
const LIMIT: Duration = Duration::from_secs(3);
/// How long an answer counts as the present one.
const FRESH: Duration = Duration::from_millis(100);
/// How many workloads are asked at once.
const AT_ONCE: usize = 8;

/// The reports of workloads.
pub(super) struct Reports {
    client: Client,
    url: String,
    known: Mutex<HashMap<ObjectKey, Known>>,
}

struct Known {
    token: Token,
    tag: Option<HeaderValue>,
    report: Option<Report>,
    read_at: Option<Instant>,
    /// What was reported when the objects were woken last.
    told: Option<Report>,
    /// Digest of the document that was loaded when a reconcile asked last; nothing when it got no answer.
    loaded: Option<String>,
}

/// Why a report cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReportFailure {
    #[error("the workload cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the workload answered {0}")]
    Refused(StatusCode),
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("there is no such address")]
    Address(#[from] url::ParseError),
    #[error("the report is not understood")]
    Unexpected(#[source] serde_json::Error),
}

impl Reports {
    /// Reports at `url`, in which `{name}` and `{namespace}` stand for those of the `ScimTenant`.
    pub(super) fn new(url: String) -> Result<Self, reqwest::Error> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(1))
            .timeout(LIMIT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()?;
        Ok(Self {
            client,
            url,
            known: Mutex::default(),
        })
    }

    /// What the workload of `key` reports now.
    pub(super) async fn latest(
        &self,
        key: &ObjectKey,
        token: &Token,
    ) -> Result<Report, PlatformError> {
        if let Some(report) = self.fresh(key, token) {
            return Ok(report);
        }
        let report = self.read(key).await;
        report.map_err(|failure| unavailable(key, failure))
    }

    /// A page of the people of the workload of `key`, behind the place `after`.
    pub(super) async fn people(
        &self,
        key: &ObjectKey,
        token: &Token,
        after: Option<i64>,
    ) -> Result<PeoplePage, PlatformError> {
        let page = async {
            let mut url = self.url_of(key)?.join("people")?;
            let after = after.map(|it| it.to_string());
            url.query_pairs_mut()
                .append_pair("scim_tenant", &key.to_string())
                .extend_pairs(after.iter().map(|it| ("after", it)));
            let request = self.client.get(url).bearer_auth(token.reveal());
            let mut response = request.send().await.map_err(ReportFailure::Unreachable)?;
            if response.status() != StatusCode::OK {
                return Err(ReportFailure::Refused(response.status()));
            }
            let body = body(&mut response, LONGEST_PAGE).await?;
            serde_json::from_slice(&body).map_err(ReportFailure::Unexpected)
        };
        let page: Result<PeoplePage, ReportFailure> = page.await;
        page.map_err(|failure| unavailable(key, failure))
    }

    fn url_of(&self, key: &ObjectKey) -> Result<Url, ReportFailure> {
        let url = self
            .url
            .replace("{name}", &key.name)
            .replace("{namespace}", &key.namespace);
        Ok(Url::parse(&url)?)
    }

    /// Whether the workload of `key` has loaded another document than its report told a reconcile before `report`.
    pub(super) fn loads_another(&self, key: &ObjectKey, report: Option<&Report>) -> bool {
        let loaded = report.map(|it| it.config_digest.clone());
        let is_answer = loaded.is_some();
        let mut known = self.known();
        known.get_mut(key).is_some_and(|it| {
            let moved = it.loaded != loaded;
            it.loaded = loaded;
            moved && is_answer
        })
    }

    /// Asks every workload that was asked before, and returns those whose report is another than at the last round.
    pub(super) async fn round(
        &self,
        still_there: impl Fn(&ObjectKey) -> bool + Send,
    ) -> Vec<ObjectKey> {
        let keys: Vec<ObjectKey> = {
            let mut known = self.known();
            known.retain(|key, _| still_there(key));
            known.keys().cloned().collect()
        };
        stream::iter(keys)
            .map(|key| async move {
                // A workload that cannot be asked is told about by its next reconcile.
                let report = self.read(&key).await.ok();
                (key, report)
            })
            .buffer_unordered(AT_ONCE)
            .filter_map(|(key, report)| {
                let mut known = self.known();
                let changed = known.get_mut(&key).is_some_and(|it| {
                    it.told != report && {
                        it.told = report;
                        true
                    }
                });
                std::future::ready(changed.then_some(key))
            })
            .collect()
            .await
    }

    /// The report, if it was read a moment ago; otherwise `token` is noted for the next time.
    fn fresh(&self, key: &ObjectKey, token: &Token) -> Option<Report> {
        let mut known = self.known();
        let entry = known
            .entry(key.clone())
            .or_insert_with(|| Known::new(token));
        if entry.token != *token {
            *entry = Known::new(token);
        }
        let is_fresh = entry.read_at.is_some_and(|it| it.elapsed() < FRESH);
        entry.report.clone().filter(|_| is_fresh)
    }

    async fn read(&self, key: &ObjectKey) -> Result<Report, ReportFailure> {
        let mut request = self.client.get(self.url_of(key)?);
        if let Some(known) = self.known().get(key) {
            request = request.bearer_auth(known.token.reveal());
            if let (Some(tag), Some(_)) = (&known.tag, &known.report) {
                request = request.header(IF_NONE_MATCH, tag);
            }
        }
        let mut response = request.send().await.map_err(ReportFailure::Unreachable)?;
        let tag = response.headers().get(ETAG).cloned();
        match response.status() {
            StatusCode::OK => {
                let body = body(&mut response, LONGEST).await?;
                let report: Report =
                    serde_json::from_slice(&body).map_err(ReportFailure::Unexpected)?;
                if let Some(known) = self.known().get_mut(key) {
                    known.tag = tag;
                    known.report = Some(report.clone());
                    known.read_at = Some(Instant::now());
                }
                Ok(report)
            }
            StatusCode::NOT_MODIFIED => {
                let mut known = self.known();
                let known = known.get_mut(key);
                let report = known.and_then(|it| {
                    it.read_at = Some(Instant::now());
                    it.report.clone()
                });
                report.ok_or(ReportFailure::Refused(StatusCode::NOT_MODIFIED))
            }
            status => Err(ReportFailure::Refused(status)),
        }
    }

    fn known(&self) -> MutexGuard<'_, HashMap<ObjectKey, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of an answer, at most so many bytes.
async fn body(response: &mut Response, longest: usize) -> Result<Vec<u8>, ReportFailure> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(ReportFailure::Unreachable)? {
        if body.len() + chunk.len() > longest {
            return Err(ReportFailure::TooLong(longest));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unavailable(key: &ObjectKey, failure: ReportFailure) -> PlatformError {
    PlatformError::ReportUnavailable {
        workload: key.to_string(),
        source: Box::new(failure),
    }
}

impl Known {
    fn new(token: &Token) -> Self {
        Self {
            token: token.clone(),
            tag: None,
            report: None,
            read_at: None,
            told: None,
            loaded: None,
        }
    }
}

/// Asks every workload every `every`, and wakes whom a changed report concerns.
pub(super) async fn poll(
    reports: Arc<Reports>,
    every: Duration,
    still_there: impl Fn(&ObjectKey) -> bool + Send + Sync,
    wake: impl Fn(&ObjectKey) + Send + Sync,
) {
    loop {
        tokio::time::sleep(every).await;
        for key in reports.round(&still_there).await {
            wake(&key);
        }
    }
}
