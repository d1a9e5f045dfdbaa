//! The one place of signing in that calls out: what a provider says of itself, and the code that becomes tokens.

use std::io;
use std::sync::Arc;

use jiff::Timestamp;

use super::refused::Refused;
use crate::config::oauth::{Keys, TrustedIssuer};
use crate::config::{ProviderConfig, Token};
use crate::oidc::provider::ProviderMetadata;
use crate::oidc::token_response::{TokenRefusal, TokenResponse};
use crate::telemetry::chain;
use crate::workload::outbound::{Documents, Outbound};

/// The way to the identity providers.
#[derive(Default)]
pub(crate) struct Providers {
    outbound: Outbound,
    metadata: Documents<ProviderMetadata>,
}

/// A code and what it is exchanged with.
pub(super) struct Exchange<'e> {
    pub(super) code: &'e str,
    pub(super) verifier: &'e str,
    pub(super) redirect_uri: &'e str,
}

impl Providers {
    /// What the provider says of itself.
    pub(super) async fn metadata(
        &self,
        provider: &ProviderConfig,
        now: Timestamp,
    ) -> Result<Arc<ProviderMetadata>, Refused> {
        let url = ProviderMetadata::url(&provider.issuer);
        let url = url.ok_or(Refused::ProviderUnavailable)?;
        let found = self.metadata.get(&self.outbound, &url, now, false).await;
        let metadata = found.ok_or(Refused::ProviderUnavailable)?;
        if let Err(error) = metadata.check(&provider.issuer) {
            tracing::error!(
                connector = provider.connector,
                error = chain(&error),
                "the provider of connector {} cannot be used",
                provider.connector
            );
            return Err(Refused::ProviderUnavailable);
        }
        Ok(metadata)
    }

    /// Exchanges a code for tokens (RFC 6749, section 4.1.3).
    pub(super) async fn redeem(
        &self,
        provider: &ProviderConfig,
        metadata: &ProviderMetadata,
        exchange: Exchange<'_>,
    ) -> Result<TokenResponse, Refused> {
        let secret = client_secret(provider).await?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect_uri),
            ("client_id", provider.client_id.as_str()),
            ("client_secret", secret.reveal()),
            ("code_verifier", exchange.verifier),
        ];
        let sent = self.outbound.post(&metadata.token_endpoint, &form).await;
        let (status, body) = sent.map_err(|error| {
            let error = chain(&error);
            tracing::warn!(
                connector = provider.connector,
                error,
                "a code cannot be exchanged"
            );
            Refused::ProviderUnavailable
        })?;
        if status == 200 {
            return serde_json::from_slice(&body).map_err(|_| Refused::NoIdToken);
        }
        match serde_json::from_slice::<TokenRefusal>(&body) {
            Ok(refusal) if status < 500 => Err(Refused::Token(refusal.error())),
            Ok(_) | Err(_) => Err(Refused::ProviderUnavailable),
        }
    }
}

/// Whose ID tokens are believed.
pub(super) fn trusted_issuer(
    provider: &ProviderConfig,
    metadata: &ProviderMetadata,
) -> TrustedIssuer {
    TrustedIssuer {
        issuer: metadata.issuer.clone(),
        subject: None,
        audiences: vec![provider.client_id.clone()],
        entra_tenant_id: Some(provider.entra_tenant_id.clone()),
        keys: Keys::Url(metadata.jwks_uri.clone()),
    }
}

/// Whose logout tokens are believed. They do not say `tid` (Back-Channel Logout 1.0, section 2.4); the issuer is that of one Entra tenant.
pub(super) fn signing_issuer(
    provider: &ProviderConfig,
    metadata: &ProviderMetadata,
) -> TrustedIssuer {
    TrustedIssuer {
        entra_tenant_id: None,
        ..trusted_issuer(provider, metadata)
    }
}

/// The client secret as its file has it at present.
async fn client_secret(provider: &ProviderConfig) -> Result<Token, Refused> {
    let file = &provider.client_secret_file;
    match tokio::fs::read_to_string(file).await {
        Ok(text) if !text.trim().is_empty() => Ok(Token::presented(text.trim())),
        Ok(_) => Err(Refused::ClientSecret(io::Error::other("it is empty"))),
        Err(error) => Err(Refused::ClientSecret(error)),
    }
}
