//! An Entra tenant in a process, as far as provisioning goes: people and groups, and a client that sends them as Entra does.
//!
//! It shares the vocabulary with the product and nothing else, so that it can be wrong only by itself. A job executes Entra's own
//! synchronization schema. Request shapes follow Microsoft's "Develop a SCIM endpoint" and "Known issues with SCIM 2.0 compliance"; what
//! they leave open is as seen on the wire.

mod client;
mod cycle;
mod deletions;
mod dialect;
mod dice;
mod failure;
mod faults;
mod generated;
mod groups;
mod history;
mod job;
mod log;
mod mapped;
mod names;
mod on_demand;
mod pace;
mod run;
mod schema;
mod scope;
mod shapes;
mod target;
mod tenant;
mod tenant_file;
mod users;
mod verdict;

pub use client::{Connection, ConnectionError};
pub use cycle::{CycleKind, Progress, Provisioner, Settings, Summary};
pub use dialect::Dialect;
pub use dice::Dice;
pub use failure::Failure;
pub use faults::Faults;
pub use generated::{Size, generated};
pub use history::{event, working_day};
pub use job::{CYCLE, Job, JobState, QUARANTINE, Quarantine, Restart};
pub use log::ProvisioningLog;
pub use on_demand::{Discovery, OnDemandError};
pub use schema::{Schema, SchemaError, default_schema};
pub use shapes::{ShapeCount, Shapes};
pub use tenant::{AttributeValue, EntraTenant, Group, ObjectId, RETENTION, User};
pub use tenant_file::{TenantFileError, read_tenant};
pub use verdict::{FailedShape, Verdict, verdict};
