//! The SCIM clients that a `ScimTenant` declares beside its connectors: their Secrets, and their entries in the document.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use url::Url;

use crate::api::conditions::Reason;
use crate::api::scim_tenant::{
    ClientAccess, ClientDialect, ClientResources, ClientRights, ScimClient,
};
use crate::api::{AzureConnector, ObjectKey, ScimTenant};
use crate::config::rights::{Access, Resources};
use crate::config::{DeclaredClient, Rights, ScimClientConfig, Token, scim_url};
use crate::scim::dialect::Dialect;

use super::child::{ChildKey, ChildKind, Owner};
use super::credential::{self, Finding, Wanted};
use super::oauth;
use super::objects::Names;
use super::scim_tenant::Observed;
use super::step::Step;
use super::verdict::{Rejection, Verdict};
use super::workload_config::{ConnectorObserved, credentials};

/// What was observed of the clients of a `ScimTenant`.
#[derive(Clone, Debug, Default)]
pub struct ClientsObserved {
    /// In the order of the spec.
    pub declared: Vec<ClientObserved>,
    /// Every Secret that was made for a client of this `ScimTenant`.
    pub secrets: Vec<Secret>,
}

/// What was observed of one client.
#[derive(Clone, Debug)]
pub struct ClientObserved {
    /// What is under the name of its Secret.
    pub secret: Option<Secret>,
    /// Random, for the case that a password is needed.
    pub fresh_token: Token,
}

/// The client entries of the document before, each with the uid of the object that it was made for.
pub type Before = [(String, ScimClientConfig)];

/// The steps after which each declared client has its Secret, and the Secrets of others are gone.
pub(super) fn steps(
    tenant: &ScimTenant,
    observed: &Observed,
    before: &Before,
) -> Result<Vec<Step>, Rejection> {
    let owner = Owner::of(tenant);
    let mut steps = Vec::new();
    let url = scim_url(&observed.site.public_url);
    let name_of = |it| credential::client_secret_name(&owner.object.name, it);
    let names: Vec<String> = tenant.spec.clients.iter().map(name_of).collect();
    // The Secret of one client may be renamed to what was that of another.
    let spare = |it: &&Secret| !names.contains(it.metadata.name.as_ref().unwrap_or(&String::new()));
    let spare: Vec<&Secret> = observed.clients.secrets.iter().filter(spare).collect();
    let of = |client: &str| -> Vec<&Secret> {
        let is_its = |it: &&Secret| credential::client_of(&it.metadata) == Some(client);
        spare.iter().copied().filter(is_its).collect()
    };
    check(tenant, &names, &observed.connectors, before)?;
    let declared = tenant.spec.clients.iter().zip(&names);
    for ((client, name), found) in declared.zip(&observed.clients.declared) {
        let renamed = of(&client.name);
        let wanted = Wanted {
            owner: &owner,
            client: &client.name,
            into: &client.name,
            name,
            field: "spec.clients",
            url: &url,
            secret: found.secret.as_ref(),
            renamed: &renamed,
            had_one: entry_before(&owner, &client.name, before).is_some(),
            fresh_token: &found.fresh_token,
            now: observed.now,
        };
        steps.extend(wanted.issue()?.steps);
    }
    let is_declared = |name: &str| tenant.spec.clients.iter().any(|it| it.name == name);
    let gone = spare
        .iter()
        .filter(|it| credential::client_of(&it.metadata).is_some_and(|name| !is_declared(name)));
    steps.extend(gone.map(|secret| Step::Delete {
        child: ChildKey::new(
            ChildKind::Secret,
            &owner.object.namespace,
            secret.metadata.name.as_deref().unwrap_or_default(),
        ),
        uid: secret.metadata.uid.clone().unwrap_or_default(),
    }));
    Ok(steps)
}

/// Refuses names that something else has.
fn check(
    tenant: &ScimTenant,
    secrets: &[String],
    connectors: &[ConnectorObserved],
    before: &Before,
) -> Result<(), Rejection> {
    let config = Names::of(&Owner::of(tenant)).config;
    for (index, secret) in secrets.iter().enumerate() {
        let field = format!("spec.clients[{index}].secretName");
        if *secret == config {
            return Err(Rejection::Invalid {
                field,
                problem: format!(
                    "Secret {secret} is the configuration of this ScimTenant; choose another name"
                ),
            });
        }
        if let Some(other) = secrets[..index].iter().position(|it| it == secret) {
            return Err(Rejection::Invalid {
                field,
                problem: format!(
                    "Secret {secret} is that of spec.clients[{other}]; choose another name"
                ),
            });
        }
    }
    for (index, client) in tenant.spec.clients.iter().enumerate() {
        let jwks = client.oauth.as_ref().and_then(|it| it.jwks.as_deref());
        if let Some(problem) = jwks.and_then(oauth::problem_of_jwks) {
            return Err(Rejection::Invalid {
                field: format!("spec.clients[{index}].oauth.jwks"),
                problem: problem.to_owned(),
            });
        }
        let holder = connectors
            .iter()
            .map(|it| Owner::of(it.connector.as_ref()))
            .find(|it| {
                it.object.name == client.name && entry_before(it, &client.name, before).is_some()
            });
        if let Some(holder) = holder {
            return Err(Rejection::Conflict {
                claim: client_name(&client.name),
                field: "spec.clients",
                kind: "AzureConnector",
                other: holder.object,
            });
        }
    }
    Ok(())
}

