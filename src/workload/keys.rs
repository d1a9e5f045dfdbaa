//! The public keys of issuers: declared ones, or fetched over HTTPS and kept for a while.

use std::sync::Arc;

use jiff::Timestamp;
use jsonwebtoken::jwk::JwkSet;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::Value;
use url::Url;

use super::jwt::{self, Untrusted};
use super::outbound::{Documents, Outbound};
use crate::config::oauth::{Keys, TrustedIssuer};

/// The keys of all issuers.
#[derive(Default)]
pub(crate) struct IssuerKeys {
    outbound: Outbound,
    fetched: Documents<Understood>,
}

/// RFC 7517, section 5: keys of a kind that is not understood are passed over.
#[derive(Deserialize)]
#[serde(from = "Published")]
struct Understood(JwkSet);

#[derive(Deserialize)]
struct Published {
    keys: Vec<Value>,
}

impl From<Published> for Understood {
    fn from(published: Published) -> Self {
        let keys = published.keys.into_iter();
        let keys = keys.filter_map(|it| serde_json::from_value(it).ok());
        Self(JwkSet {
            keys: keys.collect(),
        })
    }
}

impl IssuerKeys {
    /// Checks `token` by the keys of `issuer`, fetching them when they are old or lack the one that is asked for.
    pub(crate) async fn verify(
        &self,
        token: &str,
        issuer: &TrustedIssuer,
        now: Timestamp,
    ) -> Result<(), Untrusted> {
        let claims = self.claims::<IgnoredAny>(token, issuer, now).await;
        claims.map(|_| ())
    }

    /// Does the same, and gives what else is of interest in the token.
    pub(crate) async fn claims<T: DeserializeOwned>(
        &self,
        token: &str,
        issuer: &TrustedIssuer,
        now: Timestamp,
    ) -> Result<T, Untrusted> {
        let url = match &issuer.keys {
            Keys::Declared(text) => {
                let keys = serde_json::from_str(text).map_err(|_| Untrusted::KeysUnavailable)?;
                return jwt::verify(token, issuer, &keys, now);
            }
            Keys::Url(url) => url,
        };
        let keys = self.keys(url, now, false).await?;
        match jwt::verify(token, issuer, &keys.0, now) {
            Err(Untrusted::UnknownKey) => {
                let keys = self.keys(url, now, true).await?;
                jwt::verify(token, issuer, &keys.0, now)
            }
            known => known,
        }
    }

    async fn keys(
        &self,
        url: &Url,
        now: Timestamp,
        lacks_one: bool,
    ) -> Result<Arc<Understood>, Untrusted> {
        let keys = self.fetched.get(&self.outbound, url, now, lacks_one).await;
        keys.ok_or(Untrusted::KeysUnavailable)
    }
}

#[cfg(test)]
mod tests;
