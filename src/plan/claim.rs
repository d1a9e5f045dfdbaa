//! Claims that only one object can have: the oldest keeps it, so that a newcomer never breaks what works.

use std::sync::Arc;

use kube::core::Resource;

use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};

use super::credential;
use super::verdict::Rejection;

/// Refuses `tenant` when an older one among `others` has the same host.
pub fn scim_tenant(tenant: &ScimTenant, others: &[Arc<ScimTenant>]) -> Result<(), Rejection> {
    oldest(tenant, others, "ScimTenant", |other| {
        (other.spec.host == tenant.spec.host).then(|| format!("host {}", tenant.spec.host))
    })
}

/// Refuses `connector` when an older one among `others` of its namespace serves the same Entra tenant or names the same Secret.
pub fn azure_connector(
    connector: &AzureConnector,
    others: &[Arc<AzureConnector>],
) -> Result<(), Rejection> {
    let spec = &connector.spec;
    let secret = credential::secret_name(connector);
    oldest(connector, others, "AzureConnector", |other| {
        let same_entra = other.spec.scim_tenant_ref == spec.scim_tenant_ref
            && other
                .spec
                .entra_tenant_id
                .eq_ignore_ascii_case(&spec.entra_tenant_id);
        if same_entra {
            Some(format!(
                "Entra tenant {} in ScimTenant {}",
                spec.entra_tenant_id, spec.scim_tenant_ref.name
            ))
        } else {
            (credential::secret_name(other) == secret).then(|| format!("Secret {secret}"))
        }
    })
}

/// Refuses `mapping` when an older one among `others` of its namespace belongs to the same connector.
pub fn user_mapping(mapping: &UserMapping, others: &[Arc<UserMapping>]) -> Result<(), Rejection> {
    let connector = &mapping.spec.connector_ref;
    oldest(mapping, others, "UserMapping", |other| {
        (other.spec.connector_ref == *connector)
            .then(|| format!("AzureConnector {}", connector.name))
    })
}

fn oldest<K: Resource>(
    object: &K,
    others: &[Arc<K>],
    kind: &'static str,
    shared: impl Fn(&K) -> Option<String>,
) -> Result<(), Rejection> {
    let key = ObjectKey::of(object);
    let age = |it: &K| {
        let created = it.meta().creation_timestamp.as_ref().map(|at| at.0);
        (created, ObjectKey::of(it))
    };
    let older = others
        .iter()
        .filter(|it| it.meta().deletion_timestamp.is_none())
        .filter_map(|it| shared(it).map(|claim| (age(it), claim)))
        .filter(|(other, _)| other.1 != key && *other < age(object))
        .min_by(|one, other| one.0.cmp(&other.0));
    match older {
        Some(((_, other), claim)) => Err(Rejection::Conflict { claim, kind, other }),
        None => Ok(()),
    }
}
