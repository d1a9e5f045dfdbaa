//! The Kubernetes adapter of the port: caches for what is watched, live reads for what decides, and writes only while leading.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, Patch, PatchParams};
use kube::core::{NamespaceResourceScope, ObjectMeta, Resource};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::report::PeoplePage;
use crate::config::{Report, StoreConfig, Token};
use crate::plan::objects::database;
use crate::plan::{
    Announcement, Child, ChildKey, ChildKind, ClientSecretFiles, Owner, Site, WorkloadState,
};
use crate::platform::{Platform, PlatformError, StatusOf};
use crate::telemetry;

use super::FIELD_MANAGER;
use super::cache::{Cache, Caches, Change};
use super::children::{self, Applied};
use super::events::Events;
use super::failure::{Failure, request};
use super::leadership::Leadership;
use super::reports::Reports;
use super::triggers::Triggers;
use super::workloads;

/// A cluster.
pub(super) struct Kubernetes {
    /// The way to the API server.
    pub(super) client: Client,
    /// What is watched.
    pub(super) caches: Arc<Caches>,
    /// Who is woken by what our own writes show.
    pub(super) triggers: Triggers,
    /// What was applied.
    pub(super) applied: Applied,
    /// The reports of workloads.
    pub(super) reports: Arc<Reports>,
    /// Whether we may write.
    pub(super) leadership: Arc<Leadership>,
    /// The way to events.
    pub(super) events: Events,
    /// Who issues the tokens of service accounts: the one who issued ours.
    pub(super) token_issuer: Option<String>,
}

#[async_trait]
impl Platform for Kubernetes {
    fn token_issuer(&self) -> Option<String> {
        self.token_issuer.clone()
    }

    fn scim_tenants(&self) -> Vec<Arc<ScimTenant>> {
        self.caches.scim_tenants.all()
    }

    fn azure_connectors(&self, namespace: &str) -> Vec<Arc<AzureConnector>> {
        self.caches.azure_connectors.within(namespace)
    }

    fn unreadable_connectors(&self, namespace: &str) -> Vec<String> {
        self.caches.azure_connectors.unreadable(namespace)
    }

    fn user_mappings(&self, namespace: &str) -> Vec<Arc<UserMapping>> {
        self.caches.user_mappings.within(namespace)
    }

    fn scim_tenant(&self, key: &ObjectKey) -> Option<Arc<ScimTenant>> {
        self.caches.scim_tenants.get(key)
    }

    fn azure_connector(&self, key: &ObjectKey) -> Option<Arc<AzureConnector>> {
        self.caches.azure_connectors.get(key)
    }

    fn user_mapping(&self, key: &ObjectKey) -> Option<Arc<UserMapping>> {
        self.caches.user_mappings.get(key)
    }

    fn site(&self, tenant: &ScimTenant) -> Site {
        let mut public_url = Url::parse("https://host").expect("a URL");
        if public_url.set_host(Some(&tenant.spec.host)).is_err() {
            // The definition lets only DNS names pass.
            tracing::error!(
                host = tenant.spec.host,
                "the host of a ScimTenant is no DNS name"
            );
        }
        Site {
            public_url,
            store: match &tenant.spec.store.postgres {
                None => StoreConfig::Sqlite {
                    // The pods work in the folder of the volume.
                    path: "directory.db".into(),
                },
                Some(postgres) => StoreConfig::Postgres {
                    url_file: database::url_file(postgres).into(),
                    schema: database::schema(&ObjectKey::of(tenant), postgres),
                },
            },
            client_secrets: ClientSecretFiles::Mounted,
        }
    }

