//! Makes the world match the custom resources: observe, validate, plan, carry out, report; the same on every platform.

mod azure_connector;
mod carry_out;
mod error;
mod frame;
mod record;
mod scim_tenant;
mod user_mapping;

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Random};
use crate::config::Token;
use crate::plan::objects::WorkloadSettings;
use crate::platform::Platform;

pub use azure_connector::azure_connector;
pub use error::ReconcileError;
pub use record::StatusLog;
pub use scim_tenant::scim_tenant;
pub use user_mapping::user_mapping;

/// What every reconcile works with.
pub struct Context {
    /// Where objects live and workloads run.
    pub platform: Arc<dyn Platform>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes credentials and jitter.
    pub random: Arc<dyn Random>,
    /// Settings.
    pub settings: Settings,
    /// When each status was written.
    pub status_log: StatusLog,
}

/// Settings of every reconcile.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Settings of every workload.
    pub workload: WorkloadSettings,
    /// How often a settled object is looked at again, for drift that sends no event; a tenth of jitter is added.
    pub resync: Duration,
    /// How often a status is written for nothing but moved counters.
    pub counters_every: Duration,
    /// How long one reconcile may take.
    pub time_limit: Duration,
}

impl Settings {
    /// Usual settings with workloads as `workload` says.
    pub fn new(workload: WorkloadSettings) -> Self {
        Self {
            workload,
            resync: Duration::from_mins(10),
            counters_every: Duration::from_mins(1),
            time_limit: Duration::from_mins(1),
        }
    }
}

/// When to look at an object again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Once something has changed.
    OnChange,
    /// After this time, or once something has changed.
    After(Duration),
}

impl Context {
    /// A context with usual settings and an empty log.
    pub fn new(
        platform: Arc<dyn Platform>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        settings: Settings,
    ) -> Self {
        Self {
            platform,
            clock,
            random,
            settings,
            status_log: StatusLog::default(),
        }
    }

    fn fresh_token(&self) -> Token {
        Token::from_random(self.random.secret())
    }

    /// `base` and up to a tenth more, so that objects made together do not stay together.
    fn jittered(&self, base: Duration) -> Duration {
        let mut byte = [0; 1];
        self.random.fill(&mut byte);
        base + base.mul_f64(f64::from(byte[0]) / 2550.0)
    }
}
