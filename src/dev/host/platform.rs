//! The port that reconciling sees: Secrets in files; of all other children only what has a meaning on a host.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_openapi::api::core::v1::Secret;
use kube::core::ObjectMeta;
use url::Url;

use super::Host;
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::report::PeoplePage;
use crate::config::{self, Report, ScimTenantName, StoreConfig, Token};
use crate::dev::{DevError, files};
use crate::plan;
use crate::plan::objects::Names;
use crate::plan::objects::secret::CONFIG_KEY;
use crate::plan::{
    Announcement, Child, ChildKey, ChildKind, ClientSecretFiles, Owner, Ownership, Site, StatusOf,
    WorkloadState,
};
use crate::platform::{Platform, PlatformError};

impl Host {
    /// Writes `secret` as `key`, keeping what makes it the same object.
    fn store(
        &self,
        key: &ObjectKey,
        mut secret: Secret,
        old: Option<&Secret>,
    ) -> Result<(), PlatformError> {
        let born = self.birth();
        let meta = &mut secret.metadata;
        meta.uid = old.map_or(Some(born.uid), |it| it.metadata.uid.clone());
        meta.creation_timestamp =
            old.map_or(Some(born.at), |it| it.metadata.creation_timestamp.clone());
        meta.resource_version = old.and_then(|it| it.metadata.resource_version.clone());
        if old == Some(&secret) {
            return Ok(());
        }
        self.moved();
        self.secrets
            .write(key, &secret)
            .map_err(|error| unavailable(error, format!("write Secret {key}")))
    }

    fn live(&self, key: &ObjectKey) -> Result<Option<Secret>, PlatformError> {
        self.secrets
            .read(key)
            .map_err(|error| unavailable(error, format!("read Secret {key}")))
    }

    /// Takes up the configuration if that is what `secret` holds.
    async fn take_up_configuration(&self, owner: &ObjectKey, secret: &Secret) {
        let document = secret.data.as_ref().and_then(|it| it.get(CONFIG_KEY));
        if let Some(document) = document.and_then(|it| std::str::from_utf8(&it.0).ok()) {
            self.load(owner, document).await;
        }
    }

    async fn apply_secret(&self, owner: &Owner, child: &Secret) -> Result<(), PlatformError> {
        let key = ObjectKey::of(child);
        let live = self.live(&key)?;
        if let Some(live) = &live {
            if owner.ownership(&live.metadata) == Ownership::Foreign {
                let child = ChildKey {
                    kind: ChildKind::Secret,
                    object: key,
                };
                return Err(PlatformError::NameTaken { child });
            }
            let (wanted, found) = (
                &child.metadata.resource_version,
                &live.metadata.resource_version,
            );
            if wanted.is_some() && wanted != found {
                return Err(PlatformError::Conflict {
                    what: format!("Secret {key}"),
                });
            }
        }
        self.store(&key, child.clone(), live.as_ref())?;
        self.take_up_configuration(&owner.object, child).await;
        Ok(())
    }
}

fn unavailable(error: DevError, action: String) -> PlatformError {
    PlatformError::Unavailable {
        action,
        source: Box::new(error),
    }
}

#[async_trait]
impl Platform for Host {
    fn scim_tenants(&self) -> Vec<Arc<ScimTenant>> {
        self.state().objects.scim_tenants.all().cloned().collect()
    }

    fn azure_connectors(&self, namespace: &str) -> Vec<Arc<AzureConnector>> {
        let state = self.state();
        let all = state.objects.azure_connectors.all();
        all.filter(|it| it.metadata.namespace.as_deref() == Some(namespace))
            .cloned()
            .collect()
    }

    fn user_mappings(&self, namespace: &str) -> Vec<Arc<UserMapping>> {
        let state = self.state();
        let all = state.objects.user_mappings.all();
        all.filter(|it| it.metadata.namespace.as_deref() == Some(namespace))
            .cloned()
            .collect()
    }

    fn scim_tenant(&self, key: &ObjectKey) -> Option<Arc<ScimTenant>> {
        self.state().objects.scim_tenants.get(key).cloned()
    }

    fn azure_connector(&self, key: &ObjectKey) -> Option<Arc<AzureConnector>> {
        self.state().objects.azure_connectors.get(key).cloned()
    }

    fn user_mapping(&self, key: &ObjectKey) -> Option<Arc<UserMapping>> {
        self.state().objects.user_mappings.get(key).cloned()
    }

    fn site(&self, tenant: &ScimTenant) -> Site {
        let key = ObjectKey::of(tenant);
        let url = format!("http://{}/{}/{}", self.address, key.namespace, key.name);
        Site {
            public_url: Url::parse(&url)
                .expect("an address and two names of Kubernetes make a URL"),
            store: match &tenant.spec.store.postgres {
                None => StoreConfig::Sqlite {
                    path: self.data(&key),
                },
                Some(postgres) => {
                    let secret = &postgres.url_secret_ref;
                    let folder = ObjectKey::new(&key.namespace, &secret.name);
                    StoreConfig::Postgres {
                        url_file: self.secrets.path(&folder).join(&secret.key),
                        schema: plan::objects::database::schema(&key, postgres),
                    }
                }
            },
            client_secrets: ClientSecretFiles::Secrets(self.secrets.of(&key.namespace)),
        }
    }

    async fn secret(&self, key: &ObjectKey) -> Result<Option<Secret>, PlatformError> {
        self.live(key)
    }

    async fn create_secret(&self, secret: &Secret) -> Result<(), PlatformError> {
        let key = ObjectKey::of(secret);
        if self.live(&key)?.is_some() {
            return Err(PlatformError::Conflict {
                what: format!("Secret {key}"),
            });
        }
        self.store(&key, secret.clone(), None)
    }

