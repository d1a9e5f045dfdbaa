//! Conditions in a logic of three values: true, false, and what SQL cannot tell.

use super::fragment::Fragment;

/// How many rows a database has to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::store) enum Access {
    /// Those of a few equal keys.
    Few,
    /// A part of an index.
    Range,
    /// All of them.
    All,
}

/// What is known of a condition before any row is seen.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sql {
    Always,
    Never,
    When(Fragment),
}

/// A condition that every match fulfils, and nothing else if it is exact. It is never NULL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Term {
    sql: Sql,
    pub(super) exact: bool,
    pub(super) access: Access,
}

impl Term {
    /// A condition that SQL can tell.
    pub(super) fn when(fragment: Fragment, access: Access) -> Self {
        Self {
            sql: Sql::When(fragment),
            exact: true,
            access,
        }
    }

    /// A condition that every match fulfils, and others may.
    pub(super) fn superset(fragment: Fragment, access: Access) -> Self {
        Self {
            exact: false,
            ..Self::when(fragment, access)
        }
    }

    /// A condition that is the same for every row.
    pub(super) fn constant(holds: bool) -> Self {
        let (sql, access) = if holds {
            (Sql::Always, Access::All)
        } else {
            (Sql::Never, Access::Few)
        };
        Self {
            sql,
            exact: true,
            access,
        }
    }

    /// A condition that SQL cannot tell: every row may be a match.
    pub(super) fn unknown() -> Self {
        Self {
            exact: false,
            ..Self::constant(true)
        }
    }

    /// What fulfils all of `terms`; the best index among them serves.
    pub(super) fn all(terms: Vec<Self>) -> Self {
        let exact = terms.iter().all(|term| term.exact);
        let access = terms.iter().map(|term| term.access).min();
        if terms.iter().any(|term| term.sql == Sql::Never) {
            return Self::constant(false);
        }
        Self::compound(terms, " AND ", exact, access)
    }

    /// What fulfils one of `terms`; an index must serve each of them.
    pub(super) fn any(terms: Vec<Self>) -> Self {
        let exact = terms.iter().all(|term| term.exact);
        let access = terms.iter().map(|term| term.access).max();
        if terms.iter().any(|term| term.sql == Sql::Always) {
            return Self {
                exact,
                ..Self::constant(true)
            };
        }
        if terms.iter().all(|term| term.sql == Sql::Never) {
            return Self::constant(false);
        }
        Self::compound(terms, " OR ", exact, access)
    }

    fn compound(
        terms: Vec<Self>,
        between: &'static str,
        exact: bool,
        access: Option<Access>,
    ) -> Self {
        let pieces = terms.into_iter().filter_map(|term| match term.sql {
            Sql::When(fragment) => Some(fragment),
            Sql::Always | Sql::Never => None,
        });
        let pieces: Vec<Fragment> = pieces.collect();
        let sql = if pieces.is_empty() {
            Sql::Always
        } else {
            Sql::When(Fragment::joined(pieces, between))
        };
        Self {
            sql,
            exact,
            access: access.unwrap_or(Access::All),
        }
    }

    /// What does not fulfil the term. Of a term that is not exact nothing is known: a row beyond it is no match, but one within
    /// it may be none either.
    #[must_use]
    pub(super) fn not(self) -> Self {
        if !self.exact {
            return Self::unknown();
        }
        match self.sql {
            Sql::Always => Self::constant(false),
            Sql::Never => Self::constant(true),
            Sql::When(fragment) => {
                let fragment = Fragment::default().text("NOT (").then(fragment).text(")");
                Self::when(fragment, Access::All)
            }
        }
    }

    /// The same condition within the text around it; `always` stands for one without a condition.
    #[must_use]
    pub(super) fn within(
        self,
        before: &'static str,
        after: &'static str,
        always: &'static str,
    ) -> Self {
        let sql = match self.sql {
            Sql::Never => Sql::Never,
            Sql::Always => Sql::When(Fragment::default().text(always)),
            Sql::When(inner) => Sql::When(Fragment::default().text(before).then(inner).text(after)),
        };
        Self { sql, ..self }
    }

    /// The same condition, found by another way.
    #[must_use]
    pub(super) fn reached_by(self, access: Access) -> Self {
        Self { access, ..self }
    }

    /// As a condition of a statement.
    pub(super) fn into_fragment(self) -> Fragment {
        match self.sql {
            Sql::Always => Fragment::default().text("TRUE"),
            Sql::Never => Fragment::default().text("FALSE"),
            Sql::When(fragment) => fragment,
        }
    }
}
