//! What a document says of access tokens, and of issuers whose tokens are believed.

use serde_json::Value;
use url::Url;

use crate::api::AzureConnector;
use crate::api::azure_connector::CredentialMode;
use crate::api::scim_tenant::{Application, ScimClient};
use crate::config::oauth::{Keys, OAuthConfig, TrustedIssuer};
use crate::config::{AcceptedAt, token_url};

use super::cloud;

/// `aud` of the tokens that Entra issues for provisioning to any application of its own (`mode: EntraToken`).
const PROVISIONING_AUDIENCE: &str = "8adf8e6e-67b2-4cf2-a259-e3dc5476c621";

/// How one client shows who it is.
#[derive(Clone, Debug)]
pub(super) struct Method {
    /// Where its password is accepted.
    pub(super) accepted_at: AcceptedAt,
    /// How it gets access tokens.
    pub(super) oauth: Option<OAuthConfig>,
    /// Whose tokens it may present as they are.
    pub(super) issuer: Option<TrustedIssuer>,
}

/// How Entra shows who it is to `connector`.
pub(super) fn of_connector(connector: &AzureConnector) -> Method {
    let credential = &connector.spec.scim.credential;
    match credential.mode {
        CredentialMode::Token => Method {
            accepted_at: AcceptedAt::Scim,
            oauth: None,
            issuer: None,
        },
        CredentialMode::OAuth => {
            let settings = credential.oauth.as_ref();
            let federation = settings.and_then(|it| it.federation.as_ref());
            let authority = cloud::authority(connector);
            Method {
                accepted_at: AcceptedAt::TokenEndpoint,
                oauth: Some(OAuthConfig {
                    access_token_seconds: seconds(settings.map(|it| it.access_token_minutes)),
                    assertion: federation.and_then(|it| {
                        Some(TrustedIssuer {
                            issuer: format!("{authority}/v2.0"),
                            subject: Some(it.service_principal_id.to_ascii_lowercase()),
                            audiences: vec![it.audience.clone()],
                            entra_tenant_id: None,
                            keys: keys(&format!("{authority}/discovery/v2.0/keys"))?,
                        })
                    }),
                }),
                issuer: None,
            }
        }
        CredentialMode::EntraToken => Method {
            accepted_at: AcceptedAt::Nowhere,
            oauth: None,
            issuer: entra_issued(connector),
        },
    }
}

fn entra_issued(connector: &AzureConnector) -> Option<TrustedIssuer> {
    let authority = cloud::authority(connector);
    Some(TrustedIssuer {
        issuer: cloud::first_issuer(connector),
        subject: None,
        audiences: vec![PROVISIONING_AUDIENCE.to_owned()],
        entra_tenant_id: Some(connector.spec.entra_tenant_id.to_ascii_lowercase()),
        keys: keys(&format!("{authority}/discovery/keys"))?,
    })
}

/// How a client that a `ScimTenant` at `public` declares shows who it is.
pub(super) fn of_client(client: &ScimClient, public: &Url) -> Method {
    let Some(settings) = &client.oauth else {
        return Method {
            accepted_at: AcceptedAt::Scim,
            oauth: None,
            issuer: None,
        };
    };
    let issuer = |jwks: &String| TrustedIssuer {
        issuer: client.name.clone(),
        subject: Some(client.name.clone()),
        audiences: vec![
            token_url(public),
            public.as_str().trim_end_matches('/').to_owned(),
        ],
        entra_tenant_id: None,
        keys: Keys::Declared(jwks.clone()),
    };
    Method {
        accepted_at: AcceptedAt::TokenEndpoint,
        oauth: Some(OAuthConfig {
            access_token_seconds: seconds(Some(settings.access_token_minutes)),
            assertion: settings.jwks.as_ref().map(issuer),
        }),
        issuer: None,
    }
}

/// The public keys of an application; nothing where it shows who it is in another way.
pub(super) fn keys_of(application: &Application) -> Option<Keys> {
    match (&application.jwks, &application.jwks_uri) {
        (Some(text), _) => Some(Keys::Declared(text.clone())),
        (None, Some(url)) => keys(url),
        (None, None) => None,
    }
}

/// What is wrong with a JWK set that holds the public keys of a client.
pub(super) fn problem_of_jwks(text: &str) -> Option<&'static str> {
    let set: Value = serde_json::from_str(text).unwrap_or_default();
    let keys = set["keys"].as_array().filter(|it| !it.is_empty());
    let Some(keys) = keys else {
        return Some("is no JWK set; write {\"keys\": [...]} with the public keys of the client");
    };
    let is_secret = |key: &Value| key.get("d").is_some() || key["kty"] == "oct";
    if keys.iter().any(is_secret) {
        return Some(
            "holds a private key; leave only its public members, and make a new key, for this one has been seen",
        );
    }
    let is_known = |key: &Value| matches!(key["kty"].as_str(), Some("RSA" | "EC"));
    (!keys.iter().all(is_known)).then_some("has a key that is neither RSA nor EC P-256")
}

fn seconds(minutes: Option<u16>) -> u32 {
    u32::from(minutes.unwrap_or(60)) * 60
}

fn keys(url: &str) -> Option<Keys> {
    Url::parse(url).ok().map(Keys::Url)
}
