//! The mail server of a directory.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::sign_in::ClientSecretKey;

/// By which server letters go, and from whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailConfig {
    /// Host of the server.
    pub server: String,
    /// Port of the server.
    pub port: u16,
    /// How the connection is protected.
    pub tls: EmailTls,
    /// Address of who writes.
    pub from: String,
    /// By what the server knows us; nothing where it does not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<EmailCredential>,
    /// The authority of its certificate in PEM; that of the system when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<SecretFile>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EmailTls {
    /// After STARTTLS, and not at all without (RFC 3207).
    StartTls,
    /// From the first byte (RFC 8314).
    Tls,
    /// Not at all.
    None,
}

/// By what a mail server knows us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EmailCredential {
    /// The user name.
    pub user_name: String,
    /// The password.
    pub password: SecretFile,
}

/// A file with something secret, which is read whenever it is needed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretFile {
    /// Path of the file.
    pub file: PathBuf,
    /// What the operator makes that file of; absent where it is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<ClientSecretKey>,
}
