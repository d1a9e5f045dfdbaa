//! What can be written, as values that every store understands, and the forms in which it is kept.

use jiff::Timestamp;
use serde_json::json;

use super::assertions::AssertionWrite;
use super::audit::{AuditEntry, Moved};
use super::brake::{Brake, Removal};
use super::devices::DeviceWrite;
use super::grants::GrantWrite;
use super::passkeys::PasskeyWrite;
use super::passwords::PasswordWrite;
use super::payloads::PayloadWrite;
use super::photos::PhotoWrite;
use super::second_factors::SecondFactorWrite;
use super::sessions::SessionWrite;
use super::{
    Change, Changed, Deletion, Forgetting, Note, Record, ResourceId, StoreError, Stored, Terms,
    Version,
};
use crate::scim::fold_case;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;

/// Rows that one write forgets at most, so that others need not wait for long.
pub(super) const FORGOTTEN_AT_ONCE: i64 = 1000;

/// One write; all of it is done or nothing.
#[derive(Debug)]
pub(super) enum Write {
    Add {
        kind: ResourceType,
        added: Stored,
        terms: Terms,
    },
    Change {
        kind: ResourceType,
        change: Change,
        terms: Terms,
    },
    Delete {
        kind: ResourceType,
        deletion: Deletion,
        terms: Terms,
    },
    Note {
        note: Note,
        /// The text that it must still have; there must be none when absent.
        before: Option<String>,
    },
    Records(Vec<Record>),
    Record(AuditEntry),
    Forget(Forgetting),
    Session(SessionWrite),
    Grant(GrantWrite),
    Device(DeviceWrite),
    Assertion(AssertionWrite),
    Password(PasswordWrite),
    SecondFactor(SecondFactorWrite),
    Passkey(PasskeyWrite),
    Payload(PayloadWrite),
    Photo(PhotoWrite),
}

impl Write {
    /// What it is about, when, and under which terms; nothing when it is no write of a resource.
    pub(super) fn subject(&self) -> Option<(&ResourceId, Timestamp, &Terms)> {
        match self {
            Self::Add { added, terms, .. } => Some((&added.id, added.created, terms)),
            Self::Change { change, terms, .. } => Some((&change.id, change.at, terms)),
            Self::Delete {
                deletion, terms, ..
            } => Some((&deletion.id, deletion.at, terms)),
            Self::Note { .. }
            | Self::Records(_)
            | Self::Record(_)
            | Self::Forget(_)
            | Self::Session(_)
            | Self::Password(_)
            | Self::SecondFactor(_)
            | Self::Passkey(_)
            | Self::Payload(_)
            | Self::Photo(_)
            | Self::Grant(_)
            | Self::Device(_)
            | Self::Assertion(_) => None,
        }
    }

    /// The version that a person must still have when something happens to what the person signs in by: who asked for it decided by that
    /// one whether it may be done.
    pub(super) fn expected(&self) -> Option<(&ResourceId, Version)> {
        let (person, expected) = match self {
            Self::Password(PasswordWrite::Offer { link, expected, .. }) => {
                (&link.person, (*expected)?)
            }
            Self::SecondFactor(SecondFactorWrite::Reset {
                person, expected, ..
            }) => (person, (*expected)?),
            Self::Session(SessionWrite::EndOf {
                person, expected, ..
            }) => (person, *expected),
            _ => return None,
        };
        Some((person, expected))
    }

    /// What is remembered of it, if it changes something.
    pub(super) fn audit(&self) -> Option<&AuditEntry> {
        match self {
            Self::Record(entry) => Some(entry),
            Self::Session(SessionWrite::EndOf { audit, .. }) => Some(audit),
            Self::Password(write) => write.audit(),
            Self::SecondFactor(write) => write.audit(),
            Self::Passkey(write) => write.audit(),
            _ => self.subject()?.2.audit.as_ref(),
        }
    }
}

