//! Who is signed in, and who is about to be: rows that every replica sees. A session ends with the person it is of, in the transaction
//! that deactivates or deletes the person, or sets another password.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::audit::AuditEntry;
use super::passwords::PasswordHash;
use super::{ResourceId, StoreError, Version};

/// Attempts to sign in that are kept; the oldest go first, so that a flood of them fills no disk.
pub const ATTEMPTS: i64 = 50_000;

/// Sessions of one person that are listed.
pub const SESSIONS_OF_ONE: i64 = 100;

/// SHA-256 in hexadecimal of a secret that a browser holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretDigest(pub String);

/// A person who is signed in with one browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Of what the browser presents.
    pub digest: SecretDigest,
    /// Who it is.
    pub person: ResourceId,
    /// By what the person signed in.
    pub by: SignedInBy,
    /// What the browser said that it is, as people know it.
    pub device: Option<String>,
    /// When that was, in whole milliseconds.
    pub opened: Timestamp,
    /// When it was last noted that it was used, in whole milliseconds.
    pub seen: Timestamp,
}

/// By what a person signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignedInBy {
    /// The identity provider of a connector.
    Connector {
        /// Name of the connector.
        name: String,
        /// Digest of the provider that it had then.
        provider: String,
        /// What the provider calls it.
        known_as: KnownAs,
        /// What the provider said of it since.
        confirmation: Confirmation,
    },
    /// A password alone.
    Password,
    /// A password, and a code of the second factor.
    PasswordAndCode,
    /// A passkey.
    Passkey,
}

/// What a session by a passkey has in the place of a provider; a digest is another text.
pub(super) const PASSKEY: &str = "passkey";

/// The same of a session by a password and a code. To programs that do not know it, it is one by a password.
const PASSWORD_AND_CODE: &str = "password and code";

/// What a provider calls a person and a session of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownAs {
    /// `sub` of the ID token.
    pub subject: Option<String>,
    /// `sid` of the ID token.
    pub session: Option<String>,
}

/// When a provider was asked whether it still knows a person, where it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Confirmation {
    /// When it last said so, in whole milliseconds; not since the session was opened when absent.
    pub confirmed: Option<Timestamp>,
    /// When somebody began to ask, in whole milliseconds, and has no answer yet.
    pub asked: Option<Timestamp>,
}

/// Somebody wants to ask the provider of a session about it; times are in whole milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The session.
    pub digest: SecretDigest,
    /// When it was last confirmed, as far as is known; who knows less than the store does not ask.
    pub confirmed: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
    /// Who began to ask before has no answer any more.
    pub given_up: Timestamp,
}

/// A refresh token that only who has the secret of the session can read.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedToken(pub String);

impl fmt::Debug for SealedToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SealedToken(…)")
    }
}

/// A provider says that a person or a session there is signed out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderSignOut {
    /// Digest of the provider.
    pub provider: String,
    /// Whose sessions end: those that have all that is there; none when nothing is.
    pub known_as: KnownAs,
    /// Of the logout token that says so, where there is one: it is followed once.
    pub token: Option<SecretDigest>,
    /// When it came, in whole milliseconds.
    pub at: Timestamp,
}

impl SignedInBy {
    /// The words for it in `amr` (RFC 8176, section 2); none where the provider knows and does not say. That a key is in hardware, or is
    /// not, no passkey proves here.
    pub fn methods(&self) -> &'static [&'static str] {
        match self {
            Self::Connector { .. } => &[],
            Self::Password => &["pwd"],
            Self::PasswordAndCode => &["pwd", "otp", "mfa"],
            Self::Passkey => &["pop", "user", "mfa"],
        }
    }

    /// Name of the connector and digest of its provider, empty, as no connector's is, for a password; and what the provider calls it.
    pub(super) fn columns(&self) -> (&str, &str, Option<&KnownAs>) {
        match self {
            Self::Connector {
                name,
                provider,
                known_as,
                ..
            } => (name, provider, Some(known_as)),
            Self::Password => ("", "", None),
            Self::PasswordAndCode => ("", PASSWORD_AND_CODE, None),
            Self::Passkey => ("", PASSKEY, None),
        }
    }

    pub(super) fn of_columns(
        (name, provider): (String, String),
        known_as: KnownAs,
        confirmation: Confirmation,
    ) -> Self {
        match (name.as_str(), provider.as_str()) {
            ("", PASSKEY) => Self::Passkey,
            ("", PASSWORD_AND_CODE) => Self::PasswordAndCode,
            ("", _) => Self::Password,
            _ => Self::Connector {
                name,
                provider,
                known_as,
                confirmation,
            },
        }
    }
}

