//! What a document says of signing in: who says who people are, and for how long that holds.

use crate::api::azure_connector::{
    FederatedCredential, OidcConnection, OidcEndpoint, Refresh, WorkloadIdentity,
};
use crate::api::scim_tenant::{AccessRule, Email, EmailSecretReference, EmailTls, SecondFactor};
use crate::api::{AzureConnector, ScimTenant};
use crate::config::email::{self, EmailConfig, SecretFile};
use crate::config::sign_in::{EMAIL_CA, EMAIL_PASSWORD, logout_url, redirect_uri};
use crate::config::{
    AccessRuleConfig, ClientAssertionConfig, ClientSecretKey, ForwardAuthConfig, ProviderConfig,
    RefreshConfig, SecondFactorConfig, SessionConfig, SignInConfig,
};
use crate::scim::schema::Rules;

use super::applications::applications;
use super::child::Owner;
use super::observed::Site;
use super::policy::minutes;
use super::verdict::Rejection;
use super::workload_config::{Sources, is_entitled};
use super::{claim, cloud, scim_client};

/// How people of `tenant` sign in; nothing when no connector lets them, nor a password.
pub(super) fn sign_in(
    tenant: &ScimTenant,
    sources: &Sources<'_>,
    rules: &Rules,
) -> Result<Option<SignInConfig>, Rejection> {
    let applications = applications(tenant, sources.applications, sources.site, rules)?;
    let providers = providers(tenant, sources);
    let declared = &tenant.spec.sign_in;
    let built_in = declared.built_in.enabled;
    if providers.is_empty() && !built_in {
        return Ok(None);
    }
    let session = &declared.session;
    Ok(Some(SignInConfig {
        session: SessionConfig {
            idle_minutes: minutes(&session.idle, "spec.signIn.session.idle", "1h")?,
            absolute_minutes: minutes(&session.absolute, "spec.signIn.session.absolute", "12h")?,
        },
        forward_auth: match &declared.forward_auth {
            None => ForwardAuthConfig::default(),
            Some(declared) => ForwardAuthConfig {
                cookie_domain: Some(declared.cookie_domain.clone()),
                hosts: declared.hosts.clone(),
                audiences: declared.audiences.clone(),
                rules: declared.rules.iter().cloned().map(access_rule).collect(),
            },
        },
        applications,
        built_in,
        second_factor: declared.built_in.seals().then(|| SecondFactorConfig {
            required: declared.built_in.second_factor == SecondFactor::Required,
            sealing_key_file: sources.site.client_secrets.sealing_key(&Owner::of(tenant)),
        }),
        email: declared.email.as_ref().map(|it| email(it, sources.site)),
        providers,
    }))
}

fn email(declared: &Email, site: &Site) -> EmailConfig {
    let Email {
        server,
        port,
        tls,
        from,
        credential,
        ca_secret_ref,
    } = declared;
    let (tls, usual) = match tls {
        EmailTls::StartTls => (email::EmailTls::StartTls, 587),
        EmailTls::Tls => (email::EmailTls::Tls, 465),
        EmailTls::None => (email::EmailTls::None, 25),
    };
    let file = |name: &str, of: &EmailSecretReference| SecretFile {
        file: site.client_secrets.file(name, (&of.name, &of.key)),
        key: Some(ClientSecretKey {
            secret: of.name.clone(),
            key: of.key.clone(),
        }),
    };
    EmailConfig {
        server: server.clone(),
        port: port.unwrap_or(usual),
        tls,
        from: from.clone(),
        credential: credential.as_ref().map(|it| email::EmailCredential {
            user_name: it.user_name.clone(),
            password: file(EMAIL_PASSWORD, &it.password_secret_ref),
        }),
        ca: ca_secret_ref.as_ref().map(|it| file(EMAIL_CA, it)),
    }
}

fn access_rule(declared: AccessRule) -> AccessRuleConfig {
    let AccessRule {
        hosts,
        paths,
        public,
        roles,
        groups,
    } = declared;
    AccessRuleConfig {
        hosts,
        paths,
        public,
        roles,
        groups,
    }
}

