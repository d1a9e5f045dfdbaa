//! How a run ended, and what it means for the conditions that every kind has (kstatus).

use crate::api::ObjectKey;
use crate::api::conditions::{Finding, READY, RECONCILING, Reason, STALLED, Status};

use super::child::ChildKey;

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All is as declared.
    Done {
        /// What that is, in a sentence.
        message: String,
    },
    /// All is written, and something takes its time.
    Waiting {
        /// The stable word.
        reason: Reason,
        /// For what.
        message: String,
    },
    /// Nothing may be touched.
    Suspended,
    /// The declaration cannot be carried out.
    Rejected(Rejection),
    /// The platform failed or refused.
    Failed {
        /// The stable word.
        reason: Reason,
        /// What was done and what to do next.
        message: String,
        /// Whether trying again can help.
        remedy: Remedy,
    },
}

/// What helps after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Another try.
    Retry,
    /// A person.
    Person,
}

impl Verdict {
    /// Ready, then Reconciling or Stalled where they apply.
    pub fn findings(&self) -> Vec<Finding> {
        let ready = |status, reason, message: &str| Finding::new(READY, status, reason, message);
        let also =
            |type_, reason, message: &str| Finding::new(type_, Status::True, reason, message);
        match self {
            Self::Done { message } => vec![ready(Status::True, Reason::Reconciled, message)],
            Self::Waiting { reason, message } => vec![
                ready(Status::False, *reason, message),
                also(RECONCILING, *reason, message),
            ],
            Self::Suspended => vec![ready(
                Status::Unknown,
                Reason::Suspended,
                "spec.suspend is true: nothing is changed or healed; set it to false to go on",
            )],
            Self::Rejected(rejection) => {
                let (reason, message) = (rejection.reason(), rejection.to_string());
                let second = if rejection.needs_edit() {
                    STALLED
                } else {
                    RECONCILING
                };
                vec![
                    ready(Status::False, reason, &message),
                    also(second, reason, &message),
                ]
            }
            Self::Failed {
                reason,
                message,
                remedy,
            } => {
                let (status, second) = match remedy {
                    Remedy::Retry => (Status::Unknown, RECONCILING),
                    Remedy::Person => (Status::False, STALLED),
                };
                vec![
                    ready(status, *reason, message),
                    also(second, *reason, message),
                ]
            }
        }
    }
}

/// Why a declaration cannot be carried out; each says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// An older object claims the same thing.
    #[error(
        "{claim} is already claimed by the older {kind} {}, which keeps working; change one of them or delete it",
        other.name
    )]
    Conflict {
        /// What both claim.
        claim: String,
        /// The field that claims it.
        field: &'static str,
        /// Kind of the older object.
        kind: &'static str,
        /// The older object.
        other: ObjectKey,
    },
    /// An object that would have to be written is somebody else's.
    #[error(
        "{child} exists and was not made for this object; delete or rename it, or choose another name in {field}"
    )]
    NameTaken {
        /// The object.
        child: ChildKey,
        /// The field that names it.
        field: &'static str,
    },
    /// An object that this one refers to does not exist.
    #[error("{kind} {name}, named in {field}, does not exist in this namespace; create it")]
    ReferenceNotFound {
        /// Kind of the missing object.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The field that names it.
        field: &'static str,
    },
    /// A Secret that this object refers to lacks a key.
    #[error("Secret {secret} has no key {key}, named in {field}; add it")]
    KeyNotFound {
        /// Name of the Secret.
        secret: String,
        /// The missing key.
        key: String,
        /// The field that names it.
        field: &'static str,
    },
    /// The `ScimTenant` lacks the entitlement that connectors need.
    #[error(
        "ScimTenant {tenant} lacks the entitlement EnterpriseToolkit, so requests of this connector are refused; add it to spec.entitlements of the ScimTenant"
    )]
    EntitlementMissing {
        /// Name of the `ScimTenant`.
        tenant: String,
    },
    /// A field holds something that cannot work.
    #[error("{field}: {problem}")]
    Invalid {
        /// The field.
        field: String,
        /// What was got and what is wanted.
        problem: String,
    },
}

impl Rejection {
    /// The stable word.
    pub fn reason(&self) -> Reason {
        match self {
            Self::Conflict { .. } => Reason::Conflict,
            Self::NameTaken { .. } => Reason::NameTaken,
            Self::ReferenceNotFound { .. } | Self::KeyNotFound { .. } => Reason::ReferenceNotFound,
            Self::EntitlementMissing { .. } => Reason::EntitlementMissing,
            Self::Invalid { .. } => Reason::Invalid,
        }
    }

    /// Whether only an edit can help; otherwise the missing thing may still arrive.
    pub fn needs_edit(&self) -> bool {
        match self {
            Self::Conflict { .. }
            | Self::NameTaken { .. }
            | Self::EntitlementMissing { .. }
            | Self::Invalid { .. } => true,
            Self::ReferenceNotFound { .. } | Self::KeyNotFound { .. } => false,
        }
    }
}
