//! Moments in UTC, from year 1 to 9999 and in steps of 100 nanoseconds as .NET has them.

use std::fmt;

use jiff::civil;
use jiff::{SignedDuration, Span, Timestamp, tz::TimeZone};

/// Nanoseconds of .NET's smallest step.
const TICK: i32 = 100;

/// The moment from which Active Directory counts.
const EPOCH_1601: civil::DateTime = civil::date(1601, 1, 1).at(0, 0, 0, 0);

/// A moment in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DateTime(civil::DateTime);

/// What dates are added and subtracted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interval {
    Year,
    Month,
    Week,
    Day,
    Hour,
    Minute,
    Second,
}

impl Interval {
    /// Seconds of an interval that always has the same length.
    const fn seconds(self) -> Option<i64> {
        match self {
            Self::Year | Self::Month => None,
            Self::Week => Some(7 * 86_400),
            Self::Day => Some(86_400),
            Self::Hour => Some(3_600),
            Self::Minute => Some(60),
            Self::Second => Some(1),
        }
    }
}

impl DateTime {
    /// The moment on the clock of UTC; none outside of the years 1 to 9999.
    pub(super) fn of(civil: civil::DateTime) -> Option<Self> {
        let nanosecond = civil.subsec_nanosecond() / TICK * TICK;
        let civil = civil.with().subsec_nanosecond(nanosecond).build().ok()?;
        (1..=9999).contains(&civil.year()).then_some(Self(civil))
    }

    pub(super) fn at(timestamp: Timestamp) -> Option<Self> {
        Self::of(TimeZone::UTC.to_datetime(timestamp))
    }

    /// Date and time of day in UTC.
    pub(super) const fn civil(self) -> civil::DateTime {
        self.0
    }

    /// The moment in a text: `yyyy-MM-dd`, perhaps with a time behind `T` or a blank, or `M/d/yyyy`, perhaps with a time
    /// of 12 hours; either perhaps with `Z` or an offset. Without one it is UTC.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut reader = Reader(text.trim());
        let date = reader.iso_date().or_else(|| reader.american_date())?;
        let time = if reader.begins_time() {
            reader.time()?
        } else {
            civil::Time::midnight()
        };
        let offset = reader.offset()?;
        if !reader.0.is_empty() {
            return None;
        }
        let utc = date.to_datetime(time).checked_sub(offset).ok()?;
        Self::of(utc)
    }

    /// The moment `count` intervals later; a day that the month does not have becomes its last.
    pub(super) fn plus(self, count: i64, interval: Interval) -> Option<Self> {
        let later = match interval.seconds() {
            Some(seconds) => {
                let seconds = seconds.checked_mul(count)?;
                self.0.checked_add(SignedDuration::from_secs(seconds))
            }
            None if interval == Interval::Year => {
                self.0.checked_add(Span::new().try_years(count).ok()?)
            }
            None => self.0.checked_add(Span::new().try_months(count).ok()?),
        };
        Self::of(later.ok()?)
    }

    /// Intervals from this moment until `other`, as Visual Basic .NET counts: years and months by the calendar, weeks by
    /// Sundays, everything else by the time elapsed, without fractions.
    pub(super) fn until(self, other: Self, interval: Interval) -> i64 {
        let (from, to) = (self.0, other.0);
        let elapsed = to.duration_since(from);
        let years = i64::from(to.year()) - i64::from(from.year());
        match interval {
            Interval::Year => years,
            Interval::Month => 12 * years + i64::from(to.month()) - i64::from(from.month()),
            Interval::Week => {
                // Both go back to the day before their week's Sunday.
                let back = |it: civil::DateTime| {
                    SignedDuration::from_hours(24 * i64::from(it.weekday().to_sunday_one_offset()))
                };
                let between = elapsed - back(to) + back(from);
                between.as_secs() / 86_400 / 7
            }
            Interval::Day => elapsed.as_secs() / 86_400,
            Interval::Hour => elapsed.as_secs() / 3_600,
            Interval::Minute => elapsed.as_secs() / 60,
            Interval::Second => elapsed.as_secs(),
        }
    }

    /// The moment of a large integer of Active Directory: steps of 100 nanoseconds since 1601.
    pub(super) fn from_large_integer(number: i64) -> Option<Self> {
        if number < 0 {
            return None;
        }
        let nanoseconds = i32::try_from(number % 10_000_000).ok()? * TICK;
        let since = SignedDuration::new(number / 10_000_000, nanoseconds);
        Self::of(EPOCH_1601.checked_add(since).ok()?)
    }

    /// The large integer of Active Directory; none before 1601.
    pub(super) fn large_integer(self) -> Option<i64> {
        let steps = self.0.duration_since(EPOCH_1601).as_nanos() / i128::from(TICK);
        i64::try_from(steps).ok().filter(|_| self.0 >= EPOCH_1601)
    }
}

