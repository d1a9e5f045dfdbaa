//! Attributes with several values, which are rows of tables of their own.

use super::comparison::Column;
use super::term::{Access, Term};
use crate::scim::schema::{AttributePath, ENTERPRISE_URN, MEMBERS, ResourceType};

/// A multi-valued attribute that has a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum List {
    Emails,
    EmployeeNumber,
    Groups,
    Members,
}

impl List {
    pub(super) fn of(kind: ResourceType, path: &AttributePath) -> Option<Self> {
        match (kind, path.extension.as_deref(), path.attribute.as_str()) {
            (ResourceType::User, None, "emails") => Some(Self::Emails),
            (ResourceType::User, None, "groups") => Some(Self::Groups),
            (ResourceType::Group, None, MEMBERS) => Some(Self::Members),
            (ResourceType::User, Some(ENTERPRISE_URN), "employeeNumber") => {
                Some(Self::EmployeeNumber)
            }
            _ => None,
        }
    }

    pub(super) fn is_in_lookup(self) -> bool {
        matches!(self, Self::Emails | Self::EmployeeNumber)
    }

    pub(super) fn column(self, path: &AttributePath) -> Option<Column> {
        let column = |name, folded, present| Column {
            name,
            folded,
            is_key: name != "o.id",
            present,
            // Many have the same one, and no index begins with it.
            access: if name == "l.label" {
                Access::All
            } else {
                Access::Few
            },
        };
        match (self, path.attribute.as_str()) {
            (Self::Emails | Self::EmployeeNumber, "value") => {
                Some(column("l.value", true, Some("l.value <> ''")))
            }
            (Self::Emails, "type") => Some(column("l.label", true, Some("l.label <> ''"))),
            (Self::Groups | Self::Members, "value") => Some(column("o.id", false, None)),
            // With the kind, for the index begins with it.
            (Self::Groups, "display") => {
                let present = "o.kind = 1 AND o.name_key <> ''";
                Some(column("o.name_key", true, Some(present)))
            }
            _ => None,
        }
    }

    /// Whether one of the values fulfils `inner`.
    pub(super) fn any(self, inner: Term) -> Term {
        let access = match self {
            Self::Emails | Self::EmployeeNumber | Self::Members => inner.access,
            // A group may have everybody.
            Self::Groups => inner.access.max(Access::Range),
        };
        let (before, always) = match self {
            Self::Emails => (
                "r.seq IN (SELECT l.seq FROM lookup l WHERE l.attribute = 1 AND ",
                "EXISTS (SELECT 1 FROM lookup l WHERE l.seq = r.seq AND l.attribute = 1)",
            ),
            Self::EmployeeNumber => (
                "r.seq IN (SELECT l.seq FROM lookup l WHERE l.attribute = 2 AND ",
                "EXISTS (SELECT 1 FROM lookup l WHERE l.seq = r.seq AND l.attribute = 2)",
            ),
            Self::Groups => (
                "r.seq IN (SELECT m.member_seq FROM membership m JOIN resource o ON o.seq = m.group_seq WHERE ",
                "EXISTS (SELECT 1 FROM membership m WHERE m.member_seq = r.seq)",
            ),
            Self::Members => (
                "r.seq IN (SELECT m.group_seq FROM membership m JOIN resource o ON o.seq = m.member_seq WHERE ",
                "EXISTS (SELECT 1 FROM membership m WHERE m.group_seq = r.seq)",
            ),
        };
        inner.within(before, ")", always).reached_by(access)
    }
}
