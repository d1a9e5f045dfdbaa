//! Reads a date by a format, exactly: `MM` takes two digits, `M` one or two, as .NET's `ParseExact` does.

use jiff::civil::{self, Date};
use jiff::{SignedDuration, Timestamp};

use super::super::date_time::{DateTime, offset};
use super::super::error::{quoted, suggestion};
use super::{DAYS, DateFormat, Field, Kind, MONTHS};

/// The last year that two digits stand for.
const TWO_DIGIT_YEAR_MAX: i16 = 2049;

/// .NET's `DateTimeStyles`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Styles(u32);

const STYLES: [(&str, u32); 10] = [
    ("None", 0),
    ("AllowLeadingWhite", 1),
    ("AllowTrailingWhite", 2),
    ("AllowInnerWhite", 4),
    ("AllowWhiteSpaces", 7),
    ("NoCurrentDateDefault", 8),
    ("AdjustToUniversal", 16),
    ("AssumeLocal", 32),
    ("AssumeUniversal", 64),
    ("RoundtripKind", 128),
];

const LEADING: u32 = 1;
const TRAILING: u32 = 2;
const INNER: u32 = 4;
const NO_CURRENT_DATE: u32 = 8;
const TO_UNIVERSAL: u32 = 16;
const LOCAL: u32 = 32;
const UNIVERSAL: u32 = 64;
const ROUNDTRIP: u32 = 128;

/// Entra's default: `RoundtripKind`, and white space at both ends.
impl Default for Styles {
    fn default() -> Self {
        Self(ROUNDTRIP | LEADING | TRAILING)
    }
}

impl Styles {
    /// Names with commas between them, or the number that they add up to. Of nothing it is the default.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let mut styles = 0;
        for part in text.split(',').map(str::trim) {
            let named = STYLES
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(part));
            styles |= match (named, part.parse::<u32>()) {
                (Some((_, style)), _) => *style,
                (None, Ok(number)) if number < 256 => number,
                _ => {
                    let near = suggestion(part, STYLES.iter().map(|(name, _)| *name));
                    return Err(format!(
                        "must be names of DateTimeStyles such as AssumeUniversal, or their number, got {}{near}",
                        quoted(part)
                    ));
                }
            };
        }
        let styles = Self(styles);
        let assumes = styles.has(LOCAL) || styles.has(UNIVERSAL);
        if (styles.has(LOCAL) && styles.has(UNIVERSAL))
            || (styles.has(ROUNDTRIP) && (assumes || styles.has(TO_UNIVERSAL)))
        {
            return Err(format!(
                "combines styles that exclude each other, got {}",
                quoted(text)
            ));
        }
        Ok(styles)
    }

    const fn has(self, style: u32) -> bool {
        self.0 & style != 0
    }
}

/// What was read of a date so far.
#[derive(Default)]
struct Parts {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    weekday: Option<i8>,
    hour: Option<i8>,
    has_twelve_hours: bool,
    minute: Option<i8>,
    second: Option<i8>,
    nanosecond: Option<i32>,
    is_afternoon: Option<bool>,
    offset: Option<SignedDuration>,
    is_utc: bool,
}

/// A date that was read, and of which kind it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Read {
    pub(in super::super) date: DateTime,
    pub(in super::super) kind: Kind,
}

impl DateFormat {
    /// The date in `text`; none if the format has it otherwise, or if there is no such date. What the format leaves out
    /// is the first of the year, and today if it has nothing of a date.
    pub(in super::super) fn read(
        &self,
        text: &str,
        styles: Styles,
        now: Timestamp,
    ) -> Option<Read> {
        let mut rest = text;
        if styles.has(LEADING) {
            rest = rest.trim_start();
        }
        if styles.has(TRAILING) {
            rest = rest.trim_end();
        }
        let mut parts = Parts::default();
        let mut fields = self.0.iter().copied().peekable();
        while let Some(field) = fields.next() {
            if styles.has(INNER) {
                rest = rest.trim_start();
            }
            let before_fraction = matches!(fields.peek(), Some(Field::ShortFraction(_)));
            rest = match field {
                // The point before a fraction that is not there is left out as well.
                Field::Literal('.') if before_fraction && !rest.starts_with('.') => {
                    fields.next();
                    rest
                }
                Field::Literal(literal) if styles.has(INNER) && literal.is_whitespace() => rest,
                _ => read_field(field, rest, &mut parts)?,
            };
        }
        rest.is_empty().then(|| parts.assemble(styles, now))?
    }
}

