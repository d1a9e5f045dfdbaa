//! The document that a workload serves by, computed from the objects, the credential Secrets and the document before it.

use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::scim_tenant::{Entitlement, ExtensionAttributeType, ScimTenantSpec};
use crate::api::{AzureConnector, ObjectKey, ScimTenant, UserMapping};
use crate::config::{
    AcceptedAt, CredentialConfig, DeclaredClient, PortalConfig, ProviderConfig, ReplayConfig,
    Rights, ScimClientConfig, ScimTenantConfig, ScimTenantName,
};
use crate::scim::schema::{
    AttributeType, Extension, ExtensionAttribute as RulesAttribute, Rules, Schemas,
};

use super::applications::ApplicationsObserved;
use super::child::Owner;
use super::claim;
use super::credential;
use super::mapping;
use super::oauth;
use super::observed::Site;
use super::policy::policy;
use super::scim_client::{self, ClientsObserved};
use super::sign_in::sign_in;
use super::verdict::Rejection;

/// How long a replaced password is still accepted, so that Entra goes on until the new one is pasted.
pub const OVERLAP: Duration = Duration::from_hours(24);

/// A connector of a `ScimTenant`, with what belongs to it.
#[derive(Clone, Debug)]
pub struct ConnectorObserved {
    /// The connector.
    pub connector: Arc<AzureConnector>,
    /// What is under the name of its credential Secret.
    pub secret: Option<Secret>,
}

/// What the document is made from beside the `ScimTenant`.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// Where the workload runs.
    pub site: &'a Site,
    /// Every connector in the namespace that refers to the `ScimTenant`.
    pub connectors: &'a [ConnectorObserved],
    /// What there is of the clients that the `ScimTenant` declares.
    pub clients: &'a ClientsObserved,
    /// What there is of the applications that it declares.
    pub applications: &'a ApplicationsObserved,
    /// Every connector in the namespace.
    pub namespace_connectors: &'a [Arc<AzureConnector>],
    /// Names of connectors in the namespace that cannot be understood.
    pub unreadable: &'a [String],
    /// Every mapping in the namespace.
    pub mappings: &'a [Arc<UserMapping>],
    /// URN and key of each attribute of open extensions that stays from the document before, whatever the mappings say.
    pub keys_before: &'a [(String, String)],
    /// The client entries of the document before, each with the uid of the connector that it was made for.
    pub before: &'a [(String, ScimClientConfig)],
    /// The identity providers of the document before.
    pub providers_before: &'a [ProviderConfig],
    /// The present.
    pub now: Timestamp,
}

/// What the document says of `tenant`.
pub fn scim_tenant_config(
    tenant: &ScimTenant,
    sources: &Sources<'_>,
) -> Result<ScimTenantConfig, Rejection> {
    let schema = checked_rules(tenant, sources)?;
    Ok(ScimTenantConfig {
        name: scim_tenant_name(&ObjectKey::of(tenant)),
        url: sources.site.public_url.clone(),
        store: sources.site.store.clone(),
        policy: policy(&tenant.spec)?,
        trusted_proxies: trusted_proxies(tenant)?,
        portal: portal(tenant),
        sign_in: sign_in(tenant, sources, &schema)?,
        replay: tenant.spec.replay.enabled.then(|| ReplayConfig {
            sealing_key_file: sources.site.client_secrets.sealing_key(&Owner::of(tenant)),
        }),
        schema,
        clients: clients(tenant, sources),
    })
}

/// Where the administrators of `tenant` look and act.
fn portal(tenant: &ScimTenant) -> Option<PortalConfig> {
    let declared = tenant.spec.portal.as_ref()?;
    let name = || ObjectKey::of(tenant).name;
    Some(PortalConfig {
        display_name: declared.display_name.clone().unwrap_or_else(name),
    })
}

/// The name by which a workload knows the `ScimTenant` called `key`.
pub fn scim_tenant_name(key: &ObjectKey) -> ScimTenantName {
    ScimTenantName(key.to_string())
}

/// The rules that `tenant` declares, in the words of SCIM.
pub fn rules(tenant: &ScimTenantSpec) -> Rules {
    let schema = &tenant.schema;
    let extensions = schema.extensions.iter().map(|extension| Extension {
        urn: extension.urn.clone(),
        open: extension.open,
        attributes: extension
            .attributes
            .iter()
            .map(|attribute| RulesAttribute {
                name: attribute.name.clone(),
                type_: attribute_type(attribute.type_),
                multi_valued: attribute.multi_valued,
            })
            .collect(),
    });
    Rules {
        user_types: schema.user_types.clone(),
        roles: schema.roles.clone(),
        required: schema.required.clone(),
        extensions: extensions.collect(),
        sign_in_method: tenant.sign_in.built_in.enabled,
    }
}

/// Whether `tenant` lets connectors provision.
pub fn is_entitled(tenant: &ScimTenant) -> bool {
    tenant
        .spec
        .entitlements
        .contains(&Entitlement::EnterpriseToolkit)
}

fn attribute_type(declared: ExtensionAttributeType) -> AttributeType {
    match declared {
        ExtensionAttributeType::String => AttributeType::String,
        ExtensionAttributeType::Boolean => AttributeType::Boolean,
        ExtensionAttributeType::Integer => AttributeType::Integer,
        ExtensionAttributeType::Decimal => AttributeType::Decimal,
        ExtensionAttributeType::DateTime => AttributeType::DateTime,
        ExtensionAttributeType::Reference => AttributeType::Reference,
    }
}

