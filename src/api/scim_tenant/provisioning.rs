//! What clients may do to accounts of a `ScimTenant` that are special: there before them, out of their reach, or nowhere.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a POST does to an account that is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Adoption {
    /// It is refused with 409, and the account stays as it is.
    #[default]
    Never,
    /// It becomes an update of the account with the same `externalId`, if there is exactly one; the account keeps its id. Choose it when the mapping sends
    /// Entra's objectId as `externalId`.
    ByExternalId,
}

/// What becomes of member ids that nobody has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum UnknownMembers {
    /// The whole request is refused with 400, and Entra tries it again.
    #[default]
    Refuse,
    /// They are left out, and Entra does not learn of it.
    Ignore,
}
