//! What there is to know of the connectors and other SCIM clients: what Entra is given, by what they come, and how it goes.

use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use super::overview::LastCycle;
use super::{Administration, Administrator, Capability, NotDone};
use crate::config::report::ClientReport;
use crate::config::sign_in::{logout_url, redirect_uri};
use crate::config::{AcceptedAt, ScimClientConfig, token_url};

/// Time without a request after which a connector is looked at: two of Entra's cycles and a half.
const SILENT_AFTER: SignedDuration = SignedDuration::from_mins(100);

/// A connector, or another SCIM client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Connector {
    /// Its name.
    pub(crate) name: String,
    /// The kind of object that declares it: `AzureConnector`, or `ScimTenant` for one of `spec.clients`.
    pub(crate) declared_by: String,
    /// The Entra tenant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) entra_tenant_id: Option<String>,
    /// How it goes.
    pub(crate) state: ConnectorState,
    /// The same as a sentence, with what to do.
    pub(crate) says: String,
    /// What Entra calls the Tenant URL.
    pub(crate) scim_url: String,
    /// The user name for Basic.
    pub(crate) user_name: String,
    /// Where the password lies; it is shown nowhere here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret_name: Option<String>,
    /// Where access tokens are given, where it gets any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) token_url: Option<String>,
    /// What to enter in Entra so that people sign in through it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sign_in: Option<ConnectorSignIn>,
    /// The credentials that are accepted, and when each was last used.
    pub(crate) credentials: Vec<Credential>,
    /// What has been seen to work, in the order of the guide.
    pub(crate) checklist: Vec<CheckedStep>,
    /// The last cycle, or the one that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_cycle: Option<LastCycle>,
    /// Why the last request was refused that was; nothing once a later cycle had none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_error: Option<String>,
}

/// How it goes with a connector, as far as its requests tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) enum ConnectorState {
    /// Requests come and succeed.
    Good,
    /// None has come yet.
    Waiting,
    /// Some were refused, or none has come for long.
    Attention,
}

/// What to enter in Entra so that people sign in through a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConnectorSignIn {
    /// What people know it by.
    pub(crate) display_name: String,
    /// Who says who people are.
    pub(crate) authority: String,
    /// The client id.
    pub(crate) client_id: String,
    /// The redirect URI for the platform Web.
    pub(crate) redirect_uri: String,
    /// The front-channel logout URL.
    pub(crate) logout_url: String,
    /// The Secret with the client secret, and its key, as `NAME/KEY`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) client_secret: Option<String>,
}

/// A credential that is accepted; of the password only a digest is known here, and of that a part is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    /// What the log and the audit call it.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) issued_at: Timestamp,
    /// When it stops being accepted, where it was replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    /// When it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_at: Option<Timestamp>,
    /// Address from which it was last used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_used_from: Option<String>,
    /// What it was last used with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user_agent: Option<String>,
}

/// A step of the guide.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CheckedStep {
    /// Its name, as in the status of the connector.
    pub(crate) step: &'static str,
    /// When it was first seen to work; not yet when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) done_at: Option<Timestamp>,
    /// What to do.
    pub(crate) how: String,
}

