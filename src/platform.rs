//! The port through which reconciling observes and changes the world: Kubernetes and the host are its adapters.

mod error;

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::report::PeoplePage;
use crate::config::{Report, Token};
use crate::plan::{Announcement, Child, ChildKey, ChildKind, Owner, Site, WorkloadState};

pub use crate::plan::StatusOf;
pub use error::{PlatformError, Retry};

/// Where objects live and workloads run.
///
/// Lists are as last seen and may lag behind; an object whose status was just written is never older than that write.
#[async_trait]
pub trait Platform: Send + Sync {
    /// Every `ScimTenant`, of every namespace that is watched.
    fn scim_tenants(&self) -> Vec<Arc<ScimTenant>>;

    /// The connectors in `namespace`.
    fn azure_connectors(&self, namespace: &str) -> Vec<Arc<AzureConnector>>;

    /// Names of connectors in `namespace` that exist and cannot be understood: what they have is left alone.
    fn unreadable_connectors(&self, _namespace: &str) -> Vec<String> {
        Vec::new()
    }

    /// The mappings in `namespace`.
    fn user_mappings(&self, namespace: &str) -> Vec<Arc<UserMapping>>;

    /// The `ScimTenant` called `key`.
    fn scim_tenant(&self, key: &ObjectKey) -> Option<Arc<ScimTenant>>;

    /// The connector called `key`.
    fn azure_connector(&self, key: &ObjectKey) -> Option<Arc<AzureConnector>>;

    /// The mapping called `key`.
    fn user_mapping(&self, key: &ObjectKey) -> Option<Arc<UserMapping>>;

    /// What differs between places where the workload of `tenant` can run.
    fn site(&self, tenant: &ScimTenant) -> Site;

    /// Who issues the tokens of the service accounts that pods run under, if that is known.
    fn token_issuer(&self) -> Option<String> {
        None
    }

    /// The Secret called `key` as it is now, whoever made it.
    async fn secret(&self, key: &ObjectKey) -> Result<Option<Secret>, PlatformError>;

    /// Makes `secret`; [`PlatformError::Conflict`] when there is one of that name.
    async fn create_secret(&self, secret: &Secret) -> Result<(), PlatformError>;

    /// Makes `child` of `owner` as given or brings it back to that; nothing is sent when nothing differs.
    ///
    /// [`PlatformError::NameTaken`] when an object of that key is somebody else's; [`PlatformError::Conflict`] when `child` names a
    /// `resourceVersion` that has passed.
    async fn apply(&self, owner: &Owner, child: &Child) -> Result<(), PlatformError>;

    /// Deletes the object with this key and uid; it is well when it is already gone.
    async fn delete(&self, child: &ChildKey, uid: &str) -> Result<(), PlatformError>;

    /// Metadata of the objects of `kind` that carry the owner reference of `owner`. Nothing when the platform does not know the kind.
    async fn owned(&self, owner: &Owner, kind: ChildKind)
    -> Result<Vec<ObjectMeta>, PlatformError>;

    /// How the pods of the `ScimTenant` called `key` are.
    async fn workload(&self, key: &ObjectKey) -> Result<WorkloadState, PlatformError>;

    /// Has the pods of the `ScimTenant` called `key` take up the configuration of this digest soon, where that takes its time.
    async fn hasten(&self, _key: &ObjectKey, _config_digest: &str) -> Result<(), PlatformError> {
        Ok(())
    }

    /// What the workload of the `ScimTenant` called `key` knows; `token` is the credential of its report endpoint.
    async fn report(&self, key: &ObjectKey, token: &Token) -> Result<Report, PlatformError>;

    /// A page of the people of the `ScimTenant` called `key`, behind the place `after`; `token` is that of [`Self::report`].
    async fn people(
        &self,
        key: &ObjectKey,
        token: &Token,
        after: Option<i64>,
    ) -> Result<PeoplePage, PlatformError>;

    /// Writes the status of one object, if that object (by its uid) still exists.
    async fn write_status(&self, status: &StatusOf) -> Result<(), PlatformError>;

    /// Tells whoever follows the events of `owner`. An event that cannot be sent is logged and lost.
    async fn announce(&self, owner: &Owner, announcement: &Announcement);
}
