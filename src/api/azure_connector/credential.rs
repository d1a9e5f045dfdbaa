//! How Entra shows who it is.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The credential that Entra presents.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.oauth) || self.mode == 'OAuth'")
    .message("oauth needs mode: OAuth; set that, or remove oauth"))]
pub struct ScimCredential {
    /// Secret that Usher makes with `url`, `username` and `password`, ready to paste; the connector's name with `-scim` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    )]
    pub secret_name: Option<String>,
    /// What is accepted. `Token`: the password, as Secret Token. `OAuth`: access tokens of Usher's token endpoint, which are given for user name and password.
    /// `EntraToken`: tokens that Entra issues itself when its Secret Token is left blank; Microsoft calls that a testing aid. Another mode ends the one before after 24
    /// hours.
    #[serde(default)]
    pub mode: CredentialMode,
    /// Settings of `mode: OAuth`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthSettings>,
}

/// What is accepted from Entra.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialMode {
    /// The password.
    #[default]
    Token,
    /// Access tokens (RFC 6749, section 4.4).
    OAuth,
    /// Tokens that Entra issues itself.
    EntraToken,
}

/// Settings of the token endpoint for one connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct OAuthSettings {
    /// Minutes for which an access token is accepted, from 60 to 360.
    #[serde(default = "default_minutes")]
    #[schemars(range(min = 60, max = 360))]
    pub access_token_minutes: u16,
    /// Lets Entra get access tokens without the password, by assertions that it signs (workload identity federation, RFC 7523).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub federation: Option<Federation>,
}

fn default_minutes() -> u16 {
    60
}

/// Whose assertions are believed beside those of the right Entra tenant: both must fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Federation {
    /// Object id of the service principal of Entra's provisioning service: `sub` of its assertions, a GUID.
    #[schemars(
        length(min = 36, max = 36),
        regex(
            pattern = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
        )
    )]
    pub service_principal_id: String,
    /// `aud` of its assertions, such as `api://` with the id of the application.
    #[schemars(length(min = 1, max = 256))]
    pub audience: String,
}
