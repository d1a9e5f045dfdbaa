//! What an application may ask for in somebody's name: by a code once, by a refresh token as often as it likes.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::refusal::Refusal;
use crate::clock::Random;
use crate::emulator::application::Kind;
use crate::emulator::tenant::ObjectId;
use crate::oidc::authentication_request::is_verifier_of;

/// How long a code is good.
const CODE_TIME: SignedDuration = SignedDuration::from_mins(10);

/// How long a refresh token is good.
const REFRESH_TIME: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long a refresh token of a single-page application is good.
const SINGLE_PAGE_TIME: SignedDuration = SignedDuration::from_hours(24);

/// What somebody let an application do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) app_id: Uuid,
    pub(super) person: ObjectId,
    pub(super) scopes: BTreeSet<String>,
    pub(super) signed_in_at: Timestamp,
    /// The session at the platform.
    pub(super) sid: Uuid,
    /// On which platform of the application its answers arrive.
    pub(super) kind: Kind,
}

impl Grant {
    pub(super) fn has(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }
}

/// A code that was given.
#[derive(Clone, Debug)]
pub(super) struct Code {
    pub(super) grant: Grant,
    pub(super) redirect_uri: String,
    pub(super) nonce: Option<String>,
    pub(super) challenge: Option<Challenge>,
    pub(super) given_at: Timestamp,
    pub(super) redeemed: bool,
}

/// What the verifier of a code must fit (RFC 7636).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    S256(String),
    Plain(String),
}

impl Challenge {
    fn fits(&self, verifier: &str) -> bool {
        match self {
            Self::S256(challenge) => is_verifier_of(verifier, challenge),
            Self::Plain(challenge) => challenge == verifier,
        }
    }
}

/// Codes that were given in the last minutes.
#[derive(Default)]
pub(super) struct Codes(Mutex<HashMap<String, Code>>);

impl Codes {
    /// A code for it.
    pub(super) fn give(&self, code: Code, random: &dyn Random) -> String {
        let text = format!("1.{}", URL_SAFE_NO_PAD.encode(random.secret()));
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = code.given_at;
        codes.retain(|_, it| now.duration_since(it.given_at) <= CODE_TIME);
        codes.insert(text.clone(), code);
        text
    }

    /// Redeems a code, which is possible once.
    pub(super) fn redeem(
        &self,
        text: &str,
        verifier: Option<&str>,
        redirect_uri: &str,
        now: Timestamp,
    ) -> Result<Code, Refusal> {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let code = codes.get_mut(text).ok_or(Refusal::Grant)?;
        if now.duration_since(code.given_at) > CODE_TIME {
            return Err(Refusal::ExpiredGrant);
        }
        if code.redirect_uri != redirect_uri {
            let (got, wanted) = (redirect_uri.to_owned(), code.redirect_uri.clone());
            return Err(Refusal::OtherRedirectUri(got, wanted));
        }
        match (&code.challenge, verifier) {
            (None, None) => {}
            (Some(challenge), Some(verifier)) if challenge.fits(verifier) => {}
            (Some(_), _) | (None, Some(_)) => return Err(Refusal::Verifier),
        }
        if std::mem::replace(&mut code.redeemed, true) {
            return Err(Refusal::RedeemedCode);
        }
        Ok(code.clone())
    }

    /// To whom a code was given, whether it is good or not.
    pub(super) fn app_id(&self, text: &str) -> Option<(Uuid, Kind)> {
        let codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        codes.get(text).map(|it| (it.grant.app_id, it.grant.kind))
    }
}

/// A refresh token as it is read.
#[derive(Serialize, Deserialize)]
struct Refresh {
    grant: Grant,
    given_at: Timestamp,
    /// So that no two are alike.
    jti: Uuid,
}

/// Makes refresh tokens that hold their grants: none is used up, as at Entra, so there is nothing to keep.
pub(super) struct RefreshTokens(hmac::Key);