fn trusted_proxies(tenant: &ScimTenant) -> Result<Vec<IpNet>, Rejection> {
    let networks = tenant.spec.trusted_proxies.iter().enumerate();
    networks
        .map(|(index, text)| {
            text.parse().map_err(|_| Rejection::Invalid {
                field: format!("spec.trustedProxies[{index}]"),
                problem: format!(
                    "{text} is no network; write an address and a length such as 10.42.0.0/16"
                ),
            })
        })
        .collect()
}

/// The rules of `tenant`, with the keys of open extensions that mappings name.
fn checked_rules(tenant: &ScimTenant, sources: &Sources<'_>) -> Result<Rules, Rejection> {
    let mut rules = rules(&tenant.spec);
    let schemas = Schemas::new(&rules).map_err(|error| Rejection::Invalid {
        field: "spec.schema".to_owned(),
        problem: error.to_string(),
    })?;

    let of_tenant = |mapping: &&Arc<UserMapping>| {
        mapping.metadata.deletion_timestamp.is_none()
            && claim::user_mapping(mapping, sources.mappings).is_ok()
            && sources.connectors.iter().any(|it| {
                it.connector.metadata.name.as_ref() == Some(&mapping.spec.connector_ref.name)
            })
    };
    let mut declared: Vec<(String, String)> = sources
        .mappings
        .iter()
        .filter(of_tenant)
        .flat_map(|it| mapping::declared(&it.spec, &schemas))
        .collect();
    declared.extend_from_slice(sources.keys_before);
    declared.sort();
    for (urn, name) in declared {
        let extension = rules
            .extensions
            .iter_mut()
            .find(|it| it.urn.eq_ignore_ascii_case(&urn));
        if let Some(extension) = extension
            && !extension
                .attributes
                .iter()
                .any(|it| it.name.eq_ignore_ascii_case(&name))
        {
            extension.attributes.push(RulesAttribute {
                name,
                type_: AttributeType::String,
                multi_valued: false,
            });
        }
    }
    Ok(rules)
}

fn clients(tenant: &ScimTenant, sources: &Sources<'_>) -> Vec<ScimClientConfig> {
    let mut clients = scim_client::entries(
        tenant,
        sources.clients,
        &sources.site.public_url,
        sources.before,
        sources.now,
    );
    if is_entitled(tenant) {
        let connectors = sources
            .connectors
            .iter()
            .filter(|it| !scim_client::is_displaced(&it.connector, tenant, sources.before));
        clients.extend(connectors.filter_map(|observed| client(observed, sources)));
        let unreadable = sources
            .before
            .iter()
            .filter(|(_, it)| sources.unreadable.contains(&it.name));
        clients.extend(unreadable.map(|(_, it)| it.clone()));
    }
    clients.sort_by(|one, other| one.name.cmp(&other.name));
    clients
}

/// The entry of one connector. What may not be touched, or is about to be healed, stays as the document before had it.
fn client(observed: &ConnectorObserved, sources: &Sources<'_>) -> Option<ScimClientConfig> {
    let connector = observed.connector.as_ref();
    if connector.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let owner = Owner::of(connector);
    let name = &owner.object.name;
    let before = scim_client::entry_before(&owner, name, sources.before);
    let left_alone = connector.spec.suspend
        || claim::azure_connector(connector, sources.namespace_connectors).is_err();
    if left_alone {
        return before.cloned();
    }
    let credential::Finding::Sound(current) =
        credential::inspect(&owner, name, observed.secret.as_ref())
    else {
        return before.cloned();
    };
    let method = oauth::of_connector(connector);
    Some(ScimClientConfig {
        name: name.clone(),
        user_name: name.clone(),
        dialect: scim_client::dialect(connector.spec.scim.dialect),
        rights: Rights::default(),
        credentials: credentials(&current, method.accepted_at, before, sources.now),
        oauth: method.oauth,
        issuer: method.issuer,
        declared: Some(DeclaredClient {
            kind: "AzureConnector".to_owned(),
            secret_name: credential::secret_name(connector),
            entra_tenant_id: Some(connector.spec.entra_tenant_id.to_ascii_lowercase()),
        }),
    })
}

/// The present password, and what it replaced while that is still accepted: another password, or the same at another endpoint.
pub(super) fn credentials(
    current: &credential::Credential,
    accepted_at: AcceptedAt,
    before: Option<&ScimClientConfig>,
    now: Timestamp,
) -> Vec<CredentialConfig> {
    let digest = current.token.digest();
    let mut credentials = vec![CredentialConfig {
        digest: digest.clone(),
        accepted_at,
        issued_at: current.issued_at,
        expires_at: None,
    }];
    let replaced = before.into_iter().flat_map(|it| &it.credentials);
    credentials.extend(
        replaced
            .filter(|it| it.digest != digest || it.accepted_at != accepted_at)
            .filter_map(|it| {
                let expires_at = it.expires_at.unwrap_or_else(|| overlap_end(now));
                (expires_at > now).then(|| CredentialConfig {
                    expires_at: Some(expires_at),
                    ..it.clone()
                })
            }),
    );
    credentials
}

fn overlap_end(now: Timestamp) -> Timestamp {
    let end = now.checked_add(OVERLAP).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(end.as_second()).unwrap_or(end)
}
