//! What applications were given in the name of a person: one row from the authorization code to the last refresh token. Of what the
//! application holds only digests are kept.

use async_trait::async_trait;
use jiff::Timestamp;

use super::sessions::SecretDigest;
use super::{ResourceId, StoreError};

/// Grants that a person has at most; the oldest go first.
pub const GRANTS_PER_PERSON: i64 = 100;

/// Grants that have ended and are listed at once.
pub const ENDED_AT_ONCE: i64 = 100;

/// A grant whose session has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// The grant.
    pub grant: Grant,
    /// How often it was tried to tell the application.
    pub tries: i64,
}

/// One sign-in of a person to an application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Of the part that stays in the code and all its refresh tokens.
    pub key: SecretDigest,
    /// Who signed in.
    pub person: ResourceId,
    /// The session by which, or the one that the person opened in its place; the grant ends with it.
    pub session: SecretDigest,
    /// The application.
    pub application: String,
    /// What was asked for, as JSON.
    pub terms: String,
    /// Of the part that is good at present, and once.
    pub current: SecretDigest,
    /// How often that part was replaced: never while it is a code.
    pub turn: i64,
    /// When it ends, in whole milliseconds.
    pub expires: Timestamp,
}

/// The part of a store that knows grants; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Grants: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_grant(&self, write: GrantWrite) -> Result<u64, StoreError>;

    /// The grant with this key.
    async fn grant(&self, key: &SecretDigest) -> Result<Option<Grant>, StoreError>;

    /// The applications that have a grant of a person at `now`, in order.
    async fn applications_of(
        &self,
        person: &ResourceId,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError>;

    /// Grants of these applications that were used, whose session has ended and whose application may be told of it at `now`; the oldest
    /// first, [`ENDED_AT_ONCE`] at most.
    async fn ended_grants(&self, told: &[String], now: Timestamp)
    -> Result<Vec<Ended>, StoreError>;

    /// Keeps a grant, if the session is there and the person's; says whether it is. Of the grants of one person the newest
    /// [`GRANTS_PER_PERSON`] stay. The same grant kept again stays as it is.
    async fn keep_grant(&self, grant: Grant) -> Result<bool, StoreError> {
        Ok(self.write_grant(GrantWrite::Keep(grant)).await? > 0)
    }

    /// Replaces the part of a grant that is good at present: of several who ask, one does. The same turn again, for its answer may have
    /// been lost, has been done.
    async fn turn_grant(&self, turn: Turn) -> Result<bool, StoreError> {
        Ok(self.write_grant(GrantWrite::Turn(turn)).await? > 0)
    }

    /// Ends a grant.
    async fn end_grant(&self, key: SecretDigest) -> Result<(), StoreError> {
        self.write_grant(GrantWrite::End(key)).await.map(|_| ())
    }

    /// Ends all grants that an application has of a person.
    async fn end_grants_of(
        &self,
        person: ResourceId,
        application: String,
    ) -> Result<(), StoreError> {
        let ended = self.write_grant(GrantWrite::EndOf {
            person,
            application,
        });
        ended.await.map(|_| ())
    }

    /// Takes the word to an application on: of several who have read `tries`, one does. Until `due` nobody else does.
    async fn take_ended_grant(&self, ended: &Ended, due: Timestamp) -> Result<bool, StoreError> {
        let taken = self.write_grant(GrantWrite::Take {
            key: ended.grant.key.clone(),
            tries: ended.tries,
            due,
        });
        Ok(taken.await? > 0)
    }

    /// Forgets grants that ended before `now` or whose session did, a bounded number at a time; says how many, nothing being the end. Those
    /// of the applications that are `told` stay until that was done.
    async fn forget_grants(&self, now: Timestamp, told: &[String]) -> Result<u64, StoreError> {
        let told = told.to_vec();
        self.write_grant(GrantWrite::Forget { now, told }).await
    }
}

/// The next part of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Which grant.
    pub key: SecretDigest,
    /// The part that must be good at present.
    pub from: SecretDigest,
    /// The one in its place.
    pub to: SecretDigest,
    /// When the grant ends.
    pub expires: Timestamp,
}

/// What changes in this part.
#[derive(Debug)]
pub enum GrantWrite {
    /// Adds a grant.
    Keep(Grant),
    /// Replaces the part that is good at present.
    Turn(Turn),
    /// Deletes a grant.
    End(SecretDigest),
    /// Deletes those that an application has of a person.
    EndOf {
        /// Whose they are.
        person: ResourceId,
        /// Which application has them.
        application: String,
    },
    /// Somebody is about to tell the application of the end.
    Take {
        /// The grant.
        key: SecretDigest,
        /// How often it was tried before.
        tries: i64,
        /// When it may be tried again.
        due: Timestamp,
    },
    /// Deletes what is over, some of it at a time.
    Forget {
        /// The time.
        now: Timestamp,
        /// The applications that are told of ends.
        told: Vec<String>,
    },
}