/// As .NET's invariant culture writes it: `7/2/2021 3:33:38 PM`.
impl fmt::Display for DateTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let it = self.0;
        let (hour, half) = twelve_hours(it.hour());
        write!(
            formatter,
            "{}/{}/{:04} {hour}:{:02}:{:02} {half}",
            it.month(),
            it.day(),
            it.year(),
            it.minute(),
            it.second(),
        )
    }
}

/// The hour from 1 to 12, and its half of the day.
pub(super) const fn twelve_hours(hour: i8) -> (i8, &'static str) {
    let half = if hour < 12 { "AM" } else { "PM" };
    let hour = match hour % 12 {
        0 => 12,
        other => other,
    };
    (hour, half)
}

/// What is left to read of a date.
struct Reader<'t>(&'t str);

impl Reader<'_> {
    fn sign(&mut self, sign: char) -> Option<()> {
        self.0 = self.0.strip_prefix(sign)?;
        Some(())
    }

    /// A number of `least` to `most` digits.
    fn number(&mut self, least: usize, most: usize) -> Option<i16> {
        let digits = self.0.bytes().take(most);
        let length = digits.take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.0.split_at_checked(length)?;
        if length < least {
            return None;
        }
        self.0 = rest;
        number.parse().ok()
    }

    fn small(&mut self, least: usize) -> Option<i8> {
        self.number(least, 2)?.try_into().ok()
    }

    fn iso_date(&mut self) -> Option<civil::Date> {
        let mut ahead = Reader(self.0);
        let year = ahead.number(4, 4)?;
        ahead.sign('-')?;
        let month = ahead.small(2)?;
        ahead.sign('-')?;
        let day = ahead.small(2)?;
        self.0 = ahead.0;
        civil::Date::new(year, month, day).ok()
    }

    fn american_date(&mut self) -> Option<civil::Date> {
        let month = self.small(1)?;
        self.sign('/')?;
        let day = self.small(1)?;
        self.sign('/')?;
        let year = self.number(4, 4)?;
        civil::Date::new(year, month, day).ok()
    }

    /// Whether a time follows, and takes what is before it.
    fn begins_time(&mut self) -> bool {
        let rest = self.0.strip_prefix('T').unwrap_or(self.0).trim_start();
        let is_time = rest.len() < self.0.len() && rest.starts_with(|it: char| it.is_ascii_digit());
        if is_time {
            self.0 = rest;
        }
        is_time
    }

    fn time(&mut self) -> Option<civil::Time> {
        let hour = self.small(1)?;
        self.sign(':')?;
        let minute = self.small(2)?;
        let (mut second, mut nanosecond) = (0, 0);
        if self.sign(':').is_some() {
            second = self.small(2)?;
            if self.sign('.').is_some() {
                nanosecond = self.fraction()?;
            }
        }
        let hour = match self.half() {
            Some(_) if !(1..=12).contains(&hour) => return None,
            Some(half) => hour % 12 + half,
            None => hour,
        };
        civil::Time::new(hour, minute, second, nanosecond).ok()
    }

    /// Nanoseconds of the digits behind the point.
    fn fraction(&mut self) -> Option<i32> {
        let length = self.0.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        let digits = digits.get(..9).unwrap_or(digits);
        (length > 0).then(|| format!("{digits:0<9}").parse().ok())?
    }

    /// The hours that `AM` or `PM` adds.
    fn half(&mut self) -> Option<i8> {
        let rest = self.0.trim_start();
        let (half, rest) = rest.split_at_checked(2)?;
        let hours = if half.eq_ignore_ascii_case("AM") {
            0
        } else if half.eq_ignore_ascii_case("PM") {
            12
        } else {
            return None;
        };
        self.0 = rest;
        Some(hours)
    }

    /// `Z`, `+hh:mm`, `-hh:mm` or nothing.
    fn offset(&mut self) -> Option<SignedDuration> {
        self.0 = self.0.trim_start();
        if self.0.is_empty() || self.sign('Z').is_some() {
            return Some(SignedDuration::ZERO);
        }
        let direction = match self.0.chars().next()? {
            '+' => 1,
            '-' => -1,
            _ => return None,
        };
        self.0 = &self.0[1..];
        let hours = self.small(2)?;
        self.sign(':')?;
        let minutes = self.small(2)?;
        offset(direction, hours, minutes)
    }
}

/// An offset from UTC; .NET allows 14 hours.
pub(super) fn offset(direction: i64, hours: i8, minutes: i8) -> Option<SignedDuration> {
    let total = i64::from(hours) * 60 + i64::from(minutes);
    let is_valid = (0..60).contains(&minutes) && (0..=14 * 60).contains(&total);
    is_valid.then(|| SignedDuration::from_mins(direction * total))
}
