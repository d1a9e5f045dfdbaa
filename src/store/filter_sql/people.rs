//! The walk through people for who looks after them: along one index at a time, by the beginning of what it has.

use serde_json::Value;

use super::SqlDialect;
use super::comparison::following;
use super::fragment::{Argument, Fragment, Statement};
use crate::store::browsing::{FoundBy, PeoplePlace, PeopleQuery};

/// Who signs in by a password where that is left to the person. The index of such people has the same words.
const BUILT_IN_SQLITE: &str = r#"(instr(r.body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"BuiltIn"') > 0 OR (instr(r.body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"Entra"') = 0 AND (r.external_id IS NULL OR length(r.external_id) <> 36 OR substr(r.external_id, 9, 1) <> '-' OR substr(r.external_id, 14, 1) <> '-' OR substr(r.external_id, 19, 1) <> '-' OR substr(r.external_id, 24, 1) <> '-' OR length(replace(r.external_id, '-', '')) <> 32 OR replace(r.external_id, '-', '') GLOB '*[^0-9a-fA-F]*')))"#;

const BUILT_IN_POSTGRES: &str = r#"(strpos(r.body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"BuiltIn"') > 0 OR (strpos(r.body, '"urn:ietf:params:scim:schemas:extension:usher:2.0:User":{"signInMethod":"Entra"') = 0 AND (r.external_id IS NULL OR r.external_id !~ '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$')))"#;

/// A walk along one index from a place on.
pub(in crate::store) struct PeopleWalk<'q> {
    dialect: SqlDialect,
    query: &'q PeopleQuery,
    by: FoundBy,
    /// The place behind which it begins; the beginning when absent.
    behind: Option<&'q PeoplePlace>,
}

impl<'q> PeopleWalk<'q> {
    pub(in crate::store) fn new(
        dialect: SqlDialect,
        query: &'q PeopleQuery,
        (by, behind): (FoundBy, Option<&'q PeoplePlace>),
    ) -> Self {
        // Behind a place before all that begin so is where they begin.
        let behind = behind.filter(|it| it.key >= query.prefix);
        Self {
            dialect,
            query,
            by,
            behind,
        }
    }

    /// The columns `seq, key, label` and whether the row fits, in the order of the index; at most `count`.
    pub(in crate::store) fn statement(&self, count: usize) -> Statement {
        let (table, key, label, seq) = match self.by {
            FoundBy::UserName => (" FROM resource r", "r.name_key", "''", "r.seq"),
            FoundBy::DisplayName => (" FROM resource r", "r.display_key", "''", "r.seq"),
            FoundBy::Email => (
                " FROM lookup l JOIN resource r ON r.seq = l.seq",
                "l.value",
                "l.label",
                "l.seq",
            ),
        };
        let order = match self.by {
            FoundBy::UserName | FoundBy::DisplayName => vec![key, seq],
            FoundBy::Email => vec![key, label, seq],
        };
        let piece = Fragment::default;
        let walk = piece().text("SELECT ").text(seq).text(", ").text(key);
        let walk = walk.text(", ").text(label).text(", CASE WHEN ");
        let walk = walk.then(self.fits()).text(" THEN 1 ELSE 0 END");
        let walk = walk.text(table).text(" WHERE r.kind = 0 AND ");
        let walk = walk.then(self.within(key));
        let walk = walk.then(self.of_an_index()).then(self.further(&order));
        let walk = walk.text(" ORDER BY ").text(order[0]);
        let walk = order[1..]
            .iter()
            .fold(walk, |walk, column| walk.text(", ").text(column));
        let limit = i64::try_from(count).unwrap_or(i64::MAX);
        let walk = walk.text(" LIMIT ").bind(Argument::Number(limit));
        walk.finish(self.dialect)
    }

    /// The key begins with the prefix.
    fn within(&self, key: &'static str) -> Fragment {
        let of = match self.by {
            FoundBy::UserName | FoundBy::DisplayName => "",
            FoundBy::Email => "l.attribute = 1 AND ",
        };
        let of = Fragment::default().text(of);
        // Of two places to begin at SQLite takes the first, and would walk from there to where the page before ended.
        match (self.behind, following(&self.query.prefix)) {
            (None, _) => of.then(self.begins(key)),
            (Some(_), None) => of.text(key).text(" IS NOT NULL"),
            (Some(_), Some(end)) => of.text(key).text(" < ").bind(Argument::Text(end)),
        }
    }

    fn begins(&self, key: &'static str) -> Fragment {
        let prefix = &self.query.prefix;
        let text = |it: String| Argument::Text(it);
        let from = Fragment::default().text("(").text(key).text(" >= ");
        let from = from.bind(text(prefix.clone()));
        let end = following(prefix).map(|end| {
            let end = Fragment::default().text(key).text(" < ").bind(text(end));
            Fragment::default().text(" AND ").then(end)
        });
        from.then(end.unwrap_or_default()).text(")")
    }

    /// A condition that an index of its own is for.
    fn of_an_index(&self) -> Fragment {
        let and = |text| Fragment::default().text(" AND ").text(text);
        match (self.by, self.query.active, self.query.built_in) {
            (FoundBy::UserName, Some(false), _) => and(self.inactive()),
            (FoundBy::UserName, _, Some(true)) => and(self.built_in()),
            _ => Fragment::default(),
        }
    }

    fn inactive(&self) -> &'static str {
        match self.dialect {
            SqlDialect::Sqlite => "r.active = 0",
            SqlDialect::Postgres => "NOT r.active",
        }
    }

