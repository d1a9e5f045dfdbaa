//! `WorkloadConfig`: the only thing that crosses from the operator to the workload; `Report` is the only thing that comes back.

mod access_token;
pub mod application;
pub mod email;
pub mod oauth;
pub mod policy;
mod portal;
pub mod report;
pub mod rights;
mod second_factor;
pub mod secret;
pub mod sign_in;
mod signing_key;

use std::fmt;
use std::path::PathBuf;

use ipnet::IpNet;
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::scim::dialect::Dialect;
use crate::scim::schema::Rules;

pub use access_token::AccessToken;
pub use application::{
    ApplicationAuthentication, ApplicationConfig, ApplicationsConfig, ClaimConfig,
};
pub use email::{EmailConfig, EmailTls};
pub use oauth::{OAuthConfig, TrustedIssuer};
pub use policy::{
    Adoption, AttributeOwnerConfig, BrakeConfig, PolicyConfig, UnknownMembers, UnknownPeople,
    VerifiedDomainsConfig,
};
pub use portal::{DeclaredClient, PortalConfig};
pub use report::Report;
pub use rights::Rights;
pub use second_factor::{SealingKey, SecondFactorConfig};
pub use secret::{CredentialId, Token, TokenDigest};
pub use sign_in::{
    AccessRuleConfig, ClientAssertionConfig, ClientSecretKey, ForwardAuthConfig, ProviderConfig,
    RefreshConfig, SessionConfig, SignInConfig,
};
pub use signing_key::{Pair, PrivateKey, SigningAlgorithm, SigningKey, SigningKeys};

/// The version that this program writes and reads.
pub const VERSION: u32 = 1;

/// What a workload serves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadConfig {
    /// Always [`VERSION`]; a workload refuses another one.
    pub version: u32,
    /// Digest of the token that the operator presents to the report endpoint.
    pub report_token: TokenDigest,
    /// The directories, told apart by the host and path of their URL.
    pub scim_tenants: Vec<ScimTenantConfig>,
}

/// One directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScimTenantConfig {
    /// Namespace and name of its `ScimTenant`, as `namespace/name`.
    pub name: ScimTenantName,
    /// Public base URL without a trailing slash, for instance `https://contoso.id.example.com`; SCIM is at `{url}/scim/v2`.
    pub url: Url,
    /// Where its people are kept.
    pub store: StoreConfig,
    /// What a person may and must have.
    pub schema: Rules,
    /// What clients may do.
    #[serde(default)]
    pub policy: PolicyConfig,
    /// Whose word is taken for where a request comes from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// How people sign in; nobody does when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<SignInConfig>,
    /// Where administrators look and act; nowhere when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub portal: Option<PortalConfig>,
    /// What is kept of what clients send, to be read again by other rules; nothing when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replay: Option<ReplayConfig>,
    /// Who may provision.
    pub clients: Vec<ScimClientConfig>,
}

/// How what clients send is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplayConfig {
    /// The file with a [`SealingKey`], which is read whenever it is needed.
    pub sealing_key_file: PathBuf,
}

impl ScimTenantConfig {
    /// Base URL of SCIM: what Entra calls the Tenant URL.
    pub fn scim_url(&self) -> String {
        scim_url(&self.url)
    }
}

/// Base URL of SCIM below the public URL of a `ScimTenant`.
pub fn scim_url(public: &Url) -> String {
    format!("{}/scim/v2", public.as_str().trim_end_matches('/'))
}

/// The token endpoint below the public URL of a `ScimTenant`.
pub fn token_url(public: &Url) -> String {
    format!("{}/oauth2/token", public.as_str().trim_end_matches('/'))
}

/// Namespace and name of a `ScimTenant`, as `namespace/name`.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct ScimTenantName(pub String);

impl fmt::Display for ScimTenantName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Where people are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum StoreConfig {
    /// A SQLite database file.
    Sqlite {
        /// Path of the database file; its folder exists.
        path: PathBuf,
    },
    /// A schema of a PostgreSQL database, which other workloads may have open as well.
    Postgres {
        /// Path of the file with the connection URL, which is read anew when it changes.
        url_file: PathBuf,
        /// Name of the schema.
        schema: String,
    },
}

impl ScimTenantConfig {
    /// Who says who people are.
    pub fn providers(&self) -> &[ProviderConfig] {
        self.sign_in.as_ref().map_or(&[], |it| &it.providers)
    }

    /// The applications that sign people in.
    pub fn applications(&self) -> Option<&ApplicationsConfig> {
        self.sign_in.as_ref()?.applications.as_ref()
    }

