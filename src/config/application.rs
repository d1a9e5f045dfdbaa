//! The applications that sign people in through a directory, and the keys by which their tokens are signed.

use std::fmt;
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::TokenDigest;

/// The applications of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationsConfig {
    /// The file with [`SigningKeys`], which is read whenever it is needed.
    pub signing_keys_file: PathBuf,
    /// One at least.
    pub applications: Vec<ApplicationConfig>,
}

impl ApplicationsConfig {
    /// The application with this `client_id`.
    pub fn application(&self, client_id: &str) -> Option<&ApplicationConfig> {
        self.applications
            .iter()
            .find(|it| it.client_id == client_id)
    }
}

/// An application that signs people in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationConfig {
    /// Its `client_id`.
    pub client_id: String,
    /// How it shows who it is.
    pub authentication: ApplicationAuthentication,
    /// Where people may be sent back to; one on a loopback address stands for every port.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redirect_uris: Vec<String>,
    /// Whether devices without a browser sign people in with it (RFC 8628).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub device_authorization: bool,
    /// Where people may be sent to after signing out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Claims beside those of the scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimConfig>,
}

/// How an application shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ApplicationAuthentication {
    /// Not at all: it cannot keep a secret.
    Public,
    /// By the client secret with this digest.
    Secret(TokenDigest),
}

/// A claim and the attribute of a person that it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimConfig {
    /// Name of the claim.
    pub claim: String,
    /// `groups`, an attribute of SCIM, or the URN of an extension.
    pub attribute: String,
}

/// The keys by which tokens are signed: what the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningKeys {
    /// Those that are published.
    pub keys: Vec<SigningKey>,
}

/// A key for ES256 (RFC 7518, section 3.4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningKey {
    /// The key.
    pub private_key: PrivateKey,
    /// When it begins to sign; of those that have begun the last one signs.
    pub signs_from: Timestamp,
}

/// A private key of P-256 as PKCS #8 in Base64. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateKey(String);

impl PrivateKey {
    /// The key that is `pkcs8`.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Self {
        Self(STANDARD.encode(pkcs8))
    }

    /// The key that signs; nothing when somebody broke the text, or it is another kind of key.
    pub fn pair(&self) -> Option<EcdsaKeyPair> {
        let pkcs8 = STANDARD.decode(&self.0).ok()?;
        let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
        EcdsaKeyPair::from_pkcs8(algorithm, &pkcs8, &SystemRandom::new()).ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}
