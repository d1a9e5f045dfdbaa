//! What an ID token must say beyond what every signed token does (OpenID Connect Core 1.0, section 3.1.3.7).
//!
//! Signature, issuer, audience, tenant and times are those of any token and checked where the keys are.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::profile::Profile;

/// How far the clocks of provider and server may be apart.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

/// Characters of an identifier of a person at most; an object id has 36.
const LONGEST: usize = 128;

/// The claims that are regarded.
#[derive(Clone, Debug, Deserialize)]
pub struct IdToken {
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    azp: Option<String>,
    aud: Audience,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    at_hash: Option<String>,
    #[serde(default)]
    oid: Option<String>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    sid: Option<String>,
    /// What it says of the person beside who it is.
    #[serde(flatten)]
    pub profile: Profile,
}

/// RFC 7519, section 4.1.3: one text, or a list of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Audience {
    fn is_only(&self, client_id: &str) -> bool {
        match self {
            Self::One(it) => it == client_id,
            Self::Many(all) => all.iter().all(|it| it == client_id),
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy)]
pub struct Expected<'e> {
    /// The nonce of the request.
    pub nonce: &'e str,
    /// Who asked.
    pub client_id: &'e str,
    /// The access token that came along.
    pub access_token: Option<&'e str>,
    /// The present.
    pub now: Timestamp,
}

/// Why an ID token is not believed, although its issuer signed it for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    /// It answers another request, or is replayed.
    #[error("the nonce is not that of the request")]
    Nonce,
    /// It was issued to another client, or is meant for others as well.
    #[error("the authorized party (azp) is another client")]
    AuthorizedParty,
    /// It has no `iat`.
    #[error("the token does not say when it was issued (iat)")]
    NoTime,
    /// Its `iat` lies ahead.
    #[error("the token was issued in the future (iat); compare the clocks")]
    IssuedInFuture,
    /// It belongs to another access token.
    #[error("the access token is not the one of the ID token (at_hash)")]
    AccessTokenHash,
    /// It does not say who it is.
    #[error("the token names nobody (oid); the issuer must be an Entra tenant")]
    NoObjectId,
}

impl IdToken {
    /// The object id of the person, once it is known that the token is the one that was asked for.
    ///
    /// # Errors
    /// When the token is not believed.
    pub fn check(&self, expected: &Expected<'_>) -> Result<&str, IdTokenError> {
        if self.nonce.as_deref() != Some(expected.nonce) {
            return Err(IdTokenError::Nonce);
        }
        let is_ours = match &self.azp {
            Some(azp) => azp == expected.client_id,
            None => self.aud.is_only(expected.client_id),
        };
        if !is_ours {
            return Err(IdTokenError::AuthorizedParty);
        }
        let issued = self.iat.ok_or(IdTokenError::NoTime)?;
        let latest = (expected.now.as_duration() + LEEWAY).as_secs_f64();
        if issued > latest {
            return Err(IdTokenError::IssuedInFuture);
        }
        if let (Some(hash), Some(token)) = (&self.at_hash, expected.access_token)
            && *hash != half_hash(token)
        {
            return Err(IdTokenError::AccessTokenHash);
        }
        let oid = self.oid.as_deref();
        oid.filter(|it| !it.is_empty() && it.len() <= LONGEST)
            .ok_or(IdTokenError::NoObjectId)
    }

    /// Whether it is about the person whom the provider calls `subject`, as one that comes by a refresh token must be (OpenID Connect Core
    /// 1.0, section 12.2).
    pub fn is_of(&self, subject: Option<&str>) -> bool {
        self.subject() == subject
    }

    /// What the provider calls the person (`sub`).
    pub fn subject(&self) -> Option<&str> {
        self.sub.as_deref().and_then(identifier)
    }

    /// What the provider calls the session there (`sid`; OpenID Connect Front-Channel Logout 1.0, section 3).
    pub fn session(&self) -> Option<&str> {
        self.sid.as_deref().and_then(identifier)
    }
}

/// A name that a provider gives to a person or a session, if it is one: OpenID Connect Core 1.0, section 2, has 255 characters of ASCII at
/// most.
pub fn identifier(text: &str) -> Option<&str> {
    let is_one = (1..=255).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_graphic());
    is_one.then_some(text)
}

/// OpenID Connect Core 1.0, section 3.1.3.6: the left half of the hash of the token, for each algorithm that ends in 256.
fn half_hash(access_token: &str) -> String {
    let hash = Sha256::digest(access_token.as_bytes());
    URL_SAFE_NO_PAD.encode(&hash[..16])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: i64 = 1_000_000;

    /// Looks at a good token with these claims changed; null takes one away.
    fn check(changes: &Value, expected: Result<&str, IdTokenError>) {
        let mut claims = json!({"nonce": "N", "aud": "app", "iat": NOW, "oid": "o-1", "at_hash": half_hash("AT")});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, it| !it.is_null());
        let token: IdToken = serde_json::from_value(claims).unwrap();
        let wanted = Expected {
            nonce: "N",
            client_id: "app",
            access_token: Some("AT"),
            now: Timestamp::from_second(NOW).unwrap(),
        };

        assert_eq!(token.check(&wanted), expected, "{changes}");
    }

    #[test]
    fn a_good_token_names_the_person() {
        check(&json!({}), Ok("o-1"));
        check(&json!({"azp": "app", "aud": ["app", "other"]}), Ok("o-1"));
        check(&json!({"at_hash": null}), Ok("o-1"));
    }

    #[test]
    fn another_nonce_or_none_is_refused() {
        for nonce in [json!("M"), json!(""), Value::Null] {
            check(&json!({"nonce": nonce}), Err(IdTokenError::Nonce));
        }
    }

    #[test]
    fn a_token_of_another_client_or_for_several_is_refused() {
        let refused = Err(IdTokenError::AuthorizedParty);
        check(&json!({"azp": "other"}), refused);
        check(&json!({"aud": ["app", "other"]}), refused);
    }

    #[test]
    fn a_token_from_the_future_is_refused_but_for_a_small_skew() {
        check(&json!({"iat": NOW + 60}), Ok("o-1"));
        let ahead = Err(IdTokenError::IssuedInFuture);
        check(&json!({"iat": NOW + 300}), ahead);
        check(&json!({"iat": null}), Err(IdTokenError::NoTime));
    }

    #[test]
    fn the_access_token_must_be_the_one_that_was_issued_along() {
        let other = json!({"at_hash": half_hash("another")});
        check(&other, Err(IdTokenError::AccessTokenHash));
    }

    #[test]
    fn a_token_without_an_object_id_names_nobody() {
        for oid in [Value::Null, json!(""), json!("x".repeat(129))] {
            check(&json!({"oid": oid}), Err(IdTokenError::NoObjectId));
        }
    }

    /// Python's hashlib and base64 say the same.
    #[test]
    fn the_hash_of_an_access_token_is_the_left_half_of_its_digest() {
        assert_eq!(
            half_hash("jHkWEdUXMU1BwAsC4vtUsZwnvTkxfqSfcY4iiaYk"),
            "X_rQIk3ZWJAsTRbC51skLA"
        );
    }
}
