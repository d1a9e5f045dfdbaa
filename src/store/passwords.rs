//! By what people sign in who have a password, and the links by which they set one. Both go with the person; a link goes already with
//! who is deactivated. Neither is part of a resource, of the audit or of a backup.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::audit::AuditEntry;
use super::sessions::SecretDigest;
use super::{ResourceId, StoreError, Version};

/// A hash of a password as a PHC string, with its salt and cost. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash that this text is.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for who verifies a password and for who keeps the hash.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(…)")
    }
}

/// A link by which a person sets a password, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordLink {
    /// Of what the link has in it.
    pub digest: SecretDigest,
    /// Whose password it sets.
    pub person: ResourceId,
    /// When it ends, in whole milliseconds.
    pub expires: Timestamp,
    /// Whether somebody asked for it at the sign-in, who may be a stranger: it takes the place of another such link and of no other.
    pub asked: bool,
}

/// A password that is to be set.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// Whose it is.
    pub person: ResourceId,
    /// What is kept of it.
    pub hash: PasswordHash,
    /// Why it may be set.
    pub proof: PasswordProof,
    /// What is remembered of it, if it is set.
    pub audit: AuditEntry,
}

/// Why a password may be set; regarded in the transaction that sets it.
#[derive(Clone, Debug)]
pub enum PasswordProof {
    /// The person has a link that holds at this time; it is spent by this.
    Link(SecretDigest, Timestamp),
    /// The person knows the password that is replaced.
    Password(PasswordHash),
}

/// The part of a store that knows by what people sign in; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Passwords: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_password(&self, write: PasswordWrite) -> Result<u64, StoreError>;

    /// What is kept of a person's password.
    async fn password(&self, person: &ResourceId) -> Result<Option<PasswordHash>, StoreError>;

    /// The link of this digest, whether it has ended or not.
    async fn password_link(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<PasswordLink>, StoreError>;

    /// Keeps a link and remembers it; says whether the person is there and active. It takes the place of those that its person had, one
    /// that was asked for only of another such. A person who has no longer the version `expected`, where one is, is a
    /// [`StoreError::VersionConflict`].
    async fn offer_password_link(
        &self,
        link: PasswordLink,
        expected: Option<Version>,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let offered = self.write_password(PasswordWrite::Offer {
            link,
            expected,
            audit,
        });
        Ok(offered.await? > 0)
    }

    /// Sets a password of a person who is active, and ends the person's sessions and links; else says false, and nothing has changed.
    async fn set_password(&self, password: NewPassword) -> Result<bool, StoreError> {
        let set = self.write_password(PasswordWrite::Set(password));
        Ok(set.await? > 0)
    }

    /// Keeps another hash of the same password, if `before` is still the one that is kept; says whether it was.
    async fn rehash_password(
        &self,
        person: ResourceId,
        before: PasswordHash,
        after: PasswordHash,
    ) -> Result<bool, StoreError> {
        let rehash = PasswordWrite::Rehash {
            person,
            before,
            after,
        };
        Ok(self.write_password(rehash).await? > 0)
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum PasswordWrite {
    /// Keeps a link of a person who is active.
    Offer {
        /// The link.
        link: PasswordLink,
        /// The version that the person must still have, where that is a condition.
        expected: Option<Version>,
        /// What is remembered of it.
        audit: AuditEntry,
    },
    /// Sets a password, and ends sessions and links.
    Set(NewPassword),
    /// Keeps another hash of the same password.
    Rehash {
        /// Whose it is.
        person: ResourceId,
        /// The hash that is kept.
        before: PasswordHash,
        /// The one in its place.
        after: PasswordHash,
    },
}

impl PasswordWrite {
    /// What is remembered of it, if it changes something.
    pub(super) fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Offer { audit, .. } => Some(audit),
            Self::Set(password) => Some(&password.audit),
            Self::Rehash { .. } => None,
        }
    }
}
