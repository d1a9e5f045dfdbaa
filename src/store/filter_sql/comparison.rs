//! One comparison with one column.

use jiff::Timestamp;

use super::SqlDialect;
use super::fragment::{Argument, Fragment};
use super::term::{Access, Term};
use crate::scim::filter::{Comparison, Literal, Operator};
use crate::scim::fold_case;

/// The column of `externalId`, which compares in its casing.
pub(super) const EXTERNAL_ID: &str = "r.external_id";

/// The same in lower case; an object id is the same in any. No other letters than ASCII are changed by both databases.
const LOWER_EXTERNAL_ID: &str = "lower(r.external_id)";

/// A column of text that SQL orders by bytes, as the filter does.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    /// Whether it holds [`fold_case`] of the text.
    pub(super) folded: bool,
    /// Whether it holds the key of an index, which PostgreSQL keeps short: of a long text its beginning and a digest.
    pub(super) is_key: bool,
    /// When there is a value; always, if there is no such condition.
    pub(super) present: Option<&'static str>,
    /// What its index is good for at best.
    pub(super) access: Access,
}

impl Column {
    /// The column that holds the text in the casing in which it is compared, where there are both.
    pub(super) fn in_casing_of(self, comparison: &Comparison) -> Self {
        let is_ascii = matches!(&comparison.value, Literal::Text(text) if text.is_ascii());
        if comparison.case_exact || !is_ascii || self.name != EXTERNAL_ID {
            return self;
        }
        Self {
            name: LOWER_EXTERNAL_ID,
            folded: true,
            ..self
        }
    }

    /// Whether there is a value.
    pub(super) fn present(self) -> Term {
        match self.present {
            None => Term::constant(true),
            Some(condition) => Term::when(Fragment::default().text(condition), Access::All),
        }
    }

    /// Whether the value compares as wanted; the column must hold it in the casing in which it is compared.
    pub(super) fn compare(self, comparison: &Comparison, dialect: SqlDialect) -> Term {
        match &comparison.value {
            Literal::Null if comparison.operator == Operator::Equal => self.present().not(),
            Literal::Null => self.present(),
            Literal::Text(text) if comparison.case_exact != self.folded => {
                let wanted = if self.folded {
                    fold_case(text)
                } else {
                    text.clone()
                };
                self.compare_text(comparison.operator, wanted, dialect)
            }
            Literal::Text(_) | Literal::Boolean(_) | Literal::Number(_) | Literal::Time(_) => {
                Term::unknown()
            }
        }
    }

    fn compare_text(self, operator: Operator, wanted: String, dialect: SqlDialect) -> Term {
        let name = Fragment::default().text(self.name);
        let simple = |sign, wanted| name.clone().text(sign).bind(Argument::Text(wanted));
        // Whatever else is asked of a shortened key has to be asked of the text.
        let is_shortened = dialect == SqlDialect::Postgres
            && self.is_key
            && !(operator == Operator::StartsWith && wanted.len() <= SHORT_KEY);
        let (condition, access) = match operator {
            Operator::Equal if self.is_key => {
                let key = Argument::Key(wanted);
                return self.when_present(name.text(" = ").bind(key), Access::Few);
            }
            Operator::Equal => (simple(" = ", wanted), Access::Few),
            Operator::NotEqual => {
                return self.compare_text(Operator::Equal, wanted, dialect).not();
            }
            Operator::Greater => (simple(" > ", wanted), Access::Range),
            Operator::GreaterOrEqual => (simple(" >= ", wanted), Access::Range),
            Operator::Less => (simple(" < ", wanted), Access::Range),
            Operator::LessOrEqual => (simple(" <= ", wanted), Access::Range),
            // Every text contains, begins and ends with the empty one.
            Operator::Contains | Operator::StartsWith | Operator::EndsWith if wanted.is_empty() => {
                return self.present();
            }
            Operator::Contains => {
                let function = match dialect {
                    SqlDialect::Sqlite => "instr(",
                    SqlDialect::Postgres => "strpos(",
                };
                let call = Fragment::default().text(function).then(name.clone());
                let call = call.text(", ").bind(Argument::Text(wanted)).text(") > 0");
                (call, Access::All)
            }
            Operator::EndsWith => {
                let (function, sign) = match dialect {
                    SqlDialect::Sqlite => ("substr(", ", -length("),
                    SqlDialect::Postgres => ("right(", ", length("),
                };
                let call = Fragment::default().text(function).then(name.clone());
                let call = call.text(sign).bind(Argument::Text(wanted.clone()));
                let call = call.text(")) = ").bind(Argument::Text(wanted));
                (call, Access::All)
            }
            Operator::StartsWith => {
                let end = following(&wanted);
                let from = simple(" >= ", wanted);
                let range = match end {
                    Some(end) => from.text(" AND ").then(simple(" < ", end)),
                    None => from,
                };
                (range, Access::Range)
            }
        };
        if is_shortened {
            return self.or_long(condition);
        }
        self.when_present(condition, access)
    }

