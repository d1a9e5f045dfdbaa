//! The applications that sign people in through a directory.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::oauth::Keys;
use super::secret::TokenDigest;
use super::signing_key::SigningAlgorithm;

/// The applications of a directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApplicationsConfig {
    /// The file with [`super::SigningKeys`], which is read whenever it is needed.
    pub signing_keys_file: PathBuf,
    /// One at least.
    pub applications: Vec<ApplicationConfig>,
}

impl ApplicationsConfig {
    /// The `client_id` of each that is told when a session has ended.
    pub fn told_of_ends(&self) -> Vec<String> {
        let told = self.applications.iter();
        let told = told.filter(|it| it.backchannel_logout_uri.is_some());
        told.map(|it| it.client_id.clone()).collect()
    }

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
    /// By which algorithm its tokens are signed.
    #[serde(default, skip_serializing_if = "SigningAlgorithm::is_default")]
    pub signing_algorithm: SigningAlgorithm,
    /// Where people may be sent to after signing out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where it is told that somebody's session has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<Url>,
    /// Claims beside those of the scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<ClaimConfig>,
}

impl ApplicationConfig {
    /// Whether it has to be asked for its keys, or is told of ends.
    pub(super) fn calls_out(&self) -> bool {
        let keys = &self.authentication;
        matches!(keys, ApplicationAuthentication::PrivateKey(Keys::Url(_)))
            || self.backchannel_logout_uri.is_some()
    }
}

/// How an application shows who it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ApplicationAuthentication {
    /// Not at all: it cannot keep a secret.
    Public,
    /// By the client secret with this digest.
    Secret(TokenDigest),
    /// By what its private key signs (RFC 7523).
    PrivateKey(Keys),
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
