//! The one place of signing in that calls out: what a provider says of itself, and the code that becomes tokens.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::photo::Photographs;
use super::refresh::Refreshing;
use super::refused::Refused;
use crate::config::oauth::{Keys, TrustedIssuer};
use crate::config::{ProviderConfig, Token};
use crate::oidc::provider::ProviderMetadata;
use crate::oidc::token_response::{RefreshResponse, TokenRefusal, TokenResponse};
use crate::telemetry::chain;
use crate::workload::outbound::{ANSWER_TIME, Documents, Outbound, OutboundError};

/// The way to the identity providers.
#[derive(Default)]
pub(crate) struct Providers {
    outbound: Outbound,
    metadata: Documents<ProviderMetadata>,
    /// Who asks providers in the background.
    pub(super) refreshing: Refreshing,
    /// Who reads photos in the background.
    pub(super) photos: Photographs,
}

/// How a token says who the client is (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Time for the answer to a refresh token.
const REFRESH_TIME: Duration = Duration::from_secs(30);

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
        let fetch = |lacks| self.metadata.get(&self.outbound, &url, now, lacks);
        let found = fetch(false).await;
        let mut metadata = found.ok_or(Refused::ProviderUnavailable)?;
        if metadata.check(&provider.issuer).is_err() {
            // One wrong answer of the provider keeps nobody out until the document is old.
            metadata = fetch(true).await.ok_or(Refused::ProviderUnavailable)?;
        }
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
        let form = [
            ("grant_type", "authorization_code"),
            ("code", exchange.code),
            ("redirect_uri", exchange.redirect_uri),
            ("code_verifier", exchange.verifier),
        ];
        let tokens = self.ask(provider, metadata, (&form, ANSWER_TIME)).await?;
        serde_json::from_slice(&tokens).map_err(|_| Refused::NoIdToken)
    }

    /// Exchanges a refresh token (RFC 6749, section 6). Nobody waits for it, and an answer that is not waited for may hold the next one.
    pub(super) async fn refresh(
        &self,
        provider: &ProviderConfig,
        metadata: &ProviderMetadata,
        refresh_token: &str,
    ) -> Result<RefreshResponse, Refused> {
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token),
        ];
        let tokens = self.ask(provider, metadata, (&form, REFRESH_TIME)).await?;
        serde_json::from_slice(&tokens).map_err(|_| Refused::ProviderUnavailable)
    }

    /// What `url` has for who has `token`.
    pub(super) async fn get_with(
        &self,
        url: &Url,
        token: &str,
    ) -> Result<(u16, Vec<u8>), OutboundError> {
        self.outbound.get_with(url, token).await
    }

    /// What the token endpoint gives for `form`, to us.
    async fn ask(
        &self,
        provider: &ProviderConfig,
        metadata: &ProviderMetadata,
        (form, within): (&[(&str, &str)], Duration),
    ) -> Result<Vec<u8>, Refused> {
        let mut form = form.to_vec();
        form.push(("client_id", provider.client_id.as_str()));
        let credential;
        if let Some(assertion) = &provider.client_assertion {
            credential = read(&assertion.file).await?;
            form.push(("client_assertion_type", JWT_BEARER));
            form.push(("client_assertion", credential.reveal()));
        } else {
            let file = provider.client_secret_file.as_deref();
            let undeclared = || Refused::ClientSecret(io::ErrorKind::NotFound.into());
            credential = read(file.ok_or_else(undeclared)?).await?;
            form.push(("client_secret", credential.reveal()));
        }
        let endpoint = &metadata.token_endpoint;
        let sent = self.outbound.post(endpoint, &form, within).await;
        let (status, body) = sent.map_err(|error| {
            let error = chain(&error);
            tracing::warn!(
                connector = provider.connector,
                error,
                "the provider gives no tokens"
            );
            Refused::ProviderUnavailable
        })?;
        if status == 200 {
            return Ok(body);
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

/// The client secret, or the token in its place, as its file has it at present.
async fn read(file: &Path) -> Result<Token, Refused> {
    match tokio::fs::read_to_string(file).await {
        Ok(text) if !text.trim().is_empty() => Ok(Token::presented(text.trim())),
        Ok(_) => Err(Refused::ClientSecret(io::Error::other("it is empty"))),
        Err(error) => Err(Refused::ClientSecret(error)),
    }
}
