//! The mail server by which people get links for their passwords.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The mail server by which people get invitations, links for a forgotten password, and notices of a changed one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.tls != 'None' || !has(self.credential)")
    .message("a password is sent over TLS only: use tls: StartTls or tls: Tls, or leave credential out"))]
pub struct Email {
    /// Host of the mail server, such as `smtp.example.com`.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$')")
        .message("server must be a host name or an IPv4 address such as smtp.example.com, without a port"))]
    pub server: String,
    /// Its port: 587 with `StartTls`, 465 with `Tls`, 25 with `None`, unless another is given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default)]
    pub tls: EmailTls,
    /// Whom letters are from: an address such as `accounts@example.com`.
    #[schemars(length(min = 3, max = 254))]
    #[x_kube(validation = Rule::new("self.matches('^[-a-zA-Z0-9.+_=]+@[a-zA-Z0-9]([-a-zA-Z0-9.]*[a-zA-Z0-9])?$')")
        .message("from must be an e-mail address alone, such as accounts@example.com"))]
    pub from: String,
    /// By what Usher signs in to the mail server; not at all when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<EmailCredential>,
    /// The authority of the certificate of the mail server in PEM, where the system does not know it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<EmailSecretReference>,
}

/// How the connection to a mail server is protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EmailTls {
    /// It begins in plain text, and nothing is sent before it is protected (RFC 3207).
    #[default]
    StartTls,
    /// It is TLS from its first byte (RFC 8314).
    Tls,
    /// It is not, as to a relay in the same cluster: whoever reads it on the way can use the links.
    None,
}

/// By what Usher signs in to a mail server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailCredential {
    /// User name at the mail server.
    #[schemars(length(min = 1, max = 254))]
    pub user_name: String,
    /// Where the password is.
    pub password_secret_ref: EmailSecretReference,
}

/// A key of a Secret of the same namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct EmailSecretReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')")
        .message("name must be the name of a Secret, such as contoso-smtp"))]
    pub name: String,
    /// Key in the Secret.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[-._a-zA-Z0-9]+$') && !self.startsWith('..')")
        .message("key must be a key of a Secret, such as password"))]
    pub key: String,
}
