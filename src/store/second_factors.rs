//! The second factors of people who have a password: the sealed key by which codes are made, and recovery codes. They go with the person,
//! and are part of no resource and no backup.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::audit::AuditEntry;
use super::passwords::PasswordHash;
use super::sessions::SecretDigest;
use super::{ResourceId, StoreError, Version};

/// A key that only who holds the sealing key can read. It hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Sealed(…)")
    }
}

/// What makes the codes of an authenticator app (RFC 6238).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totp {
    /// The key.
    pub sealed: Sealed,
    /// When it was set up, in whole milliseconds.
    pub added: Timestamp,
    /// The last time step whose code was taken.
    pub used: i64,
}

/// The second factor of a person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecondFactor {
    /// The authenticator app.
    pub totp: Option<Totp>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: i64,
}

/// Recovery codes in the place of those before, of who knows the password.
#[derive(Clone, Debug)]
pub struct NewRecoveryCodes {
    /// Whose they are.
    pub person: ResourceId,
    /// What is kept of the password that was shown.
    pub password: PasswordHash,
    /// Of each code.
    pub codes: Vec<SecretDigest>,
    /// What is remembered of it, if they are kept.
    pub audit: AuditEntry,
}

/// The part of a store that knows second factors; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait SecondFactors: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_second_factor(&self, write: SecondFactorWrite) -> Result<u64, StoreError>;

    /// The second factor of a person.
    async fn second_factor(&self, person: &ResourceId) -> Result<SecondFactor, StoreError>;

    /// Keeps an authenticator app in the place of the one before, with recovery codes, if the person is active and the password still the
    /// one that was shown; says whether it was kept.
    async fn add_totp(&self, totp: Totp, with: NewRecoveryCodes) -> Result<bool, StoreError> {
        let added = self.write_second_factor(SecondFactorWrite::Add { totp, with });
        Ok(added.await? > 0)
    }

    /// Takes the code of a time step; of several who present it, or one of an earlier step, one at most is told that it was taken.
    async fn use_totp(&self, person: ResourceId, step: i64) -> Result<bool, StoreError> {
        let used = self.write_second_factor(SecondFactorWrite::Use { person, step });
        Ok(used.await? > 0)
    }

    /// Takes a recovery code; of several who present it, one is told that it was taken.
    async fn use_recovery_code(
        &self,
        person: ResourceId,
        code: SecretDigest,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let used = self.write_second_factor(SecondFactorWrite::Recover {
            person,
            code,
            audit,
        });
        Ok(used.await? > 0)
    }

    /// Keeps other recovery codes for who has a second factor, on the terms of [`Self::add_totp`].
    async fn renew_recovery_codes(&self, codes: NewRecoveryCodes) -> Result<bool, StoreError> {
        let renewed = self.write_second_factor(SecondFactorWrite::Renew(codes));
        Ok(renewed.await? > 0)
    }

    /// Removes all second factors of a person, for who knows the password; says whether there was one.
    async fn remove_second_factor(
        &self,
        person: ResourceId,
        password: PasswordHash,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let removed = self.write_second_factor(SecondFactorWrite::Remove {
            person,
            password,
            audit,
        });
        Ok(removed.await? > 0)
    }

    /// Removes all second factors of a person, for an administrator, and ends all sessions of the person; says whether there was one. A
    /// person who has no longer the version `expected`, where one is, is a [`StoreError::VersionConflict`].
    async fn reset_second_factor(
        &self,
        person: ResourceId,
        expected: Option<Version>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let reset = self.write_second_factor(SecondFactorWrite::Reset {
            person,
            expected,
            audit,
        });
        Ok(reset.await? > 0)
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum SecondFactorWrite {
    /// Keeps an authenticator app and recovery codes.
    Add {
        /// The app.
        totp: Totp,
        /// The codes, and whose both are.
        with: NewRecoveryCodes,
    },
    /// Notes that the code of a time step was taken.
    Use {
        /// Whose it is.
        person: ResourceId,
        /// The time step.
        step: i64,
    },
    /// Takes a recovery code.
    Recover {
        /// Whose it is.
        person: ResourceId,
        /// Of the code.
        code: SecretDigest,
        /// What is remembered of it.
        audit: AuditEntry,
    },
    /// Keeps other recovery codes.
    Renew(NewRecoveryCodes),
    /// Removes everything, for who knows the password.
    Remove {
        /// Whose it is.
        person: ResourceId,
        /// What must still be kept of the person's password.
        password: PasswordHash,
        /// What is remembered of it.
        audit: AuditEntry,
    },
    /// Removes everything, and ends the sessions.
    Reset {
        /// Whose it is.
        person: ResourceId,
        /// The version that the person must still have, where that is a condition.
        expected: Option<Version>,
        /// What is remembered of it.
        audit: AuditEntry,
    },
}

impl SecondFactorWrite {
    /// What is remembered of it, if it changes something.
    pub(super) fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Add { with, .. } => Some(&with.audit),
            Self::Renew(codes) => Some(&codes.audit),
            Self::Recover { audit, .. }
            | Self::Remove { audit, .. }
            | Self::Reset { audit, .. } => Some(audit),
            Self::Use { .. } => None,
        }
    }
}
