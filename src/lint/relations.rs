//! What the operator would say of objects that refer to each other.

use std::collections::HashMap;
use std::hash::Hash;

use crate::api::scim_tenant::Entitlement;
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};

use super::{Declared, Finding, Object, Severity};

/// What there is to say about `objects` together.
pub(super) fn findings(objects: &[Declared]) -> Vec<Finding> {
    let mut all = All::default();
    for declared in objects {
        match &declared.object {
            Object::ScimTenant(it) => all.tenants.push((declared, it)),
            Object::AzureConnector(it) => all.connectors.push((declared, it)),
            Object::UserMapping(it) => all.mappings.push((declared, it)),
        }
    }
    let mut findings = all.references();
    findings.extend(all.conflicts());
    findings
}

#[derive(Default)]
struct All<'a> {
    tenants: Vec<(&'a Declared, &'a ScimTenant)>,
    connectors: Vec<(&'a Declared, &'a AzureConnector)>,
    mappings: Vec<(&'a Declared, &'a UserMapping)>,
}

impl All<'_> {
    fn references(&self) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (declared, connector) in &self.connectors {
            let key = declared
                .object
                .key()
                .sibling(&connector.spec.scim_tenant_ref);
            let Some((_, tenant)) = self.tenants.iter().find(|(it, _)| it.object.key() == key)
            else {
                findings.push(missing(
                    declared,
                    "/spec/scimTenantRef/name",
                    "ScimTenant",
                    &key,
                ));
                continue;
            };
            if !tenant
                .spec
                .entitlements
                .contains(&Entitlement::EnterpriseToolkit)
            {
                let message = format!(
                    "ScimTenant {key} lacks the entitlement EnterpriseToolkit; add it to its spec.entitlements"
                );
                findings.push(declared.finding(
                    Severity::Error,
                    "/spec/scimTenantRef/name",
                    message,
                ));
            }
        }
        for (declared, mapping) in &self.mappings {
            let key = declared.object.key().sibling(&mapping.spec.connector_ref);
            if !self.connectors.iter().any(|(it, _)| it.object.key() == key) {
                findings.push(missing(
                    declared,
                    "/spec/connectorRef/name",
                    "AzureConnector",
                    &key,
                ));
            }
        }
        findings
    }

    fn conflicts(&self) -> Vec<Finding> {
        let hosts = claimed(&self.tenants, "/spec/host", |_, it| it.spec.host.clone());
        let entra_tenants = claimed(&self.connectors, "/spec/entraTenantId", |key, it| {
            (
                key.sibling(&it.spec.scim_tenant_ref),
                it.spec.entra_tenant_id.to_ascii_lowercase(),
            )
        });
        let secrets = claimed(
            &self.connectors,
            "/spec/scim/credential/secretName",
            |key, it| {
                let named = it.spec.scim.credential.secret_name.clone();
                (
                    key.namespace.clone(),
                    named.unwrap_or_else(|| format!("{}-scim", key.name)),
                )
            },
        );
        let connectors = claimed(&self.mappings, "/spec/connectorRef/name", |key, it| {
            key.sibling(&it.spec.connector_ref)
        });
        [hosts, entra_tenants, secrets, connectors].concat()
    }
}

fn missing(declared: &Declared, pointer: &str, kind: &str, key: &ObjectKey) -> Finding {
    declared.finding(
        Severity::Warning,
        pointer,
        format!("no {kind} {key} in the files given"),
    )
}

/// Objects whose `claim` an earlier one has made already.
fn claimed<K, C: Eq + Hash>(
    objects: &[(&Declared, &K)],
    pointer: &str,
    claim: impl Fn(&ObjectKey, &K) -> C,
) -> Vec<Finding> {
    let mut first = HashMap::new();
    let mut findings = Vec::new();
    for (declared, object) in objects {
        let key = declared.object.key();
        if let Some(owner) = first.insert(claim(&key, object), key.clone()) {
            let message = format!(
                "{} {owner} claims the same; give one of them another value, or delete one",
                declared.object.kind()
            );
            findings.push(declared.finding(Severity::Error, pointer, message));
            first.insert(claim(&key, object), owner);
        }
    }
    findings
}
