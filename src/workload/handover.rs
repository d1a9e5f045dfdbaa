//! From one process to the next without a lost request: who waits for the stores takes requests already and keeps them
//! until it has them, and who has them lets go once the other is there.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::time::Instant;

use super::Server;
use super::core::ReloadError;
use crate::config::WorkloadConfig;
use crate::store::{Claim, OpenError};
use crate::telemetry::chain;

/// How often each looks for the other.
const LOOK: Duration = Duration::from_millis(50);

/// How often a damaged store is tried again.
const DAMAGED: Duration = Duration::from_secs(1);

/// How long requests still come to the one before after the one after is known to be ready.
const SETTLE: Duration = Duration::from_secs(2);

/// How long one that waits for the stores takes requests; then something is wrong with the one before.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a request is kept for stores that are not open yet.
const KEPT: Duration = Duration::from_secs(20);

/// Where this process stands between the one before and the one after.
#[derive(Default)]
pub(super) struct Handover {
    open: SetOnce<()>,
    waiting: AtomicBool,
    told_ready: AtomicBool,
    unusable: AtomicBool,
}

impl Handover {
    /// The stores are open.
    pub(super) fn opened(&self) {
        self.waiting.store(false, Ordering::Relaxed);
        self.unusable.store(false, Ordering::Relaxed);
        // That of the first time stays.
        self.open.set(()).unwrap_or_default();
    }

    /// Waits for the stores, within limits; whether they are open.
    pub(super) async fn is_open(&self) -> bool {
        if self.unusable.load(Ordering::Relaxed) {
            return self.open.initialized();
        }
        self.open.initialized() || tokio::time::timeout(KEPT, self.open.wait()).await.is_ok()
    }

    /// Whether requests should be sent here: to one that has the stores, or is next to have them. Whoever asks will send them. One
    /// whose store is damaged is as good as any other, and its report, which says so, is read only when it is ready.
    pub(super) fn takes_requests(&self) -> bool {
        let is_next = self.waiting.load(Ordering::Relaxed);
        self.told_ready.fetch_or(is_next, Ordering::Relaxed);
        is_next || self.open.initialized() || self.unusable.load(Ordering::Relaxed)
    }
}

impl Server {
    /// Serves `config` as soon as the process before lets go of the stores.
    ///
    /// # Errors
    /// When it cannot be served.
    pub(super) async fn take_over(
        &self,
        config: WorkloadConfig,
        digest: String,
    ) -> Result<(), ReloadError> {
        let handover = &self.core.shared.handover;
        let mut in_line = InLine::default();
        let mut since = None;
        loop {
            let path = match self.core.load(config.clone(), digest.clone()).await {
                Err(ReloadError::Open {
                    source: OpenError::InUse { path },
                    ..
                }) => path,
                Err(
                    error @ ReloadError::Open {
                        source: OpenError::Database { .. } | OpenError::Migration { .. },
                        ..
                    },
                ) => {
                    self.wait_for_a_restore(&error).await;
                    continue;
                }
                outcome => return outcome,
            };
            let since = since.get_or_insert_with(|| {
                tracing::info!(path = %path.display(), "waiting for the process that has {}", path.display());
                Instant::now()
            });
            handover
                .waiting
                .store(since.elapsed() < PATIENCE, Ordering::Relaxed);
            if handover.told_ready.load(Ordering::Relaxed) {
                in_line.get_in(path);
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A damaged store can be restored from within the pod, so this process stays, and says what is wrong.
    async fn wait_for_a_restore(&self, error: &ReloadError) {
        let error = chain(error);
        if !self
            .core
            .shared
            .handover
            .unusable
            .swap(true, Ordering::Relaxed)
        {
            tracing::error!(error, "waiting for a backup to be restored");
        }
        self.core.remember(error);
        tokio::time::sleep(DAMAGED).await;
    }

    /// Serves on until another process has waited for the stores long enough to get the requests, or none came within `limit`.
    pub(super) async fn hand_over(&self, limit: Duration) {
        let began = Instant::now();
        while began.elapsed() < limit {
            let table = self.core.shared.table.load();
            let files = table.scim_tenants.iter().filter_map(|it| it.opened.file());
            let mut files = files.peekable();
            // Without a file there is no one owner, and nothing to wait for but that requests go elsewhere.
            if files.peek().is_none() || files.any(Claim::is_staked) {
                tracing::info!("handing over");
                tokio::time::sleep(SETTLE).await;
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// The places in line that a process has.
#[derive(Default)]
struct InLine(Vec<(PathBuf, Claim)>);

impl InLine {
    fn get_in(&mut self, path: PathBuf) {
        if self.0.iter().any(|(known, _)| *known == path) {
            return;
        }
        match Claim::stake(&path) {
            Ok(Some(claim)) => self.0.push((path, claim)),
            Ok(None) => {}
            Err(error) => tracing::warn!(error = chain(&error), "cannot get in line"),
        }
    }
}
