//! The texts of the queries that read resources, by where they look and what they load.

use crate::scim::filter::Key;
use crate::scim::schema::ResourceType;
use crate::store::Related;

/// Where rows are looked for; each has an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Id,
    Name,
    ExternalId,
    Display,
    Member,
    /// All, in order.
    Everything,
}

impl Access {
    /// The index that serves equality with `key`.
    pub(super) fn of(kind: ResourceType, key: Key) -> Self {
        match (key, kind) {
            (Key::Id, _) => Self::Id,
            (Key::UserName, _) | (Key::DisplayName, ResourceType::Group) => Self::Name,
            (Key::DisplayName, ResourceType::User) => Self::Display,
            (Key::ExternalId, _) => Self::ExternalId,
            (Key::Member, _) => Self::Member,
        }
    }
}

macro_rules! none {
    () => {
        "NULL"
    };
}
macro_rules! groups {
    () => {
        "(SELECT json_group_array(json_array(g.id, json_extract(g.body, '$.displayName')))
          FROM membership m JOIN resource g ON g.seq = m.group_seq WHERE m.member_seq = r.seq)"
    };
}
macro_rules! members {
    () => {
        "(SELECT json_group_array(json_array(u.id, NULL))
          FROM membership m JOIN resource u ON u.seq = m.member_seq WHERE m.group_seq = r.seq)"
    };
}

/// ?1 is the kind, ?2 the key, ?3 the id of a member that a group must have, or NULL.
macro_rules! select {
    ($related:expr, $condition:literal) => {
        concat!(
            "SELECT r.id, r.version, r.created, r.modified, r.body, ",
            $related,
            ", r.kind, r.checksum FROM resource r WHERE r.kind = ?1 AND ",
            $condition,
            " AND (?3 IS NULL OR EXISTS (SELECT 1 FROM membership m JOIN resource u ON u.seq = m.member_seq",
            "  WHERE m.group_seq = r.seq AND u.id = ?3)) ORDER BY r.seq"
        )
    };
}
macro_rules! by_access {
    ($access:expr, $related:ident) => {
        match $access {
            Access::Id => select!($related!(), "r.id = ?2"),
            Access::Name => select!($related!(), "r.name_key = ?2"),
            Access::ExternalId => select!($related!(), "r.external_id = ?2"),
            Access::Display => select!($related!(), "r.display_key = ?2"),
            Access::Member => select!(
                $related!(),
                "r.seq IN (SELECT m.group_seq FROM membership m JOIN resource u ON u.seq = m.member_seq WHERE u.id = ?2)"
            ),
            Access::Everything => select!($related!(), "?2 IS NULL"),
        }
    };
}
macro_rules! page {
    ($related:expr) => {
        concat!(
            "SELECT r.id, r.version, r.created, r.modified, r.body, ",
            $related,
            ", r.kind, r.checksum FROM resource r WHERE r.kind = ?1 ORDER BY r.seq LIMIT ?2 OFFSET ?3"
        )
    };
}

/// The query that reads rows found through `access`, in order.
pub(super) fn select(kind: ResourceType, access: Access, related: Related) -> &'static str {
    match (related, kind) {
        (Related::Skip, _) => by_access!(access, none),
        (Related::Include, ResourceType::User) => by_access!(access, groups),
        (Related::Include, ResourceType::Group) => by_access!(access, members),
    }
}

/// The query that reads one page of all rows, in order; ?2 is how many, ?3 how many come before.
pub(super) fn page(kind: ResourceType, related: Related) -> &'static str {
    match (related, kind) {
        (Related::Skip, _) => page!(none!()),
        (Related::Include, ResourceType::User) => page!(groups!()),
        (Related::Include, ResourceType::Group) => page!(members!()),
    }
}
