//! Why an administrator is not shown something, or something is not done.

use super::{Capability, Role};
use crate::scim::schema::ResourceType;
use crate::store::StoreError;
use crate::workload::directory::DirectoryError;

/// Why something is not shown or not done; the text says what to do instead.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotDone {
    /// The person has none of the roles.
    #[error(
        "this account has no role here; ask an administrator for ReadOnly, User, Admin or EnterpriseAdmin"
    )]
    NoRole,
    /// The role lacks a capability.
    #[error("{1:?} may not do that; it takes the role {from:?}: {sentence}", from = .0.from(), sentence = .0.sentence())]
    Forbidden(Capability, Role),
    /// The person has a higher role than the administrator, or would get one.
    #[error("the role {0:?} is above your own; somebody with that role can do it")]
    Above(Role),
    /// The person is the administrator.
    #[error("you cannot do that to yourself; ask another administrator")]
    Yourself,
    /// There is no such thing.
    #[error("there is no such {0} here")]
    NotFound(&'static str),
    /// What was sent is not understood.
    #[error("{field} is {got:?}; {wanted}")]
    Invalid {
        /// The field.
        field: &'static str,
        /// What it was.
        got: String,
        /// What it should be, as an instruction.
        wanted: String,
    },
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// The store does not answer.
    #[error("the store cannot be used at the moment; try again")]
    Unavailable(#[source] DirectoryError),
}

/// The kinds of [`NotDone`], of which protocols make a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    Forbidden,
    NotFound,
    Invalid,
    Conflict,
    Unavailable,
}

impl NotDone {
    /// Which kind it is.
    pub(crate) fn why(&self) -> Why {
        match self {
            Self::NoRole | Self::Forbidden(..) | Self::Above(_) | Self::Yourself => Why::Forbidden,
            Self::NotFound(_) => Why::NotFound,
            Self::Invalid { .. } => Why::Invalid,
            Self::Conflict(_) => Why::Conflict,
            Self::Unavailable(_) => Why::Unavailable,
        }
    }
}

impl From<StoreError> for NotDone {
    fn from(error: StoreError) -> Self {
        DirectoryError::from(error).into()
    }
}

impl From<DirectoryError> for NotDone {
    fn from(error: DirectoryError) -> Self {
        match error {
            DirectoryError::NotFound(ResourceType::User) => Self::NotFound("person"),
            DirectoryError::NotFound(ResourceType::Group) => Self::NotFound("group"),
            DirectoryError::BreakGlass(_) => Self::Conflict(
                "the person is in spec.breakGlass of the ScimTenant and out of reach".to_owned(),
            ),
            DirectoryError::Refused(why) => Self::Conflict(why.detail),
            DirectoryError::Store(StoreError::Held {
                what,
                at_most,
                window,
            }) => Self::Conflict(format!(
                "the brake holds {what}: at most {at_most} may happen in {window:#}, by spec.deprovisioning.brake of the ScimTenant"
            )),
            DirectoryError::Precondition | DirectoryError::Store(StoreError::VersionConflict) => {
                Self::Conflict("somebody changed the person in the meantime; look again".to_owned())
            }
            error @ DirectoryError::Store(_) => Self::Unavailable(error),
        }
    }
}
