//! Tokens and their digests: a token is shown once, to whoever writes it into a Secret; everything else holds its digest.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret of 256 random bits, as text. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token made of 32 random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(format!("usher_{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token that a client presented, or that a Secret holds.
    pub fn presented(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// The text, for the one place that writes it into a Secret or a header.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept instead of the token.
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(hex_sha256(self.0.as_bytes()))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(…)")
    }
}

/// SHA-256 of a token in hexadecimal. A token has 256 random bits, so nothing slower is needed.
#[derive(Clone, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TokenDigest(String);

impl TokenDigest {
    /// Whether `token` is the one with this digest, in constant time.
    pub fn matches(&self, token: &Token) -> bool {
        *self == token.digest()
    }

    /// The whole digest, as the key of codes that only who holds the document can make.
    pub(super) fn as_key(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The name by which status and reports speak of the credential.
    pub fn id(&self) -> CredentialId {
        CredentialId(self.0.chars().take(CREDENTIAL_ID_LENGTH).collect())
    }
}

impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenDigest({}…)", self.id())
    }
}

/// Characters of a [`CredentialId`].
pub(super) const CREDENTIAL_ID_LENGTH: usize = 12;

/// Beginning of a token's digest: enough to tell credentials apart, nothing to guess from.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct CredentialId(String);

impl CredentialId {
    /// The identifier as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// SHA-256 of `bytes` in lower-case hexadecimal.
pub(super) fn hex_sha256(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = |byte: &u8| [byte >> 4, byte & 15].map(|it| char::from(DIGITS[usize::from(it)]));
    Sha256::digest(bytes).iter().flat_map(digits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_hides_itself() {
        let token = Token::from_random([7; 32]);

        assert_eq!(format!("{token:?}"), "Token(…)");
        assert!(!format!("{:?}", token.digest()).contains(token.reveal()));
    }

    #[test]
    fn a_digest_knows_its_token() {
        let token = Token::from_random([7; 32]);

        assert!(token.digest().matches(&token));
        assert!(!token.digest().matches(&Token::from_random([8; 32])));
    }
}