/// Takes `field` from the start of `text` and gives the rest.
fn read_field<'t>(field: Field, text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    match field {
        Field::Year(count) => {
            let (year, rest) = digits(text, count)?;
            let year = i16::try_from(year).ok()?;
            put(
                &mut parts.year,
                if count <= 2 { full_year(year) } else { year },
            )?;
            Some(rest)
        }
        Field::Month(count @ (1 | 2)) => small(&mut parts.month, text, count),
        Field::Month(count) => {
            let (month, rest) = named(text, &MONTHS, count)?;
            put(&mut parts.month, month + 1)?;
            Some(rest)
        }
        Field::Day(count @ (1 | 2)) => small(&mut parts.day, text, count),
        Field::Day(count) => {
            let (day, rest) = named(text, &DAYS, count)?;
            put(&mut parts.weekday, day)?;
            Some(rest)
        }
        Field::Hour12(count) => {
            parts.has_twelve_hours = true;
            small(&mut parts.hour, text, count.min(2))
        }
        Field::Hour24(count) => small(&mut parts.hour, text, count.min(2)),
        Field::Minute(count) => small(&mut parts.minute, text, count.min(2)),
        Field::Second(count) => small(&mut parts.second, text, count.min(2)),
        Field::Fraction(count) => fraction(text, count, count, parts),
        Field::ShortFraction(count) => fraction(text, 0, count, parts),
        Field::Half(count) => half(text, count, parts),
        Field::Offset(count) => utc_offset(text, count, parts),
        Field::Kind => match text.chars().next() {
            Some('Z') => utc(text, parts),
            Some('+' | '-') => utc_offset(text, 3, parts),
            _ => Some(text),
        },
        Field::Utc => utc(text, parts),
        Field::Era => prefix(text, "A.D.").or_else(|| prefix(text, "AD")),
        Field::Literal(literal) => text.strip_prefix(literal),
    }
}

/// Sets a part that may be read once, or again as the same.
fn put<T: PartialEq + Copy>(part: &mut Option<T>, value: T) -> Option<()> {
    let known = *part.get_or_insert(value);
    (known == value).then_some(())
}

/// A number of exactly `count` digits, but of one or two if that is 1.
fn digits(text: &str, count: usize) -> Option<(i32, &str)> {
    let most = if count == 1 { 2 } else { count };
    let length = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (number, rest) = text.split_at_checked(length)?;
    (length >= count).then(|| Some((number.parse().ok()?, rest)))?
}

fn small<'t>(part: &mut Option<i8>, text: &'t str, count: usize) -> Option<&'t str> {
    let (number, rest) = digits(text, count)?;
    put(part, i8::try_from(number).ok()?)?;
    Some(rest)
}

const fn full_year(year: i16) -> i16 {
    let century = TWO_DIGIT_YEAR_MAX / 100 * 100;
    if year > TWO_DIGIT_YEAR_MAX % 100 {
        century - 100 + year
    } else {
        century + year
    }
}

/// Which of `names` comes first, whole or by its first three letters.
fn named<'t>(text: &'t str, names: &[&str], count: usize) -> Option<(i8, &'t str)> {
    let found = names.iter().enumerate().find_map(|(at, name)| {
        let name = if count == 3 { &name[..3] } else { name };
        Some((at, prefix(text, name)?))
    });
    found.and_then(|(at, rest)| Some((i8::try_from(at).ok()?, rest)))
}

/// What is behind `wanted`, in any case.
fn prefix<'t>(text: &'t str, wanted: &str) -> Option<&'t str> {
    let (start, rest) = text.split_at_checked(wanted.len())?;
    start.eq_ignore_ascii_case(wanted).then_some(rest)
}

