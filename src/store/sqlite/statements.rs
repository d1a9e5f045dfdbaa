//! The texts that load memberships with a resource, and what tells whether its row is damaged.

use crate::scim::schema::ResourceType;
use crate::store::Related;

macro_rules! none {
    () => {
        "NULL, r.kind, r.checksum"
    };
}
macro_rules! groups {
    () => {
        "(SELECT json_group_array(json_array(g.id, json_extract(g.body, '$.displayName')))
          FROM membership m JOIN resource g ON g.seq = m.group_seq WHERE m.member_seq = r.seq), r.kind, r.checksum"
    };
}
macro_rules! members {
    () => {
        "(SELECT json_group_array(json_array(u.id, NULL))
          FROM membership m JOIN resource u ON u.seq = m.member_seq WHERE m.group_seq = r.seq), r.kind, r.checksum"
    };
}

/// A column of pairs of id and name, or of nothing; then kind and checksum.
pub(super) fn related(kind: ResourceType, related: Related) -> &'static str {
    match (related, kind) {
        (Related::Skip, _) => none!(),
        (Related::Include, ResourceType::User) => groups!(),
        (Related::Include, ResourceType::Group) => members!(),
    }
}

/// The resource called ?2.
pub(super) fn find(kind: ResourceType, related: Related) -> &'static str {
    macro_rules! find {
        ($related:expr) => {
            concat!(
                "SELECT r.id, r.version, r.created, r.modified, r.body, ",
                $related,
                " FROM resource r WHERE r.kind = ?1 AND r.id = ?2"
            )
        };
    }
    match (related, kind) {
        (Related::Skip, _) => find!(none!()),
        (Related::Include, ResourceType::User) => find!(groups!()),
        (Related::Include, ResourceType::Group) => find!(members!()),
    }
}