    fn built_in(&self) -> &'static str {
        match self.dialect {
            SqlDialect::Sqlite => BUILT_IN_SQLITE,
            SqlDialect::Postgres => BUILT_IN_POSTGRES,
        }
    }

    /// What else must hold: who was found by another index before is not found again.
    fn fits(&self) -> Fragment {
        let piece = |text| Fragment::default().text(text);
        let mut all = vec![piece("r.kind = 0")];
        match self.query.active {
            None => {}
            Some(true) => all.push(piece("NOT (").text(self.inactive()).text(")")),
            Some(false) => all.push(piece(self.inactive())),
        }
        match self.query.built_in {
            None => {}
            Some(true) => all.push(piece(self.built_in())),
            Some(false) => all.push(piece("NOT ").text(self.built_in())),
        }
        if let Some(user_type) = &self.query.user_type {
            let of = match self.dialect {
                SqlDialect::Sqlite => "instr(r.body, ",
                SqlDialect::Postgres => "strpos(r.body, ",
            };
            // A quotation mark within a text has a backslash before it, so that this is no part of one.
            let written = format!("\"userType\":{}", Value::from(user_type.as_str()));
            all.push(piece(of).bind(Argument::Text(written)).text(") > 0"));
        }
        if self.by != FoundBy::UserName {
            all.push(piece("NOT ").then(self.begins("r.name_key")));
        }
        if self.by == FoundBy::Email {
            let before = piece("NOT (r.display_key IS NOT NULL AND ");
            all.push(before.then(self.begins("r.display_key")).text(")"));
            let again =
                "NOT EXISTS (SELECT 1 FROM lookup o WHERE o.seq = l.seq AND o.attribute = 1 AND ";
            let again = piece(again).then(self.begins("o.value"));
            all.push(
                again
                    .text(" AND (o.value < l.value OR (o.value = l.value AND o.label < l.label)))"),
            );
        }
        Fragment::joined(all, " AND ")
    }

    /// Behind the place.
    fn further(&self, order: &[&'static str]) -> Fragment {
        let Some(place) = self.behind else {
            return Fragment::default();
        };
        let mut columns = Fragment::default().text(" AND (").text(order[0]);
        let mut values = Fragment::default()
            .text(") > (")
            .bind(Argument::Text(place.key.clone()));
        for column in &order[1..] {
            columns = columns.text(", ").text(column);
            let value = match *column {
                "l.label" => Argument::Text(place.label.clone()),
                _ => Argument::Number(place.sequence),
            };
            values = values.text(", ").bind(value);
        }
        columns.then(values).text(")")
    }
}