/// Somebody who was sent to an identity provider and is not back yet.
#[derive(Clone, PartialEq, Eq)]
pub struct SignInAttempt {
    /// Of the `state` (RFC 6749, section 10.12).
    pub state: SecretDigest,
    /// Of what the browser presents that began it.
    pub browser: SecretDigest,
    /// Name of the connector.
    pub connector: String,
    /// The `nonce` that the ID token must have.
    pub nonce: String,
    /// The `code_verifier` (RFC 7636), which is secret.
    pub verifier: String,
    /// Where the browser goes afterwards.
    pub return_to: Option<String>,
    /// When it began, in whole milliseconds.
    pub began: Timestamp,
}

impl fmt::Debug for SignInAttempt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("SignInAttempt")
            .field("connector", &self.connector)
            .field("began", &self.began)
            .finish_non_exhaustive()
    }
}

/// Which sessions and attempts are over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// Sessions that were opened before.
    pub opened_before: Timestamp,
    /// Sessions that were not used since.
    pub seen_before: Timestamp,
    /// Attempts that began, and logout tokens that came before.
    pub began_before: Timestamp,
}

/// The part of a store that knows who is signed in; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_session(&self, write: SessionWrite) -> Result<u64, StoreError>;

    /// The attempt with this state, if this browser began it.
    async fn sign_in_attempt(
        &self,
        state: &SecretDigest,
        browser: &SecretDigest,
    ) -> Result<Option<SignInAttempt>, StoreError>;

    /// The sessions of a person, the newest first; [`SESSIONS_OF_ONE`] at most.
    async fn sessions_of(&self, person: &ResourceId) -> Result<Vec<Session>, StoreError>;

    /// The session of this digest.
    async fn session(&self, digest: &SecretDigest) -> Result<Option<Session>, StoreError>;

    /// The refresh token of a session.
    async fn refresh_token(&self, digest: &SecretDigest)
    -> Result<Option<SealedToken>, StoreError>;

    /// Notes that the provider of a session is asked; of several who want to, one is told that it does.
    async fn ask_provider(&self, question: Question) -> Result<bool, StoreError> {
        Ok(self.write_session(SessionWrite::Ask(question)).await? > 0)
    }

    /// Notes that the provider confirmed a session, and keeps the refresh token that it gave, if it gave one.
    async fn confirm_session(
        &self,
        digest: SecretDigest,
        token: Option<SealedToken>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let confirmed = self.write_session(SessionWrite::Confirm { digest, token, at });
        confirmed.await.map(|_| ())
    }

    /// Keeps an attempt.
    async fn begin_sign_in(&self, attempt: SignInAttempt) -> Result<(), StoreError> {
        let begun = self.write_session(SessionWrite::Begin(attempt));
        begun.await.map(|_| ())
    }

    /// Takes the attempt with this state out of the store, if this browser began it: of several who ask, one gets it.
    async fn redeem_sign_in(
        &self,
        state: &SecretDigest,
        browser: &SecretDigest,
    ) -> Result<Option<SignInAttempt>, StoreError> {
        let Some(attempt) = self.sign_in_attempt(state, browser).await? else {
            return Ok(None);
        };
        // A row never changes, and of several who delete it one does.
        let redeemed = self.write_session(SessionWrite::Redeem(state.clone()));
        Ok((redeemed.await? > 0).then_some(attempt))
    }

    /// Opens a session in the place of `replaced`, if its person is there and active, and `password`, where one is given, is still what is
    /// kept of the person's password; else says false, and `replaced` has ended. What applications were given by `replaced` in the name of
    /// the same person goes on.
    async fn open_session(
        &self,
        session: Session,
        password: Option<PasswordHash>,
        replaced: Option<SecretDigest>,
    ) -> Result<bool, StoreError> {
        let opened = self.write_session(SessionWrite::Open {
            session,
            password,
            replaced,
        });
        Ok(opened.await? > 0)
    }

    /// Notes that a session was used.
    async fn see_session(&self, digest: SecretDigest, at: Timestamp) -> Result<(), StoreError> {
        let seen = self.write_session(SessionWrite::See { digest, at });
        seen.await.map(|_| ())
    }

    /// Ends a session.
    async fn end_session(&self, digest: SecretDigest) -> Result<(), StoreError> {
        let ended = self.write_session(SessionWrite::End(digest));
        ended.await.map(|_| ())
    }

    /// Ends one session of a person, or all, and remembers it; says how many. A person who has no longer the version `expected` is a
    /// [`StoreError::VersionConflict`].
    async fn end_sessions_of(
        &self,
        person: ResourceId,
        session: Option<SecretDigest>,
        (expected, audit): (Version, AuditEntry),
    ) -> Result<u64, StoreError> {
        let ended = SessionWrite::EndOf {
            person,
            session,
            expected,
            audit,
        };
        self.write_session(ended).await
    }

    /// Ends all sessions of a person but `kept`.
    async fn end_other_sessions(
        &self,
        person: ResourceId,
        kept: SecretDigest,
    ) -> Result<(), StoreError> {
        let ended = self.write_session(SessionWrite::EndOthers { person, kept });
        ended.await.map(|_| ())
    }

    /// Ends the sessions that a provider ended; false when its logout token was followed before.
    async fn end_provider_sessions(&self, sign_out: ProviderSignOut) -> Result<bool, StoreError> {
        let followed = self.write_session(SessionWrite::EndAtProvider(sign_out));
        Ok(followed.await? > 0)
    }

    /// Forgets sessions, attempts and logout tokens that are over, a bounded number at a time; says how many, nothing being the end.
    async fn forget_sessions(&self, over: Over) -> Result<u64, StoreError> {
        self.write_session(SessionWrite::Forget(over)).await
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum SessionWrite {
    /// Keeps an attempt.
    Begin(SignInAttempt),
    /// Deletes the attempt with this state.
    Redeem(SecretDigest),
    /// Opens a session and ends the one that it replaces, from which the person's grants go over to it.
    Open {
        /// The one to open, of a person who is active.
        session: Session,
        /// What must still be kept of the person's password, where that is a condition.
        password: Option<PasswordHash>,
        /// The one to end, whether the other can be opened or not.
        replaced: Option<SecretDigest>,
    },
    /// Notes that a session was used.
    See {
        /// The session.
        digest: SecretDigest,
        /// When it was used.
        at: Timestamp,
    },
    /// Ends a session.
    End(SecretDigest),
    /// Ends one session of a person, or all.
    EndOf {
        /// Whose they are.
        person: ResourceId,
        /// The one; all when absent.
        session: Option<SecretDigest>,
        /// The version that the person must still have.
        expected: Version,
        /// What is remembered of it.
        audit: AuditEntry,
    },
    /// Ends all sessions of a person but one.
    EndOthers {
        /// Whose they are.
        person: ResourceId,
        /// The one that stays.
        kept: SecretDigest,
    },
    /// Notes that the provider of a session is asked.
    Ask(Question),
    /// Notes that the provider confirmed a session.
    Confirm {
        /// The session.
        digest: SecretDigest,
        /// The refresh token in the place of the one that is there; that one stays when absent.
        token: Option<SealedToken>,
        /// When.
        at: Timestamp,
    },
    /// Ends the sessions that a provider ended; changes nothing when its token was followed before.
    EndAtProvider(ProviderSignOut),
    /// Deletes what is over, some of it at a time.
    Forget(Over),
}
