//! Applications that sign people in through a `ScimTenant`, by OpenID Connect.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::azure_connector::ClientSecretReference;

/// An application that signs people in by OpenID Connect. Its client id is its name, its issuer `https://HOST`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("[self.public, has(self.clientSecretRef), has(self.jwks), has(self.jwksUri)].filter(it, it).size() == 1")
        .message("an application has a clientSecretRef, or jwks, or jwksUri; or public: true when it cannot keep a secret, as on a phone or a desktop"),
    validation = Rule::new("has(self.redirectUris) || !('AuthorizationCode' in self.grantTypes)")
        .message("redirectUris is missing: AuthorizationCode sends people back; with grantTypes: [DeviceCode] alone nobody is"),
    validation = Rule::new("self.public || !has(self.redirectUris) || self.redirectUris.all(it, it.startsWith('https://'))")
        .message("redirectUris on this machine (http://127.0.0.1) or with a scheme of the application are for public: true; use https")
)]
pub struct Application {
    /// Name of the application, and its `client_id`.
    #[schemars(length(min = 1, max = 40))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')")
        .message("the name of an application may hold only a-z, 0-9 and '-', and begins and ends with a letter or digit"))]
    pub name: String,
    /// Whether it cannot keep a secret: an app on a phone or a desktop, or a page. PKCE protects it, as it does every application.
    #[serde(default)]
    pub public: bool,
    /// How it gets tokens: `AuthorizationCode` through a browser that is sent back to it, `DeviceCode` on a device without one, where people sign in on another
    /// device.
    #[serde(default = "authorization_code")]
    #[schemars(length(min = 1, max = 2), extend("x-kubernetes-list-type" = "set"))]
    pub grant_types: Vec<GrantType>,
    /// Where people may be sent back to, each compared character by character: `https://HOST/PATH`. With `public: true` also `http://127.0.0.1/PATH` and
    /// `http://[::1]/PATH`, which stand for every port, and a scheme of the application with a dot, such as `com.example.app:/callback`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 512)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^(https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?|http://(127[.]0[.]0[.]1|\\\\[::1\\\\]))(/[-a-zA-Z0-9._~:/?@!$&()+,;=%]*)?$') || it.matches('^[a-z][-a-z0-9+]*([.][-a-z0-9+]+)+:/[-a-zA-Z0-9._~:/?@!$&()+,;=%]*$'))")
        .message("a redirect URI must be exact: https://HOST/PATH, http://127.0.0.1/PATH or http://[::1]/PATH without a port, or a scheme with a dot such as com.example.app:/callback; without wildcard and fragment"))]
    pub redirect_uris: Vec<String>,
    /// Where its client secret is: at least 32 characters in a Secret of this namespace, that you make.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret_ref: Option<ClientSecretReference>,
    /// Its public keys, as the text of a JWK set, in place of a client secret: it shows who it is by `private_key_jwt`, signed by RS256, PS256 or ES256.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 16384))]
    pub jwks: Option<String>,
    /// Where its public keys are fetched, in place of `jwks`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-a-zA-Z0-9._~/%]*)?$')")
        .message("jwksUri must be an https URL such as https://crm.example.com/jwks.json"))]
    pub jwks_uri: Option<String>,
    /// By which algorithm its ID tokens are signed, and its access tokens as well: `RS256` for a library that does not verify `ES256`.
    #[serde(default)]
    pub id_token_signed_response_alg: SigningAlgorithm,
    /// Where people may be sent to after signing out, each compared character by character.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 512)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-a-zA-Z0-9._~:/?@!$&()+,;=%]*)?$') || it.matches('^[a-z][-a-z0-9+]*([.][-a-z0-9+]+)+:/[-a-zA-Z0-9._~:/?@!$&()+,;=%]*$'))")
        .message("a URI after signing out must be exact: https://HOST/PATH, or a scheme with a dot such as com.example.app:/signed-out; without wildcard and fragment"))]
    pub post_logout_redirect_uris: Vec<String>,
    /// Where the application is told that somebody's session has ended (OpenID Connect Back-Channel Logout 1.0).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[-a-zA-Z0-9._~:/?@!$&()+,;=%]*)?$')")
        .message("backchannelLogoutUri must be an https URL without fragment such as https://crm.example.com/backchannel-logout"))]
    pub backchannel_logout_uri: Option<String>,
    /// Claims beside those of the scopes `profile` and `email`: in its tokens, and at the userinfo endpoint.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["claim"]))]
    pub claims: Vec<Claim>,
}

/// By which algorithm tokens are signed (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA of P-256.
    #[default]
    ES256,
    /// RSA of 2048 bits.
    RS256,
}

/// How an application gets tokens (RFC 7591, section 2: `grant_types`). Refresh tokens come with the scope `offline_access`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum GrantType {
    /// By a code that the browser brings back (RFC 6749, section 4.1).
    AuthorizationCode,
    /// By a code that a person types in on another device (RFC 8628).
    DeviceCode,
}

fn authorization_code() -> Vec<GrantType> {
    vec![GrantType::AuthorizationCode]
}

/// A claim, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Claim {
    /// Name of the claim, such as `roles`.
    #[schemars(length(min = 1, max = 64))]
    #[x_kube(
        validation = Rule::new("self.matches('^[a-zA-Z][a-zA-Z0-9_]*$')")
            .message("the name of a claim may hold only letters, digits and '_', and begins with a letter"),
        validation = Rule::new("!(self in ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'nonce', 'azp', 'acr', 'amr', 'auth_time', 'at_hash', 'sid', 'client_id', 'scope', 'active', 'token_type', 'username'])")
            .message("this claim has a meaning of its own in tokens; choose another name")
    )]
    pub claim: String,
    /// The attribute of the person: `groups` for the names of the groups, `roles`, `userType`, any other of SCIM such as `name.familyName`, or
    /// one of an extension such as `urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName:folders`; a URN alone is the whole extension.
    #[schemars(length(min = 1, max = 256))]
    pub attribute: String,
}

/// The keys by which tokens for applications are signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SigningKeyRotation {
    /// How long a key signs before the next one does, in hours from `48h`. The next one is published 24 hours before it signs, and a former one stays published
    /// for 24 hours.
    #[serde(default = "thirty_days")]
    #[schemars(length(min = 3, max = 5), regex(pattern = r"^[1-9][0-9]{1,3}h$"))]
    #[x_kube(validation = Rule::new("duration(self) >= duration('48h')")
        .message("rotateEvery must be 48h at least: a key is published for 24 hours before and after it signs"))]
    pub rotate_every: String,
}

impl Default for SigningKeyRotation {
    fn default() -> Self {
        Self {
            rotate_every: thirty_days(),
        }
    }
}

fn thirty_days() -> String {
    "720h".to_owned()
}
