//! The plan of an `AzureConnector`: its credential Secret, made once, healed, renamed.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::conditions::Reason;
use crate::api::{AzureConnector, ScimTenant};
use crate::config::{CredentialId, ScimClientConfig, Token, scim_url};

use super::child::Owner;
use super::claim;
use super::credential::{self, Cause, Wanted};
use super::observed::{ReferencedSecret, Site};
use super::scim_client;
use super::step::Step;
use super::verdict::{Rejection, Verdict};
use super::workload_config::is_entitled;

/// What the plan of a connector is made from.
#[derive(Clone, Debug)]
pub struct Observed {
    /// The `ScimTenant` that it refers to, and where that runs.
    pub scim_tenant: Option<(Arc<ScimTenant>, Site)>,
    /// Every connector in the namespace.
    pub namespace_connectors: Vec<Arc<AzureConnector>>,
    /// What is under the name of its Secret.
    pub secret: Option<Secret>,
    /// Secrets of this connector under other names.
    pub renamed: Vec<Secret>,
    /// Its entry in the configuration of the workload.
    pub client: Option<ScimClientConfig>,
    /// What is under the name of the Secret with its client secret.
    pub client_secret: ReferencedSecret,
    /// Random, for the case that a password is needed.
    pub fresh_token: Token,
    /// The present.
    pub now: Timestamp,
}

/// What to do, and the password that the Secret holds afterwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// In order; the first that fails ends the run.
    pub steps: Vec<Step>,
    /// Which password.
    pub credential: CredentialId,
    /// Why it was made.
    pub cause: Cause,
    /// Why nobody can sign in, or some are not led here; provisioning goes on.
    pub no_sign_in: Option<Rejection>,
}

/// Decides what to change for `connector`.
pub fn azure_connector(connector: &AzureConnector, observed: &Observed) -> Result<Plan, Rejection> {
    claim::azure_connector(connector, &observed.namespace_connectors)?;
    let (tenant, site) =
        observed
            .scim_tenant
            .as_ref()
            .ok_or_else(|| Rejection::ReferenceNotFound {
                kind: "ScimTenant",
                name: connector.spec.scim_tenant_ref.name.clone(),
                field: "spec.scimTenantRef",
            })?;
    if !is_entitled(tenant) {
        return Err(Rejection::EntitlementMissing {
            tenant: connector.spec.scim_tenant_ref.name.clone(),
        });
    }
    scim_client::check_connector(connector, tenant, observed.client.is_some())?;
    let owner = Owner::of(connector);
    let name = credential::secret_name(connector);
    let url = scim_url(&site.public_url);
    let renamed: Vec<&Secret> = observed.renamed.iter().collect();
    let wanted = Wanted {
        owner: &owner,
        client: &owner.object.name,
        into: "Entra",
        name: &name,
        field: "spec.scim.credential.secretName",
        url: &url,
        secret: observed.secret.as_ref(),
        renamed: &renamed,
        had_one: observed.client.is_some(),
        fresh_token: &observed.fresh_token,
        now: observed.now,
    };
    let issued = wanted.issue()?;
    Ok(Plan {
        steps: issued.steps,
        credential: issued.credential.token.digest().id(),
        cause: issued.credential.cause,
        no_sign_in: client_secret(connector, &observed.client_secret)
            .and_then(|()| domains(connector, &observed.namespace_connectors))
            .err(),
    })
}

/// Whether the client secret is where `connector` says.
fn client_secret(connector: &AzureConnector, found: &ReferencedSecret) -> Result<(), Rejection> {
    let oidc = connector.spec.oidc.as_ref();
    let Some(reference) = oidc.and_then(|it| it.client_secret_ref.as_ref()) else {
        return Ok(());
    };
    let fields = [
        "spec.oidc.clientSecretRef.name",
        "spec.oidc.clientSecretRef.key",
    ];
    found.check(&reference.name, &reference.key, fields)
}

/// Whether its domains are those of `connector` alone.
fn domains(connector: &AzureConnector, others: &[Arc<AzureConnector>]) -> Result<(), Rejection> {
    let domains = connector.spec.oidc.iter().flat_map(|it| &it.domains);
    domains
        .into_iter()
        .try_for_each(|it| claim::domain(connector, it, others))
}

/// Whether the workload accepts the password, once everything is written.
pub fn progress(
    connector: &AzureConnector,
    credential: &CredentialId,
    client: Option<&ScimClientConfig>,
    loaded: Loaded,
) -> Verdict {
    let tenant = &connector.spec.scim_tenant_ref.name;
    let secret = credential::secret_name(connector);
    let waiting = |reason, message: String| Verdict::Waiting { reason, message };
    let configured = client.is_some_and(|it| {
        it.credentials
            .iter()
            .any(|it| it.expires_at.is_none() && it.digest.id() == *credential)
    });
    match loaded {
        Loaded::Yes if configured => Verdict::Done {
            message: format!(
                "Entra can provision into ScimTenant {tenant} with the values in Secret {secret}"
            ),
        },
        Loaded::NotServing => waiting(
            Reason::ReferenceNotReady,
            format!("ScimTenant {tenant} does not serve yet; see its conditions"),
        ),
        Loaded::Yes | Loaded::No => waiting(
            Reason::CredentialPending,
            format!(
                "the workload of ScimTenant {tenant} does not accept the password in Secret {secret} yet"
            ),
        ),
    }
}

/// Whether the workload has loaded the configuration that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// Its report says so.
    Yes,
    /// Its report speaks of another one.
    No,
    /// It cannot be asked.
    NotServing,
}
