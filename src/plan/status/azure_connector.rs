//! The status of an `AzureConnector`.

use jiff::Timestamp;

use crate::api::AzureConnector;
use crate::api::azure_connector::{
    AzureConnectorStatus, ChecklistItem, CredentialMode, CredentialState, CredentialStatus,
    LastError, LastSync, Management, OidcEndpoint, ScimEndpoint,
};
use crate::api::conditions::{CREDENTIALS_CURRENT, ENTITLED, Finding, Reason, Status, record};
use crate::config::report::{ClientReport, Cycle, RefusedRequest};
use crate::config::{CredentialConfig, ScimClientConfig, scim_url, token_url};

use super::super::child::Owner;
use super::super::credential::{self, Cause};
use super::super::observed::Site;
use super::super::sign_in;
use super::super::verdict::Verdict;
use super::checklist::{checklist, first_sign_in};
use super::time;

/// What is known around a connector.
#[derive(Clone, Debug, Default)]
pub struct ConnectorFacts {
    /// Where its `ScimTenant` runs; nothing when there is none.
    pub site: Option<Site>,
    /// Whether the `ScimTenant` has the entitlement; nothing when there is none.
    pub entitled: Option<bool>,
    /// Its entry in the configuration of the workload.
    pub client: Option<ScimClientConfig>,
    /// Why the present password was made; nothing when there is none.
    pub cause: Option<Cause>,
    /// The redirect URIs of the public applications of its `ScimTenant`.
    pub public_client_redirect_uris: Vec<String>,
    /// Who issues the tokens of service accounts; nothing when that is not known.
    pub token_issuer: Option<String>,
    /// What the workload reports; nothing when it could not be asked.
    pub report: Option<ClientReport>,
}

/// The status of `connector`. Without facts, because nobody could look, what was known before stays.
pub fn azure_connector_status(
    connector: &AzureConnector,
    verdict: &Verdict,
    facts: Option<&ConnectorFacts>,
    now: Timestamp,
) -> AzureConnectorStatus {
    let before = connector.status.clone().unwrap_or_default();
    let Some(facts) = facts else {
        return AzureConnectorStatus {
            observed_generation: connector.metadata.generation,
            conditions: record(
                &before.conditions,
                &verdict.findings(),
                connector.metadata.generation,
                time(now).0,
            ),
            ..before
        };
    };
    let owner = Owner::of(connector);
    let endpoint = facts.site.as_ref().map(|site| ScimEndpoint {
        url: scim_url(&site.public_url),
        user_name: owner.object.name.clone(),
        secret_name: credential::secret_name(connector),
        token_url: (connector.spec.scim.credential.mode == CredentialMode::OAuth)
            .then(|| token_url(&site.public_url)),
    });
    let oidc = facts.site.as_ref();
    let oidc = oidc.map(|site| OidcEndpoint {
        public_client_redirect_uris: facts.public_client_redirect_uris.clone(),
        ..sign_in::endpoint(connector, site, facts.token_issuer.as_deref())
    });
    let mut findings = verdict.findings();
    findings.extend(entitled(connector, facts));
    findings.extend(credentials_current(connector, verdict, facts));
    let report = facts.report.as_ref();
    let checklist = steps(connector, endpoint.as_ref(), oidc.as_ref(), report);
    AzureConnectorStatus {
        observed_generation: connector.metadata.generation,
        conditions: record(
            &before.conditions,
            &findings,
            connector.metadata.generation,
            time(now).0,
        ),
        scim: endpoint,
        oidc,
        checklist,
        credentials: credentials(facts, &before.credentials),
        // A workload that cannot be asked has not forgotten the last cycle.
        last_sync: match report {
            Some(report) => report.last_cycle.as_ref().map(last_sync),
            None => before.last_sync,
        },
        last_error: match report {
            Some(report) => report.last_error.as_ref().map(last_error),
            None => before.last_error,
        },
    }
}

/// What a person does in Entra's portal, and what was seen of it.
fn steps(
    connector: &AzureConnector,
    scim: Option<&ScimEndpoint>,
    oidc: Option<&OidcEndpoint>,
    report: Option<&ClientReport>,
) -> Vec<ChecklistItem> {
    let evidence = report.map(|it| &it.evidence);
    let before = connector.status.as_ref();
    let before = before.map_or(&[][..], |it| &it.checklist);
    let (Management::Manual, Some(scim)) = (connector.spec.management, scim) else {
        return before.to_vec();
    };
    let (namespace, mode) = (
        Owner::of(connector).object.namespace,
        connector.spec.scim.credential.mode,
    );
    let mut steps = checklist(scim, &namespace, mode, evidence, before);
    if let (Some(application), Some(endpoint)) = (&connector.spec.oidc, oidc) {
        steps.push(first_sign_in(application, endpoint, evidence, before));
    }
    steps
}

