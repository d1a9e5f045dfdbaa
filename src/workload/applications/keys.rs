//! The keys of a directory as its file has them at present: what they sign, and what they know to be signed by them.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
    RsaKeyPair, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::config::{Pair, SigningAlgorithm, SigningKeys};

/// Bytes of a token at most that is looked at.
const MAX_TOKEN: usize = 64 * 1024;

/// What a token is, in its `typ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Kind {
    Id,
    /// RFC 9068, section 2.1: so that neither is taken for the other.
    Access,
    /// Back-Channel Logout 1.0, section 2.4.
    Logout,
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::Id => "JWT",
            Self::Access => "at+jwt",
            Self::Logout => "logout+jwt",
        }
    }
}

/// The keys of each file as they were last read: to understand a key takes longer than to read the file.
#[derive(Default)]
pub(in crate::workload) struct KnownKeys(Mutex<HashMap<PathBuf, Known>>);

/// The digest of a file, and what is in it.
type Known = ([u8; 32], Arc<Keys>);

impl KnownKeys {
    /// The keys that are in the file at present.
    pub(in crate::workload) async fn read(&self, file: &Path) -> io::Result<Arc<Keys>> {
        let text = tokio::fs::read(file).await?;
        let digest: [u8; 32] = Sha256::digest(&text).into();
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, keys)) = known().get(file).filter(|it| it.0 == digest) {
            return Ok(Arc::clone(keys));
        }
        let keys = Arc::new(Keys::parse(&text)?);
        known().insert(file.to_owned(), (digest, Arc::clone(&keys)));
        Ok(keys)
    }
}

/// The keys that are published.
pub(in crate::workload) struct Keys(Vec<Key>);

