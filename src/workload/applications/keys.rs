//! The keys of a directory as its file has them at present: what they sign, and what they know to be signed by them.

use std::io;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::SigningKeys;

/// Bytes of a token at most that is looked at.
const MAX_TOKEN: usize = 64 * 1024;

/// What a token is, in its `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Kind {
    Id,
    /// RFC 9068, section 2.1: so that neither is taken for the other.
    Access,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Id => "JWT",
            Self::Access => "at+jwt",
        }
    }
}

/// The keys that are published.
pub(in crate::workload) struct Keys(Vec<Key>);

struct Key {
    id: String,
    pair: EcdsaKeyPair,
    signs_from: Timestamp,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(default)]
    kid: String,
    #[serde(default)]
    typ: String,
}

impl Keys {
    /// Reads the file.
    pub(in crate::workload) async fn read(file: &Path) -> io::Result<Self> {
        let text = tokio::fs::read(file).await?;
        let held: SigningKeys = serde_json::from_slice(&text).map_err(|error| {
            // Its own words may quote a private key.
            let (category, line) = (error.classify(), error.line());
            io::Error::other(format!(
                "it holds no signing keys: {category:?} error in line {line}"
            ))
        })?;
        let keys = held.keys.iter().map(|it| {
            let pair = it.private_key.pair();
            let pair =
                pair.ok_or_else(|| io::Error::other("a key in it is no PKCS #8 of P-256"))?;
            Ok(Key {
                id: thumbprint(&pair),
                pair,
                signs_from: it.signs_from,
            })
        });
        Ok(Self(keys.collect::<io::Result<_>>()?))
    }

    /// The public keys (RFC 7517, section 5).
    pub(in crate::workload) fn published(&self) -> Value {
        let keys: Vec<Value> = self.0.iter().map(Key::published).collect();
        json!({ "keys": keys })
    }

    /// The token with these claims, signed by the key whose turn it is.
    pub(in crate::workload) fn sign(
        &self,
        kind: Kind,
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> io::Result<String> {
        let begun = self.0.iter().filter(|it| it.signs_from <= now);
        let key = begun.max_by_key(|it| it.signs_from);
        // Clocks that differ must not keep people out.
        let key = key.or_else(|| self.0.iter().min_by_key(|it| it.signs_from));
        let key = key.ok_or_else(|| io::Error::other("there is no key in it"))?;
        let header = json!({"alg": "ES256", "typ": kind.as_str(), "kid": key.id});
        let part = |it: String| URL_SAFE_NO_PAD.encode(it);
        let claims = serde_json::to_string(claims)?;
        let signed = format!("{}.{}", part(header.to_string()), part(claims));
        // A nonce of ECDSA is ring's own: nobody else may choose it.
        let signature = key.pair.sign(&SystemRandom::new(), signed.as_bytes());
        let signature = signature.map_err(|_| io::Error::other("the key does not sign"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The claims of a token of this kind that one of these keys signed; their times are for the caller to look at.
    pub(in crate::workload) fn open(&self, kind: Kind, token: &str) -> Option<Map<String, Value>> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let part = |it: &str| URL_SAFE_NO_PAD.decode(it).ok();
        let header: Header = serde_json::from_slice(&part(header)?).ok()?;
        // RFC 8725, section 3.1: the algorithm is that of the key.
        if header.alg != "ES256" || header.typ != kind.as_str() {
            return None;
        }
        let key = self.0.iter().find(|it| it.id == header.kid)?;
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.pair.public_key())
            .verify(signed.as_bytes(), &part(signature)?)
            .ok()?;
        serde_json::from_slice(&part(claims)?).ok()
    }
}

impl Key {
    fn published(&self) -> Value {
        let (x, y) = coordinates(&self.pair);
        json!({"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": self.id, "x": x, "y": y})
    }
}

/// The two halves of a public key behind the byte that says that it is not compressed.
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

/// RFC 7638, section 3: a name that follows from the key.
fn thumbprint(pair: &EcdsaKeyPair) -> String {
    let (x, y) = coordinates(pair);
    let text = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(Sha256::digest(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Random, SystemRandom as OurRandom};
    use crate::config::{PrivateKey, SigningKey};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    async fn keys(signs_from: &[i64]) -> Keys {
        let keys = signs_from.iter().map(|second| SigningKey {
            private_key: PrivateKey::from_pkcs8(&OurRandom.p256_key()),
            signs_from: at(*second),
        });
        let held = SigningKeys {
            keys: keys.collect(),
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, serde_json::to_string(&held).unwrap()).unwrap();
        Keys::read(file.path()).await.unwrap()
    }

    #[tokio::test]
    async fn an_error_quotes_no_private_key() {
        for (text, expected) in [
            (r#"{"keys": "MIGHAgEA"}"#, "Data error in line 1"),
            (r#"{"keys": [{"MIGHAgEA": 1}]}"#, "Data error in line 1"),
            ("{\n MIGHAgEA", "Syntax error in line 2"),
            (
                r#"{"keys": [{"privateKey": "MIGHAgEA", "signsFrom": "2026-01-01T00:00:00Z"}]}"#,
                "no PKCS #8",
            ),
        ] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(&file, text).unwrap();

            let error = Keys::read(file.path()).await.err().unwrap().to_string();

            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("MIGHAgEA"), "{error}");
        }
    }

    fn claims() -> Map<String, Value> {
        Map::from_iter([("sub".to_owned(), json!("lena"))])
    }

    #[tokio::test]
    async fn what_was_signed_is_known_and_nothing_else() {
        let keys = keys(&[0]).await;
        let token = keys.sign(Kind::Access, &claims(), at(10)).unwrap();
        let parts: Vec<&str> = token.split('.').collect();

        assert_eq!(keys.open(Kind::Access, &token), Some(claims()));
        assert_eq!(keys.open(Kind::Id, &token), None, "another kind");
        assert_eq!(self::keys(&[0]).await.open(Kind::Access, &token), None);
        let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        let hs256 = format!(
            r#"{{"alg":"HS256","typ":"at+jwt","kid":"{}"}}"#,
            keys.0[0].id
        );
        let hs256 = URL_SAFE_NO_PAD.encode(hs256);
        let other = URL_SAFE_NO_PAD.encode(r#"{"sub":"joe"}"#);
        for forged in [
            format!("{none}.{}.", parts[1]),
            format!("{hs256}.{}.{}", parts[1], parts[2]),
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{}.{}", parts[0], parts[1]),
            "x".repeat(MAX_TOKEN + 1),
            String::new(),
        ] {
            assert_eq!(keys.open(Kind::Access, &forged), None);
        }
    }

    /// A3: the next key is known before it signs, and the former one after.
    #[tokio::test]
    async fn a3_keys_sign_in_turn_and_all_are_published() {
        let keys = keys(&[100, 0, 200]).await;
        let check = |second: i64, expected: usize| {
            let token = keys.sign(Kind::Id, &claims(), at(second)).unwrap();
            let header = token.split('.').next().unwrap();
            let header = URL_SAFE_NO_PAD.decode(header).unwrap();
            let header: Header = serde_json::from_slice(&header).unwrap();
            assert_eq!(header.kid, keys.0[expected].id, "{second}");
            assert!(keys.open(Kind::Id, &token).is_some());
        };
        check(-5, 1);
        check(99, 1);
        check(100, 0);
        check(250, 2);
        assert_eq!(keys.published()["keys"].as_array().unwrap().len(), 3);
    }
}
