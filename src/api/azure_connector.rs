//! `AzureConnector`: one Entra tenant connected to one `ScimTenant`; it owns the SCIM credential.

mod credential;
mod oidc;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::CustomResource;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::object::ObjectReference;
use super::scim_tenant::ClientDialect;

pub use credential::{CredentialMode, Federation, OAuthSettings, ScimCredential};
pub use oidc::{
    ClientSecretReference, Cloud, CustomCloud, FederatedCredential, OidcConnection, OidcEndpoint,
    Refresh, WorkloadIdentity,
};

/// What is wished of one connection.
#[derive(Clone, Debug, PartialEq, Eq, CustomResource, Serialize, Deserialize, KubeSchema)]
#[kube(
    group = "usher.dev",
    version = "v1alpha1",
    kind = "AzureConnector",
    namespaced,
    status = "AzureConnectorStatus",
    derive = "PartialEq",
    shortname = "azc",
    category = "connectors",
    doc = "One Entra tenant connected to one ScimTenant. It owns the SCIM credential, so two connectors never share one.",
    validation = Rule::new("size(self.metadata.name) <= 40")
        .message("metadata.name must have at most 40 characters: names of Secrets are made from it"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status",
        description = "Whether Entra can provision."),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".spec.scimTenantRef.name",
        description = "The ScimTenant that people arrive in."),
    printcolumn(name = "Last Sync", type_ = "date", json_path = ".status.lastSync.startedAt",
        description = "Time since Entra's last cycle began."),
    printcolumn(name = "Last Error", type_ = "string", json_path = ".status.lastError.summary",
        description = "The last request of Entra that was refused, and why."),
    printcolumn(name = "Reason", type_ = "string", priority = 1,
        json_path = ".status.conditions[?(@.type=='Ready')].reason", description = "Why it is or is not ready."),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp", description = "Time since creation.")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.customCloud) == (self.cloud == 'Custom')")
    .message("customCloud and cloud: Custom need each other; set both or neither"))]
#[x_kube(validation = Rule::new("self.cloud != 'Custom' || !has(self.oidc) || !has(self.oidc.workloadIdentity) || !has(self.oidc.workloadIdentity.audience) || !self.oidc.workloadIdentity.audience.startsWith('api://AzureADTokenExchange')")
    .message("oidc.workloadIdentity.audience must not be that of Microsoft with cloud: Custom: a token for it would open the app registration of another connector; leave it out or write another one, such as api://UsherTokenExchange"))]
#[x_kube(validation = Rule::new("self.cloud != 'Custom' || !has(self.oidc) || !has(self.oidc.profilePhoto) || !self.oidc.profilePhoto || !has(self.customCloud) || has(self.customCloud.graph)")
    .message("oidc.profilePhoto needs customCloud.graph, the base URL of the Graph of that cloud, such as https://graph.example.com"))]
pub struct AzureConnectorSpec {
    /// The ScimTenant that people arrive in. It cannot be changed: the credential in Entra belongs to it.
    #[x_kube(validation = Rule::new("self.name == oldSelf.name")
        .message("scimTenantRef cannot be changed; make a new AzureConnector"))]
    pub scim_tenant_ref: ObjectReference,

    /// Directory (tenant) id of the Entra tenant: a GUID, shown on the overview page of Entra.
    // As long as a domain, which is the usual mistake: the rule says what is wanted instead.
    #[schemars(length(max = 253))]
    #[x_kube(
        validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')")
            .message("entraTenantId must be a GUID such as 11111111-2222-3333-4444-555555555555"),
        validation = Rule::new("self != '00000000-0000-0000-0000-000000000000'")
            .message("entraTenantId must be the id of a tenant, not all zeros")
    )]
    pub entra_tenant_id: String,

    /// The Microsoft cloud that the Entra tenant is in.
    #[serde(default)]
    pub cloud: Cloud,

    /// Where the cloud is, with `cloud: Custom`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_cloud: Option<CustomCloud>,

    /// Who sets up Entra. `Manual`: a person does, and status holds the checklist with the values to paste.
    #[serde(default)]
    pub management: Management,

    /// The SCIM side of the connection.
    #[serde(default)]
    pub scim: ScimConnection,

    /// Lets people sign in through Entra. It needs a mapping that sends Entra's `objectId` as `externalId`: by it a person who signs in is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcConnection>,

    /// While true, Usher neither changes nor heals what belongs to this object; Entra's requests are still served.
    #[serde(default)]
    pub suspend: bool,
}

