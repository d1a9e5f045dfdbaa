//! The plan of an `AzureConnector`: its credential Secret, made once, healed, renamed.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;

use crate::api::conditions::Reason;
use crate::api::{AzureConnector, ScimTenant};
use crate::config::{CredentialId, ScimClientConfig, Token, scim_url};

use super::child::{Child, ChildKey, ChildKind, Owner};
use super::claim;
use super::credential::{self, Cause, Credential, Finding};
use super::observed::Site;
use super::step::{Announcement, AnnouncementType, Step};
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
    let owner = Owner::of(connector);
    let name = credential::secret_name(connector);
    let url = scim_url(&site.public_url);
    let desired = |credential: &Credential| credential::secret(&owner, &name, &url, credential);
    let (mut steps, current) = held(&owner, &name, observed, desired)?;
    if current.token == observed.fresh_token {
        steps.push(Step::Announce(announcement(&name, current.cause)));
    }
    // The old name goes last: until then the password is in two places rather than in none.
    steps.extend(observed.renamed.iter().map(|secret| Step::Delete {
        child: ChildKey::new(
            ChildKind::Secret,
            &owner.object.namespace,
            secret.metadata.name.as_deref().unwrap_or_default(),
        ),
        uid: secret.metadata.uid.clone().unwrap_or_default(),
    }));
    Ok(Plan {
        steps,
        credential: current.token.digest().id(),
        cause: current.cause,
    })
}

/// The steps after which the Secret holds a password that Usher made, and that password.
fn held(
    owner: &Owner,
    name: &str,
    observed: &Observed,
    desired: impl Fn(&Credential) -> Secret,
) -> Result<(Vec<Step>, Credential), Rejection> {
    let child = ChildKey::new(ChildKind::Secret, &owner.object.namespace, name);
    Ok(match credential::inspect(owner, observed.secret.as_ref()) {
        Finding::Foreign => {
            return Err(Rejection::NameTaken {
                child,
                field: "spec.scim.credential.secretName",
            });
        }
        Finding::Sound(current) => {
            let step = Step::Apply(Child::Secret(Box::new(desired(&current))));
            (vec![step], current)
        }
        Finding::Absent => {
            let current = moved_or_new(owner, observed);
            let step = Step::Create(Box::new(desired(&current)));
            (vec![step], current)
        }
        Finding::Predecessor { uid } => {
            let current = moved_or_new(owner, observed);
            let create = Step::Create(Box::new(desired(&current)));
            (vec![Step::Delete { child, uid }, create], current)
        }
        Finding::Damaged { resource_version } => {
            let current = new(observed, Cause::PasswordEdited);
            let mut secret = desired(&current);
            // Healed once: should another process have healed it meanwhile, this one looks again.
            secret.metadata.resource_version = resource_version;
            (vec![Step::Apply(Child::Secret(Box::new(secret)))], current)
        }
    })
}

/// The password of the Secret under its old name, or a new one.
fn moved_or_new(owner: &Owner, observed: &Observed) -> Credential {
    let moved = observed
        .renamed
        .iter()
        .find_map(|it| match credential::inspect(owner, Some(it)) {
            Finding::Sound(credential) => Some(credential),
            Finding::Absent
            | Finding::Damaged { .. }
            | Finding::Predecessor { .. }
            | Finding::Foreign => None,
        });
    let had_one = observed.client.is_some();
    moved.unwrap_or_else(|| {
        let cause = if had_one {
            Cause::SecretDeleted
        } else {
            Cause::First
        };
        new(observed, cause)
    })
}

fn new(observed: &Observed, cause: Cause) -> Credential {
    Credential {
        token: observed.fresh_token.clone(),
        issued_at: Timestamp::from_second(observed.now.as_second()).unwrap_or(observed.now),
        cause,
    }
}

fn announcement(secret: &str, cause: Cause) -> Announcement {
    let (type_, reason, note) = match cause {
        Cause::First => (
            AnnouncementType::Normal,
            Reason::CredentialPending,
            format!("made Secret {secret} with the values to paste into Entra"),
        ),
        Cause::SecretDeleted => (
            AnnouncementType::Warning,
            Reason::CredentialPending,
            format!(
                "Secret {secret} was deleted, so it was made again with a new password; the one before is accepted for 24 hours: paste the new one into Entra"
            ),
        ),
        Cause::PasswordEdited => (
            AnnouncementType::Warning,
            Reason::CredentialPending,
            format!(
                "the password in Secret {secret} was changed by somebody else, so a new one was made; the one before is accepted for 24 hours: paste the new one into Entra"
            ),
        ),
    };
    Announcement {
        type_,
        reason,
        action: "IssueCredential",
        note,
    }
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
