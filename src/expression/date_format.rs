//! .NET's date and time formats, invariant culture: a format string cut into fields. Custom formats, and the standard ones
//! of a single letter, which stand for custom ones.

mod read;
mod write;

pub(super) use read::{Read, Styles};

use super::bounds::MAX_DATE_FORMAT_CHARS;
use super::error::quoted;

/// Months as the invariant culture calls them.
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Days as the invariant culture calls them.
const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

/// A format, ready to read and to write dates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DateFormat(Vec<Field>);

/// A part of a format, with the number of its letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Year(usize),
    Month(usize),
    Day(usize),
    Hour12(usize),
    Hour24(usize),
    Minute(usize),
    Second(usize),
    /// `f`: digits of a second, all of them.
    Fraction(usize),
    /// `F`: digits of a second without zeros at the end.
    ShortFraction(usize),
    /// `t`: AM or PM.
    Half(usize),
    /// `z`: the offset from UTC.
    Offset(usize),
    /// `K`: what kind of time it is.
    Kind,
    /// `g`: A.D.
    Era,
    /// `Z`: read as UTC, written as it is.
    Utc,
    Literal(char),
}

/// Whether a date is known to be UTC, with the host's clock being UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unspecified,
    Utc,
    Local,
}

impl DateFormat {
    /// Reads `format`, such as `yyyy-MM-dd`.
    pub(super) fn parse(format: &str) -> Result<Self, String> {
        if format.chars().count() > MAX_DATE_FORMAT_CHARS {
            return Err(format!(
                "the format of dates is longer than {MAX_DATE_FORMAT_CHARS} characters"
            ));
        }
        let unusable = |why: &str| format!("is no format of dates, got {}: {why}", quoted(format));
        let mut letters = format.chars();
        let custom = match (letters.next(), letters.next()) {
            (None, _) => return Err(unusable("it is empty")),
            (Some(letter), None) => standard(letter)
                .ok_or_else(|| unusable("there is no standard format of that letter"))?,
            _ => format,
        };
        fields(custom).map(Self).map_err(|why| unusable(&why))
    }
}

/// The custom format that a standard one of a single letter stands for.
fn standard(letter: char) -> Option<&'static str> {
    Some(match letter {
        'd' => "MM/dd/yyyy",
        'D' => "dddd, dd MMMM yyyy",
        'f' => "dddd, dd MMMM yyyy HH:mm",
        'F' | 'U' => "dddd, dd MMMM yyyy HH:mm:ss",
        'g' => "MM/dd/yyyy HH:mm",
        'G' => "MM/dd/yyyy HH:mm:ss",
        'm' | 'M' => "MMMM dd",
        'o' | 'O' => "yyyy-MM-ddTHH:mm:ss.fffffffK",
        'r' | 'R' => "ddd, dd MMM yyyy HH:mm:ss 'GMT'",
        's' => "yyyy-MM-ddTHH:mm:ss",
        't' => "HH:mm",
        'T' => "HH:mm:ss",
        'u' => "yyyy-MM-dd HH:mm:ss'Z'",
        'y' | 'Y' => "yyyy MMMM",
        _ => return None,
    })
}

fn fields(format: &str) -> Result<Vec<Field>, String> {
    let letters: Vec<char> = format.chars().collect();
    let mut fields = Vec::new();
    let mut rest = letters.as_slice();
    while let [first, behind @ ..] = rest {
        let count = rest.iter().take_while(|it| *it == first).count();
        let mut length = count;
        match first {
            '\\' => {
                let escaped = behind.first().ok_or("a backslash ends it")?;
                fields.push(Field::Literal(*escaped));
                length = 2;
            }
            '\'' | '"' => {
                let quoted = behind.split(|it| it == first).next().unwrap_or_default();
                if quoted.len() == behind.len() {
                    return Err("a quote is not closed".to_owned());
                }
                fields.extend(literals(quoted));
                length = quoted.len() + 2;
            }
            '%' => {
                // It only makes a custom format of what would be a standard one.
                if behind.first().is_none_or(|it| *it == '%') {
                    return Err("% stands before a letter".to_owned());
                }
                length = 1;
            }
            letter => match field(*letter, count)? {
                Some(field) => fields.push(field),
                None => fields.extend(literals(&rest[..count])),
            },
        }
        rest = &rest[length..];
    }
    Ok(fields)
}

fn literals(letters: &[char]) -> impl Iterator<Item = Field> {
    let mut letters = letters.iter().copied();
    // Within quotes a backslash protects as well.
    std::iter::from_fn(move || match letters.next() {
        Some('\\') => letters.next().map(Field::Literal),
        other => other.map(Field::Literal),
    })
}

/// The field of `count` times the same letter; none if they stand for themselves.
fn field(letter: char, count: usize) -> Result<Option<Field>, String> {
    if matches!(letter, 'f' | 'F') && count > 7 {
        return Err("a second has 7 digits at most".to_owned());
    }
    Ok(Some(match letter {
        'y' => Field::Year(count),
        'M' => Field::Month(count),
        'd' => Field::Day(count),
        'h' => Field::Hour12(count),
        'H' => Field::Hour24(count),
        'm' => Field::Minute(count),
        's' => Field::Second(count),
        'f' => Field::Fraction(count),
        'F' => Field::ShortFraction(count),
        't' => Field::Half(count),
        'z' => Field::Offset(count),
        'K' if count == 1 => Field::Kind,
        'g' => Field::Era,
        'Z' if count == 1 => Field::Utc,
        _ => return Ok(None),
    }))
}

#[cfg(test)]
mod tests;
