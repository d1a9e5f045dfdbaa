//! What the reader of tokens verifies signatures by.

#![expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the interface of a provider wants references"
)]

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind, EncodingKey};

use crate::oidc::signature::PublicKey;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: refuse,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes ours what tokens are verified by in this process.
pub(super) fn install() {
    // Whoever comes second finds the same provider.
    PROVIDER.install_default().ok();
}

/// Nothing here signs.
fn refuse(_: &Algorithm, _: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    let key = match (algorithm, key.kind()) {
        (Algorithm::RS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            PublicKey::rs256(n.clone(), e.clone())
        }
        (Algorithm::PS256, DecodingKeyKind::RsaModulusExponent { n, e }) => {
            PublicKey::ps256(n.clone(), e.clone())
        }
        (Algorithm::ES256, DecodingKeyKind::SecretOrDer(point)) => PublicKey::es256(point.clone()),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(KeyVerifier {
        algorithm: *algorithm,
        key,
    }))
}

struct KeyVerifier {
    algorithm: Algorithm,
    key: PublicKey,
}

impl Verifier<Vec<u8>> for KeyVerifier {
    fn verify(&self, message: &[u8], code: &Vec<u8>) -> std::result::Result<(), signature::Error> {
        let verified = self.key.verifies(message, code);
        verified.then_some(()).ok_or_else(signature::Error::new)
    }
}

impl JwtVerifier for KeyVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