impl RefreshTokens {
    pub(super) fn new(random: &dyn Random) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &random.secret()))
    }

    pub(super) fn give(&self, grant: &Grant, jti: Uuid, now: Timestamp) -> String {
        let refresh = Refresh {
            grant: grant.clone(),
            given_at: now,
            jti,
        };
        let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&refresh).unwrap_or_default());
        let tag = hmac::sign(&self.0, text.as_bytes());
        format!("1.{text}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The grant of a token of this process.
    pub(super) fn open(&self, token: &str, now: Timestamp) -> Result<Grant, Refusal> {
        let opened = || {
            let (text, tag) = token.strip_prefix("1.")?.split_once('.')?;
            let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
            hmac::verify(&self.0, text.as_bytes(), &tag).ok()?;
            let text = URL_SAFE_NO_PAD.decode(text).ok()?;
            serde_json::from_slice::<Refresh>(&text).ok()
        };
        let refresh = opened().ok_or(Refusal::Grant)?;
        let longest = match refresh.grant.kind {
            Kind::SinglePage => SINGLE_PAGE_TIME,
            Kind::Web | Kind::Public => REFRESH_TIME,
        };
        if now.duration_since(refresh.given_at) > longest {
            return Err(Refusal::ExpiredGrant);
        }
        Ok(refresh.grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    const REDIRECT: &str = "https://app.example/cb";
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn grant(kind: Kind) -> Grant {
        Grant {
            app_id: Uuid::nil(),
            person: Uuid::nil(),
            scopes: BTreeSet::new(),
            signed_in_at: at(0),
            sid: Uuid::nil(),
            kind,
        }
    }

    #[test]
    fn a_code_is_redeemed_once_by_who_asked_for_it() {
        let codes = Codes::default();
        let random = SeededRandom::new(1);
        let given = || {
            let code = Code {
                grant: grant(Kind::Web),
                redirect_uri: REDIRECT.to_owned(),
                nonce: None,
                challenge: Some(Challenge::S256(CHALLENGE.to_owned())),
                given_at: at(0),
                redeemed: false,
            };
            codes.give(code, &random)
        };
        let check = |text: &str, verifier: Option<&str>, uri: &str, second: i64, expected: &str| {
            let refused = codes.redeem(text, verifier, uri, at(second)).unwrap_err();
            assert!(refused.headline().starts_with(expected), "{refused}");
        };
        let code = given();
        check("1.other", Some(VERIFIER), REDIRECT, 1, "AADSTS70000:");
        check(&code, Some(VERIFIER), "https://x", 1, "AADSTS500112:");
        check(&code, Some("other"), REDIRECT, 1, "AADSTS501481:");
        check(&code, None, REDIRECT, 1, "AADSTS501481:");
        check(&code, Some(VERIFIER), REDIRECT, 601, "AADSTS70008:");
        assert!(
            codes
                .redeem(&code, Some(VERIFIER), REDIRECT, at(600))
                .is_ok()
        );
        check(&code, Some(VERIFIER), REDIRECT, 1, "AADSTS54005:");
    }

    #[test]
    fn a_refresh_token_is_good_for_its_time_and_nowhere_else() {
        let random = SeededRandom::new(1);
        let (tokens, others) = (RefreshTokens::new(&random), RefreshTokens::new(&random));
        let check = |kind: Kind, hours: i64, expected: Result<(), Refusal>| {
            let token = tokens.give(&grant(kind), Uuid::nil(), at(0));
            let found = tokens.open(&token, at(hours * 3_600)).map(|_| ());
            assert_eq!(found, expected, "{kind:?} after {hours} h");
            assert_eq!(others.open(&token, at(0)), Err(Refusal::Grant));
        };
        check(Kind::Web, 90 * 24, Ok(()));
        check(Kind::Web, 90 * 24 + 1, Err(Refusal::ExpiredGrant));
        check(Kind::SinglePage, 24, Ok(()));
        check(Kind::SinglePage, 25, Err(Refusal::ExpiredGrant));
    }
}
