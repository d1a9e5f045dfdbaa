//! What is asked of a list, and what is answered: filter, order, and the part that is wanted.

pub(super) mod sorting;

use super::{Related, Stored};
use crate::scim::bounds::MAX_PAGE_MEMBERSHIPS;
use crate::scim::filter::Filter;
use crate::scim::list::Page;
use crate::scim::sort::{Sort, SortValue};

/// What is asked of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct ListQuery {
    /// What each must fulfil; everything when absent.
    pub filter: Option<Filter>,
    /// The order; that of creation when absent, which also decides among equals.
    pub sort: Option<Sort>,
    /// The part that is wanted.
    pub window: Window,
    /// Whether memberships are loaded.
    pub related: Related,
    /// Memberships after which the page ends.
    pub memberships: usize,
}

impl Default for ListQuery {
    fn default() -> Self {
        Self {
            filter: None,
            sort: None,
            window: Window::default(),
            related: Related::default(),
            memberships: MAX_PAGE_MEMBERSHIPS,
        }
    }
}

/// The part of a list that is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Window {
    /// By number, counted from the beginning of the list.
    Index(Page),
    /// At most `count` of those behind a place, wherever others come or go.
    Behind {
        /// The place, from [`Listed::end`] of the same query.
        position: Position,
        /// At most so many.
        count: usize,
    },
}

impl Window {
    /// How many are passed over, and how many are wanted at most.
    pub(super) fn bounds(&self) -> (usize, usize) {
        match self {
            Self::Index(page) => (page.offset(), page.count),
            Self::Behind { count, .. } => (0, *count),
        }
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::Index(Page::default())
    }
}

/// A place in a list: directly behind one resource, which need not exist any more. Places order as an ascending list does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// What that resource is sorted by.
    pub key: SortValue,
    /// Its number in the order of creation.
    pub sequence: i64,
}

/// The part of a list that was asked for; fewer than were asked for when they have very many memberships.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// How many match: on all pages together, or behind the position.
    pub total: usize,
    /// Those of the page, in order.
    pub resources: Vec<Stored>,
    /// The place behind the first of them; nothing when there is none.
    pub start: Option<Position>,
    /// The place behind the last of them; nothing when there is none.
    pub end: Option<Position>,
    /// Of all resources of the page.
    memberships: usize,
}

impl Listed {
    /// A page, still empty, of so many.
    pub(super) fn of(total: i64) -> Self {
        Self {
            total: usize::try_from(total).unwrap_or_default(),
            ..Self::default()
        }
    }

    /// Whether another resource fits on a page of so many resources and memberships.
    pub(super) fn has_room(&self, count: usize, memberships: usize) -> bool {
        self.resources.len() < count && self.memberships < memberships
    }

    /// Puts the next resource on the page.
    pub(super) fn push(&mut self, resource: Stored, end: Position) {
        self.memberships += resource.related.len();
        self.resources.push(resource);
        self.start.get_or_insert_with(|| end.clone());
        self.end = Some(end);
    }
}
