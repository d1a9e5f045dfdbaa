//! The list of groups, and one of them with its members.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{At, Empty, Pages, Pair, counted, number};
use super::people::{self, pages};
use super::person::{AuditLine, pair};
use super::refused::Refused;
use super::route::{self, encoded};
use crate::store::ResourceId;
use crate::workload::administration::{GroupsWanted, MemberCount};

/// A group as a list shows one.
struct Row {
    path: String,
    name: String,
    members: String,
    changed: At,
}

#[derive(Template)]
#[template(
    path = "groups.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page<'p> {
    frame: Frame,
    sentence: &'static str,
    search: &'p str,
    groups: Vec<Row>,
    empty: Empty,
    pages: Pages,
}

#[derive(Template)]
#[template(
    path = "group.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Group {
    frame: Frame,
    name: String,
    sentence: String,
    attributes: Vec<Pair>,
    members: Vec<people::Row>,
    empty: Empty,
    pages: Pages,
    audit: Vec<AuditLine>,
}

/// The list that is asked for.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let search = desk.field("search").unwrap_or_default();
    let cursor = desk.field("cursor");
    let wanted = GroupsWanted {
        search: search.to_owned(),
        cursor: cursor.map(str::to_owned),
    };
    let found = desk
        .administration
        .groups(&desk.administrator, &wanted)
        .await?;
    let here = format!("/portal/groups?search={}", encoded(search));
    let count = found.groups.len();
    let rows = found.groups.into_iter().map(|it| Row {
        path: route::group(&ResourceId::new(it.id)),
        name: it.name,
        members: members(it.members),
        changed: At::new(it.last_modified),
    });
    let page = Page {
        frame: desk.frame(),
        sentence: if search.is_empty() {
            "All groups that were provisioned, by name."
        } else {
            "Those whose name begins so."
        },
        search,
        groups: rows.collect(),
        empty: if search.is_empty() && cursor.is_none() {
            Empty {
                sentence: "No group is here yet. Groups arrive with the people when the mapping lets them.".to_owned(),
                how: Some("# in the UserMapping\nspec:\n  groups: {enabled: true}".to_owned()),
            }
        } else {
            Empty::new("No group is found so. A search is the beginning of a name.")
        },
        pages: pages(count, cursor, &here, found.next_cursor),
    };
    Ok(desk.page(&page))
}

/// One group, and a page of its members.
pub(super) async fn one(desk: &Desk<'_>, id: &ResourceId) -> Result<Response<Body>, Refused> {
    let cursor = desk.field("cursor");
    let group = desk
        .administration
        .group(&desk.administrator, id.as_str(), cursor);
    let group = group.await?;
    let count = group.people.len();
    let mut attributes: Vec<Pair> = group.attributes.into_iter().map(pair).collect();
    attributes.push(Pair::new("id", id.as_str()));
    let page = Group {
        frame: desk.frame(),
        name: group.row.name,
        sentence: sentence(group.row.members),
        attributes,
        members: group.people.into_iter().map(people::Row::of).collect(),
        empty: Empty::new("Nobody is in this group."),
        pages: pages(count, cursor, &route::group(id), group.next_cursor),
        audit: group.audit.into_iter().map(AuditLine::of).collect(),
    };
    Ok(desk.page(&page))
}

fn members(members: MemberCount) -> String {
    let more = if members.or_more { "+" } else { "" };
    format!("{}{more}", number(members.count))
}

fn sentence(members: MemberCount) -> String {
    if members.or_more {
        format!("More than {} members", number(members.count))
    } else {
        counted(members.count, "member", "members")
    }
}