struct Key {
    id: String,
    pair: Pair,
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
    fn parse(text: &[u8]) -> io::Result<Self> {
        let held: SigningKeys = serde_json::from_slice(text).map_err(|error| {
            // Its own words may quote a private key.
            let (category, line) = (error.classify(), error.line());
            io::Error::other(format!(
                "it holds no signing keys: {category:?} error in line {line}"
            ))
        })?;
        let keys = held.keys.iter().map(|it| {
            let pair = it.private_key.pair();
            let pair =
                pair.ok_or_else(|| io::Error::other("a key in it is no PKCS #8 of P-256 or RSA"))?;
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

    /// The token with these claims, signed by the key of the algorithm whose turn it is.
    pub(in crate::workload) fn sign(
        &self,
        (kind, algorithm): (Kind, SigningAlgorithm),
        claims: &Map<String, Value>,
        now: Timestamp,
    ) -> io::Result<String> {
        let all = || self.0.iter().filter(|it| it.pair.algorithm() == algorithm);
        let key = all()
            .filter(|it| it.signs_from <= now)
            .max_by_key(|it| it.signs_from);
        // Clocks that differ must not keep people out.
        let key = key.or_else(|| all().min_by_key(|it| it.signs_from));
        let algorithm = algorithm.as_str();
        let none = || io::Error::other(format!("there is no key for {algorithm} in it yet"));
        let key = key.ok_or_else(none)?;
        let header = json!({"alg": algorithm, "typ": kind.as_str(), "kid": key.id});
        let part = |it: String| URL_SAFE_NO_PAD.encode(it);
        let claims = serde_json::to_string(claims)?;
        let signed = format!("{}.{}", part(header.to_string()), part(claims));
        let signature = signature(&key.pair, signed.as_bytes());
        let signature = signature.ok_or_else(|| io::Error::other("the key does not sign"))?;
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
        let key = self.0.iter().find(|it| it.id == header.kid)?;
        // RFC 8725, section 3.1: the algorithm is that of the key.
        if header.alg != key.pair.algorithm().as_str() || header.typ != kind.as_str() {
            return None;
        }
        is_signed(&key.pair, signed.as_bytes(), &part(signature)?)
            .then(|| serde_json::from_slice(&part(claims)?).ok())?
    }
}

/// A nonce of ECDSA is ring's own: nobody else may choose it.
fn signature(pair: &Pair, signed: &[u8]) -> Option<Vec<u8>> {
    let random = SystemRandom::new();
    match pair {
        Pair::P256(pair) => Some(pair.sign(&random, signed).ok()?.as_ref().to_vec()),
        Pair::Rsa(pair) => {
            let mut signature = vec![0; pair.public().modulus_len()];
            let signing = pair.sign(&RSA_PKCS1_SHA256, &random, signed, &mut signature);
            signing.ok().map(|()| signature)
        }
    }
}

fn is_signed(pair: &Pair, signed: &[u8], signature: &[u8]) -> bool {
    match pair {
        Pair::P256(pair) => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key())
            .verify(signed, signature)
            .is_ok(),
        Pair::Rsa(pair) => RsaPublicKeyComponents::<Vec<u8>>::from(pair.public())
            .verify(&RSA_PKCS1_2048_8192_SHA256, signed, signature)
            .is_ok(),
    }
}

impl Key {
    fn published(&self) -> Value {
        let mut key = members(&self.pair);
        for (name, value) in [
            ("use", "sig"),
            ("alg", self.pair.algorithm().as_str()),
            ("kid", &self.id),
        ] {
            key[name] = value.into();
        }
        key
    }
}

/// What of a public key its name follows from, in the order of the alphabet (RFC 7638, section 3.2).
fn members(pair: &Pair) -> Value {
    match pair {
        Pair::P256(pair) => {
            let (x, y) = coordinates(pair);
            json!({"crv": "P-256", "kty": "EC", "x": x, "y": y})
        }
        Pair::Rsa(pair) => {
            let (n, e) = numbers(pair);
            json!({"e": e, "kty": "RSA", "n": n})
        }
    }
}

/// The two halves of a public key behind the byte that says that it is not compressed.
fn coordinates(pair: &EcdsaKeyPair) -> (String, String) {
    let point = pair.public_key().as_ref();
    let (x, y) = point[1..].split_at(point.len() / 2);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

/// Modulus and exponent of a public key.
fn numbers(pair: &RsaKeyPair) -> (String, String) {
    let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
    (URL_SAFE_NO_PAD.encode(n), URL_SAFE_NO_PAD.encode(e))
}

/// RFC 7638, section 3: a name that follows from the key.
fn thumbprint(pair: &Pair) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(members(pair).to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Random, SystemRandom as OurRandom};
    use crate::config::{PrivateKey, SigningKey};

    const ID: (Kind, SigningAlgorithm) = (Kind::Id, SigningAlgorithm::Es256);
    const ACCESS: (Kind, SigningAlgorithm) = (Kind::Access, SigningAlgorithm::Es256);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn keys(signs_from: &[i64]) -> Keys {
        let keys = signs_from.iter().map(|second| SigningKey {
            private_key: PrivateKey::from_pkcs8(&OurRandom.p256_key()),
            signs_from: at(*second),
        });
        let held = SigningKeys {
            keys: keys.collect(),
        };
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, serde_json::to_string(&held).unwrap()).unwrap();
        Keys::parse(&std::fs::read(file.path()).unwrap()).unwrap()
    }

    #[test]
    fn an_error_quotes_no_private_key() {
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

            let error = Keys::parse(&std::fs::read(file.path()).unwrap())
                .err()
                .unwrap()
                .to_string();

            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("MIGHAgEA"), "{error}");
        }
    }

    fn claims() -> Map<String, Value> {
        Map::from_iter([("sub".to_owned(), json!("lena"))])
    }

    #[test]
    fn what_was_signed_is_known_and_nothing_else() {
        let keys = keys(&[0]);
        let token = keys.sign(ACCESS, &claims(), at(10)).unwrap();
        let parts: Vec<&str> = token.split('.').collect();

        assert_eq!(keys.open(Kind::Access, &token), Some(claims()));
        assert_eq!(keys.open(Kind::Id, &token), None, "another kind");
        assert_eq!(self::keys(&[0]).open(Kind::Access, &token), None);
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
    #[test]
    fn a3_keys_sign_in_turn_and_all_are_published() {
        let keys = keys(&[100, 0, 200]);
        let check = |second: i64, expected: usize| {
            let token = keys.sign(ID, &claims(), at(second)).unwrap();
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

    /// RFC 8725, section 3.1: each key is for one algorithm, whatever a token says.
    #[test]
    fn each_algorithm_has_its_keys() {
        let key = |pkcs8: &[u8]| SigningKey {
            private_key: PrivateKey::from_pkcs8(pkcs8),
            signs_from: at(0),
        };
        let (p256, rsa) = (OurRandom.p256_key(), OurRandom.rsa_key());
        let held = |keys| serde_json::to_vec(&SigningKeys { keys }).unwrap();
        let keys = Keys::parse(&held(vec![key(&p256), key(&rsa)])).unwrap();
        let only_p256 = Keys::parse(&held(vec![key(&p256)])).unwrap();
        let rs256 = (Kind::Access, SigningAlgorithm::Rs256);

        let token = keys.sign(rs256, &claims(), at(10)).unwrap();

        let parts: Vec<&str> = token.split('.').collect();
        let header = URL_SAFE_NO_PAD.decode(parts[0]).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let published = keys.published();
        assert_eq!(header["alg"], "RS256");
        assert_eq!(header["kid"], published["keys"][1]["kid"]);
        assert_eq!(published["keys"][1]["kty"], "RSA");
        assert_eq!(published["keys"][1]["e"], "AQAB");
        assert_eq!(published["keys"][1].get("d"), None);
        assert_eq!(keys.open(Kind::Access, &token), Some(claims()));
        assert_eq!(keys.open(Kind::Id, &token), None);
        assert_eq!(only_p256.open(Kind::Access, &token), None);
        let refused = only_p256.sign(rs256, &claims(), at(10)).unwrap_err();
        assert!(
            refused.to_string().contains("no key for RS256"),
            "{refused}"
        );
        for (alg, kid) in [
            ("ES256", &header["kid"]),
            ("RS256", &published["keys"][0]["kid"]),
        ] {
            let other = json!({"alg": alg, "typ": "at+jwt", "kid": kid});
            let other = URL_SAFE_NO_PAD.encode(other.to_string());
            let forged = format!("{other}.{}.{}", parts[1], parts[2]);
            assert_eq!(keys.open(Kind::Access, &forged), None, "{alg}");
        }
    }
}
