//! Decides what to do: pure functions from an object and what was observed to ordered steps, and from findings to a status.
//!
//! Nothing here reads a clock, a network or the environment, and nothing can fail for outside reasons: a plan can only reject, and a rejection
//! names the field and what to do.

pub mod applications;
mod attribute_owner;
pub mod azure_connector;
pub mod child;
pub mod claim;
mod cloud;
pub mod credential;
pub mod mapping;
mod oauth;
pub mod objects;
pub mod observed;
pub mod policy;
pub mod scim_client;
pub mod scim_tenant;
mod sign_in;
pub mod signing_keys;
pub mod status;
pub mod step;
pub mod synchronization;
pub mod user_mapping;
pub mod verdict;
pub mod workload_config;

pub use azure_connector::azure_connector;
pub use child::{Child, ChildKey, ChildKind, Owner, Ownership};
pub use observed::{ClientSecretFiles, ReferencedSecret, Site, WorkloadState};
pub use scim_tenant::scim_tenant;
pub use status::{StatusOf, azure_connector_status, scim_tenant_status, user_mapping_status};
pub use step::{Announcement, AnnouncementType, Step};
pub use user_mapping::user_mapping;
pub use verdict::{Rejection, Remedy, Verdict};
