//! App registrations, in the words that Graph has for an `application`.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// An application that people sign in to, or that signs in by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Application {
    /// Application (client) ID.
    pub app_id: Uuid,
    /// What people are shown.
    #[serde(default)]
    pub display_name: String,
    /// Platform "Web": whoever redeems a code proves who it is.
    #[serde(default)]
    pub web: Web,
    /// Platform "Mobile and desktop applications": no proof, and a loopback address may have any port.
    #[serde(default)]
    pub public_client: Platform,
    /// Platform "Single-page application": no proof, but always PKCE.
    #[serde(default)]
    pub spa: Platform,
    /// Client secrets.
    #[serde(default)]
    pub password_credentials: Vec<PasswordCredential>,
    /// Public keys (RFC 7517) of `private_key_jwt`, in the place of Entra's certificates.
    #[serde(default)]
    pub key_credentials: Vec<Value>,
    /// Tokens of others that prove who it is.
    #[serde(default)]
    pub federated_identity_credentials: Vec<FederatedCredential>,
    /// Which groups stand in ID tokens.
    #[serde(default)]
    pub group_membership_claims: GroupClaims,
    /// Claims of ID tokens beyond those that everybody gets, by their names.
    #[serde(default)]
    pub optional_claims: Vec<OptionalClaim>,
    /// "Assignment required?": whoever is not assigned is refused.
    #[serde(default)]
    pub app_role_assignment_required: bool,
    /// Refuse requests without PKCE by S256, which Entra asks of single-page applications alone.
    #[serde(default)]
    pub require_pkce: bool,
    /// Where logout tokens are sent (OpenID Connect Back-Channel Logout 1.0), of which Entra has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backchannel_logout_uri: Option<String>,
}

/// The platform "Web".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Web {
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
    /// What a browser opens when somebody signs out (OpenID Connect Front-Channel Logout 1.0).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logout_url: Option<String>,
}

/// A platform without a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Platform {
    /// Where answers may go.
    pub redirect_uris: Vec<String>,
}

/// A client secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PasswordCredential {
    /// The secret's Value.
    pub secret_text: SecretText,
    /// When it expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_date_time: Option<Timestamp>,
}

/// A secret that hides itself in `Debug` and has no `Display`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretText(String);

impl SecretText {
    /// Whether it is `presented`.
    pub(super) fn is(&self, presented: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.0.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl From<&str> for SecretText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

/// Whose tokens prove that it is the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FederatedCredential {
    /// What it is called.
    #[serde(default)]
    pub name: String,
    /// `iss`, compared as it is.
    pub issuer: String,
    /// `sub`.
    pub subject: String,
    /// `aud`.
    #[serde(default = "token_exchange")]
    pub audiences: Vec<String>,
}

fn token_exchange() -> Vec<String> {
    vec!["api://AzureADTokenExchange".to_owned()]
}

/// Which groups stand in ID tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum GroupClaims {
    /// None.
    #[default]
    None,
    /// All that somebody is in, through other groups as well.
    SecurityGroup,
    /// Those that are assigned to the application and somebody is in, by themselves.
    ApplicationGroup,
    /// The same as `SecurityGroup`; there are no directory roles.
    All,
}

/// A claim that an application asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OptionalClaim {
    /// 0 for a member, 1 for a guest.
    Acct,
    /// When somebody signed in.
    AuthTime,
    /// The mail address, whatever the scope.
    Email,
    /// The family name.
    FamilyName,
    /// The given name.
    GivenName,
    /// The session, by which sign-out is told.
    Sid,
    /// The user principal name.
    Upn,
    /// Whether the domain of the mail address belongs to the tenant.
    XmsEdov,
}

/// Where answers go, and what that means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Kind {
    Web,
    Public,
    SinglePage,
}

impl Application {
    /// A registration with nothing but its id.
    pub fn new(app_id: Uuid) -> Self {
        Self {
            app_id,
            display_name: app_id.to_string(),
            web: Web::default(),
            public_client: Platform::default(),
            spa: Platform::default(),
            password_credentials: Vec::new(),
            key_credentials: Vec::new(),
            federated_identity_credentials: Vec::new(),
            group_membership_claims: GroupClaims::None,
            optional_claims: Vec::new(),
            app_role_assignment_required: false,
            require_pkce: false,
            backchannel_logout_uri: None,
        }
    }

    /// Every redirect URI, and its platform.
    pub(super) fn redirect_uris(&self) -> impl Iterator<Item = (&str, Kind)> {
        let platforms = [
            (&self.web.redirect_uris, Kind::Web),
            (&self.public_client.redirect_uris, Kind::Public),
            (&self.spa.redirect_uris, Kind::SinglePage),
        ];
        let all = platforms.into_iter();
        all.flat_map(|(uris, kind)| uris.iter().map(move |uri| (uri.as_str(), kind)))
    }

    /// Whether ID tokens have a claim that not all have.
    pub(super) fn wants(&self, claim: OptionalClaim) -> bool {
        self.optional_claims.contains(&claim)
    }

    /// What people are shown.
    pub(super) fn shown(&self) -> String {
        match self.display_name.as_str() {
            "" => self.app_id.to_string(),
            name => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registration_shows_no_secret() {
        let text = "{appId: 66666666-7777-8888-9999-aaaaaaaaaaaa, passwordCredentials: [{secretText: hidden}]}";
        let read: Application = serde_yaml::from_str(text).unwrap();

        assert!(read.password_credentials[0].secret_text.is("hidden"));
        assert!(!format!("{read:?}").contains("hidden"));
    }
}