    async fn secret(&self, key: &ObjectKey) -> Result<Option<Secret>, PlatformError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &key.namespace);
        let action = format!("get Secret {}", key.name);
        match request(&action, secrets.get(&key.name)).await {
            Ok(secret) => Ok(Some(secret)),
            Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(failure.into_error(&action)),
        }
    }

    async fn create_secret(&self, secret: &Secret) -> Result<(), PlatformError> {
        self.leadership.check()?;
        let (key, meta) = children::create_secret(&self.client, &self.applied, secret).await?;
        self.take_up(&key, meta);
        Ok(())
    }

    async fn apply(&self, owner: &Owner, child: &Child) -> Result<(), PlatformError> {
        self.leadership.check()?;
        let applied = children::apply(&self.client, &self.applied, owner, child).await?;
        if let Some(meta) = applied {
            self.take_up(&child.key(), meta);
        }
        Ok(())
    }

    async fn delete(&self, child: &ChildKey, uid: &str) -> Result<(), PlatformError> {
        self.leadership.check()?;
        children::delete(&self.client, child, uid).await?;
        self.applied.forget(child);
        Ok(())
    }

    async fn owned(
        &self,
        owner: &Owner,
        kind: ChildKind,
    ) -> Result<Vec<ObjectMeta>, PlatformError> {
        let namespace = &owner.object.namespace;
        let is_owned = |meta: &ObjectMeta| {
            let references = meta.owner_references.iter().flatten();
            references.clone().any(|it| it.uid == owner.uid)
        };
        if !self.caches.is_listed(kind, namespace) {
            // A watch that has just begun.
            let mut found = children::list(&self.client, kind, namespace).await?;
            found.retain(is_owned);
            return Ok(found);
        }
        let found = self
            .caches
            .children_where(kind, Some(namespace), |_, meta| is_owned(meta));
        Ok(found.into_iter().map(|(_, meta)| (*meta).clone()).collect())
    }

    async fn workload(&self, key: &ObjectKey) -> Result<WorkloadState, PlatformError> {
        workloads::workload(&self.client, key).await
    }

    async fn hasten(&self, key: &ObjectKey, config_digest: &str) -> Result<(), PlatformError> {
        self.leadership.check()?;
        workloads::hasten(&self.client, key, config_digest).await
    }

    async fn report(&self, key: &ObjectKey, token: &Token) -> Result<Report, PlatformError> {
        let latest = self.reports.latest(key, token).await;
        if self.reports.loads_another(key, latest.as_ref().ok()) {
            self.triggers.wake_connectors(key);
        }
        latest
    }

    async fn people(
        &self,
        key: &ObjectKey,
        token: &Token,
        after: Option<i64>,
    ) -> Result<PeoplePage, PlatformError> {
        self.reports.people(key, token, after).await
    }

    async fn write_status(&self, status: &StatusOf) -> Result<(), PlatformError> {
        self.leadership.check()?;
        match status {
            StatusOf::ScimTenant(owner, status) => {
                let change = self.patch(owner, status, &self.caches.scim_tenants).await?;
                self.triggers.scim_tenant(&change);
            }
            StatusOf::AzureConnector(owner, status) => {
                let cache = &self.caches.azure_connectors;
                let change = self.patch(owner, status.as_ref(), cache).await?;
                self.triggers.azure_connector(&change);
            }
            StatusOf::UserMapping(owner, status) => {
                let cache = &self.caches.user_mappings;
                let change = self.patch(owner, status, cache).await?;
                self.triggers.user_mapping(&change);
            }
        }
        Ok(())
    }

    async fn announce(&self, owner: &Owner, announcement: &Announcement) {
        if self.leadership.check().is_err() {
            return;
        }
        if let Err(error) = self.events.publish(owner, announcement).await {
            tracing::warn!(
                object = %owner.object,
                error = telemetry::chain(&error),
                "an event about {} could not be sent",
                owner.object
            );
        }
    }
}

impl Kubernetes {
    /// Takes up the answer to our own write of a child. Its event, before or after, wakes the owner at most: the others are woken here.
    fn take_up(&self, key: &ChildKey, meta: ObjectMeta) {
        self.triggers.own_child(key, &meta);
        self.caches.put_child(key.clone(), meta);
    }

    /// Applies `status` to the object of `owner`, if that still has its uid, and takes up the answer.
    async fn patch<K, S>(
        &self,
        owner: &Owner,
        status: &S,
        cache: &Cache<K>,
    ) -> Result<Change<K>, PlatformError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + std::fmt::Debug
            + Send
            + Sync,
        S: Serialize + Sync,
    {
        let api: Api<K> = Api::namespaced(self.client.clone(), &owner.object.namespace);
        let name = &owner.object.name;
        let body = json!({
            "apiVersion": owner.api_version,
            "kind": owner.kind,
            // Another object of this name answers with a conflict.
            "metadata": {"name": name, "namespace": owner.object.namespace, "uid": owner.uid},
            "status": status,
        });
        let params = PatchParams::apply(FIELD_MANAGER).force();
        let action = format!("patch status of {} {name}", owner.kind);
        match request(
            &action,
            api.patch_status(name, &params, &Patch::Apply(&body)),
        )
        .await
        {
            Ok(object) => Ok(cache.put(object)),
            // It is gone; there is nobody to tell.
            Err(Failure::Missing | Failure::Conflict) => Ok(Change {
                before: None,
                after: None,
            }),
            Err(failure) => Err(failure.into_error(&action)),
        }
    }
}
