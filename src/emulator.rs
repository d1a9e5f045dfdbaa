//! An Entra tenant in a process: people and groups, a client that sends them as Entra does, and the platform that they sign in at.
//!
//! It shares the vocabulary with the product and nothing else, so that it can be wrong only by itself. A job executes Entra's own
//! synchronization schema. Request shapes follow Microsoft's "Develop a SCIM endpoint" and "Known issues with SCIM 2.0 compliance"; what
//! they leave open is as seen on the wire.

mod application;
mod attributes;
mod client;
mod control;
mod cycle;
mod deletions;
mod dialect;
mod dice;
mod directory;
mod failure;
mod faults;
mod generated;
mod groups;
mod history;
mod identity;
mod job;
mod job_clock;
mod kept_log;
mod log;
mod mapped;
mod names;
mod on_demand;
mod pace;
mod run;
mod running_job;
mod schema;
mod scope;
mod server;
mod shapes;
mod target;
mod tenant;
mod tenant_file;
mod users;
mod verdict;
mod world;

pub use application::{
    Application, FederatedCredential, GroupClaims, OptionalClaim, PasswordCredential, Platform,
    SecretText, Web,
};
pub use attributes::{AttributeValue, Attributes};
pub use client::Connection;
pub use cycle::{CycleKind, Progress, Provisioner, Settings, Summary};
pub use dialect::Dialect;
pub use dice::Dice;
pub use failure::{ConnectionError, Failure};
pub use faults::Faults;
pub use generated::{Size, generated};
pub use history::{event, working_day};
pub use identity::{IdentityError, KeyError};
pub use job::{CYCLE, Job, JobState, QUARANTINE, Quarantine, Restart};
pub use log::ProvisioningLog;
pub use on_demand::{Discovery, OnDemandError};
pub use running_job::Cycle;
pub use schema::{Schema, SchemaError, default_schema};
pub use server::{ServeError, Server, Serving};
pub use shapes::{ShapeCount, Shapes};
pub use tenant::{EntraTenant, Group, ObjectId, RETENTION, User};
pub use tenant_file::{TenantFileError, read_applications, read_tenant};
pub use verdict::{FailedShape, Verdict, verdict};
