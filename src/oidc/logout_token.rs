//! By what a provider ends sessions here: the logout token (OpenID Connect Back-Channel Logout 1.0, section 2.4), and the request that it
//! has a browser make (Front-Channel Logout 1.0, section 2).
//!
//! Signature, issuer, audience and end of the token are those of any token and checked where the keys are.

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::id_token::{LEEWAY, identifier};

/// How long after its issue a logout token is followed.
pub const LOGOUT_TOKEN_TIME: SignedDuration = SignedDuration::from_mins(5);

/// The event that makes a token a logout token.
const EVENT: &str = "http://schemas.openid.net/event/backchannel-logout";

/// The claims that are regarded.
#[derive(Clone, Debug, Deserialize)]
pub struct LogoutToken {
    #[serde(default)]
    jti: Option<String>,
    #[serde(default)]
    iat: Option<f64>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    sid: Option<String>,
    #[serde(default)]
    events: Value,
    #[serde(default)]
    nonce: Option<Value>,
}

/// What a good token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedOut<'t> {
    /// What tells the token from all others of its issuer.
    pub jti: &'t str,
    /// Whose sessions end.
    pub subject: Option<&'t str>,
    /// Which session ends.
    pub session: Option<&'t str>,
}

/// Why a logout token is not followed, although its issuer signed it for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoutTokenError {
    /// It is another kind of token.
    #[error("the token is no logout token (events)")]
    Event,
    /// A logout token has none, so that nobody takes it for an ID token, nor the other way round.
    #[error("a logout token has no nonce")]
    Nonce,
    /// It has no `jti`.
    #[error("the token has no identifier (jti)")]
    NoIdentifier,
    /// It has no `iat`.
    #[error("the token does not say when it was issued (iat)")]
    NoTime,
    /// Its `iat` lies ahead.
    #[error("the token was issued in the future (iat); compare the clocks")]
    IssuedInFuture,
    /// Its `iat` is long ago.
    #[error("the token was issued more than five minutes ago (iat)")]
    TooOld,
    /// It does not say whose session it is about.
    #[error("the token names neither a person (sub) nor a session (sid)")]
    NoSubject,
}

impl LogoutToken {
    /// Whose sessions end, once it is known that the token is a logout token of the present.
    ///
    /// # Errors
    /// When the token is not believed.
    pub fn check(&self, now: Timestamp) -> Result<LoggedOut<'_>, LogoutTokenError> {
        if !self.events.get(EVENT).is_some_and(Value::is_object) {
            return Err(LogoutTokenError::Event);
        }
        if self.nonce.is_some() {
            return Err(LogoutTokenError::Nonce);
        }
        let jti = self.jti.as_deref().filter(|it| !it.is_empty());
        let jti = jti.ok_or(LogoutTokenError::NoIdentifier)?;
        let issued = self.iat.ok_or(LogoutTokenError::NoTime)?;
        let now = now.as_duration();
        if issued > (now + LEEWAY).as_secs_f64() {
            return Err(LogoutTokenError::IssuedInFuture);
        }
        if issued < (now - LOGOUT_TOKEN_TIME).as_secs_f64() {
            return Err(LogoutTokenError::TooOld);
        }
        let (subject, session) = (self.sub.as_deref(), self.sid.as_deref());
        let is_known = |it: Option<&str>| it.is_none_or(|it| identifier(it).is_some());
        // One that is there and cannot be used must not widen what the other names.
        if (subject, session) == (None, None) || !is_known(subject) || !is_known(session) {
            return Err(LogoutTokenError::NoSubject);
        }
        Ok(LoggedOut {
            jti,
            subject,
            session,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_000_000;

    /// Looks at a good token with these claims changed; null takes one away. Says subject and session.
    fn check(changes: &Value, expected: Result<(Option<&str>, Option<&str>), LogoutTokenError>) {
        let mut claims =
            json!({"jti": "j", "iat": NOW, "sub": "S", "sid": "s-1", "events": {EVENT: {}}});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
            .as_object_mut()
            .unwrap()
            .retain(|_, it| !it.is_null());
        let token: LogoutToken = serde_json::from_value(claims).unwrap();
        let found = token.check(Timestamp::from_second(NOW).unwrap());
        let found = found.map(|it| {
            assert_eq!(it.jti, "j");
            (it.subject, it.session)
        });

        assert_eq!(found, expected, "{changes}");
    }

    /// A21: what is wrong with a logout token has a name of its own.
    #[test]
    fn a21_a_logout_token_says_whose_sessions_end_or_is_refused() {
        check(&json!({}), Ok((Some("S"), Some("s-1"))));
        check(&json!({"sub": null}), Ok((None, Some("s-1"))));
        check(&json!({"sid": null}), Ok((Some("S"), None)));
        check(&json!({"iat": NOW - 290}), Ok((Some("S"), Some("s-1"))));
        check(&json!({"iat": NOW + 50}), Ok((Some("S"), Some("s-1"))));
        let refused = |changes: Value, error| check(&changes, Err(error));
        refused(json!({"events": null}), LogoutTokenError::Event);
        refused(json!({"events": {EVENT: true}}), LogoutTokenError::Event);
        refused(json!({"events": {"another": {}}}), LogoutTokenError::Event);
        refused(json!({"nonce": "N"}), LogoutTokenError::Nonce);
        refused(json!({"jti": null}), LogoutTokenError::NoIdentifier);
        refused(json!({"jti": ""}), LogoutTokenError::NoIdentifier);
        refused(json!({"iat": null}), LogoutTokenError::NoTime);
        refused(json!({"iat": NOW + 61}), LogoutTokenError::IssuedInFuture);
        refused(json!({"iat": NOW - 301}), LogoutTokenError::TooOld);
        let nobody = LogoutTokenError::NoSubject;
        refused(json!({"sub": null, "sid": null}), nobody);
        refused(json!({"sub": ""}), nobody);
        refused(json!({"sid": "\u{0}"}), nobody);
        refused(json!({"sid": "x".repeat(256)}), nobody);
    }
}
