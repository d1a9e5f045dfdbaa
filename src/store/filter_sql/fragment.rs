//! Pieces of SQL with their arguments, put together before they are numbered.

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::SqlDialect;

/// A value that is bound to a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) enum Argument {
    Text(String),
    /// A text in the form in which an index has it.
    Key(String),
    Number(i64),
}

/// A piece of SQL; each `?` stands for one of the arguments, in order.
///
/// Its text is made of literals of this program alone: what a client wrote is only ever an argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Fragment {
    text: String,
    arguments: Vec<Argument>,
}

impl Fragment {
    /// Adds text without arguments.
    #[must_use]
    pub(super) fn text(mut self, text: &'static str) -> Self {
        self.text.push_str(text);
        self
    }

    /// Adds an argument.
    #[must_use]
    pub(super) fn bind(mut self, argument: Argument) -> Self {
        self.text.push('?');
        self.arguments.push(argument);
        self
    }

    /// Adds another piece.
    #[must_use]
    pub(super) fn then(mut self, other: Self) -> Self {
        self.text.push_str(&other.text);
        self.arguments.extend(other.arguments);
        self
    }

    /// All pieces in one pair of brackets.
    pub(super) fn joined(pieces: Vec<Self>, between: &'static str) -> Self {
        let mut all = Self::default().text("(");
        for (index, piece) in pieces.into_iter().enumerate() {
            all = all.text(if index == 0 { "" } else { between }).then(piece);
        }
        all.text(")")
    }

    /// The whole statement.
    pub(super) fn finish(self, dialect: SqlDialect) -> Statement {
        let sign = match dialect {
            SqlDialect::Sqlite => '?',
            SqlDialect::Postgres => '$',
        };
        let mut text = String::with_capacity(self.text.len() + 16);
        for (number, piece) in self.text.split('?').enumerate() {
            if number > 0 {
                text.push(sign);
                text.push_str(&number.to_string());
            }
            text.push_str(piece);
        }
        Statement {
            text,
            arguments: self.arguments,
        }
    }
}

/// A statement with the values of its numbered parameters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Statement {
    text: String,
    pub(in crate::store) arguments: Vec<Argument>,
}

impl Statement {
    /// The text for sqlx, which wants to be told that nothing of it comes from a client.
    pub(in crate::store) fn sql(&self) -> SqlStr {
        AssertSqlSafe(self.text.clone()).into_sql_str()
    }

    /// The text; it depends on the shape of a query and not on its values, so that a database can keep it prepared.
    pub(in crate::store) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(super) fn shown(&self) -> String {
        format!("{} {:?}", self.text, self.arguments)
    }
}