    async fn apply(&self, owner: &Owner, child: &Child) -> Result<(), PlatformError> {
        match child {
            Child::Secret(secret) => self.apply_secret(owner, secret).await,
            Child::PersistentVolumeClaim(_) => {
                let data = self.data(&owner.object);
                let folder = data.parent().unwrap_or(&self.folder);
                files::make_folder(folder)
                    .map_err(|error| unavailable(error, format!("make {}", folder.display())))
            }
            // What a pod would mount is read again here, for the Secret may have been created in this run.
            Child::Deployment(_) => {
                let name = Names::of(owner).config;
                let key = ObjectKey::new(&owner.object.namespace, &name);
                if let Some(secret) = self.live(&key)? {
                    self.take_up_configuration(&owner.object, &secret).await;
                }
                Ok(())
            }
            Child::ServiceAccount(_)
            | Child::Service(_)
            | Child::Ingress(_)
            | Child::HttpRoute(_)
            | Child::NetworkPolicy(_)
            | Child::PodDisruptionBudget(_) => Ok(()),
        }
    }

    async fn delete(&self, child: &ChildKey, uid: &str) -> Result<(), PlatformError> {
        if child.kind != ChildKind::Secret {
            return Ok(());
        }
        let live = self.live(&child.object)?;
        if live.is_some_and(|it| it.metadata.uid.as_deref() == Some(uid)) {
            self.moved();
            let removed = self.secrets.remove(&child.object);
            return removed
                .map_err(|error| unavailable(error, format!("remove Secret {}", child.object)));
        }
        Ok(())
    }

    async fn owned(
        &self,
        owner: &Owner,
        kind: ChildKind,
    ) -> Result<Vec<ObjectMeta>, PlatformError> {
        if kind != ChildKind::Secret {
            return Ok(Vec::new());
        }
        let namespace = &owner.object.namespace;
        let secrets = self.secrets.of_namespace(namespace);
        let secrets =
            secrets.map_err(|error| unavailable(error, format!("list Secrets of {namespace}")))?;
        let metas = secrets.into_iter().map(|it| it.metadata);
        Ok(metas
            .filter(|it| {
                it.owner_references
                    .iter()
                    .flatten()
                    .any(|it| it.uid == owner.uid)
            })
            .collect())
    }

    async fn workload(&self, key: &ObjectKey) -> Result<WorkloadState, PlatformError> {
        let served = self.served.lock().await;
        Ok(
            match (served.documents.contains_key(key), served.refused.get(key)) {
                (true, _) => WorkloadState::Available,
                (false, Some(message)) => WorkloadState::Rolling {
                    message: message.clone(),
                    serving: false,
                },
                (false, None) => WorkloadState::Absent,
            },
        )
    }

    async fn report(&self, key: &ObjectKey, _: &Token) -> Result<Report, PlatformError> {
        let loaded = self.served.lock().await;
        let unavailable = |source| PlatformError::ReportUnavailable {
            workload: key.to_string(),
            source,
        };
        let running = self.server.lock().await;
        let (Some(server), Some(document)) = (running.as_ref(), loaded.documents.get(key)) else {
            return Err(unavailable("it is not served".into()));
        };
        let mut report = server.report().await;
        let name = ScimTenantName(key.to_string());
        report.scim_tenants.retain(|it| it.name == name);
        report.config_digest = config::digest(document);
        report.config_error = loaded.refused.get(key).cloned();
        Ok(report)
    }

    async fn people(
        &self,
        key: &ObjectKey,
        _: &Token,
        after: Option<i64>,
    ) -> Result<PeoplePage, PlatformError> {
        let running = self.server.lock().await;
        let name = ScimTenantName(key.to_string());
        let page = match running.as_ref() {
            Some(server) => server.people(&name, after).await,
            None => None,
        };
        page.ok_or_else(|| PlatformError::ReportUnavailable {
            workload: key.to_string(),
            source: "its people cannot be read".into(),
        })
    }

    async fn write_status(&self, status: &StatusOf) -> Result<(), PlatformError> {
        let owner = status.owner();
        let (key, uid) = (&owner.object, Some(owner.uid.as_str()));
        let mut state = self.state();
        let objects = &mut state.objects;
        let written = match status {
            StatusOf::ScimTenant(_, status) => match objects.scim_tenants.get(key).cloned() {
                Some(it) if it.metadata.uid.as_deref() == uid => {
                    objects.scim_tenants.put(ScimTenant {
                        status: Some(status.clone()),
                        ..it.as_ref().clone()
                    })
                }
                Some(_) | None => return Ok(()),
            },
            StatusOf::AzureConnector(_, status) => match objects.azure_connectors.get(key).cloned()
            {
                Some(it) if it.metadata.uid.as_deref() == uid => {
                    objects.azure_connectors.put(AzureConnector {
                        status: Some(status.as_ref().clone()),
                        ..it.as_ref().clone()
                    })
                }
                Some(_) | None => return Ok(()),
            },
            StatusOf::UserMapping(_, status) => match objects.user_mappings.get(key).cloned() {
                Some(it) if it.metadata.uid.as_deref() == uid => {
                    objects.user_mappings.put(UserMapping {
                        status: Some(status.clone()),
                        ..it.as_ref().clone()
                    })
                }
                Some(_) | None => return Ok(()),
            },
        };
        drop(state);
        self.moved();
        written.map_err(|error| unavailable(error, format!("write the status of {key}")))
    }

    async fn announce(&self, owner: &Owner, announcement: &Announcement) {
        let (kind, object) = (&owner.kind, &owner.object);
        tracing::info!(%kind, %object, reason = announcement.reason.as_str(), "{}", announcement.note);
    }
}
