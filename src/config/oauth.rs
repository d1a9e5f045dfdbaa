//! OAuth 2.0 for SCIM clients: how they get access tokens, and whose tokens and assertions are believed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

/// How a client gets access tokens at the token endpoint (RFC 6749, section 4.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OAuthConfig {
    /// Seconds for which an access token is accepted.
    pub access_token_seconds: u32,
    /// Whose assertion is accepted beside the password (RFC 7523).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assertion: Option<TrustedIssuer>,
}

/// Who signs tokens that are believed, and what must stand in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrustedIssuer {
    /// `iss`, exactly.
    pub issuer: String,
    /// `sub`, exactly; any when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// One of these is in `aud`.
    pub audiences: Vec<String>,
    /// `tid`, in any capitals; not looked at when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entra_tenant_id: Option<String>,
    /// The keys by which it signs.
    pub keys: Keys,
}

/// Public keys (RFC 7517).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Keys {
    /// A JWK set, as JSON text.
    Declared(String),
    /// Where the JWK set is fetched.
    Url(Url),
}
