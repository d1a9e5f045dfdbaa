//! Writes a date by a format.

use std::fmt::{self, Write};

use super::super::date_time::{DateTime, twelve_hours};
use super::{DAYS, DateFormat, Field, Kind, MONTHS};

impl DateFormat {
    /// `date` as the format has it.
    pub(in super::super) fn write(&self, date: DateTime, kind: Kind) -> String {
        let mut text = String::new();
        for field in &self.0 {
            write_field(&mut text, *field, date, kind).expect("writing to a String cannot fail");
        }
        text
    }
}

fn write_field(text: &mut String, field: Field, date: DateTime, kind: Kind) -> fmt::Result {
    let it = date.civil();
    match field {
        Field::Year(count @ (1 | 2)) => number(text, it.year() % 100, count),
        Field::Year(count) => number(text, it.year(), count),
        Field::Month(count @ (1 | 2)) => number(text, it.month().into(), count),
        Field::Month(count) => name(text, MONTHS.get(index(it.month()) - 1), count),
        Field::Day(count @ (1 | 2)) => number(text, it.day().into(), count),
        Field::Day(count) => {
            let day = it.weekday().to_sunday_zero_offset();
            name(text, DAYS.get(index(day)), count)
        }
        Field::Hour12(count) => number(text, twelve_hours(it.hour()).0.into(), count.min(2)),
        Field::Hour24(count) => number(text, it.hour().into(), count.min(2)),
        Field::Minute(count) => number(text, it.minute().into(), count.min(2)),
        Field::Second(count) => number(text, it.second().into(), count.min(2)),
        Field::Fraction(count) => text.write_str(fraction(date).get(..count).unwrap_or_default()),
        Field::ShortFraction(count) => {
            let digits = fraction(date);
            let digits = digits.get(..count).unwrap_or_default();
            match digits.trim_end_matches('0') {
                // The point before it goes as well.
                "" if text.ends_with('.') => {
                    text.pop();
                    Ok(())
                }
                digits => text.write_str(digits),
            }
        }
        Field::Half(1) => text.write_str(&twelve_hours(it.hour()).1[..1]),
        Field::Half(_) => text.write_str(twelve_hours(it.hour()).1),
        Field::Offset(1) => text.write_str("+0"),
        Field::Offset(2) => text.write_str("+00"),
        Field::Offset(_) => text.write_str("+00:00"),
        Field::Kind => text.write_str(match kind {
            Kind::Unspecified => "",
            Kind::Utc => "Z",
            Kind::Local => "+00:00",
        }),
        Field::Era => text.write_str("A.D."),
        Field::Utc => text.write_str("Z"),
        Field::Literal(literal) => text.write_char(literal),
    }
}

/// The seven digits of a second.
fn fraction(date: DateTime) -> String {
    format!("{:07}", date.civil().subsec_nanosecond() / 100)
}

fn index(number: i8) -> usize {
    usize::try_from(number).unwrap_or_default()
}

fn number(text: &mut String, number: i16, digits: usize) -> fmt::Result {
    write!(text, "{number:0digits$}")
}

/// The name, or its first three letters.
fn name(text: &mut String, name: Option<&&str>, count: usize) -> fmt::Result {
    let name = name.copied().unwrap_or_default();
    text.write_str(if count == 3 { &name[..3] } else { name })
}