impl Change {
    /// What it takes away from a resource that was `active`, and of whose members `moved` came and went.
    pub(super) fn removals(
        &self,
        kind: ResourceType,
        active: bool,
        moved: Moved,
    ) -> [(Removal, u64); 2] {
        let leaves = |it: &Resource| kind == ResourceType::User && active && !it.is_active();
        let deactivated = self.resource.as_ref().is_some_and(leaves);
        [
            (Removal::Deactivation, u64::from(deactivated)),
            (Removal::Membership, moved.removed),
        ]
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written {
    Done,
    Changed(Changed),
    NotFound,
    Rows(u64),
}

impl Written {
    pub(super) fn is_change(self) -> bool {
        match self {
            Self::Done => true,
            Self::Changed(changed) => changed.written,
            Self::NotFound => false,
            Self::Rows(rows) => rows > 0,
        }
    }

    /// What came of a change; nothing when there was nothing to change.
    pub(super) fn changed(self) -> Option<Changed> {
        match self {
            Self::Changed(changed) => Some(changed),
            Self::Done | Self::NotFound | Self::Rows(_) => None,
        }
    }

    /// Nothing when there was nothing to delete.
    pub(super) fn found(self) -> Option<()> {
        match self {
            Self::NotFound => None,
            Self::Done | Self::Changed(_) | Self::Rows(_) => Some(()),
        }
    }

    /// How many rows were changed, where that is what is told.
    pub(super) fn rows(self) -> u64 {
        match self {
            Self::Rows(rows) => rows,
            Self::Done | Self::Changed(_) | Self::NotFound => 0,
        }
    }
}

/// Why it was not done, although the database works.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Taken(ResourceType),
    ExternalIdTaken(ResourceType),
    VersionConflict,
    UnknownMembers { count: usize, first: usize },
    Held(Stopped),
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Taken(ResourceType::User) => Self::Taken {
                what: "user",
                attribute: "userName",
            },
            Refused::Taken(ResourceType::Group) => Self::Taken {
                what: "group",
                attribute: "displayName",
            },
            Refused::ExternalIdTaken(kind) => Self::Taken {
                what: match kind {
                    ResourceType::User => "user",
                    ResourceType::Group => "group",
                },
                attribute: "externalId",
            },
            Refused::VersionConflict => Self::VersionConflict,
            Refused::UnknownMembers { count, first } => Self::UnknownMembers { count, first },
            Refused::Held(stopped) => stopped.into(),
        }
    }
}

/// The number under which a resource type is stored.
pub(super) fn number(kind: ResourceType) -> i64 {
    match kind {
        ResourceType::User => 0,
        ResourceType::Group => 1,
    }
}

/// The resource type that is stored under a number.
pub(super) fn kind_of(stored: i64) -> Option<ResourceType> {
    [ResourceType::User, ResourceType::Group]
        .into_iter()
        .find(|kind| number(*kind) == stored)
}

/// A write that the brake does not let pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stopped {
    pub(super) what: Removal,
    /// How many of them it would have been.
    pub(super) count: u64,
    pub(super) brake: Brake,
}

impl Stopped {
    /// The memberships that it would have removed.
    pub(super) fn removed_members(&self) -> u64 {
        if self.what == Removal::Membership {
            self.count
        } else {
            0
        }
    }
}

impl From<Stopped> for StoreError {
    fn from(stopped: Stopped) -> Self {
        Self::Held {
            what: stopped.what,
            at_most: stopped.brake.at_most(stopped.what),
            window: stopped.brake.window,
        }
    }
}

/// The columns by which a resource is found.
pub(super) struct Keys<'r> {
    pub(super) name: String,
    pub(super) display: Option<String>,
    pub(super) external_id: Option<&'r str>,
}

impl<'r> Keys<'r> {
    pub(super) fn of(kind: ResourceType, resource: &'r Resource) -> Self {
        let (name, display) = match kind {
            ResourceType::User => (resource.user_name(), resource.display_name()),
            ResourceType::Group => (resource.display_name(), None),
        };
        Self {
            name: fold_case(name.unwrap_or_default()),
            display: display.map(fold_case),
            external_id: resource.external_id(),
        }
    }
}

/// An audit entry and the names in it as texts; they stand apart, so that names can be forgotten.
pub(super) fn audit_texts(entry: &AuditEntry) -> (String, Option<String>) {
    let mut entry = entry.clone();
    let names = std::mem::take(&mut entry.replaced);
    let names = (!names.is_empty()).then(|| json!(names).to_string());
    (json!(entry).to_string(), names)
}

/// A number as databases have it.
pub(super) fn signed(number: impl TryInto<i64>) -> i64 {
    number.try_into().unwrap_or(i64::MAX)
}
