//! The list of groups, and one of them with its members, a page at a time.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::attribute::Attribute;
use super::person::AuditRow;
use super::{Administration, Administrator, Capability, NotDone, PAGE, PersonRow, place};
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::list::Page;
use crate::scim::schema::ResourceType;
use crate::scim::sort::{Sort, SortValue};
use crate::store::browsing::GroupPlace;
use crate::store::{ListQuery, Position, Related, ResourceId, Stored, Window};

/// Members that are counted of a group in a list.
const COUNTED: i64 = 1_000;

/// Which groups are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct GroupsWanted {
    /// What the display name begins with, in any casing; all when empty.
    pub(crate) search: String,
    /// `next_cursor` of the page before.
    pub(crate) cursor: Option<String>,
}

/// A page of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Groups {
    /// Those of the page, by name.
    pub(crate) groups: Vec<GroupRow>,
    /// Where the next page begins; nothing when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
}

/// A group among others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GroupRow {
    /// The identifier in the directory.
    pub(crate) id: String,
    /// What it is called.
    pub(crate) name: String,
    /// The client's identifier: the object id in Entra.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) external_id: Option<String>,
    /// How many members it has.
    pub(crate) members: MemberCount,
    /// When it was last changed.
    pub(crate) last_modified: Timestamp,
}

/// How many members a group has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MemberCount {
    /// So many.
    pub(crate) count: i64,
    /// Or more: it was not counted further.
    pub(crate) or_more: bool,
}

/// A group with a page of its members.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Group {
    /// What a list shows of it.
    #[serde(flatten)]
    pub(crate) row: GroupRow,
    /// When it came.
    pub(crate) created: Timestamp,
    /// Its attributes, each with where it came from.
    pub(crate) attributes: Vec<Attribute>,
    /// Members of this page, the longest known first.
    pub(crate) people: Vec<PersonRow>,
    /// Where the next page of members begins; nothing when this is the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next_cursor: Option<String>,
    /// What happened to it lately, the newest first.
    pub(crate) audit: Vec<AuditRow>,
}

impl Administration<'_> {
    /// A page of groups by name.
    pub(crate) async fn groups(
        &self,
        who: &Administrator,
        wanted: &GroupsWanted,
    ) -> Result<Groups, NotDone> {
        who.must(Capability::SeePeople)?;
        let schema = &self.directory().schemas().group;
        let search = wanted.search.trim();
        let text = format!("displayName sw {}", Value::from(search));
        let filter = (!search.is_empty()).then(|| Filter::parse(&text, schema));
        let behind: Option<GroupPlace> = place::decode(wanted.cursor.as_deref())?;
        let query = ListQuery {
            filter: filter.transpose().map_err(refused_search(search))?,
            sort: Sort::parse(Some("displayName"), None, schema).map_err(refused_search(search))?,
            window: match behind {
                None => Window::Index(Page {
                    start_index: 1,
                    count: PAGE,
                }),
                Some(place) => Window::Behind {
                    position: Position {
                        key: SortValue::Text(place.key),
                        sequence: place.sequence,
                    },
                    count: PAGE,
                },
            },
            ..ListQuery::default()
        };
        let listed = self.directory().list(ResourceType::Group, &query).await?;
        let next = listed
            .end
            .as_ref()
            .filter(|_| listed.total > listed.resources.len())
            .and_then(GroupPlace::of);
        let next_cursor = next.as_ref().and_then(place::encode);
        Ok(Groups {
            groups: self.group_rows(&listed.resources).await?,
            next_cursor,
        })
    }

    /// A group and a page of its members.
    pub(crate) async fn group(
        &self,
        who: &Administrator,
        id: &str,
        cursor: Option<&str>,
    ) -> Result<Group, NotDone> {
        who.must(Capability::SeePeople)?;
        let id = ResourceId::new(id);
        let found = self
            .directory()
            .find(ResourceType::Group, &id, Related::Skip);
        let group = found.await?;
        let behind: Option<i64> = place::decode(cursor)?;
        let members = self.store().members(&id, behind, PAGE).await?;
        let mut rows = self.group_rows(std::slice::from_ref(&group)).await?;
        let row = rows.pop().ok_or(NotDone::NotFound("group"))?;
        let history = self.history(&id).await?;
        let (attributes, audit) = self.told(&group, ResourceType::Group, history).await?;
        Ok(Group {
            row,
            created: group.created,
            attributes,
            people: members.people.iter().map(|it| self.row(it)).collect(),
            next_cursor: members.next.as_ref().and_then(place::encode),
            audit,
        })
    }

    async fn group_rows(&self, groups: &[Stored]) -> Result<Vec<GroupRow>, NotDone> {
        let ids: Vec<ResourceId> = groups.iter().map(|it| it.id.clone()).collect();
        let counts = self.store().member_counts(&ids, COUNTED + 1).await?;
        let rows = groups.iter().zip(counts).map(|(group, count)| GroupRow {
            id: group.id.to_string(),
            name: group.resource.display_name().unwrap_or_default().to_owned(),
            external_id: group.resource.external_id().map(str::to_owned),
            members: MemberCount {
                count: count.min(COUNTED),
                or_more: count > COUNTED,
            },
            last_modified: group.last_modified,
        });
        Ok(rows.collect())
    }
}

fn refused_search(search: &str) -> impl Fn(ScimError) -> NotDone {
    let got: String = search.chars().take(40).collect();
    move |error| NotDone::Invalid {
        field: "search",
        got: got.clone(),
        wanted: error.detail,
    }
}
