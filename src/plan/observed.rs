//! What a plan is made from beside the object itself.

use url::Url;

use crate::config::StoreConfig;

/// What differs between places where a workload can run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Public base URL of the directory, without a trailing slash.
    pub public_url: Url,
    /// Where its people are kept, as the workload sees it.
    pub store: StoreConfig,
}

/// How the pods of a workload are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkloadState {
    /// There are none.
    Absent,
    /// They start, roll or cannot start.
    Rolling {
        /// Why, in a sentence for whoever reads the status.
        message: String,
        /// Whether those of before take requests meanwhile.
        serving: bool,
    },
    /// They run as declared last.
    Available,
}