    /// What the condition does not find may be behind the end of a shortened key.
    fn or_long(self, condition: Fragment) -> Term {
        let is_long = Fragment::default().text("octet_length(").text(self.name);
        let long = Argument::Number(LONG_KEY.into());
        let either = vec![condition, is_long.text(") >= ").bind(long)];
        Term::superset(Fragment::joined(either, " OR "), Access::All)
    }

    fn when_present(self, condition: Fragment, access: Access) -> Term {
        let condition = match self.present {
            None => condition,
            Some(present) => Fragment::default()
                .text(present)
                .text(" AND ")
                .then(condition),
        };
        Term::when(
            Fragment::default().text("(").then(condition).text(")"),
            access.max(self.access),
        )
    }
}

/// Bytes of a text that an index of PostgreSQL has as they are, for an entry may have 2,704. Of a longer one it has these, but for a
/// character that they would cut, and a digest.
pub(in crate::store) const LONG_KEY: u16 = 600;

/// Bytes of the beginning of a text that every key has.
const SHORT_KEY: usize = LONG_KEY as usize - 3;

/// The least text behind all that begin with `prefix`; `None` when none is. Texts order by code points, as UTF-8 does by bytes.
pub(super) fn following(prefix: &str) -> Option<String> {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        // The numbers of surrogates are no characters.
        let next = (u32::from(last) + 1..=u32::from(char::MAX)).find_map(char::from_u32);
        if let Some(next) = next {
            characters.push(next);
            return Some(characters.into_iter().collect());
        }
    }
    None
}

/// Whether a time, kept in whole milliseconds, compares as wanted.
pub(super) fn compare_time(column: &'static str, comparison: &Comparison) -> Term {
    let Literal::Time(wanted) = comparison.value else {
        return match (&comparison.value, comparison.operator) {
            (Literal::Null, operator) => Term::constant(operator == Operator::NotEqual),
            _ => Term::unknown(),
        };
    };
    let (floor, whole) = milliseconds(wanted);
    let ceiling = if whole { floor } else { floor + 1 };
    let (sign, bound) = match comparison.operator {
        Operator::Equal if !whole => return Term::constant(false),
        Operator::NotEqual if !whole => return Term::constant(true),
        Operator::Equal => (" = ", floor),
        Operator::NotEqual => (" <> ", floor),
        Operator::Greater => (" > ", floor),
        Operator::GreaterOrEqual => (" >= ", ceiling),
        Operator::Less => (" < ", ceiling),
        Operator::LessOrEqual => (" <= ", floor),
        Operator::Contains | Operator::StartsWith | Operator::EndsWith => return Term::unknown(),
    };
    let condition = Fragment::default().text(column).text(sign);
    Term::when(condition.bind(Argument::Number(bound)), Access::All)
}

/// Whole milliseconds not after `time`, and whether they are all of it.
fn milliseconds(time: Timestamp) -> (i64, bool) {
    let nanoseconds = time.as_nanosecond();
    let floor = nanoseconds.div_euclid(1_000_000);
    let whole = nanoseconds.rem_euclid(1_000_000) == 0;
    (i64::try_from(floor).unwrap_or(i64::MAX - 1), whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_behind_a_prefix_is_the_next_one_without_it() {
        let check = |prefix: &str, expected: Option<&str>| {
            assert_eq!(following(prefix).as_deref(), expected, "{prefix:?}");
        };
        check("ab", Some("ac"));
        check("a\u{d7ff}", Some("a\u{e000}"));
        check("a\u{10ffff}", Some("b"));
        check("\u{10ffff}", None);
        check("", None);
    }
}
