//! Statuses as pure functions of the object, the verdict, what the workload reports, and the time.

mod azure_connector;
mod checklist;
mod scim_tenant;
mod user_mapping;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::api::azure_connector::AzureConnectorStatus;
use crate::api::scim_tenant::ScimTenantStatus;
use crate::api::user_mapping::UserMappingStatus;

use super::child::Owner;

pub use azure_connector::{ConnectorFacts, azure_connector_status};
pub use scim_tenant::{TenantFacts, scim_tenant_status};
pub(super) use user_mapping::UNREADABLE;
pub use user_mapping::{MappingFacts, user_mapping_status};

/// A status and the object that it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub enum StatusOf {
    /// Of a `ScimTenant`.
    ScimTenant(Owner, ScimTenantStatus),
    /// Of an `AzureConnector`.
    AzureConnector(Owner, Box<AzureConnectorStatus>),
    /// Of a `UserMapping`.
    UserMapping(Owner, UserMappingStatus),
}

impl StatusOf {
    /// The object.
    pub fn owner(&self) -> &Owner {
        match self {
            Self::ScimTenant(owner, _)
            | Self::AzureConnector(owner, _)
            | Self::UserMapping(owner, _) => owner,
        }
    }

    /// Its conditions.
    pub fn conditions(&self) -> &[Condition] {
        match self {
            Self::ScimTenant(_, status) => &status.conditions,
            Self::AzureConnector(_, status) => &status.conditions,
            Self::UserMapping(_, status) => &status.conditions,
        }
    }

    /// The status without what moves with every request of Entra: that may wait to be written.
    #[must_use]
    pub fn without_counters(&self) -> Self {
        match self.clone() {
            Self::ScimTenant(owner, status) => Self::ScimTenant(
                owner,
                ScimTenantStatus {
                    users: None,
                    active_users: None,
                    groups: None,
                    held: None,
                    replay: None,
                    clients: status
                        .clients
                        .into_iter()
                        .map(scim_tenant::without_use)
                        .collect(),
                    ..status
                },
            ),
            Self::AzureConnector(owner, mut status) => {
                status.last_sync = None;
                status.last_error = None;
                for credential in &mut status.credentials {
                    credential.last_used_at = None;
                    credential.last_used_from = None;
                    credential.user_agent = None;
                }
                Self::AzureConnector(owner, status)
            }
            Self::UserMapping(owner, status) => Self::UserMapping(owner, status),
        }
    }
}

/// A time as it comes back from the API server: in whole seconds, so that a status compares equal to itself.
pub(super) fn time(at: Timestamp) -> Time {
    Time(Timestamp::from_second(at.as_second()).unwrap_or(at))
}
