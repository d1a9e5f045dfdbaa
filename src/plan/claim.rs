//! Claims that only one object can have: the oldest keeps it, so that a newcomer never breaks what works.

use std::fmt;
use std::sync::Arc;

use kube::core::Resource;

use crate::api::scim_tenant::SecretKeyReference;
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};

use super::credential;
use super::objects::database;
use super::verdict::Rejection;

/// Refuses `tenant` when an older one among `others` has the same host, or the same schema of a database.
pub fn scim_tenant(tenant: &ScimTenant, others: &[Arc<ScimTenant>]) -> Result<(), Rejection> {
    let schema = schema(tenant);
    oldest(tenant, others, "ScimTenant", |other| {
        if other.spec.host == tenant.spec.host {
            Some(("spec.host", format!("host {}", tenant.spec.host)))
        } else {
            schema
                .clone()
                .filter(|it| self::schema(other).as_ref() == Some(it))
                .map(|it| ("spec.store.postgres.schema", it.to_string()))
        }
    })
}

/// A schema as far as it can be told apart here; that two URLs lead to one database is seen in the database.
#[derive(Clone, PartialEq)]
struct Schema {
    namespace: String,
    url: SecretKeyReference,
    name: String,
}

impl fmt::Display for Schema {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, url, .. } = self;
        write!(
            formatter,
            "schema {name} in the database of Secret {}",
            url.name
        )
    }
}

fn schema(tenant: &ScimTenant) -> Option<Schema> {
    let key = ObjectKey::of(tenant);
    let postgres = tenant.spec.store.postgres.as_ref()?;
    Some(Schema {
        name: database::schema(&key, postgres),
        url: postgres.url_secret_ref.clone(),
        namespace: key.namespace,
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
            let claim = format!(
                "Entra tenant {} in ScimTenant {}",
                spec.entra_tenant_id, spec.scim_tenant_ref.name
            );
            Some(("spec.entraTenantId", claim))
        } else {
            let same_secret = credential::secret_name(other) == secret;
            same_secret.then(|| {
                (
                    "spec.scim.credential.secretName",
                    format!("Secret {secret}"),
                )
            })
        }
    })
}

/// Refuses `domain` for `connector` when an older one among `others` has it in the same `ScimTenant`.
pub fn domain(
    connector: &AzureConnector,
    domain: &str,
    others: &[Arc<AzureConnector>],
) -> Result<(), Rejection> {
    let tenant = &connector.spec.scim_tenant_ref;
    oldest(connector, others, "AzureConnector", |other| {
        let has_it = other.spec.scim_tenant_ref == *tenant
            && other
                .spec
                .oidc
                .iter()
                .any(|it| it.domains.iter().any(|it| it == domain));
        let claim = || format!("domain {domain} in ScimTenant {}", tenant.name);
        has_it.then(|| ("spec.oidc.domains", claim()))
    })
}

/// Refuses `mapping` when an older one among `others` of its namespace belongs to the same connector.
pub fn user_mapping(mapping: &UserMapping, others: &[Arc<UserMapping>]) -> Result<(), Rejection> {
    let connector = &mapping.spec.connector_ref;
    oldest(mapping, others, "UserMapping", |other| {
        let claim = || format!("AzureConnector {}", connector.name);
        (other.spec.connector_ref == *connector).then(|| ("spec.connectorRef.name", claim()))
    })
}

/// Refuses `object` when an older one claims what it claims; `shared` says by which field, and what that is.
fn oldest<K: Resource>(
    object: &K,
    others: &[Arc<K>],
    kind: &'static str,
    shared: impl Fn(&K) -> Option<(&'static str, String)>,
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
        Some(((_, other), (field, claim))) => Err(Rejection::Conflict {
            claim,
            field,
            kind,
            other,
        }),
        None => Ok(()),
    }
}
