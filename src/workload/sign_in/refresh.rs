//! A provider is asked again whether it still knows who is signed in (OpenID Connect Core 1.0, section 12). Nobody waits for the answer: a
//! session lasts while the provider is asked, and for the declared grace when it says nothing.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use tokio::sync::Semaphore;

use super::Visit;
use super::provider::{Providers, trusted_issuer};
use super::refused::Refused;
use crate::clock::{Clock, Random};
use crate::config::{ProviderConfig, Token};
use crate::oidc::id_token::IdToken;
use crate::store::sessions::{Question, SealedToken, SecretDigest, Session, SignedInBy};
use crate::store::{Store, StoreError};
use crate::telemetry::chain;
use crate::workload::keys::IssuerKeys;
use crate::workload::sessions::{GIVEN_UP_AFTER, digest};

/// Sessions about which providers are asked at once; the next use of others asks about them.
const AT_ONCE: usize = 64;

/// Bytes of a refresh token at most; Entra's have some 2,000. Without one the session ends when its time is over.
const LONGEST: usize = 16 * 1024;

/// Who asks providers in the background.
pub(super) struct Refreshing(Arc<Semaphore>);

impl Default for Refreshing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// The key that only who has the secret of the session can make.
fn key(secret: &Token) -> Option<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, b"usher").extract(secret.reveal().as_bytes());
    let key = secret.expand(&[b"refresh token"], &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

/// A refresh token as it is kept: nonce and ciphertext in Base64, for the session of `secret` alone.
fn seal(secret: &Token, refresh_token: &str, random: &dyn Random) -> Option<SealedToken> {
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let mut text = refresh_token.as_bytes().to_vec();
    let sealed = Nonce::assume_unique_for_key(nonce);
    key(secret)?
        .seal_in_place_append_tag(sealed, Aad::empty(), &mut text)
        .ok()?;
    Some(SealedToken(
        URL_SAFE_NO_PAD.encode([&nonce[..], &text].concat()),
    ))
}

fn open(secret: &Token, sealed: &SealedToken) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(&sealed.0).ok()?;
    let (nonce, text) = bytes.split_first_chunk::<NONCE_LEN>()?;
    let mut text = text.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let opened = key(secret)?.open_in_place(nonce, Aad::empty(), &mut text);
    String::from_utf8(opened.ok()?.to_vec()).ok()
}

/// Keeps the refresh token of a session that was just opened.
pub(super) async fn keep(
    visit: &Visit<'_>,
    secret: &Token,
    refresh_token: &str,
) -> Result<(), StoreError> {
    if refresh_token.len() > LONGEST {
        tracing::warn!("a refresh token is too long to be kept");
        return Ok(());
    }
    let sealed = seal(secret, refresh_token, &*visit.shared.random);
    let store = &visit.scim_tenant.opened.store;
    let kept = store.confirm_session(digest(secret), sealed, visit.now);
    kept.await
}

/// Has the provider of a session asked, when it is time.
pub(super) fn when_due(visit: &Visit<'_>, secret: Token, session: &Session) {
    if !visit.sessions().is_to_be_confirmed(session) {
        return;
    }
    let SignedInBy::Connector {
        name,
        known_as,
        confirmation,
        ..
    } = &session.by
    else {
        return;
    };
    let shared = visit.shared;
    let permit = Arc::clone(&shared.providers.refreshing.0).try_acquire_owned();
    let (Some(provider), Ok(permit)) = (visit.config.provider(name), permit) else {
        return;
    };
    let refresh = Refresh {
        provider: provider.clone(),
        subject: known_as.subject.clone(),
        digest: session.digest.clone(),
        confirmed: confirmation.confirmed,
        secret,
        store: Arc::clone(&visit.scim_tenant.opened.store),
        providers: Arc::clone(&shared.providers),
        issuers: Arc::clone(&shared.issuers),
        clock: Arc::clone(&shared.clock),
        random: Arc::clone(&shared.random),
    };
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(error) = refresh.run().await {
            let (connector, error) = (&refresh.provider.connector, chain(&error));
            tracing::warn!(connector, error, "a provider confirms no session");
        }
    });
}

/// The question about one session.
struct Refresh {
    provider: ProviderConfig,
    subject: Option<String>,
    digest: SecretDigest,
    confirmed: Option<Timestamp>,
    secret: Token,
    store: Arc<dyn Store>,
    providers: Arc<Providers>,
    issuers: Arc<IssuerKeys>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Refresh {
    /// Asks, unless somebody else does, and does what the provider says.
    async fn run(&self) -> Result<(), Refused> {
        let now = self.clock.now();
        let given_up = now.checked_sub(GIVEN_UP_AFTER).unwrap_or(now);
        let asked = self.store.ask_provider(Question {
            digest: self.digest.clone(),
            confirmed: self.confirmed,
            at: now,
            given_up,
        });
        if !asked.await? {
            return Ok(());
        }
        // Read afterwards: whoever asked before may have got another one.
        let sealed = self.store.refresh_token(&self.digest).await?;
        let Some(refresh_token) = sealed.and_then(|it| open(&self.secret, &it)) else {
            return Ok(());
        };
        match self.ask(&refresh_token, now).await {
            Ok(renewed) => {
                let renewed = renewed.filter(|it| it.len() <= LONGEST);
                let sealed = renewed.and_then(|it| seal(&self.secret, &it, &*self.random));
                let confirmed = self.store.confirm_session(self.digest.clone(), sealed, now);
                Ok(confirmed.await?)
            }
            Err(refused) if ends_session(&refused) => {
                let (connector, error) = (&self.provider.connector, chain(&refused));
                tracing::info!(connector, error, "a session is ended by its provider");
                Ok(self.store.end_session(self.digest.clone()).await?)
            }
            Err(refused) => Err(refused),
        }
    }

    /// What takes the place of the refresh token, if something does.
    async fn ask(&self, refresh_token: &str, now: Timestamp) -> Result<Option<String>, Refused> {
        let provider = &self.provider;
        let metadata = self.providers.metadata(provider, now).await?;
        let refreshed = self.providers.refresh(provider, &metadata, refresh_token);
        let refreshed = refreshed.await?;
        if let Some(id_token) = &refreshed.id_token {
            let issuer = trusted_issuer(provider, &metadata);
            let claims = self.issuers.claims(id_token, &issuer, self.clock.now());
            let claims: IdToken = claims.await.map_err(Refused::Untrusted)?;
            if !claims.is_of(self.subject.as_deref()) {
                return Err(Refused::OtherSubject);
            }
        }
        Ok(refreshed.refresh_token)
    }
}

/// Whether the provider says that the person has to sign in again; anything else may be its fault or ours.
fn ends_session(refused: &Refused) -> bool {
    match refused {
        Refused::Token(error) => error.ends_session(),
        refused => matches!(refused, Refused::OtherSubject),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemRandom;

    #[test]
    fn only_the_secret_of_the_session_opens_its_refresh_token() {
        let (own, other) = (Token::from_random([1; 32]), Token::from_random([2; 32]));

        let sealed = seal(&own, "the refresh token", &SystemRandom).unwrap();

        assert!(!sealed.0.contains("refresh"));
        assert_eq!(open(&own, &sealed).as_deref(), Some("the refresh token"));
        assert_eq!(open(&other, &sealed), None);
        assert_ne!(seal(&own, "the refresh token", &SystemRandom), Some(sealed));
        for wrong in ["", "AAAA", "no base64!"] {
            assert_eq!(open(&own, &SealedToken(wrong.to_owned())), None);
        }
    }
}
