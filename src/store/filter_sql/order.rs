//! The order of a list, and what lies behind a place in it.

use super::fragment::{Argument, Fragment};
use crate::scim::schema::ResourceType;
use crate::scim::sort::{Sort, SortKey, SortValue};
use crate::store::Position;

/// By which column rows are sorted; equal ones are in the order of creation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum By {
    /// By none: they come in any order.
    #[default]
    Nothing,
    /// By their number alone.
    Sequence,
    /// One that has a value in each row.
    Filled(&'static str),
    /// One that may be NULL.
    Sparse(&'static str),
}

/// The order of a list and the place where it begins.
#[derive(Debug, Default)]
pub(super) struct Order {
    by: By,
    descending: bool,
    position: Option<Position>,
}

impl Order {
    pub(super) fn new(
        kind: ResourceType,
        sort: Option<&Sort>,
        position: Option<&Position>,
    ) -> Self {
        let by = match (sort.map(|it| &it.by), kind) {
            // Those created later have higher numbers.
            (None | Some(SortKey::Created), _) => By::Sequence,
            (Some(SortKey::Id), _) => By::Filled("r.id"),
            (Some(SortKey::ExternalId), _) => By::Sparse("r.external_id"),
            (Some(SortKey::UserName), _) | (Some(SortKey::DisplayName), ResourceType::Group) => {
                By::Filled("r.name_key")
            }
            (Some(SortKey::DisplayName), ResourceType::User) => By::Sparse("r.display_key"),
            (Some(SortKey::LastModified), _) => By::Filled("r.modified"),
            // What they are sorted by is found in them.
            (Some(SortKey::Other(_)), _) => return Self::default(),
        };
        Self {
            by,
            descending: sort.is_some_and(|it| it.descending),
            position: position.cloned(),
        }
    }

    /// Whether an index has everybody of a kind in this order.
    pub(super) fn has_index(&self) -> bool {
        matches!(self.by, By::Sequence | By::Filled("r.name_key"))
    }

    /// What a row is sorted by; NULL when it is the number alone.
    pub(super) fn column(&self) -> &'static str {
        match self.by {
            By::Nothing | By::Sequence => "NULL",
            By::Filled(column) | By::Sparse(column) => column,
        }
    }

    /// RFC 7644, section 3.4.2.3: without a value "last" if ascending, "first" if descending.
    pub(super) fn clause(&self) -> Fragment {
        let (direction, absent) = if self.descending {
            (" DESC", " NULLS FIRST")
        } else {
            ("", " NULLS LAST")
        };
        let clause = Fragment::default().text(" ORDER BY ");
        let clause = match self.by {
            By::Nothing => return Fragment::default(),
            By::Sequence => clause,
            By::Filled(column) => clause.text(column).text(direction).text(", "),
            By::Sparse(column) => {
                let column = clause.text(column).text(direction);
                column.text(absent).text(", ")
            }
        };
        clause.text("r.seq").text(direction)
    }

    /// The condition on rows behind the position.
    pub(super) fn behind(&self) -> Option<Fragment> {
        let position = self.position.as_ref()?;
        let sign = if self.descending { " < " } else { " > " };
        let number = Argument::Number(position.sequence);
        let later = Fragment::default()
            .text("r.seq")
            .text(sign)
            .bind(number.clone());
        let (By::Filled(column) | By::Sparse(column)) = self.by else {
            return Some(later);
        };
        let name = Fragment::default().text(column);
        let key = match &position.key {
            SortValue::Text(text) => Argument::Text(text.clone()),
            SortValue::Number(number) => Argument::Number(*number),
            SortValue::Absent => {
                let within = name.clone().text(" IS NULL AND ").then(later);
                let mut alternatives = vec![within];
                if self.descending {
                    alternatives.push(name.text(" IS NOT NULL"));
                }
                return Some(Fragment::joined(alternatives, " OR "));
            }
        };
        let pair = Fragment::default()
            .text("(")
            .text(column)
            .text(", r.seq)")
            .text(sign);
        let mut alternatives = vec![pair.text("(").bind(key).text(", ").bind(number).text(")")];
        if matches!(self.by, By::Sparse(_)) && !self.descending {
            alternatives.push(name.text(" IS NULL"));
        }
        Some(Fragment::joined(alternatives, " OR "))
    }
}
