//! What a value is where text, a number, a boolean, a date or a list is wanted. A problem is said without its place.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::date_time::DateTime;
use super::error::quoted;
use super::token::Comparator;
use super::value::{Value, truth};

/// The text of a value; none of Null. Of a list only if it holds one.
pub(super) fn text(value: Value<'_>) -> Result<Option<Cow<'_, str>>, String> {
    Ok(Some(match value {
        Value::Null | Value::Flow(_) => return Ok(None),
        Value::Text(text) => text,
        Value::Integer(number) => number.to_string().into(),
        Value::Number(spelling) => spelling.into(),
        Value::Boolean(it) => truth(it).into(),
        Value::DateTime(it) => it.to_string().into(),
        Value::List(values) => {
            let count = values.len();
            let mut values = values.into_iter();
            match (values.next(), values.next()) {
                (first, None) => return Ok(first),
                _ => {
                    return Err(format!(
                        "must be one value, got {count}; pick one by Item, or Join them"
                    ));
                }
            }
        }
    }))
}

/// All values as texts: none of Null.
pub(super) fn list(value: Value<'_>) -> Result<Vec<Cow<'_, str>>, String> {
    match value {
        Value::List(values) => Ok(values),
        other => Ok(text(other)?.into_iter().collect()),
    }
}

/// A whole number: decimal digits, perhaps behind a minus sign.
pub(super) fn integer(value: Value<'_>) -> Result<i64, String> {
    if let Value::Integer(number) = value {
        return Ok(number);
    }
    let text = text(value)?.ok_or("must be a whole number, got no value")?;
    decimal(&text).ok_or_else(|| format!("must be a whole number, got {}", quoted(&text)))
}

fn decimal(text: &str) -> Option<i64> {
    // `parse` would take a plus sign as well.
    let digits = text.strip_prefix('-').unwrap_or(text);
    digits
        .starts_with(|it: char| it.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Whether a condition holds: a number that is not 0, or True in any case. What is Null or empty does not hold.
pub(super) fn condition(value: Value<'_>) -> Result<bool, String> {
    if let Value::Boolean(it) = value {
        return Ok(it);
    }
    let Some(text) = text(value)? else {
        return Ok(false);
    };
    match text.as_ref() {
        "" => Ok(false),
        it if it.eq_ignore_ascii_case("true") => Ok(true),
        it if it.eq_ignore_ascii_case("false") => Ok(false),
        it => match Number::of(it) {
            Some(number) => Ok(number.compared(Number::Whole(0)) != Ordering::Equal),
            None => Err(format!(
                "must be a comparison, True, False or a number, got {}",
                quoted(it)
            )),
        },
    }
}

/// A moment: a date that a function came to, or text that is one.
pub(super) fn date_time(value: Value<'_>) -> Result<DateTime, String> {
    if let Value::DateTime(it) = value {
        return Ok(it);
    }
    let text = text(value)?.ok_or("must be a date, got no value")?;
    DateTime::parse(&text).ok_or_else(|| {
        format!(
            "must be a date such as 2026-01-31, 2026-01-31T23:59:59-05:00 or 1/31/2026 11:59:59 PM, got {}",
            quoted(&text)
        )
    })
}

/// Whether a value is Null or an empty text, also as the only one of a list.
pub(super) fn is_empty(value: &Value<'_>) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(values) => match values.as_slice() {
            [] => true,
            [only] => only.is_empty(),
            _ => false,
        },
        Value::Integer(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::DateTime(_)
        | Value::Flow(_) => false,
    }
}

/// Whether a comparison holds; with Null it never does.
///
/// Beside a number, numbers are compared. Otherwise texts are, by their characters and case, but by `<` and its kin as
/// numbers if both are some.
pub(super) fn compare(
    left: &Value<'_>,
    comparator: Comparator,
    right: &Value<'_>,
) -> Result<bool, String> {
    let is_number = |it: &Value<'_>| matches!(it, Value::Integer(_) | Value::Number(_));
    let any_number = is_number(left) || is_number(right);
    let (Some(left), Some(right)) = (text(left.clone())?, text(right.clone())?) else {
        return Ok(false);
    };
    let orders = !matches!(comparator, Comparator::Equal | Comparator::NotEqual);
    let numbers = if any_number || orders {
        Number::of(&left).zip(Number::of(&right))
    } else {
        None
    };
    let ordering = match numbers {
        Some((left, right)) => left.compared(right),
        None => left.encode_utf16().cmp(right.encode_utf16()),
    };
    Ok(match comparator {
        Comparator::Equal => ordering == Ordering::Equal,
        Comparator::NotEqual => ordering != Ordering::Equal,
        Comparator::Greater => ordering == Ordering::Greater,
        Comparator::GreaterOrEqual => ordering != Ordering::Less,
        Comparator::Less => ordering == Ordering::Less,
        Comparator::LessOrEqual => ordering != Ordering::Greater,
    })
}

/// A number for comparing. Whole ones are exact: dates of Active Directory have 18 digits.
#[derive(Clone, Copy)]
enum Number {
    Whole(i64),
    Fraction(f64),
}

impl Number {
    fn of(text: &str) -> Option<Self> {
        if let Some(whole) = decimal(text) {
            return Some(Self::Whole(whole));
        }
        let digits = text.strip_prefix('-').unwrap_or(text);
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let are_digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        let is_decimal = are_digits(whole) && are_digits(fraction);
        is_decimal.then(|| text.parse().ok().map(Self::Fraction))?
    }

    fn compared(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(one), Self::Whole(other)) => one.cmp(&other),
            (one, other) => one.float().total_cmp(&other.float()),
        }
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "only beside a fraction, which is not exact either"
    )]
    fn float(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            // Minus zero is zero.
            Self::Fraction(number) => number + 0.0,
        }
    }
}