fn entitled(connector: &AzureConnector, facts: &ConnectorFacts) -> Option<Finding> {
    let tenant = &connector.spec.scim_tenant_ref.name;
    Some(if facts.entitled? {
        Finding::new(
            ENTITLED,
            Status::True,
            Reason::Reconciled,
            format!("ScimTenant {tenant} has the entitlement EnterpriseToolkit"),
        )
    } else {
        Finding::new(
            ENTITLED,
            Status::False,
            Reason::EntitlementMissing,
            format!("add EnterpriseToolkit to spec.entitlements of ScimTenant {tenant}"),
        )
    })
}

fn credentials_current(
    connector: &AzureConnector,
    verdict: &Verdict,
    facts: &ConnectorFacts,
) -> Option<Finding> {
    let secret = credential::secret_name(connector);
    let accepted = match verdict {
        Verdict::Done { .. } => true,
        Verdict::Waiting { .. } => false,
        Verdict::Suspended | Verdict::Rejected(_) | Verdict::Failed { .. } => return None,
    };
    let replaced = facts
        .client
        .iter()
        .flat_map(|it| &it.credentials)
        .find_map(|it| it.expires_at);
    let history = match (facts.cause?, replaced) {
        (Cause::SecretDeleted, Some(end)) => format!(
            "; it replaces the one of a Secret that was deleted, which is accepted until {end}: paste the new one into Entra"
        ),
        (Cause::PasswordEdited, Some(end)) => format!(
            "; it replaces the one that somebody changed in the Secret, which is accepted until {end}: paste the new one into Entra"
        ),
        (Cause::First, Some(end)) => {
            format!("; the one before is accepted until {end}: paste the new one into Entra")
        }
        (_, None) => String::new(),
    };
    Some(if accepted {
        Finding::new(
            CREDENTIALS_CURRENT,
            Status::True,
            Reason::CredentialAccepted,
            format!("the password in Secret {secret} is accepted{history}"),
        )
    } else {
        Finding::new(
            CREDENTIALS_CURRENT,
            Status::False,
            Reason::CredentialPending,
            format!("the password in Secret {secret} is not accepted yet{history}"),
        )
    })
}

fn credentials(facts: &ConnectorFacts, before: &[CredentialStatus]) -> Vec<CredentialStatus> {
    let all = facts.client.as_ref().map_or(&[][..], |it| &it.credentials);
    // A password whose place changes is there twice for a day; the present place comes first.
    let is_first = |(index, it): &(usize, &CredentialConfig)| {
        all.iter().position(|other| other.digest == it.digest) == Some(*index)
    };
    all.iter()
        .enumerate()
        .filter(is_first)
        .map(|(_, entry)| entry)
        .map(|entry| {
            let id = entry.digest.id();
            let used = facts
                .report
                .iter()
                .flat_map(|it| &it.credentials)
                .find(|it| it.id == id);
            let earlier = before.iter().find(|it| it.id == id.as_str());
            CredentialStatus {
                id: id.to_string(),
                state: if entry.expires_at.is_none() {
                    CredentialState::Current
                } else {
                    CredentialState::Previous
                },
                issued_at: Some(time(entry.issued_at)),
                expires_at: entry.expires_at.map(time),
                last_used_at: used
                    .map(|it| time(it.last_used_at))
                    .or_else(|| earlier.and_then(|it| it.last_used_at.clone())),
                last_used_from: used
                    .map(|it| it.last_used_from.clone())
                    .or_else(|| earlier.and_then(|it| it.last_used_from.clone())),
                user_agent: match used {
                    Some(used) => used.user_agent.clone(),
                    None => earlier.and_then(|it| it.user_agent.clone()),
                },
            }
        })
        .collect()
}

pub(super) fn last_sync(cycle: &Cycle) -> LastSync {
    LastSync {
        started_at: time(cycle.started_at),
        ended_at: cycle.ended.then(|| time(cycle.last_request_at)),
        requests: cycle.requests,
        created: cycle.created,
        updated: cycle.updated,
        deactivated: cycle.deactivated,
        deleted: cycle.deleted,
        failed: cycle.failed,
        repairs: cycle.repairs.clone(),
    }
}

pub(super) fn last_error(refused: &RefusedRequest) -> LastError {
    LastError {
        time: time(refused.time),
        summary: refused.summary.clone(),
    }
}
