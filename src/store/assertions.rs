//! Assertions by which applications showed who they are: each is good once, on whichever pod (RFC 7523, section 3). Of them only digests
//! are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use super::sessions::SecretDigest;

/// Assertions that are kept at most, from the oldest to the newest. Beyond that all are refused: one that was forgotten would be good
/// once more.
pub const ASSERTIONS: i64 = 500_000;

/// One assertion that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Of what no other assertion has.
    pub digest: SecretDigest,
    /// When it is good no longer, in whole milliseconds.
    pub expires: Timestamp,
}

/// The part of a store that knows assertions; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Assertions: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_assertion(&self, write: AssertionWrite) -> Result<u64, StoreError>;

    /// Keeps an assertion; says whether it was not there and there was room. Of several who present the same, one does.
    async fn spend_assertion(&self, assertion: Assertion) -> Result<bool, StoreError> {
        let spent = self.write_assertion(AssertionWrite::Spend {
            assertion,
            at_most: ASSERTIONS,
        });
        Ok(spent.await? > 0)
    }

    /// Forgets assertions that are not good since `before`, a bounded number at a time; says how many, nothing being the end.
    async fn forget_assertions(&self, before: Timestamp) -> Result<u64, StoreError> {
        self.write_assertion(AssertionWrite::Forget(before)).await
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum AssertionWrite {
    /// Keeps an assertion that is not there, where fewer are.
    Spend {
        /// The assertion.
        assertion: Assertion,
        /// How many there may be with it.
        at_most: i64,
    },
    /// Deletes what is over, some of it at a time.
    Forget(Timestamp),
}
