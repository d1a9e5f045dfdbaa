//! The keys by which tokens are signed: RS256, as Entra's are.

use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::KeyPair;
use ring::signature::{RSA_PKCS1_SHA256, RsaPublicKeyComponents};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::assertion::{Jwt, by_key};

/// Published keys at most: the one that signs, and the one before it.
const MOST: usize = 2;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[error("the signing key is no RSA key in PKCS #8")]
pub struct KeyError;

/// Keys that are published, the one that signs first.
pub(super) struct Keys(RwLock<Vec<Arc<Key>>>);

struct Key {
    id: String,
    pair: KeyPair,
}

impl Keys {
    /// Those of a platform that has just one, as PKCS #8.
    pub(super) fn new(pkcs8: &[u8]) -> Result<Self, KeyError> {
        Ok(Self(RwLock::new(vec![Arc::new(Key::read(pkcs8)?)])))
    }

    /// Signs by another key from now on. The one before it stays published.
    pub(super) fn rotate(&self, pkcs8: &[u8]) -> Result<(), KeyError> {
        let key = Arc::new(Key::read(pkcs8)?);
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(0, key);
        keys.truncate(MOST);
        Ok(())
    }

    fn all(&self) -> Vec<Arc<Key>> {
        let keys = self.0.read().unwrap_or_else(PoisonError::into_inner);
        keys.clone()
    }

    /// The public keys (RFC 7517, section 5), each of `issuer`, as Entra says.
    pub(super) fn published(&self, issuer: &str) -> Value {
        let keys = self.all();
        let keys: Vec<Value> = keys
            .iter()
            .map(|key| {
                let mut public = key.public();
                for (name, value) in [
                    ("use", "sig"),
                    ("kid", &key.id),
                    ("x5t", &key.id),
                    ("issuer", issuer),
                ] {
                    public[name] = value.into();
                }
                public
            })
            .collect();
        json!({ "keys": keys })
    }

    /// The token with these claims; under `wrong` keys its signature is not that of the key that it names.
    pub(super) fn sign(&self, typ: &str, claims: &Value, wrong: bool) -> Option<String> {
        let keys = self.all();
        let key = keys.first()?;
        let header = json!({"typ": typ, "alg": "RS256", "kid": key.id});
        let part = |it: &Value| URL_SAFE_NO_PAD.encode(it.to_string());
        let signed = format!("{}.{}", part(&header), part(claims));
        let mut signature = vec![0; key.pair.public().modulus_len()];
        let message = if wrong {
            [signed.as_bytes(), b"?"].concat()
        } else {
            signed.as_bytes().to_vec()
        };
        let random = SystemRandom::new();
        let signing = key
            .pair
            .sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature);
        signing.ok()?;
        Some(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token that one of these keys signed; their times are for the caller to look at.
    pub(super) fn open(&self, token: &str) -> Option<Value> {
        let jwt = Jwt::read(token)?;
        let keys = self.all();
        let key = keys.iter().find(|it| jwt.kid() == Some(it.id.as_str()))?;
        by_key(&jwt, &key.public()).then(|| jwt.claims.clone())
    }
}

impl Key {
    fn read(pkcs8: &[u8]) -> Result<Self, KeyError> {
        let pair = KeyPair::from_pkcs8(pkcs8).map_err(|_| KeyError)?;
        let digest = Sha256::digest(pair.public().as_ref());
        // As long as those of Entra, which are thumbprints by SHA-1.
        let id = URL_SAFE_NO_PAD.encode(&digest[..20]);
        Ok(Self { id, pair })
    }

    fn public(&self) -> Value {
        let RsaPublicKeyComponents { n, e } =
            RsaPublicKeyComponents::<Vec<u8>>::from(self.pair.public());
        json!({"kty": "RSA", "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e)})
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Random, SystemRandom as OurRandom};

    #[test]
    fn the_key_before_is_published_and_wrong_keys_are_not() {
        let keys = Keys::new(&OurRandom.rsa_key()).unwrap();
        let claims = json!({"sub": "lena"});
        let before = keys.sign("JWT", &claims, false).unwrap();
        keys.rotate(&OurRandom.rsa_key()).unwrap();
        let after = keys.sign("JWT", &claims, false).unwrap();
        let wrong = keys.sign("JWT", &claims, true).unwrap();

        assert_eq!(keys.open(&before), Some(claims.clone()));
        assert_eq!(keys.open(&after), Some(claims));
        assert_eq!(keys.open(&wrong), None);
        let published = keys.published("issuer");
        assert_eq!(published["keys"].as_array().unwrap().len(), 2);
        let kid = Jwt::read(&after).unwrap().kid().map(str::to_owned);
        assert_eq!(published["keys"][0]["kid"].as_str(), kid.as_deref());
    }
}
