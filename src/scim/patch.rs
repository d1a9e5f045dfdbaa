//! PATCH (RFC 7644, section 3.5.2) in both dialects of Entra.
//!
//! A request is read once into operations on single attributes: path-less operations are taken
//! apart, dotted and URN keys resolved. Changes of a group's members are separated, because
//! membership is a relation of its own and must cost only what changes.

mod apply;
mod elements;
mod members;
mod parse;

use serde_json::Value;

use crate::scim::error::ScimError;
use crate::scim::path::Path;

pub use crate::scim::patch::members::MemberChange;
pub use crate::scim::patch::members::member_ids;

/// The schema URN of a PATCH body; its absence is not held against anybody.
pub const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Add,
    Replace,
    Remove,
}

/// One change of one attribute.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    pub action: Action,
    pub path: Path,
    /// As the client wrote it; null for none.
    pub value: Value,
}

/// A PATCH body, resolved against the schema.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PatchRequest {
    operations: Vec<Operation>,
    members: Vec<MemberChange>,
    /// Whether a value that a path chooses must exist.
    strict: bool,
    /// The number of the first operation that removes `members` and does not say whom.
    bare_removal: Option<usize>,
}

impl PatchRequest {
    /// The same request, by RFC 7644 alone: section 3.5.2.3 answers `noTarget` where Entra wants a value to be made.
    #[must_use]
    pub fn strictly(self) -> Self {
        Self {
            strict: true,
            ..self
        }
    }

    /// The same request, unless it empties a group by a removal that names nobody: Entra never wants that.
    ///
    /// # Errors
    /// `400 invalidValue` with the number of the operation.
    pub fn guarded(self) -> Result<Self, ScimError> {
        match self.bare_removal {
            None => Ok(self),
            Some(number) => Err(ScimError::invalid_value(format!(
                "Operation {number} would remove all members, for it names nobody; nothing was changed. Choose who leaves by \
                 members[value eq \"id\"] or by a list in value; to empty the group, replace members by an empty list."
            ))),
        }
    }

    /// The changes of attributes, in order.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The changes of a group's members, in order; a store applies them to its relation.
    pub fn member_changes(&self) -> &[MemberChange] {
        &self.members
    }

    /// Whether nothing is asked for: an empty list of operations is a success.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.members.is_empty()
    }
}

#[cfg(test)]
mod tests;
