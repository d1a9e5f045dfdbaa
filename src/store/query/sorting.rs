//! Orders that no database keeps: what a resource is sorted by is read of each one that comes by.

use std::collections::BTreeMap;

use crate::scim::filter::Candidate;
use crate::scim::sort::{SortAttribute, SortKey};
use crate::store::{ListQuery, Position, ResourceId, Stored, Window};

/// Places that are held at once: with the longest texts they are some 40 MB.
const HELD: usize = 100_000;

/// The part of a list that is asked for, while resources come by in any order.
#[derive(Clone, Debug)]
pub(in crate::store) struct Sorting {
    by: SortAttribute,
    descending: bool,
    /// What comes before it, or is there, is passed over.
    behind: Option<Position>,
    offset: usize,
    count: usize,
    /// Places that are held at once at most, beside those of a page.
    held: usize,
    places: BTreeMap<Position, ResourceId>,
    /// Resources that came by, in the passes before and in this one.
    passed: usize,
    seen: usize,
}

impl Sorting {
    /// Nothing for a list that the database puts in order.
    pub(in crate::store) fn of(query: &ListQuery) -> Option<Self> {
        let sort = query.sort.as_ref()?;
        let SortKey::Other(by) = &sort.by else {
            return None;
        };
        let (offset, count) = query.window.bounds();
        let behind = match &query.window {
            Window::Index(_) => None,
            Window::Behind { position, .. } => Some(position.clone()),
        };
        Some(Self {
            by: by.clone(),
            descending: sort.descending,
            behind,
            offset,
            count,
            held: HELD,
            places: BTreeMap::new(),
            passed: 0,
            seen: 0,
        })
    }

    /// Looks at a resource that is of the list, and its number in the order of creation.
    pub(in crate::store) fn look_at(&mut self, found: &Stored, sequence: i64) {
        let candidate = Candidate::new(found.id.as_str(), &found.resource);
        let place = Position {
            key: self.by.value_of(&candidate),
            sequence,
        };
        let comes_before = |behind: &Position| {
            if self.descending {
                place >= *behind
            } else {
                place <= *behind
            }
        };
        if self.behind.as_ref().is_some_and(comes_before) {
            return;
        }
        self.seen += 1;
        self.places.insert(place, found.id.clone());
        if self.places.len() > self.room() {
            self.pop_last();
        }
    }

    fn room(&self) -> usize {
        if self.offset > self.held {
            self.held
        } else {
            self.offset + self.count
        }
    }

    fn pop_last(&mut self) -> Option<(Position, ResourceId)> {
        if self.descending {
            self.places.pop_first()
        } else {
            self.places.pop_last()
        }
    }

    /// Whether all have to come by once more: more than can be held come before the page.
    pub(in crate::store) fn goes_on(&mut self) -> bool {
        if self.offset <= self.held || self.places.len() < self.held {
            return false;
        }
        self.behind = self.pop_last().map(|(place, _)| place);
        self.places.clear();
        self.offset -= self.held;
        self.passed += self.held;
        self.seen = 0;
        true
    }

    /// How many are in the list, and what is on the page, in order.
    pub(in crate::store) fn page(self) -> (usize, Vec<(Position, ResourceId)>) {
        let total = self.passed + self.seen;
        let places = self.places.into_iter();
        let page = if self.descending {
            places.rev().skip(self.offset).collect()
        } else {
            places.skip(self.offset).collect()
        };
        (total, page)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::scim::list::Page;
    use crate::scim::resource::Resource;
    use crate::scim::schema::sample;
    use crate::scim::sort::Sort;
    use crate::store::Version;

    #[test]
    fn a_page_behind_more_than_can_be_held_is_found_in_several_passes() {
        let schema = sample::schemas().user;
        // By title 3, 1, 5 and 0, 4; without one 2.
        let titles = [Some("c"), Some("B"), None, Some("a"), Some("c"), Some("b")];
        let people = titles.map(|title| Stored {
            id: ResourceId::new("p"),
            version: Version::FIRST,
            created: Timestamp::UNIX_EPOCH,
            last_modified: Timestamp::UNIX_EPOCH,
            resource: Resource::parse(&schema, &json!({"userName": "p", "title": title})).unwrap(),
            related: Vec::new(),
        });
        for (order, expected) in [
            ("ascending", [3, 1, 5, 0, 4, 2]),
            ("descending", [2, 4, 0, 5, 1, 3]),
        ] {
            for (offset, count) in (0..8).flat_map(|offset| (0..4).map(move |it| (offset, it))) {
                let query = ListQuery {
                    sort: Sort::parse(Some("title"), Some(order), &schema).unwrap(),
                    window: Window::Index(Page {
                        start_index: offset + 1,
                        count,
                    }),
                    ..ListQuery::default()
                };
                let mut sorting = Sorting {
                    held: 2,
                    ..Sorting::of(&query).unwrap()
                };
                loop {
                    for (found, number) in people.iter().zip(0..) {
                        sorting.look_at(found, number);
                        assert!(sorting.places.len() <= 2 + count);
                    }
                    if !sorting.goes_on() {
                        break;
                    }
                }
                let (total, page) = sorting.page();
                let numbers: Vec<i64> = page.iter().map(|it| it.0.sequence).collect();
                let wanted: Vec<i64> = expected.into_iter().skip(offset).take(count).collect();
                assert_eq!((total, numbers), (6, wanted), "{order} {offset} {count}");
            }
        }
    }
}
