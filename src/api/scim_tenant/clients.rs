//! SCIM clients of a `ScimTenant` that are no `AzureConnector`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::azure_connector::{LastError, LastSync};

/// A SCIM client that is no AzureConnector, such as Okta or a script. It has a credential of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimClient {
    /// Name of the client, and its user name for Basic. No AzureConnector of this ScimTenant may have the same name.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name of a client may hold only a-z, 0-9 and '-', and begins and ends with a letter or digit"))]
    pub name: String,
    /// Secret that Usher makes with `url`, `username` and `password`; `SCIMTENANT-CLIENT-scim` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub secret_name: Option<String>,
    /// How its requests are read. `Strict`: as the RFCs have them. `Entra`: what Microsoft Entra ID is known to send beyond them is understood as well.
    #[serde(default)]
    pub dialect: ClientDialect,
    /// What it may do.
    #[serde(default)]
    pub rights: ClientRights,
    /// Lets the client get access tokens for its password, or for what its key signs, at the token endpoint `https://HOST/oauth2/token`. The password itself is then
    /// accepted there alone, from 24 hours after this was declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<ClientOAuth>,
}

/// Settings of the token endpoint for one client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientOAuth {
    /// Minutes for which an access token is accepted, from 1 to 360.
    #[serde(default = "default_minutes")]
    #[schemars(range(min = 1, max = 360))]
    pub access_token_minutes: u16,
    /// Public keys of the client, as the text of a JWK set, for which it gets access tokens without the password: by `private_key_jwt` with its own name as `iss` and
    /// `sub`, signed by RS256, PS256 or ES256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub jwks: Option<String>,
}

fn default_minutes() -> u16 {
    60
}

/// How the requests of a client are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientDialect {
    /// As RFC 7643 and RFC 7644 have them.
    #[default]
    Strict,
    /// As Microsoft Entra ID sends them.
    Entra,
}

/// What a client may do; what it may not do is answered with 403.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientRights {
    /// `ReadOnly`: it finds and lists. `ReadWrite`: it creates, changes and deletes as well.
    #[serde(default)]
    pub access: ClientAccess,
    /// The resources that it may reach: `Users`, `Groups` or `All`. The groups that a person is in are part of the person.
    #[serde(default)]
    pub resources: ClientResources,
}

/// Whether a client may write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientAccess {
    /// It reads only.
    ReadOnly,
    /// It reads and writes.
    #[default]
    ReadWrite,
}

/// The resources that a client may reach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientResources {
    /// People and groups.
    #[default]
    All,
    /// People.
    Users,
    /// Groups.
    Groups,
}

/// What is known of one SCIM client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScimClientStatus {
    /// Name of the client.
    pub name: String,
    /// Secret with the values to give to it.
    pub secret_name: String,
    /// Whether the password in the Secret is accepted.
    pub accepted: bool,
    /// When one of its passwords was last presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<Time>,
    /// Address from which it was last presented.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used_from: Option<String>,
    /// What the client called itself then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// Its last requests that had less than five minutes between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_sync: Option<LastSync>,
    /// The last request that was refused; gone once a later cycle had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<LastError>,
}
