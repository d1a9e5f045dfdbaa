//! What is remembered of each change of an identity: who, when, what; names of attributes, and values only of names.

use std::ops::AddAssign;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::ResourceId;
use crate::scim::schema::ResourceType;

/// Who asked for a change, and by which request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requester {
    /// The id that the request was answered with.
    pub request_id: String,
    /// Name of the client.
    pub client: String,
    /// Which of its credentials.
    pub credential: String,
    /// The administrator who asked, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<ResourceId>,
}

/// What happened to an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditEvent {
    /// It is there.
    Created,
    /// Attributes were changed.
    Updated,
    /// The user name of a person, or the display name of a group, is another one.
    Renamed,
    /// The client knows it by another identifier.
    ExternalIdCorrected,
    /// A person may not sign in any more.
    Deactivated,
    /// A person may sign in again.
    Reactivated,
    /// A client took over an account that it had not created.
    Adopted,
    /// Members of a group came or went.
    MembersChanged,
    /// A client removed it.
    Deleted,
    /// It was erased because its time was over.
    Erased,
    /// The brake held a deactivation, a deletion or a removal of members; nothing was changed.
    Held,
    /// The data of a person were handed out.
    Exported,
    /// An administrator ended sessions of the person.
    SessionsEnded,
    /// A link was made by which the person sets a password.
    PasswordLinkMade,
    /// The person set a password.
    PasswordSet,
    /// The person set up a second factor.
    SecondFactorAdded,
    /// The person removed the second factor.
    SecondFactorRemoved,
    /// An administrator removed the second factor of the person.
    SecondFactorReset,
    /// The person made a passkey.
    PasskeyAdded,
    /// The person removed a passkey.
    PasskeyRemoved,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// The person made other recovery codes.
    RecoveryCodesMade,
    /// A person is told to sign in another way, or is told nothing any more.
    SignInMethodChanged,
}

/// A value before and after a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The value before.
    pub before: Option<String>,
    /// The value after.
    pub after: Option<String>,
}

/// The names, and the way to sign in, that a change replaced; forgotten when the person is erased.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplacedNames {
    /// `userName` of a person, `displayName` of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Replaced>,
    /// `externalId`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Replaced>,
    /// `signInMethod` of a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in_method: Option<Replaced>,
}

impl ReplacedNames {
    /// Whether nothing was replaced.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.external_id.is_none() && self.sign_in_method.is_none()
    }
}

/// How many memberships came and went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// New members.
    pub added: u64,
    /// Members that are no longer.
    pub removed: u64,
}

impl Moved {
    /// Whether none came and none went.
    pub fn is_empty(&self) -> bool {
        self.added == 0 && self.removed == 0
    }
}

impl AddAssign for Moved {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.removed += other.removed;
    }
}

/// One change of one identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntry {
    /// When.
    pub time: Timestamp,
    /// Who.
    #[serde(flatten)]
    pub requester: Requester,
    /// What it is.
    pub resource_type: ResourceType,
    /// Which one.
    pub id: ResourceId,
    /// What happened, the weightiest first.
    pub events: Vec<AuditEvent>,
    /// Names of the attributes that have other values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attributes: Vec<String>,
    /// Memberships; the store counts them.
    #[serde(default, skip_serializing_if = "Moved::is_empty")]
    pub members: Moved,
    /// Values of names before and after.
    #[serde(default, skip_serializing_if = "ReplacedNames::is_empty")]
    pub replaced: ReplacedNames,
}

impl AuditEntry {
    /// The entry with what came of it among the memberships.
    pub(super) fn with_members(&self, moved: Moved) -> Self {
        let mut entry = self.clone();
        let goes = |it: &AuditEvent| matches!(it, AuditEvent::Deleted | AuditEvent::Created);
        if !moved.is_empty() && !entry.events.iter().any(goes) {
            entry.events.push(AuditEvent::MembersChanged);
        }
        entry.members = moved;
        entry
    }

    /// Whether the names in earlier entries have to go as well.
    pub(super) fn erases(&self) -> bool {
        self.events.contains(&AuditEvent::Erased)
    }

    /// The entry of a request that the brake held: what it wanted is not told as if it had happened.
    pub(super) fn held(&self, removed: u64) -> Self {
        Self {
            events: vec![AuditEvent::Held],
            attributes: Vec::new(),
            members: Moved { added: 0, removed },
            replaced: ReplacedNames::default(),
            ..self.clone()
        }
    }
}

/// Which entries are asked for, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditQuery {
    /// Of this person or group.
    pub id: Option<ResourceId>,
    /// By this client.
    pub client: Option<String>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
    /// Before this position: that of the last entry of the page before.
    pub before: Option<i64>,
    /// At most so many.
    pub count: usize,
}

/// An entry with its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Audited {
    /// Its position; later ones have greater numbers.
    pub position: i64,
    /// What is remembered.
    pub entry: AuditEntry,
}
