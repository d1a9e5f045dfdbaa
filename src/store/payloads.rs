//! What clients sent last of people, sealed: when a rule is corrected, it is read once more. It goes with the person, and is part of no
//! resource and no backup.

use async_trait::async_trait;
use jiff::Timestamp;

use super::second_factors::Sealed;
use super::{ResourceId, StoreError, Version};

/// What one client sent last of one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Name of the client.
    pub client: String,
    /// Of whom.
    pub subject: Subject,
    /// When it came, in whole milliseconds.
    pub at: Timestamp,
    /// The version that the person had afterwards; nothing if it was refused.
    pub version: Option<Version>,
    /// What was sent.
    pub sealed: Sealed,
}

/// Of whom something was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// Somebody of the directory; `stranger` is by what the person was known before.
    Person {
        /// The person.
        id: ResourceId,
        /// As [`Subject::Stranger`] has it, of somebody who was just created.
        stranger: Option<String>,
    },
    /// Somebody who was refused before there was an id: what tells the same one again, and nothing else.
    Stranger(String),
}

/// A payload that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptPayload {
    /// Its number, which stays when another one takes its place.
    pub number: i64,
    /// The payload.
    pub payload: Payload,
}

/// What is forgotten of payloads, a bounded number at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForgottenPayloads {
    /// Those of strangers that came before this time.
    OfStrangers(Timestamp),
    /// All.
    All,
}

/// The part of a store that knows payloads; what holds for [`super::Store`] holds here. An adapter has what comes first.
#[async_trait]
pub trait Payloads: Send + Sync {
    /// Does one write; says how many rows it changed.
    async fn write_payloads(&self, write: PayloadWrite) -> Result<u64, StoreError>;

    /// Some of those with a greater number than `after`, in the order of their numbers.
    async fn payloads(&self, after: i64, count: usize) -> Result<Vec<KeptPayload>, StoreError>;

    /// Numbers of some whose person is gone: a program that knows no payloads has deleted the person.
    async fn orphaned_payloads(&self) -> Result<Vec<i64>, StoreError>;

    /// Forgets some of those whose person is gone; says how many, nothing being the end.
    async fn forget_orphaned_payloads(&self) -> Result<u64, StoreError> {
        match self.orphaned_payloads().await? {
            numbers if numbers.is_empty() => Ok(0),
            numbers => self.write_payloads(PayloadWrite::Drop(numbers)).await,
        }
    }

    /// Keeps each in the place of the one before it of the same client and person; of who is not there any more, nothing.
    async fn keep_payloads(&self, payloads: Vec<Payload>) -> Result<(), StoreError> {
        let kept = self.write_payloads(PayloadWrite::Keep(payloads));
        kept.await.map(|_| ())
    }

    /// Forgets what may be forgotten; says how much of it, nothing being the end.
    async fn forget_payloads(&self, which: ForgottenPayloads) -> Result<u64, StoreError> {
        self.write_payloads(PayloadWrite::Forget(which)).await
    }
}

/// What changes in this part.
#[derive(Debug)]
pub enum PayloadWrite {
    /// Keeps each of these.
    Keep(Vec<Payload>),
    /// Forgets some.
    Forget(ForgottenPayloads),
    /// Forgets those with these numbers.
    Drop(Vec<i64>),
}

/// What stands before what tells a stranger again, where both are in one column; no id looks so.
const STRANGER: &str = "stranger:";

impl Subject {
    /// As it is written in a column.
    pub(super) fn column(&self) -> String {
        match self {
            Self::Person { id, .. } => id.as_str().to_owned(),
            Self::Stranger(name) => Self::stranger(name),
        }
    }

    /// The column of the stranger that a person was, if it was one.
    pub(super) fn replaced(&self) -> Option<String> {
        match self {
            Self::Person { stranger, .. } => stranger.as_deref().map(Self::stranger),
            Self::Stranger(_) => None,
        }
    }

    fn stranger(name: &str) -> String {
        format!("{STRANGER}{name}")
    }

    /// Whom a column means.
    pub(super) fn of_column(text: &str) -> Self {
        match text.strip_prefix(STRANGER) {
            Some(name) => Self::Stranger(name.to_owned()),
            None => Self::Person {
                id: ResourceId::new(text),
                stranger: None,
            },
        }
    }
}