    /// The ports of others that have to be asked: to sign people in, for the keys of whose tokens are believed, or to write to people.
    pub fn calls_out(&self) -> Vec<u16> {
        let by_keys = |it: &ScimClientConfig| {
            let assertion = it.oauth.as_ref().and_then(|it| it.assertion.as_ref());
            let mut issuers = assertion.into_iter().chain(&it.issuer);
            issuers.any(|it| matches!(it.keys, oauth::Keys::Url(_)))
        };
        let email = self.sign_in.as_ref().and_then(|it| it.email.as_ref());
        let applications = self.applications();
        let asks = !self.providers().is_empty()
            || self.clients.iter().any(by_keys)
            || applications
                .is_some_and(|it| it.applications.iter().any(ApplicationConfig::calls_out));
        let https = asks.then_some(443);
        https.into_iter().chain(email.map(|it| it.port)).collect()
    }
}

/// Who may provision: an `AzureConnector`, or a client in the spec of the `ScimTenant`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ScimClientConfig {
    /// Name of the connector, or of a client in the spec of the `ScimTenant`.
    pub name: String,
    /// User name for Basic.
    pub user_name: String,
    /// How its requests are read.
    #[serde(default)]
    pub dialect: Dialect,
    /// What it may do.
    #[serde(default)]
    pub rights: Rights,
    /// The credentials that are accepted.
    pub credentials: Vec<CredentialConfig>,
    /// How it gets access tokens, other than by a password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oauth: Option<OAuthConfig>,
    /// Whose tokens it may present as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<TrustedIssuer>,
    /// By what it is declared, for administrators to see.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<DeclaredClient>,
}

/// One accepted credential, without its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CredentialConfig {
    /// Digest of the token.
    pub digest: TokenDigest,
    /// Where it is accepted.
    #[serde(default, skip_serializing_if = "AcceptedAt::is_default")]
    pub accepted_at: AcceptedAt,
    /// When the token was made.
    pub issued_at: Timestamp,
    /// When it stops being accepted; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Where a credential is accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum AcceptedAt {
    /// At the SCIM endpoint, as Bearer or by Basic.
    #[default]
    Scim,
    /// At the token endpoint, where it gets access tokens.
    TokenEndpoint,
    /// Nowhere: the client presents tokens of an issuer.
    Nowhere,
}

impl AcceptedAt {
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "serde calls it with a reference"
    )]
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Why a document is not a `WorkloadConfig` that this program can serve.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not JSON, an unknown field, a missing one, or one of another type.
    #[error("the workload configuration is not understood")]
    Syntax(#[source] serde_json::Error),
    /// Written by another version of the operator.
    #[error(
        "the workload configuration has version {found}, this program serves version {VERSION}"
    )]
    Version {
        /// The version in the document.
        found: u32,
    },
}

impl WorkloadConfig {
    /// Reads a document; `version` is looked at before anything else, so that a newer document is refused by its version.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let versioned: Versioned = serde_json::from_str(text).map_err(ConfigError::Syntax)?;
        if versioned.version != VERSION {
            return Err(ConfigError::Version {
                found: versioned.version,
            });
        }
        serde_json::from_str(text).map_err(ConfigError::Syntax)
    }

    /// The document as text; the same value gives the same text.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a configuration has only string keys")
    }
}

/// Digest of a configuration document, by which operator and workload agree on what is loaded.
pub fn digest(document: &str) -> String {
    secret::hex_sha256(document.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_version_is_refused_by_its_version() {
        let error = WorkloadConfig::parse(r#"{"version": 2, "something": "new"}"#).unwrap_err();

        assert_eq!(
            error.to_string(),
            "the workload configuration has version 2, this program serves version 1"
        );
    }

    #[test]
    fn a_document_without_a_policy_is_read() {
        let text = r#"{"name": "identity/contoso", "url": "https://contoso.example", "store": {"sqlite": {"path": "/data/people.db"}},
            "schema": {}, "clients": []}"#;

        let read: ScimTenantConfig = serde_json::from_str(text).unwrap();

        assert_eq!(read.policy, PolicyConfig::default());
        assert_eq!(read.sign_in, None);
        let text = r#"{"breakGlass": ["admin"]}"#;
        let read: PolicyConfig = serde_json::from_str(text).unwrap();
        assert_eq!((read.brake, read.adoption), (None, Adoption::Never));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let text = r#"{"version": 1, "reportToken": "00", "scimTenants": [], "scimTennants": []}"#;

        assert!(matches!(
            WorkloadConfig::parse(text),
            Err(ConfigError::Syntax(_))
        ));
    }
}
