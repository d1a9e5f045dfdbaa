//! The texts that load memberships with a resource.

use crate::scim::schema::ResourceType;
use crate::store::Related;

macro_rules! none {
    () => {
        "NULL::text"
    };
}
macro_rules! groups {
    () => {
        "(SELECT json_agg(json_build_array(g.id, g.display) ORDER BY g.seq)::text
          FROM membership m JOIN resource g ON g.seq = m.group_seq WHERE m.member_seq = r.seq)"
    };
}
macro_rules! members {
    () => {
        "(SELECT json_agg(json_build_array(u.id, NULL) ORDER BY u.seq)::text
          FROM membership m JOIN resource u ON u.seq = m.member_seq WHERE m.group_seq = r.seq)"
    };
}

/// A column of pairs of id and name, or of nothing.
pub(super) fn related(kind: ResourceType, related: Related) -> &'static str {
    match (related, kind) {
        (Related::Skip, _) => none!(),
        (Related::Include, ResourceType::User) => groups!(),
        (Related::Include, ResourceType::Group) => members!(),
    }
}

macro_rules! find {
    ($kind:ident, $related:ident, $which:literal) => {
        match ($related, $kind) {
            (Related::Skip, _) => find!(none!(), $which),
            (Related::Include, ResourceType::User) => find!(groups!(), $which),
            (Related::Include, ResourceType::Group) => find!(members!(), $which),
        }
    };
    ($column:expr, $which:literal) => {
        concat!(
            "SELECT r.id, r.version, r.created, r.modified, r.body, ",
            $column,
            " FROM resource r ",
            $which
        )
    };
}

/// The resource called $2.
pub(super) fn find(kind: ResourceType, related: Related) -> &'static str {
    find!(kind, related, "WHERE r.kind = $1 AND r.id = $2")
}

/// The resources called $2, in this order.
pub(super) fn find_all(kind: ResourceType, related: Related) -> &'static str {
    find!(
        kind,
        related,
        "JOIN unnest($2::text[]) WITH ORDINALITY AS p (id, place) ON p.id = r.id WHERE r.kind = $1 ORDER BY p.place"
    )
}