/// Refuses `connector` when `tenant` has a client of its name, unless the connector was `served` before.
pub(super) fn check_connector(
    connector: &AzureConnector,
    tenant: &ScimTenant,
    served: bool,
) -> Result<(), Rejection> {
    let name = ObjectKey::of(connector).name;
    if served || !tenant.spec.clients.iter().any(|it| it.name == name) {
        return Ok(());
    }
    Err(Rejection::Conflict {
        claim: client_name(&name),
        field: "metadata.name",
        kind: "ScimTenant",
        other: ObjectKey::of(tenant),
    })
}

fn client_name(name: &str) -> String {
    format!("the SCIM client name {name}")
}

/// The entry of `client` of `owner` in the document before.
pub(super) fn entry_before<'b>(
    owner: &Owner,
    client: &str,
    before: &'b Before,
) -> Option<&'b ScimClientConfig> {
    let found = before
        .iter()
        .find(|(uid, it)| *uid == owner.uid && it.name == client);
    found.map(|(_, it)| it)
}

/// The entries of the declared clients whose password is known.
pub(super) fn entries(
    tenant: &ScimTenant,
    observed: &ClientsObserved,
    public: &Url,
    before: &Before,
    now: Timestamp,
) -> Vec<ScimClientConfig> {
    let owner = Owner::of(tenant);
    let declared = tenant.spec.clients.iter().zip(&observed.declared);
    let entry = |(client, found): (&ScimClient, &ClientObserved)| {
        let before = entry_before(&owner, &client.name, before);
        let method = oauth::of_client(client, public);
        let credentials = match sound(&owner, client, found) {
            Some(current) => credentials(&current, method.accepted_at, before, now),
            // About to be healed.
            None => before?.credentials.clone(),
        };
        Some(ScimClientConfig {
            name: client.name.clone(),
            user_name: client.name.clone(),
            dialect: dialect(client.dialect),
            rights: rights(&client.rights),
            credentials,
            oauth: method.oauth,
            issuer: method.issuer,
            declared: Some(DeclaredClient {
                kind: "ScimTenant".to_owned(),
                secret_name: credential::client_secret_name(&owner.object.name, client),
                entra_tenant_id: None,
            }),
        })
    };
    declared.filter_map(entry).collect()
}

fn sound(
    owner: &Owner,
    client: &ScimClient,
    found: &ClientObserved,
) -> Option<credential::Credential> {
    match credential::inspect(owner, &client.name, found.secret.as_ref()) {
        Finding::Sound(current) => Some(current),
        Finding::Absent
        | Finding::Damaged { .. }
        | Finding::Predecessor { .. }
        | Finding::Foreign => None,
    }
}

/// The dialect in the words of SCIM.
pub(super) fn dialect(declared: ClientDialect) -> Dialect {
    match declared {
        ClientDialect::Strict => Dialect::Strict,
        ClientDialect::Entra => Dialect::Entra,
    }
}

fn rights(declared: &ClientRights) -> Rights {
    Rights {
        access: match declared.access {
            ClientAccess::ReadOnly => Access::ReadOnly,
            ClientAccess::ReadWrite => Access::ReadWrite,
        },
        resources: match declared.resources {
            ClientResources::All => Resources::All,
            ClientResources::Users => Resources::Users,
            ClientResources::Groups => Resources::Groups,
        },
    }
}

/// Names of the declared clients whose Secret holds the password that the document accepts.
pub(super) fn known(tenant: &ScimTenant, observed: &ClientsObserved) -> Vec<String> {
    let owner = Owner::of(tenant);
    let declared = tenant.spec.clients.iter().zip(&observed.declared);
    declared
        .filter(|(client, found)| sound(&owner, client, found).is_some())
        .map(|(client, _)| client.name.clone())
        .collect()
}

/// What is waited for while the Secret of a declared client is not among those of `accepted` clients.
pub fn pending(tenant: &ScimTenant, accepted: &[String]) -> Option<Verdict> {
    let missing = tenant
        .spec
        .clients
        .iter()
        .find(|it| !accepted.contains(&it.name))?;
    let secret = credential::client_secret_name(&ObjectKey::of(tenant).name, missing);
    Some(Verdict::Waiting {
        reason: Reason::CredentialPending,
        message: format!("the password in Secret {secret} is not accepted yet"),
    })
}

/// Whether any of `connectors` has the name of a declared client and must not be served.
pub(super) fn is_displaced(
    connector: &Arc<AzureConnector>,
    tenant: &ScimTenant,
    before: &Before,
) -> bool {
    let owner = Owner::of(connector.as_ref());
    let served = entry_before(&owner, &owner.object.name, before).is_some();
    check_connector(connector, tenant, served).is_err()
}
