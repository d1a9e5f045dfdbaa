//! Access tokens (RFC 6749, section 4.4): what a client gets for its credential, and presents instead of it.
//!
//! A token is self-contained: the id of the credential that it was issued for, its end, a nonce, and an HMAC with the digest of that
//! credential as key. So it is good on every replica and after a restart without being stored, and ends with its credential. Whoever holds
//! the digests of a document serves its directory, and could do all that a token allows.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::secret::{CREDENTIAL_ID_LENGTH, Token, TokenDigest};

/// What an access token begins with; passwords begin with `usher_` and another letter or digit.
const PREFIX: &str = "usher_at_";

/// Keeps these codes apart from any other use of the same key.
const PURPOSE: &[u8] = b"usher access token 1\0";

const END: usize = CREDENTIAL_ID_LENGTH + 8;
const PAYLOAD: usize = END + 8;

/// An access token that was presented; nothing of it is known to be true before [`AccessToken::is_of`] said so.
pub struct AccessToken {
    payload: [u8; PAYLOAD],
    code: Vec<u8>,
    expires_at: Timestamp,
}

impl AccessToken {
    /// The token that is good for the credential with `digest` until `expires_at`; `nonce` is random, so that no two are equal.
    pub fn issue(digest: &TokenDigest, expires_at: Timestamp, nonce: [u8; 8]) -> Token {
        let mut payload = [0; PAYLOAD];
        let id = digest.id();
        for (place, byte) in payload.iter_mut().zip(id.as_str().bytes()) {
            *place = byte;
        }
        payload[CREDENTIAL_ID_LENGTH..END].copy_from_slice(&expires_at.as_second().to_be_bytes());
        payload[END..].copy_from_slice(&nonce);
        let mut bytes = payload.to_vec();
        bytes.extend_from_slice(&mac(digest, &payload).finalize().into_bytes());
        Token::presented(&format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// Reads `token`; nothing when it has not the form of an access token.
    pub fn parse(token: &Token) -> Option<Self> {
        let text = token.reveal().strip_prefix(PREFIX)?;
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (payload, code) = bytes.split_first_chunk::<PAYLOAD>()?;
        let end = payload[CREDENTIAL_ID_LENGTH..END].try_into().ok()?;
        Some(Self {
            payload: *payload,
            code: code.to_vec(),
            expires_at: Timestamp::from_second(i64::from_be_bytes(end)).ok()?,
        })
    }

    /// Whether it was issued for the credential with `digest`, in constant time.
    pub fn is_of(&self, digest: &TokenDigest) -> bool {
        self.payload[..CREDENTIAL_ID_LENGTH] == *digest.id().as_str().as_bytes()
            && mac(digest, &self.payload).verify_slice(&self.code).is_ok()
    }

    /// When it ends.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

fn mac(digest: &TokenDigest, payload: &[u8; PAYLOAD]) -> Hmac<Sha256> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(digest.as_key()).expect("HMAC takes keys of any length");
    mac.update(PURPOSE);
    mac.update(payload);
    mac
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(password: &str) -> TokenDigest {
        Token::presented(password).digest()
    }

    #[test]
    fn a_token_is_good_for_its_credential_alone() {
        let end = Timestamp::from_second(1000).unwrap();
        let token = AccessToken::issue(&digest("one"), end, [1; 8]);

        let read = AccessToken::parse(&token).unwrap();

        assert!(read.is_of(&digest("one")));
        assert!(!read.is_of(&digest("other")));
        assert_eq!(read.expires_at(), end);
        assert_ne!(token, AccessToken::issue(&digest("one"), end, [2; 8]));
    }

    #[test]
    fn a_token_that_was_changed_anywhere_is_good_for_nothing() {
        let digest = digest("one");
        let token = AccessToken::issue(&digest, Timestamp::from_second(1000).unwrap(), [1; 8]);
        let text = token.reveal();

        for at in PREFIX.len()..text.len() {
            for other in ["A", "z", "-"] {
                let mut changed = text.to_owned();
                changed.replace_range(at..=at, other);
                let read = AccessToken::parse(&Token::presented(&changed));
                let good = read.is_some_and(|it| it.is_of(&digest));
                assert!(!good || changed == text, "{at}");
            }
        }
        for wrong in [
            "",
            "usher_at_",
            "usher_at_!",
            "usher_at_AAAA",
            &text[..text.len() - 2],
        ] {
            let read = AccessToken::parse(&Token::presented(wrong));
            assert!(!read.is_some_and(|it| it.is_of(&digest)), "{wrong}");
        }
    }
}
