//! The passkeys of people who may have a password: of each the public key. They go with the person and with the second factor, and are part
//! of no resource and no backup.

use async_trait::async_trait;
use jiff::Timestamp;

use super::audit::AuditEntry;
use super::passwords::PasswordHash;
use super::{ResourceId, StoreError};

/// Passkeys that a person has at most.
pub const PASSKEYS_OF_ONE: i64 = 10;

/// A passkey (Web Authentication Level 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The credential id in Base64url.
    pub id: String,
    /// Whose it is.
    pub person: ResourceId,
    /// The public key as `COSE_Key` in Base64url.
    pub public_key: String,
    /// The signature counter when it was last used.
    pub counter: u32,
    /// What the person knows it by.
    pub name: String,
    /// When it was made, in whole milliseconds.
    pub added: Timestamp,
    /// When it was last used, in whole milliseconds.
    pub used: Option<Timestamp>,
}

/// The part of a store that knows passkeys; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Passkeys: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_passkey(&self, write: PasskeyWrite) -> Result<u64, StoreError>;

    /// The passkey with this id.
    async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError>;

    /// Those of a person, the oldest first.
    async fn passkeys_of(&self, person: &ResourceId) -> Result<Vec<Passkey>, StoreError>;

    /// Keeps a passkey whose id nobody has, if the person is active, has fewer than [`PASSKEYS_OF_ONE`], and `password` is still what is kept
    /// of the person's; says whether it was kept.
    async fn add_passkey(
        &self,
        passkey: Passkey,
        password: PasswordHash,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let added = self.write_passkey(PasskeyWrite::Add {
            passkey,
            password,
            audit,
        });
        Ok(added.await? > 0)
    }

    /// Notes that a passkey was used, if it is there and its counter still the one of `before`; says whether it was.
    async fn use_passkey(
        &self,
        before: &Passkey,
        counter: u32,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let used = self.write_passkey(PasskeyWrite::Use {
            id: before.id.clone(),
            before: before.counter,
            counter,
            at,
        });
        Ok(used.await? > 0)
    }

    /// Removes a passkey of a person who knows the password; says whether there was one.
    async fn remove_passkey(
        &self,
        (id, person): (String, ResourceId),
        password: PasswordHash,
        audit: AuditEntry,
    ) -> Result<bool, StoreError> {
        let removed = self.write_passkey(PasskeyWrite::Remove {
            id,
            person,
            password,
            audit,
        });
        Ok(removed.await? > 0)
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum PasskeyWrite {
    /// Keeps a passkey.
    Add {
        /// The passkey.
        passkey: Passkey,
        /// What must still be kept of the person's password.
        password: PasswordHash,
        /// What is remembered of it.
        audit: AuditEntry,
    },
    /// Notes that it was used.
    Use {
        /// Which one.
        id: String,
        /// The counter that it must still have.
        before: u32,
        /// The counter now.
        counter: u32,
        /// When.
        at: Timestamp,
    },
    /// Removes a passkey.
    Remove {
        /// Which one.
        id: String,
        /// Whose it must be.
        person: ResourceId,
        /// What must still be kept of the person's password.
        password: PasswordHash,
        /// What is remembered of it.
        audit: AuditEntry,
    },
}

impl PasskeyWrite {
    /// What is remembered of it, if it changes something.
    pub(super) fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Add { audit, .. } | Self::Remove { audit, .. } => Some(audit),
            Self::Use { .. } => None,
        }
    }
}
