//! The keys by which tokens for applications are signed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// By which algorithm a token is signed (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA of P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA of 2048 bits by PKCS #1 with SHA-256.
    #[serde(rename = "RS256")]
    Rs256,
}

impl SigningAlgorithm {
    /// `alg` in a token.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }

    /// Whether it is the one that nobody has to declare.
    #[expect(
        clippy::trivially_copy_pass_by_ref,
        reason = "the interface of serde wants a reference"
    )]
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The keys by which tokens are signed: what the file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningKeys {
    /// Those that are published.
    pub keys: Vec<SigningKey>,
}

/// A key for the algorithm that it is of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningKey {
    /// The key.
    pub private_key: PrivateKey,
    /// When it begins to sign; of those of its algorithm that have begun the last one signs.
    pub signs_from: Timestamp,
}

/// A private key as PKCS #8 in Base64. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateKey(String);

/// A private key that signs.
pub enum Pair {
    /// For ES256.
    P256(Box<EcdsaKeyPair>),
    /// For RS256.
    Rsa(Box<RsaKeyPair>),
}

impl Pair {
    /// The one algorithm that the key is for (RFC 8725, section 3.1).
    pub fn algorithm(&self) -> SigningAlgorithm {
        match self {
            Self::P256(_) => SigningAlgorithm::Es256,
            Self::Rsa(_) => SigningAlgorithm::Rs256,
        }
    }
}

impl PrivateKey {
    /// The key that is `pkcs8`.
    pub fn from_pkcs8(pkcs8: &[u8]) -> Self {
        Self(STANDARD.encode(pkcs8))
    }

    /// The key that signs; nothing when somebody broke the text, or it is another kind of key.
    pub fn pair(&self) -> Option<Pair> {
        let pkcs8 = STANDARD.decode(&self.0).ok()?;
        let p256 = &ECDSA_P256_SHA256_FIXED_SIGNING;
        match EcdsaKeyPair::from_pkcs8(p256, &pkcs8, &SystemRandom::new()) {
            Ok(pair) => Some(Pair::P256(Box::new(pair))),
            Err(_) => RsaKeyPair::from_pkcs8(&pkcs8)
                .ok()
                .map(|it| Pair::Rsa(Box::new(it))),
        }
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(…)")
    }
}
