//! Who is to be looked at again when something changed. No relation rests on a status, so nobody wakes each other for ever.

use std::sync::Arc;

use kube::core::ObjectMeta;

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::plan::child::INSTANCE;
use crate::plan::credential::secret_name;
use crate::plan::{ChildKey, ChildKind};

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
            self.wake_scim_tenant(&connector);
            self.queues.user_mappings.wake(key);
        }
    }

    /// A child changed: its owner; for a credential, the `ScimTenant` that accepts it as well.
    pub(super) fn child(&self, namespace: &str, meta: &ObjectMeta) {
        match controller(namespace, meta) {
            Some(("ScimTenant", key)) => self.queues.scim_tenants.wake(key),
            Some(("AzureConnector", key)) => {
                self.wake_scim_tenant(&key);
                self.queues.azure_connectors.wake(key);
            }
            Some(("UserMapping", key)) => {
                self.wake_scim_tenant_of_mapping(&key);
                self.queues.user_mappings.wake(key);
            }
            Some(_) => {}
            // Kept data, or a child that somebody took the owner reference from.
            None => {
                if let Some(name) = meta.labels.as_ref().and_then(|it| it.get(INSTANCE)) {
                    let key = ObjectKey::new(namespace, name);
                    self.queues.azure_connectors.wake(key.clone());
                    self.queues.user_mappings.wake(key.clone());
                    self.queues.scim_tenants.wake(key);
                }
            }
        }
    }

    /// We wrote a child. Its owner knows; a credential concerns the `ScimTenant`, whose configuration concerns the connectors.
    pub(super) fn own_child(&self, child: &ChildKey, meta: &ObjectMeta) {
        if child.kind != ChildKind::Secret {
            return;
        }
        match controller(&child.object.namespace, meta) {
            Some(("ScimTenant", key)) => self.wake_connectors(&key),
            Some(("AzureConnector", key)) => self.wake_scim_tenant(&key),
            Some(("UserMapping", key)) => self.wake_scim_tenant_of_mapping(&key),
            Some(_) | None => {}
        }
    }

    /// The report of a `ScimTenant` changed: it and its connectors.
    pub(super) fn report(&self, tenant: &ObjectKey) {
        self.wake_connectors(tenant);
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

    /// What a `ScimTenant` serves changed: its connectors.
    pub(super) fn wake_connectors(&self, tenant: &ObjectKey) {
        for connector in self.connectors_of(tenant) {
            self.queues.azure_connectors.wake(connector);
        }
    }

    fn wake_scim_tenant(&self, connector: &ObjectKey) {
        if let Some(found) = self.caches.azure_connectors.get(connector) {
            self.queues
                .scim_tenants
                .wake(connector.sibling(&found.spec.scim_tenant_ref));
        }
    }

    fn wake_scim_tenant_of_mapping(&self, mapping: &ObjectKey) {
        if let Some(found) = self.caches.user_mappings.get(mapping) {
            self.wake_scim_tenant(&mapping.sibling(&found.spec.connector_ref));
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

/// Kind and key of the controller of a child in `namespace`.
fn controller<'a>(namespace: &str, meta: &'a ObjectMeta) -> Option<(&'a str, ObjectKey)> {
    let mut owners = meta.owner_references.iter().flatten();
    let found = owners.find(|it| it.controller == Some(true))?;
    Some((found.kind.as_str(), ObjectKey::new(namespace, &found.name)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn owned_by(kind: &str, name: &str) -> ObjectMeta {
        let owner = json!({"apiVersion": "usher.dev/v1alpha1", "kind": kind, "name": name, "uid": "1", "controller": true});
        serde_json::from_value(json!({"ownerReferences": [owner]})).unwrap()
    }

    #[test]
    fn a_child_that_we_wrote_wakes_whom_it_concerns_but_not_its_owner() {
        let cases = [
            (ChildKind::Secret, "AzureConnector", "entra", (1, 0)),
            (ChildKind::Secret, "ScimTenant", "contoso", (0, 1)),
            (ChildKind::Service, "ScimTenant", "contoso", (0, 0)),
        ];
        for (child, owner, name, woken) in cases {
            let triggers = Triggers {
                caches: Arc::default(),
                queues: Arc::default(),
            };
            let connector = json!({
                "apiVersion": "usher.dev/v1alpha1", "kind": "AzureConnector",
                "metadata": {"namespace": "ns", "name": "entra"},
                "spec": {"scimTenantRef": {"name": "contoso"}, "entraTenantId": "11111111-2222-3333-4444-555555555555"},
            });
            let connector = serde_json::from_value(connector).unwrap();
            triggers.caches.azure_connectors.put(connector);

            triggers.own_child(&ChildKey::new(child, "ns", "a"), &owned_by(owner, name));

            let queues = &triggers.queues;
            let depths = (queues.scim_tenants.depth(), queues.azure_connectors.depth());
            assert_eq!(depths, woken, "{child} of {owner}");
        }
    }
}