/// Those of the connectors of `tenant`, in the order of their names. What may not be touched stays as the document before had it.
fn providers(tenant: &ScimTenant, sources: &Sources<'_>) -> Vec<ProviderConfig> {
    let before = |name: &str| {
        let mut all = sources.providers_before.iter();
        all.find(|it| it.connector == name).cloned()
    };
    let mut providers: Vec<ProviderConfig> = connectors(tenant, sources)
        .filter_map(|connector| {
            if connector.spec.suspend {
                return before(&Owner::of(connector).object.name);
            }
            provider(connector, connector.spec.oidc.as_ref()?, sources)
        })
        .collect();
    if is_entitled(tenant) {
        providers.extend(sources.unreadable.iter().filter_map(|it| before(it)));
    }
    providers.sort_by(|one, other| one.connector.cmp(&other.connector));
    providers
}

/// The connectors that may let people in.
fn connectors<'s>(
    tenant: &'s ScimTenant,
    sources: &'s Sources<'_>,
) -> impl Iterator<Item = &'s AzureConnector> {
    let may = move |it: &&AzureConnector| {
        it.metadata.deletion_timestamp.is_none()
            && claim::azure_connector(it, sources.namespace_connectors).is_ok()
    };
    sources
        .connectors
        .iter()
        .filter(|_| is_entitled(tenant))
        .filter(|it| !scim_client::is_displaced(&it.connector, tenant, sources.before))
        .map(|it| it.connector.as_ref())
        .filter(may)
}

fn provider(
    connector: &AzureConnector,
    oidc: &OidcConnection,
    sources: &Sources<'_>,
) -> Option<ProviderConfig> {
    let name = Owner::of(connector).object.name;
    let files = &sources.site.client_secrets;
    // A domain that two want is that of the older one.
    let is_its_own =
        |it: &&String| claim::domain(connector, it, sources.namespace_connectors).is_ok();
    let reference = oidc.client_secret_ref.as_ref();
    let identity = oidc.workload_identity.as_ref();
    Some(ProviderConfig {
        display_name: oidc.display_name.clone().unwrap_or_else(|| name.clone()),
        domains: oidc.domains.iter().filter(is_its_own).cloned().collect(),
        issuer: cloud::issuer(connector)?,
        entra_tenant_id: connector.spec.entra_tenant_id.to_ascii_lowercase(),
        client_id: oidc.client_id.to_ascii_lowercase(),
        client_secret_file: reference.map(|it| files.file(&name, (&it.name, &it.key))),
        client_secret_key: reference.map(|it| ClientSecretKey {
            secret: it.name.clone(),
            key: it.key.clone(),
        }),
        client_assertion: identity.map(|it| ClientAssertionConfig {
            file: files.assertion(&name),
            audience: audience(connector, it),
        }),
        refresh: oidc.refresh.as_ref().and_then(refresh),
        graph: oidc
            .profile_photo
            .then(|| cloud::graph(connector))
            .flatten(),
        connector: name,
    })
}

fn audience(connector: &AzureConnector, identity: &WorkloadIdentity) -> String {
    let declared = identity.audience.clone();
    declared.unwrap_or_else(|| cloud::token_exchange(connector).to_owned())
}

/// What the app registration of `connector` must trust, where it has no client secret.
fn federated_credential(
    connector: &AzureConnector,
    issuer: Option<&str>,
) -> Option<FederatedCredential> {
    let identity = connector.spec.oidc.as_ref()?.workload_identity.as_ref()?;
    let owner = Owner::of(connector);
    let account = &connector.spec.scim_tenant_ref.name;
    Some(FederatedCredential {
        issuer: issuer.map(str::to_owned),
        subject: format!("system:serviceaccount:{}:{account}", owner.object.namespace),
        audience: audience(connector, identity),
    })
}

/// The definition lets only times pass.
fn refresh(declared: &Refresh) -> Option<RefreshConfig> {
    Some(RefreshConfig {
        every_minutes: minutes(&declared.every, "spec.oidc.refresh.every", "1h").ok()?,
        grace_minutes: minutes(&declared.grace, "spec.oidc.refresh.grace", "1h").ok()?,
    })
}

/// What is to be entered in Entra for `connector`.
pub(super) fn endpoint(
    connector: &AzureConnector,
    site: &Site,
    issuer: Option<&str>,
) -> OidcEndpoint {
    let name = Owner::of(connector).object.name;
    OidcEndpoint {
        authority: cloud::authority(connector),
        web_redirect_uri: redirect_uri(&site.public_url, &name),
        logout_url: Some(logout_url(&site.public_url, &name)),
        public_client_redirect_uris: Vec::new(),
        federated_credential: federated_credential(connector, issuer),
    }
}
