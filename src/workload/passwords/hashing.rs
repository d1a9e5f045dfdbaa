//! How a hash is made: in memory that goes from one to the next.

use std::sync::{Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::{self, Output, ParamsString, Salt};
use argon2::{Argon2, Block, Params};

use super::{Password, Unhashed};
use crate::store::passwords::PasswordHash;

/// Makes hashes at the present cost, and verifies those of any.
pub(super) struct Hashing {
    argon2: Argon2<'static>,
    /// Memory that nobody has. One hash after another in new memory would take twice as much, for what is freed goes back to the system
    /// only after a while.
    free: Mutex<Vec<Vec<Block>>>,
}

impl Hashing {
    pub(super) fn new(argon2: Argon2<'static>) -> Self {
        Self {
            argon2,
            free: Mutex::default(),
        }
    }

    /// The hash of a password that is set.
    pub(super) fn hash(&self, password: &Password, salt: &[u8]) -> Result<PasswordHash, Unhashed> {
        let failed = |_| Unhashed::Failed;
        let salt = Salt::new(salt).map_err(|_| Unhashed::Failed)?;
        let hash = phc::PasswordHash {
            algorithm: argon2::ARGON2ID_IDENT,
            version: Some(argon2::Version::V0x13.into()),
            params: ParamsString::try_from(self.params()).map_err(failed)?,
            salt: Some(salt),
            hash: Some(self.output(&self.argon2, password, &salt)?),
        };
        Ok(PasswordHash::new(hash.to_string()))
    }

    /// Whether a password is the one that `kept` is of, whatever that cost.
    pub(super) fn verifies(
        &self,
        password: &Password,
        kept: &phc::PasswordHash,
    ) -> Result<bool, Unhashed> {
        let (Some(salt), Some(output)) = (&kept.salt, &kept.hash) else {
            return Err(Unhashed::Failed);
        };
        let failed = |_| Unhashed::Failed;
        let algorithm = kept.algorithm.as_str().try_into().map_err(failed)?;
        let version = kept.version.unwrap_or(argon2::Version::V0x13.into());
        let version = version.try_into().map_err(|_| Unhashed::Failed)?;
        let params = Params::try_from(kept).map_err(|_| Unhashed::Failed)?;
        let argon2 = Argon2::new(algorithm, version, params);
        // They compare in constant time.
        Ok(self.output(&argon2, password, salt)? == *output)
    }

    pub(super) fn has_cost_of(&self, kept: &phc::PasswordHash) -> bool {
        ParamsString::try_from(self.params()).as_ref() == Ok(&kept.params)
    }

    pub(super) fn params(&self) -> &Params {
        self.argon2.params()
    }

    /// Gives back to the system what nobody has.
    pub(super) fn free(&self) {
        *self.memory() = Vec::new();
    }

    fn memory(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn output(
        &self,
        argon2: &Argon2<'_>,
        password: &Password,
        salt: &[u8],
    ) -> Result<Output, Unhashed> {
        let mut memory = self.memory().pop().unwrap_or_default();
        let blocks = argon2.params().block_count();
        memory.resize(blocks, Block::default());
        let mut output = [0; Output::MAX_LENGTH];
        let length = argon2.params().output_len();
        let output = &mut output[..length.unwrap_or(Params::DEFAULT_OUTPUT_LEN)];
        let made =
            argon2.hash_password_into_with_memory(password.as_bytes(), salt, output, &mut memory);
        self.memory().push(memory);
        made.map_err(|_| Unhashed::Failed)?;
        Output::new(output).map_err(|_| Unhashed::Failed)
    }
}