fn fraction<'t>(text: &'t str, least: usize, most: usize, parts: &mut Parts) -> Option<&'t str> {
    let length = text
        .bytes()
        .take(most)
        .take_while(u8::is_ascii_digit)
        .count();
    let (digits, rest) = text.split_at_checked(length)?;
    if length < least {
        return None;
    }
    put(&mut parts.nanosecond, format!("{digits:0<9}").parse().ok()?)?;
    Some(rest)
}

fn half<'t>(text: &'t str, count: usize, parts: &mut Parts) -> Option<&'t str> {
    for (name, is_afternoon) in [("AM", false), ("PM", true)] {
        if let Some(rest) = prefix(text, &name[..count.min(2)]) {
            put(&mut parts.is_afternoon, is_afternoon)?;
            return Some(rest);
        }
    }
    None
}

fn utc<'t>(text: &'t str, parts: &mut Parts) -> Option<&'t str> {
    let rest = text
        .strip_prefix('Z')
        .or_else(|| text.strip_prefix("GMT"))?;
    put(&mut parts.offset, SignedDuration::ZERO)?;
    parts.is_utc = true;
    Some(rest)
}

fn utc_offset<'t>(text: &'t str, count: usize, parts: &mut Parts) -> Option<&'t str> {
    let direction = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, mut rest) = digits(&text[1..], count.min(2))?;
    let mut minutes = 0;
    if count >= 3 {
        rest = rest.strip_prefix(':').unwrap_or(rest);
        (minutes, rest) = digits(rest, 2)?;
    }
    let offset = offset(
        direction,
        i8::try_from(hours).ok()?,
        i8::try_from(minutes).ok()?,
    )?;
    put(&mut parts.offset, offset)?;
    Some(rest)
}

impl Parts {
    fn assemble(&self, styles: Styles, now: Timestamp) -> Option<Read> {
        let date = self.date(styles, now)?;
        let weekday = date.weekday().to_sunday_zero_offset();
        if self.weekday.is_some_and(|it| it != weekday) {
            return None;
        }
        let time = civil::Time::new(
            self.hour()?,
            self.minute.unwrap_or(0),
            self.second.unwrap_or(0),
            self.nanosecond.unwrap_or(0),
        );
        let read = date.to_datetime(time.ok()?);
        let date = DateTime::of(read.checked_sub(self.offset.unwrap_or_default()).ok()?)?;
        let is_known = self.offset.is_some() || styles.has(LOCAL) || styles.has(UNIVERSAL);
        let kind = match (is_known, self.is_utc && styles.has(ROUNDTRIP)) {
            (false, _) => Kind::Unspecified,
            (true, true) => Kind::Utc,
            (true, false) if styles.has(TO_UNIVERSAL) => Kind::Utc,
            (true, false) => Kind::Local,
        };
        Some(Read { date, kind })
    }

    fn date(&self, styles: Styles, now: Timestamp) -> Option<Date> {
        let today = DateTime::at(now)?.civil().date();
        let is_time = self.year.is_none() && self.month.is_none() && self.day.is_none();
        if is_time {
            let none = civil::date(1, 1, 1);
            return Some(if styles.has(NO_CURRENT_DATE) {
                none
            } else {
                today
            });
        }
        let year = self.year.unwrap_or(today.year());
        Date::new(year, self.month.unwrap_or(1), self.day.unwrap_or(1)).ok()
    }

    fn hour(&self) -> Option<i8> {
        let hour = self.hour.unwrap_or(0);
        if self.has_twelve_hours {
            let afternoon = if self.is_afternoon == Some(true) {
                12
            } else {
                0
            };
            return (hour <= 12).then_some(hour % 12 + afternoon);
        }
        match self.is_afternoon {
            // Without an hour, AM and PM alone are midnight and noon.
            Some(is_afternoon) if self.hour.is_none() => Some(if is_afternoon { 12 } else { 0 }),
            Some(is_afternoon) if is_afternoon != (hour >= 12) => None,
            _ => Some(hour),
        }
    }
}