/// Who sets up Entra.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Management {
    /// A person, in Entra's portal, by the checklist in status.
    #[default]
    Manual,
}

/// The SCIM side of the connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimConnection {
    /// The credential that Entra presents.
    #[serde(default)]
    pub credential: ScimCredential,
    /// How requests are read. `Entra`: what Microsoft Entra ID is known to send beyond the RFCs is understood and counted.
    /// `Strict`: as the RFCs have them; Entra itself sends more than that.
    #[serde(default = "entra")]
    pub dialect: ClientDialect,
}

fn entra() -> ClientDialect {
    ClientDialect::Entra
}

impl Default for ScimConnection {
    fn default() -> Self {
        Self {
            credential: ScimCredential::default(),
            dialect: entra(),
        }
    }
}

/// What is known of one connection.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AzureConnectorStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready; Reconciling and Stalled when they apply; Entitled; CredentialsCurrent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// The values to paste into Entra.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scim: Option<ScimEndpoint>,
    /// The values for the app registration that people sign in to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oidc: Option<OidcEndpoint>,
    /// The steps in Entra's portal, and what has been seen of each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["step"]))]
    pub checklist: Vec<ChecklistItem>,
    /// The credentials that are accepted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["id"]))]
    pub credentials: Vec<CredentialStatus>,
    /// Entra's last provisioning cycle, as its requests show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
    /// The last request that was refused; gone once a later cycle had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}

/// The values to paste into Entra's provisioning page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimEndpoint {
    /// Tenant URL.
    pub url: String,
    /// User name, for clients that use Basic.
    pub user_name: String,
    /// Secret whose `password` is the Secret Token.
    pub secret_name: String,
    /// Token Endpoint, with `mode: OAuth`: Entra gets access tokens there for `username` and `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_url: Option<String>,
}

/// A step in Entra's portal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ChecklistStep {
    /// Make a non-gallery application, set its provisioning mode, paste the values, and test the connection.
    TestConnection,
    /// Assign people and groups, and switch provisioning on.
    StartProvisioning,
    /// Switch the mapping of groups on, and assign groups.
    ProvisionGroups,
    /// Register the redirect URI, make a client secret, and sign in.
    FirstSignIn,
}

/// One line of the checklist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ChecklistItem {
    /// The step.
    pub step: ChecklistStep,
    /// Whether it has been seen to work.
    pub done: bool,
    /// When it was first seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// What to do in the portal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub how: Option<String>,
}

/// A credential, without its value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CredentialStatus {
    /// Beginning of the SHA-256 of the password, in hexadecimal.
    pub id: String,
    /// Whether it is the one in the Secret.
    pub state: CredentialState,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Time>,
    /// When it stops being accepted; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// When it was last presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// Address from which it was last presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
    /// What the client called itself then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
}

/// Place of a credential in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialState {
    /// In the Secret.
    Current,
    /// Replaced, and accepted until it expires, so that Entra goes on until the new one is pasted.
    Previous,
}

/// One provisioning cycle, as Entra's requests show it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastSync {
    /// Time of its first request.
    pub started_at: Time,
    /// Time of its last request; absent while requests still come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Time>,
    /// Requests.
    pub requests: i64,
    /// People and groups created.
    pub created: i64,
    /// People and groups changed.
    pub updated: i64,
    /// People deactivated.
    pub deactivated: i64,
    /// People and groups deleted.
    pub deleted: i64,
    /// Requests refused.
    pub failed: i64,
    /// How often requests deviated from the SCIM standard and were understood all the same, by kind, such as `StringBoolean`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub repairs: BTreeMap<String, i64>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct LastError {
    /// When.
    pub time: Time,
    /// Method, resource, status and the reason in words for an Entra administrator.
    pub summary: String,
}