impl Administration<'_> {
    /// All connectors and other SCIM clients.
    pub(crate) async fn connectors(&self, who: &Administrator) -> Result<Vec<Connector>, NotDone> {
        who.must(Capability::SeeConnectors)?;
        self.scim_tenant.opened.refresh_activity().await;
        Ok(self.connectors_now())
    }

    /// One of them.
    pub(crate) async fn connector(
        &self,
        who: &Administrator,
        name: &str,
    ) -> Result<Connector, NotDone> {
        let all = self.connectors(who).await?.into_iter();
        let mut named = all.filter(|it| it.name == name);
        named.next().ok_or(NotDone::NotFound("connector"))
    }

    /// What is known without asking the store again.
    pub(super) fn connectors_now(&self) -> Vec<Connector> {
        let clients = self.scim_tenant.clients.all();
        clients.map(|it| self.told_of(it)).collect()
    }

    fn told_of(&self, client: &ScimClientConfig) -> Connector {
        let opened = &self.scim_tenant.opened;
        let report = opened.with_activity(|it| it.report(&client.name, self.now));
        let config = &self.scim_tenant.config;
        let declared = client.declared.as_ref();
        let gets_tokens = client
            .credentials
            .iter()
            .any(|it| it.accepted_at == AcceptedAt::TokenEndpoint);
        let (state, says) = self.state(&report);
        let sign_in = self.sign_in.provider(&client.name);
        let sign_in = sign_in.map(|provider| ConnectorSignIn {
            display_name: provider.display_name.clone(),
            authority: provider.issuer.to_string(),
            client_id: provider.client_id.clone(),
            redirect_uri: redirect_uri(&config.url, &client.name),
            logout_url: logout_url(&config.url, &client.name),
            client_secret: provider
                .client_secret_key
                .as_ref()
                .map(|it| format!("{}/{}", it.secret, it.key)),
        });
        Connector {
            name: client.name.clone(),
            declared_by: declared.map_or_else(String::new, |it| it.kind.clone()),
            entra_tenant_id: declared.and_then(|it| it.entra_tenant_id.clone()),
            state,
            says,
            scim_url: self.scim_tenant.scim_url.clone(),
            user_name: client.user_name.clone(),
            secret_name: declared.map(|it| it.secret_name.clone()),
            token_url: gets_tokens.then(|| token_url(&config.url)),
            checklist: checklist(&report, sign_in.is_some()),
            sign_in,
            credentials: credentials(client, &report),
            last_cycle: report.last_cycle.as_ref().map(LastCycle::of),
            last_error: report.last_error.as_ref().map(|it| it.summary.clone()),
        }
    }

    fn state(&self, report: &ClientReport) -> (ConnectorState, String) {
        let Some(cycle) = &report.last_cycle else {
            return (
                ConnectorState::Waiting,
                "No request has come yet. Paste the Tenant URL and the Secret Token in Entra, then choose Test Connection."
                    .to_owned(),
            );
        };
        if let Some(error) = &report.last_error {
            let says = format!("The last request that was refused: {}.", error.summary);
            return (ConnectorState::Attention, says);
        }
        let quiet = self.now.duration_since(cycle.last_request_at);
        if quiet > SILENT_AFTER {
            let minutes = quiet.as_mins();
            return (
                ConnectorState::Attention,
                format!(
                    "No request has come for {minutes} minutes; Entra begins a cycle every 40. Look at Provisioning in Entra: it may be off or in quarantine."
                ),
            );
        }
        let says = format!(
            "{} requests in the last cycle, none refused.",
            cycle.requests
        );
        (ConnectorState::Good, says)
    }
}

fn credentials(client: &ScimClientConfig, report: &ClientReport) -> Vec<Credential> {
    let told = client.credentials.iter().map(|credential| {
        let id = credential.digest.id();
        let used = report.credentials.iter().find(|it| it.id == id);
        Credential {
            issued_at: credential.issued_at,
            expires_at: credential.expires_at,
            last_used_at: used.map(|it| it.last_used_at),
            last_used_from: used.map(|it| it.last_used_from.clone()),
            user_agent: used.and_then(|it| it.user_agent.clone()),
            id: id.to_string(),
        }
    });
    told.collect()
}

fn checklist(report: &ClientReport, signs_in: bool) -> Vec<CheckedStep> {
    let evidence = &report.evidence;
    let step = |step, done_at, how: &str| CheckedStep {
        step,
        done_at,
        how: how.to_owned(),
    };
    let mut steps = vec![
        step(
            "TestConnection",
            evidence.first_request,
            "Paste the Tenant URL and the password of the Secret as Secret Token into Provisioning of the application in Entra, choose Test Connection, and save.",
        ),
        step(
            "UserProvisioned",
            evidence.first_user,
            "Assign people or groups to the application in Entra and set Provisioning Status to On.",
        ),
        step(
            "GroupProvisioned",
            evidence.first_group,
            "Assign a group, and leave the mapping of groups on.",
        ),
    ];
    if signs_in {
        steps.push(step(
            "FirstSignIn",
            evidence.first_sign_in,
            "Enter the redirect URI in App registrations of Entra, platform Web, and sign in once.",
        ));
    }
    steps
}
