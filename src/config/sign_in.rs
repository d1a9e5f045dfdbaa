//! How the people of a directory sign in.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::application::{ApplicationConfig, ApplicationsConfig};
use super::email::{EmailConfig, SecretFile};
use super::second_factor::SecondFactorConfig;

/// Names of the files of a mail server. A connector cannot be called so: its name is one of DNS.
pub const EMAIL_PASSWORD: &str = "email_password";
/// See [`EMAIL_PASSWORD`].
pub const EMAIL_CA: &str = "email_ca";

/// How people sign in, and for how long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignInConfig {
    /// When a session ends.
    pub session: SessionConfig,
    /// The applications behind proxies that ask who is signed in.
    #[serde(default)]
    pub forward_auth: ForwardAuthConfig,
    /// The applications that sign people in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub applications: Option<ApplicationsConfig>,
    /// Whether who is not known to a provider signs in by a password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub built_in: bool,
    /// The second factor of who signs in by a password; nobody is asked when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<SecondFactorConfig>,
    /// By which server people are written to; links are shown to who makes them when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailConfig>,
    /// Who says who people are; one at least, unless people sign in by passwords.
    pub providers: Vec<ProviderConfig>,
}

impl SignInConfig {
    /// The provider of the connector called `name`.
    pub fn provider(&self, name: &str) -> Option<&ProviderConfig> {
        self.providers.iter().find(|it| it.connector == name)
    }

    /// The files of the mail server, each with its name in the pods, which no connector has.
    pub fn email_files(&self) -> Vec<(&'static str, &SecretFile)> {
        let email = self.email.as_ref();
        let password = email.and_then(|it| it.credential.as_ref());
        let password = password.map(|it| (EMAIL_PASSWORD, &it.password));
        let ca = email.and_then(|it| it.ca.as_ref());
        password
            .into_iter()
            .chain(ca.map(|it| (EMAIL_CA, it)))
            .collect()
    }

    /// The provider whose people have names in `domain`.
    pub fn provider_of(&self, domain: &str) -> Option<&ProviderConfig> {
        let has = |it: &&ProviderConfig| it.domains.iter().any(|it| it == domain);
        self.providers.iter().find(has)
    }

    /// Whether profile photos are read, and shown.
    pub fn has_photos(&self) -> bool {
        self.providers.iter().any(|it| it.graph.is_some())
    }

    /// The application with this `client_id`.
    pub fn application(&self, client_id: &str) -> Option<&ApplicationConfig> {
        self.applications.as_ref()?.application(client_id)
    }
}

/// When a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionConfig {
    /// Minutes after it was last used.
    pub idle_minutes: u32,
    /// Minutes after it began.
    pub absolute_minutes: u32,
}

/// The applications behind proxies that ask who is signed in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForwardAuthConfig {
    /// The domain whose hosts all get the cookie; the host of the directory alone when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cookie_domain: Option<String>,
    /// The hosts of the applications, with a port where it is not that of the scheme.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The `client_id`s for which an access token may have been issued that is presented in the place of the cookie.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub audiences: Vec<String>,
    /// Who reaches which path: the first that fits decides; where none does, whoever is signed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<AccessRuleConfig>,
}

/// Who reaches some paths of some applications; whoever is signed in, where nothing is said of that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AccessRuleConfig {
    /// The hosts; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The paths, each with everything below it; all of them when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// Everybody, signed in or not.
    #[serde(default)]
    pub public: bool,
    /// Whoever has one of these roles, or is in one of `groups`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<String>,
    /// Names of groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
}

/// An identity provider: the Entra tenant of one connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderConfig {
    /// Name of the connector.
    pub connector: String,
    /// What people know it by.
    pub display_name: String,
    /// The domains of its people, in lower case; no other provider has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// `iss` of its tokens; its metadata are below it.
    pub issuer: Url,
    /// `tid` of its tokens.
    pub entra_tenant_id: String,
    /// Who the directory is to it.
    pub client_id: String,
    /// The file with the client secret, which is read whenever it is needed; absent with a client assertion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_file: Option<PathBuf>,
    /// What the operator makes that file of; absent where it is somebody else's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_key: Option<ClientSecretKey>,
    /// What proves in the place of a client secret who the directory is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_assertion: Option<ClientAssertionConfig>,
    /// How often it is asked whether it still knows who is signed in; never when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh: Option<RefreshConfig>,
    /// Base URL of the Microsoft Graph that has the profile photos of its people; they are not read when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub graph: Option<Url>,
}

/// A token by which a client proves who it is (RFC 7523, section 2.2), and which somebody else keeps new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientAssertionConfig {
    /// The file with the token, which is read whenever it is needed.
    pub file: PathBuf,
    /// For whom it is made.
    pub audience: String,
}

/// How often a provider is asked whether it still knows who is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefreshConfig {
    /// Minutes within which it is asked again.
    pub every_minutes: u32,
    /// Minutes for which a session lasts beyond that when the provider gives no answer.
    pub grace_minutes: u32,
}

impl ProviderConfig {
    /// Digest of what makes it the provider that it is, whatever its name: issuer, Entra tenant and application.
    pub fn digest(&self) -> String {
        let Self {
            issuer,
            entra_tenant_id,
            client_id,
            ..
        } = self;
        super::digest(&format!("{issuer} {entra_tenant_id} {client_id}"))
    }
}

/// A key of a Secret in the namespace of the workload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientSecretKey {
    /// Name of the Secret.
    pub secret: String,
    /// The key in it.
    pub key: String,
}

/// Where the provider of `connector` ends sessions, below the public URL of a `ScimTenant`.
pub fn logout_url(public: &Url, connector: &str) -> String {
    let base = public.as_str().trim_end_matches('/');
    format!("{base}/sign-in/{connector}/logout")
}

/// Where the provider of `connector` sends people back to, below the public URL of a `ScimTenant`.
pub fn redirect_uri(public: &Url, connector: &str) -> String {
    let base = public.as_str().trim_end_matches('/');
    format!("{base}/sign-in/{connector}/callback")
}
