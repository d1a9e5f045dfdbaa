//! What an administrator looks through: people by the beginning of a name, members of a group a page at a time, and how much there is.
//! Each is found by an index, however many there are, and looks at a bounded number of rows.

use async_trait::async_trait;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Position, ResourceId, StoreError, Stored};
use crate::scim::sort::SortValue;

/// Rows of an index that one question looks at, at most: then the page ends before it is full, and the next one goes on there.
const LOOKED_AT: usize = 1_024;

/// Rows that are read at a time.
const AT_ONCE: usize = 256;

/// Which people are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeopleQuery {
    /// What the user name, the display name or an e-mail address begins with, folded; everybody when empty.
    pub prefix: String,
    /// Whether they are active.
    pub active: Option<bool>,
    /// Whether they sign in by a password where that is left to the person: by what is declared, else without an object id.
    pub built_in: Option<bool>,
    /// Their `userType`.
    pub user_type: Option<String>,
    /// Where the page before ended.
    pub behind: Option<PeoplePlace>,
    /// At most so many.
    pub count: usize,
}

/// By what somebody was found. Who is found by several of them is listed once, by the first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum FoundBy {
    /// The user name.
    #[default]
    UserName,
    /// The display name.
    DisplayName,
    /// An e-mail address.
    Email,
}

impl FoundBy {
    /// What comes next.
    pub(super) fn next(self) -> Option<Self> {
        match self {
            Self::UserName => Some(Self::DisplayName),
            Self::DisplayName => Some(Self::Email),
            Self::Email => None,
        }
    }
}

/// A place in the list of people, directly behind somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeoplePlace {
    /// By what.
    pub by: FoundBy,
    /// The folded value.
    pub key: String,
    /// The type of the address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub label: String,
    /// The number in the order of creation.
    pub sequence: i64,
}

/// A page of people.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PeoplePage {
    /// Those of the page, in order; may be fewer than asked for although there are more.
    pub people: Vec<Stored>,
    /// Where the next one begins; nothing when this is the last.
    pub next: Option<PeoplePlace>,
}

/// A place in the list of groups by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPlace {
    /// The folded name.
    pub key: String,
    /// The number in the order of creation.
    pub sequence: i64,
}

impl GroupPlace {
    /// The same place of a list.
    pub fn of(position: &Position) -> Option<Self> {
        let SortValue::Text(key) = &position.key else {
            return None;
        };
        Some(Self {
            key: key.clone(),
            sequence: position.sequence,
        })
    }
}

/// A page of members.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MembersPage {
    /// The members, in the order in which they came into the directory.
    pub people: Vec<Stored>,
    /// Where the next page begins; nothing when this is the last.
    pub next: Option<i64>,
}

/// Sessions that last, by what they were opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionCounts {
    /// Through the provider of a connector.
    pub connector: i64,
    /// By a password.
    pub password: i64,
    /// By a passkey.
    pub passkey: i64,
}

/// A row of an index that a walk came by.
pub(super) struct Passed {
    pub(super) sequence: i64,
    pub(super) key: String,
    pub(super) label: String,
    /// Whether it is asked for.
    pub(super) fits: bool,
}

/// The numbers of the people of a page, as they are found along one index after the other, some rows at a time.
pub(super) struct Gathering<'q> {
    query: &'q PeopleQuery,
    /// The index to go along; none when all is found.
    by: Option<FoundBy>,
    /// Where to go on along it.
    behind: Option<PeoplePlace>,
    looked_at: usize,
    pub(super) found: Vec<i64>,
    pub(super) next: Option<PeoplePlace>,
}

impl<'q> Gathering<'q> {
    pub(super) fn new(query: &'q PeopleQuery) -> Self {
        let behind = query.behind.clone();
        Self {
            query,
            by: Some(behind.as_ref().map(|it| it.by).unwrap_or_default()),
            behind,
            looked_at: 0,
            found: Vec::new(),
            next: None,
        }
    }

    /// The index to go along now, from where, and how many rows of it; nothing when the page is done.
    pub(super) fn index(&self) -> Option<(FoundBy, Option<&PeoplePlace>, usize)> {
        let by = self.by.filter(|_| self.next.is_none())?;
        // A place without a key is the beginning.
        let behind = self.behind.as_ref().filter(|it| !it.key.is_empty());
        Some((by, behind, self.at_most(by)))
    }

    /// Where every row fits, no more are looked at than are wanted, and one.
    fn at_most(&self, by: FoundBy) -> usize {
        let query = self.query;
        let all_fit = by == FoundBy::UserName
            && query.active.is_none()
            && query.built_in.is_none()
            && query.user_type.is_none();
        if all_fit { query.count + 1 } else { AT_ONCE }
    }

    /// Takes in rows along the index.
    pub(super) fn take(&mut self, rows: Vec<Passed>) {
        let Some(by) = self.by else {
            return;
        };
        let is_cut = rows.len() == self.at_most(by);
        self.looked_at += rows.len();
        for row in rows {
            if row.fits && self.found.len() == self.query.count {
                self.next = self.behind.take();
                return;
            }
            if row.fits {
                self.found.push(row.sequence);
            }
            self.behind = Some(PeoplePlace {
                by,
                key: row.key,
                label: row.label,
                sequence: row.sequence,
            });
        }
        if is_cut {
            if self.looked_at >= LOOKED_AT {
                self.next = self.behind.take();
            }
            return;
        }
        // Everybody has a user name, and it begins with nothing.
        self.by = by.next().filter(|_| !self.query.prefix.is_empty());
        self.behind = None;
        if let Some(by) = self.by.filter(|_| self.found.len() == self.query.count) {
            self.next = Some(PeoplePlace {
                by,
                ..PeoplePlace::default()
            });
        }
    }
}

/// The part of a store that is looked through; what holds for [`super::Store`] holds here.
#[async_trait]
pub trait Browsing: Send + Sync {
    /// A page of people: first those whose user name begins with the prefix, in the order of user names, then those whose display name
    /// does, then those one of whose addresses does.
    async fn people(&self, query: &PeopleQuery) -> Result<PeoplePage, StoreError>;

    /// At most `count` members of a group behind a place.
    async fn members(
        &self,
        group: &ResourceId,
        behind: Option<i64>,
        count: usize,
    ) -> Result<MembersPage, StoreError>;

    /// How many members each of some groups has, counted up to `at_most`; none where there is no such group.
    async fn member_counts(
        &self,
        groups: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError>;

    /// How many groups each of some people is in, counted up to `at_most`; none where there is no such person.
    async fn group_counts(
        &self,
        people: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError>;

    /// How many memberships there are; all are counted.
    async fn memberships(&self) -> Result<i64, StoreError>;

    /// The sessions that were opened and used since these times; all are counted.
    async fn session_counts(
        &self,
        opened_since: Timestamp,
        seen_since: Timestamp,
    ) -> Result<SessionCounts, StoreError>;
}
