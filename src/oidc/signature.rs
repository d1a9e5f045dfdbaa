//! Signatures of tokens, verified by ring, the one provider of cryptography in this program.

use ring::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaParameters,
    RsaPublicKeyComponents, UnparsedPublicKey,
};

/// A public key, for the one algorithm that it is used with (RFC 8725, section 3.1).
pub struct PublicKey(Key);

enum Key {
    Rsa(&'static RsaParameters, Vec<u8>, Vec<u8>),
    P256(Vec<u8>),
}

impl PublicKey {
    /// A key for RS256, of a modulus and an exponent, both big-endian.
    pub const fn rs256(modulus: Vec<u8>, exponent: Vec<u8>) -> Self {
        Self(Key::Rsa(&RSA_PKCS1_2048_8192_SHA256, modulus, exponent))
    }

    /// A key for PS256, of the same.
    pub const fn ps256(modulus: Vec<u8>, exponent: Vec<u8>) -> Self {
        Self(Key::Rsa(&RSA_PSS_2048_8192_SHA256, modulus, exponent))
    }

    /// A key for ES256, of a point that is not compressed: 4, then both coordinates.
    pub const fn es256(point: Vec<u8>) -> Self {
        Self(Key::P256(point))
    }

    /// Whether `signature` is this key's of `message`.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match &self.0 {
            Key::Rsa(parameters, n, e) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            Key::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
        };
        verified.is_ok()
    }
}
