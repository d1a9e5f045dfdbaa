//! Assertions by which applications showed who they are: each is good once, on whichever pod (RFC 7523, section 3). Of them only digests
//! are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use super::sessions::SecretDigest;

/// Assertions that are kept of one application at most. Beyond that its next ones are refused, and those of no other: one that was
/// forgotten would be good once more. Each is good for an hour at most; of those that are good for a minute it is 333 a second.
pub const ASSERTIONS_OF_ONE: i64 = 20_000;

/// One assertion that was presented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `client_id` of the application.
    pub application: String,
    /// Of what no other assertion has.
    pub digest: SecretDigest,
    /// When it is good no longer, in whole milliseconds.
    pub expires: Timestamp,
}

impl Assertion {
    /// The minute in which it ends, since 1970: by these those of an application are counted.
    pub(super) fn minute(&self) -> i64 {
        minute(self.expires)
    }
}

/// The minute of a time, since 1970.
pub(super) fn minute(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// The part of a store that knows assertions; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Assertions: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_assertion(&self, write: AssertionWrite) -> Result<u64, StoreError>;

    /// Keeps an assertion; says whether it was not there and its application had room. Of several who present the same, one does.
    async fn spend_assertion(&self, assertion: Assertion) -> Result<bool, StoreError> {
        let spent = self.write_assertion(AssertionWrite::Spend {
            assertion,
            at_most: ASSERTIONS_OF_ONE,
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
    /// Keeps an assertion that is not there, where fewer of its application are.
    Spend {
        /// The assertion.
        assertion: Assertion,
        /// How many there may be with it.
        at_most: i64,
    },
    /// Deletes what is over, some of it at a time.
    Forget(Timestamp),
}
