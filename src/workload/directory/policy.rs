//! What a `ScimTenant` declares about changes of its people.

use crate::store::UnknownMembers;
use crate::store::brake::Brake;

/// What a `ScimTenant` declares about changes of its people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    /// How much may be taken away in a while; anything when absent.
    pub(crate) brake: Option<Brake>,
    /// What becomes of member ids that nobody has.
    pub(crate) unknown_members: UnknownMembers,
}
