//! How people of an Entra tenant sign in, and where Entra is.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The application in Entra that people sign in to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.clientSecretRef) != has(self.workloadIdentity)")
    .message("oidc needs one of clientSecretRef, the client secret of the app registration, and workloadIdentity, which needs none"))]
pub struct OidcConnection {
    /// Application (client) ID of the app registration: a GUID, shown on its overview page.
    #[schemars(length(min = 36, max = 36))]
    #[x_kube(validation = Rule::new("self.matches('^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')")
        .message("clientId must be a GUID such as 66666666-7777-8888-9999-aaaaaaaaaaaa, the Application (client) ID"))]
    pub client_id: String,
    /// Where the client secret of the app registration is: its Value, not its Secret ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<ClientSecretReference>,
    /// In place of a client secret: the pods prove who they are by a token of the cluster, which the app registration trusts by a federated credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_identity: Option<WorkloadIdentity>,
    /// What people read where they choose among several connectors, such as `Contoso staff`; the name of the connector when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub display_name: Option<String>,
    /// Domains of the people of this Entra tenant, such as `contoso.example`; those below one are not meant. Where several connectors of a ScimTenant let people
    /// sign in, whoever gives a name in one of these is led to this one. No two connectors of a ScimTenant can have the same domain. They say where to ask, never
    /// who somebody is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 64), inner(length(min = 1, max = 253)), extend("x-kubernetes-list-type" = "set"))]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$'))")
        .message("a domain must be a DNS name in lower case with at least one dot, such as contoso.example"))]
    pub domains: Vec<String>,
    /// Has Entra confirm again and again who is signed in, by a refresh token: whoever Entra does not know any more is signed out. Without it a session is
    /// Usher's alone; who is deactivated by provisioning is out at once either way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<Refresh>,
    /// Has the profile photo of who signs in read from Microsoft Graph, by the permission `User.Read`, which is asked for when somebody signs in: consent to it
    /// for all first. The photo is shown on the page of the account and in the portal. Nobody waits for it, and nothing fails without it.
    #[serde(default)]
    pub profile_photo: bool,
}

/// How the pods prove who they are without a client secret (workload identity federation).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadIdentity {
    /// Audience of the tokens; that of the cloud when left out, such as `api://AzureADTokenExchange`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    // The audience of an API server is no such one: no pod is given a token that opens one.
    #[x_kube(validation = Rule::new("self.matches('^api://[-._~:/a-zA-Z0-9]+$')")
        .message("audience must begin with api://, such as api://AzureADTokenExchange"))]
    pub audience: Option<String>,
}

/// The federated credential that the app registration needs: Certificates & secrets > Federated credentials > Other issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct FederatedCredential {
    /// Issuer: that of the service account tokens of this cluster. Entra must reach its keys. Absent where Usher does not know it: `kubectl get --raw
    /// /.well-known/openid-configuration` says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// Subject identifier: the service account of the pods.
    pub subject: String,
    /// Audience.
    pub audience: String,
}

/// How often Entra is asked whether it still knows who is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Refresh {
    /// Time within which Entra is asked again about a session that is used, in minutes (from `15m`) or hours such as `1h`.
    #[serde(default = "one_hour")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^(1[5-9]|[2-9][0-9]|[1-9][0-9]{2})m$|^[1-9][0-9]{0,2}h$')")
        .message("every must be minutes from 15m or hours, such as 1h"))]
    pub every: String,
    /// Time for which a session lasts beyond that while Entra gives no answer, in minutes (from `15m`) or hours such as `1h`.
    #[serde(default = "one_hour")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^(1[5-9]|[2-9][0-9]|[1-9][0-9]{2})m$|^[1-9][0-9]{0,2}h$')")
        .message("grace must be minutes from 15m or hours, such as 1h"))]
    pub grace: String,
}

fn one_hour() -> String {
    "1h".to_owned()
}

/// A client secret in a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientSecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a Secret, such as contoso-entra-oidc"))]
    pub name: String,
    /// Key in the Secret.
    #[serde(default = "default_key")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')")
        .message("key must be a key of a Secret, such as client-secret"))]
    pub key: String,
}

fn default_key() -> String {
    "client-secret".to_owned()
}

/// The Microsoft cloud that an Entra tenant is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Cloud {
    /// `login.microsoftonline.com`.
    #[default]
    Public,
    /// `login.microsoftonline.us`.
    USGovernment,
    /// `login.partner.microsoftonline.cn`.
    China,
    /// The one that `customCloud` describes: private, or emulated.
    Custom,
}

/// A cloud that is none of Microsoft's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomCloud {
    /// Base URL of its sign-in, in place of `https://login.microsoftonline.com`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^(https://[-a-zA-Z0-9.]+|http://(localhost|127[.]0[.]0[.]1))(:[0-9]{1,5})?$')")
        .message("signIn must be an https URL without path such as https://login.example.com; http is for this machine (127.0.0.1) only"))]
    pub sign_in: String,
    /// Base URL of its Graph, in place of `https://graph.microsoft.com`; needed for `oidc.profilePhoto` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^(https://[-a-zA-Z0-9.]+|http://(localhost|127[.]0[.]0[.]1))(:[0-9]{1,5})?$')")
        .message("graph must be an https URL without path such as https://graph.example.com; http is for this machine (127.0.0.1) only"))]
    pub graph: Option<String>,
}

/// The values for the app registration in Entra.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OidcEndpoint {
    /// The authority that people sign in at; Entra shows it as the Directory (tenant) ID.
    pub authority: String,
    /// Redirect URI of the platform Web.
    pub web_redirect_uri: String,
    /// Front-channel logout URL: whoever signs out at Entra is signed out here. A provider that sends logout tokens (back-channel) sends them there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logout_url: Option<String>,
    /// Redirect URIs of the public applications of the ScimTenant, on phones and desktops. They sign in to Usher, which sends people back there. Only an app that
    /// signs in to Entra itself needs its own in Entra, under the platform Mobile and desktop applications.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub public_client_redirect_uris: Vec<String>,
    /// The federated credential for the app registration, with `workloadIdentity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federated_credential: Option<FederatedCredential>,
}
