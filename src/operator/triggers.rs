//! Who is to be looked at again when something changed. No relation rests on a status, so nobody wakes each other for ever.

use std::sync::Arc;

use kube::core::ObjectMeta;

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::plan::child::INSTANCE;
use crate::plan::credential::secret_name;

use super::cache::{Caches, Change};
use super::queue::Queues;

/// Wakes objects by their relations.
#[derive(Clone)]
pub(super) struct Triggers {
    /// What is known.
    pub(super) caches: Arc<Caches>,
    /// Where they wait.
    pub(super) queues: Arc<Queues>,
}

impl Triggers {
    /// A `ScimTenant` changed: it, what refers to it, and others that want its host.
    pub(super) fn scim_tenant(&self, change: &Change<ScimTenant>) {
        if !change.matters() {
            return;
        }
        for tenant in change.sides() {
            let key = ObjectKey::of(tenant.as_ref());
            for other in self.caches.scim_tenants.all() {
                if other.spec.host == tenant.spec.host {
                    self.queues.scim_tenants.wake(ObjectKey::of(other.as_ref()));
                }
            }
            for connector in self.connectors_of(&key) {
                self.wake_mappings(&connector);
                self.queues.azure_connectors.wake(connector);
            }
            self.queues.scim_tenants.wake(key);
        }
    }

    /// A connector changed: it, its `ScimTenant`, its mappings, and others that claim the same.
    pub(super) fn azure_connector(&self, change: &Change<AzureConnector>) {
        if !change.matters() {
            return;
        }
        for connector in change.sides() {
            let key = ObjectKey::of(connector.as_ref());
            for other in self.caches.azure_connectors.within(&key.namespace) {
                let rivals = other.spec.scim_tenant_ref == connector.spec.scim_tenant_ref
                    || secret_name(&other) == secret_name(connector);
                if rivals {
                    self.queues
                        .azure_connectors
                        .wake(ObjectKey::of(other.as_ref()));
                }
            }
            self.wake_mappings(&key);
            self.queues
                .scim_tenants
                .wake(key.sibling(&connector.spec.scim_tenant_ref));
            self.queues.azure_connectors.wake(key);
        }
    }

    /// A mapping changed: it, others of its connector, and the `ScimTenant`, whose schema knows what it declares.
    pub(super) fn user_mapping(&self, change: &Change<UserMapping>) {
        if !change.matters() {
            return;
        }
        for mapping in change.sides() {
            let key = ObjectKey::of(mapping.as_ref());
            let connector = key.sibling(&mapping.spec.connector_ref);
            self.wake_mappings(&connector);
            if let Some(connector) = self.caches.azure_connectors.get(&connector) {
                self.queues
                    .scim_tenants
                    .wake(key.sibling(&connector.spec.scim_tenant_ref));
            }
            self.queues.user_mappings.wake(key);
        }
    }

    /// A child changed: its owner; for a credential, the `ScimTenant` that accepts it as well.
    pub(super) fn child(&self, namespace: &str, meta: &ObjectMeta) {
        let owner = meta
            .owner_references
            .iter()
            .flatten()
            .find(|it| it.controller == Some(true));
        match owner.map(|it| (it.kind.as_str(), ObjectKey::new(namespace, &it.name))) {
            Some(("ScimTenant", key)) => self.queues.scim_tenants.wake(key),
            Some(("AzureConnector", key)) => {
                if let Some(connector) = self.caches.azure_connectors.get(&key) {
                    self.queues
                        .scim_tenants
                        .wake(key.sibling(&connector.spec.scim_tenant_ref));
                }
                self.queues.azure_connectors.wake(key);
            }
            Some(_) => {}
            // Kept data, or a child that somebody took the owner reference from.
            None => {
                if let Some(name) = meta.labels.as_ref().and_then(|it| it.get(INSTANCE)) {
                    let key = ObjectKey::new(namespace, name);
                    self.queues.azure_connectors.wake(key.clone());
                    self.queues.scim_tenants.wake(key);
                }
            }
        }
    }

    /// The report of a `ScimTenant` changed: it and its connectors.
    pub(super) fn report(&self, tenant: &ObjectKey) {
        for connector in self.connectors_of(tenant) {
            self.queues.azure_connectors.wake(connector);
        }
        self.queues.scim_tenants.wake(tenant.clone());
    }

    /// Everything.
    pub(super) fn all(&self) {
        for it in self.caches.scim_tenants.all() {
            self.queues.scim_tenants.wake(ObjectKey::of(it.as_ref()));
        }
        for it in self.caches.azure_connectors.all() {
            self.queues
                .azure_connectors
                .wake(ObjectKey::of(it.as_ref()));
        }
        for it in self.caches.user_mappings.all() {
            self.queues.user_mappings.wake(ObjectKey::of(it.as_ref()));
        }
    }

    fn connectors_of(&self, tenant: &ObjectKey) -> Vec<ObjectKey> {
        let siblings = self.caches.azure_connectors.within(&tenant.namespace);
        siblings
            .iter()
            .filter(|it| it.spec.scim_tenant_ref.name == tenant.name)
            .map(|it| ObjectKey::of(it.as_ref()))
            .collect()
    }

    fn wake_mappings(&self, connector: &ObjectKey) {
        for mapping in self.caches.user_mappings.within(&connector.namespace) {
            if mapping.spec.connector_ref.name == connector.name {
                self.queues
                    .user_mappings
                    .wake(ObjectKey::of(mapping.as_ref()));
            }
        }
    }
}
