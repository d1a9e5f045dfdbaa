//! The newest entries of the provisioning log, for whoever asks.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::log::ProvisioningLog;

/// Entries that are kept; the oldest go first.
const MOST: usize = 10_000;

/// The log of all jobs.
#[derive(Default)]
pub(super) struct KeptLog(Mutex<VecDeque<(String, String)>>);

impl KeptLog {
    /// The newest entries of the job, or of all, each on a line, the oldest first.
    pub(super) fn lines(&self, job: Option<&str>, most: usize) -> String {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_job = kept
            .iter()
            .filter(|(name, _)| job.is_none_or(|it| it == name));
        let all = of_job.clone().count();
        let newest = of_job.skip(all.saturating_sub(most));
        newest.map(|(_, line)| line.as_str()).collect()
    }
}

/// The log of one job, which others may want as well.
pub(super) struct JobLog {
    pub(super) job: String,
    pub(super) kept: Arc<KeptLog>,
    pub(super) other: Option<Box<dyn ProvisioningLog>>,
}

impl ProvisioningLog for JobLog {
    fn record(&self, entry: Value) {
        let line = format!("{entry}\n");
        {
            let mut kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() == MOST {
                kept.pop_front();
            }
            kept.push_back((self.job.clone(), line));
        }
        if let Some(other) = &self.other {
            other.record(entry);
        }
    }
}
