//! How people of a `ScimTenant` stay signed in, and where.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::access_rule::AccessRule;
use super::{Application, Email, SigningKeyRotation};

/// How people sign in and stay signed in: through the connectors that have `oidc`, or by a password.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.forwardAuth) || !has(self.forwardAuth.audiences) || self.forwardAuth.audiences.all(it, has(self.applications) && self.applications.exists(application, application.name == it))")
    .message("forwardAuth.audiences must be names of applications"))]
pub struct SignIn {
    /// When a session ends; it ends as well when the person is deactivated, deleted or signs out.
    #[serde(default)]
    pub session: SignInSession,
    /// Passwords, for people who are not in Entra.
    #[serde(default)]
    pub built_in: BuiltInSignIn,
    /// What becomes of who signs in through a connector and was not provisioned. `Refuse`: a page says so. `Create`: an account is made of the ID token, or linked as
    /// `adoption` says; let the enterprise application require an assignment then, for whoever may sign in at Entra is in. Who is deactivated is refused in any case.
    #[serde(default)]
    pub unknown_people: UnknownPeople,
    /// The mail server by which people get links for their passwords. Without it the links are shown to who makes them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Email>,
    /// Applications behind a reverse proxy that asks Usher who is signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forward_auth: Option<ForwardAuth>,
    /// Applications that sign people in by OpenID Connect.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub applications: Vec<Application>,
    /// The keys by which tokens for applications are signed, in Secret `SCIMTENANT-signing-keys`, which Usher makes.
    #[serde(default)]
    pub signing_keys: SigningKeyRotation,
}

/// What becomes of who signs in through a connector and was not provisioned.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum UnknownPeople {
    /// They are refused, and read that Entra has to provision them.
    #[default]
    Refuse,
    /// They get an account with Entra's object id as `externalId` and what else the ID token says, or are linked to the one that
    /// `adoption: ByVerifiedEmail` gives. Whoever may sign in at Entra is in then: let the enterprise application require an assignment.
    Create,
}

/// Passwords, for people who are not in Entra. A person sets one by a link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct BuiltInSignIn {
    /// Whether people sign in by a password. Who has an `externalId` that is Entra's object id goes on signing in through Entra, where a connector has `oidc`; the
    /// attribute `signInMethod` of a person, `Entra` or `BuiltIn`, says otherwise.
    #[serde(default)]
    pub enabled: bool,
    /// Whether people who sign in by a password are asked for a second factor: a code of an authenticator app on their phone (RFC 6238). `Optional`: who has set
    /// one up is asked. `Required`: who has not sets one up at the next sign-in. `Disabled`: nobody is asked.
    #[serde(default)]
    pub second_factor: SecondFactor,
}

impl BuiltInSignIn {
    /// Whether anything is kept that has to be sealed.
    pub fn seals(&self) -> bool {
        self.enabled && self.second_factor != SecondFactor::Disabled
    }
}

/// Who is asked for a second factor.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema,
)]
pub enum SecondFactor {
    /// Who has set one up.
    #[default]
    Optional,
    /// Everybody; who has none sets one up.
    Required,
    /// Nobody.
    Disabled,
}

/// When a session ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("duration(self.idle) <= duration(self.absolute)")
    .message("idle must not be longer than absolute, which ends a session even in use"))]
pub struct SignInSession {
    /// Time after which a session ends that is not used, in minutes (from `15m`) or hours such as `1h`.
    #[serde(default = "one_hour")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^(1[5-9]|[2-9][0-9]|[1-9][0-9]{2})m$|^[1-9][0-9]{0,2}h$')")
        .message("idle must be minutes from 15m or hours, such as 1h"))]
    pub idle: String,
    /// Time after which every session ends, in minutes (from `15m`) or hours such as `12h`.
    #[serde(default = "twelve_hours")]
    #[schemars(length(min = 2, max = 4))]
    #[x_kube(validation = Rule::new("self.matches('^(1[5-9]|[2-9][0-9]|[1-9][0-9]{2})m$|^[1-9][0-9]{0,2}h$')")
        .message("absolute must be minutes from 15m or hours, such as 1h"))]
    pub absolute: String,
}

impl Default for SignInSession {
    fn default() -> Self {
        Self {
            idle: one_hour(),
            absolute: twelve_hours(),
        }
    }
}

fn one_hour() -> String {
    "1h".to_owned()
}

fn twelve_hours() -> String {
    "12h".to_owned()
}

/// Applications behind a reverse proxy that asks Usher who is signed in. The proxy must be one of `trustedProxies`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("self.hosts.all(it, it.split(':')[0] == self.cookieDomain || it.split(':')[0].endsWith('.' + self.cookieDomain))")
    .message("every host must be cookieDomain or end with it, or browsers would not present the session there"))]
#[x_kube(validation = Rule::new("!has(self.rules) || self.rules.all(rule, !has(rule.hosts) || rule.hosts.all(it, it in self.hosts))")
    .message("the hosts of a rule must be among hosts"))]
pub struct ForwardAuth {
    /// Domain that the host of this ScimTenant and those of the applications have in common, such as `example.com`: browsers present the session to every host of
    /// it, so that all of them must be yours.
    #[schemars(length(min = 1, max = 253))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)+$')")
        .message("cookieDomain must be a DNS name in lower case with at least one dot, such as example.com"))]
    pub cookie_domain: String,
    /// Hosts of the applications, such as `wiki.example.com`, with the port where browsers show one. Nobody is let through to others, and nobody is sent back to
    /// others after signing in.
    #[schemars(
        length(min = 1, max = 64),
        inner(length(min = 1, max = 260)),
        extend("x-kubernetes-list-type" = "set")
    )]
    #[x_kube(validation = Rule::new("self.all(it, it.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*(:[1-9][0-9]{0,4})?$'))")
        .message("a host must be a DNS name in lower case such as wiki.example.com, with a port only where it is not the usual one"))]
    pub hosts: Vec<String>,
    /// Names of `applications` whose access tokens, as `Authorization: Bearer`, are as good as the session of their person: for scripts and apps that call what is
    /// behind the proxy. Without any the header is the application's own and not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 32),
        inner(length(min = 1, max = 40)),
        extend("x-kubernetes-list-type" = "set")
    )]
    pub audiences: Vec<String>,
    /// Who reaches which path. The first rule that fits decides; where none does, everybody passes who is signed in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub rules: Vec<AccessRule>,
}
