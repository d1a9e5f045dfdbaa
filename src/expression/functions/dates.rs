//! Dates. All are in UTC; their text is as in `7/2/2021 3:33:38 PM`.

use super::super::arguments::Arguments;
use super::super::date_format::{DateFormat, Read, Styles};
use super::super::date_time::{DateTime, Interval};
use super::super::error::{quoted, suggestion};
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, omissible, plain, required, with};

const INTERVALS: [(&str, Interval); 7] = [
    ("yyyy", Interval::Year),
    ("m", Interval::Month),
    ("ww", Interval::Week),
    ("d", Interval::Day),
    ("h", Interval::Hour),
    ("n", Interval::Minute),
    ("s", Interval::Second),
];

pub(super) const FAMILY: Family = Family {
    title: "Dates",
    functions: &[
        Function::new("Now", &[], now)
            .says("The present, in UTC.")
            .shows(&[plain("Now()", Shown::Text("7/2/2021 3:33:38 PM"))]),
        Function::new("CDate", &[required("expression", Accepts::DateTime)], c_date)
            .says("The date in a text such as 2020-03-16, 2020-03-16-07:00, 2020-03-16T01:45:30-07:00 or 3/16/2020 1:45:30 AM, in UTC. Without an offset it is UTC.")
            .shows(&[with(
                "CDate([StatusHireDate])",
                r#"{"StatusHireDate": "2020-03-16-07:00"}"#,
                Shown::Text("3/16/2020 7:00:00 AM"),
            )]),
        Function::new(
            "DateAdd",
            &[
                required("interval", Accepts::Interval),
                required("value", Accepts::Integer),
                required("dateTime", Accepts::DateTime),
            ],
            date_add,
        )
        .says("The date so many intervals later, or earlier of a negative number. Intervals are yyyy for years, m months, ww weeks, d days, h hours, n minutes, s seconds. A day that the month does not have becomes its last.")
        .shows(&[
            plain(
                r#"DateAdd("d", 7, CDate("2012-03-16-07:00"))"#,
                Shown::Text("3/23/2012 7:00:00 AM"),
            ),
            plain(
                r#"DateAdd("m", -1, CDate("2024-03-31"))"#,
                Shown::Text("2/29/2024 12:00:00 AM"),
            ),
        ]),
        Function::new(
            "DateDiff",
            &[
                required("interval", Accepts::Interval),
                required("date1", Accepts::DateTime),
                required("date2", Accepts::DateTime),
            ],
            date_diff,
        )
        .says("How many intervals the second date is behind the first; negative if it is before it. Years and months are counted by the calendar, weeks by their Sundays, the others as whole ones elapsed. Intervals are those of DateAdd.")
        .shows(&[plain(
            r#"DateDiff("d", CDate("2021-08-18"), CDate("2021-08-31"))"#,
            Shown::Text("13"),
        )]),
        Function::new(
            "FormatDateTime",
            &[
                required("source", Accepts::Text),
                omissible("dateTimeStyles", Accepts::DateStyles),
                required("inputFormat", Accepts::DateFormat),
                required("outputFormat", Accepts::DateFormat),
            ],
            format_date_time,
        )
        .says("A date in another format. Formats are those of .NET; the source must be exactly in the first one. Styles are names of .NET's DateTimeStyles or their number, by default RoundtripKind, AllowLeadingWhite, AllowTrailingWhite. With three arguments they are the default ones. An empty source stays empty.")
        .shows(&[
            with(
                r#"FormatDateTime([extensionAttribute1], , "yyyyMMddHHmmss.fZ", "yyyy-MM-dd")"#,
                r#"{"extensionAttribute1": "20150123105347.1Z"}"#,
                Shown::Text("2015-01-23"),
            ),
            plain(
                r#"FormatDateTime(Now(), , "M/d/yyyy h:mm:ss tt", "dddd d MMMM yyyy")"#,
                Shown::Text("Friday 2 July 2021"),
            ),
        ]),
        Function::new("DateFromNum", &[required("value", Accepts::Integer)], date_from_num)
            .says("The date of a large integer of Active Directory: steps of 100 nanoseconds since 1601.")
            .shows(&[plain(
                "DateFromNum(129699324000000000)",
                Shown::Text("1/1/2012 11:00:00 PM"),
            )]),
        Function::new("NumFromDate", &[required("value", Accepts::DateTime)], num_from_date)
            .says("The large integer that Active Directory has for a date.")
            .shows(&[plain(
                r#"NumFromDate("2012-01-01 23:00:00")"#,
                Shown::Text("129699324000000000"),
            )]),
    ],
};

/// The interval of that name; `m` is months and `n` minutes, as in Visual Basic.
pub(in super::super) fn interval(name: &str) -> Result<Interval, String> {
    let found = INTERVALS.iter().find(|(known, _)| *known == name);
    found.map(|(_, interval)| *interval).ok_or_else(|| {
        let near = suggestion(name, INTERVALS.iter().map(|(known, _)| *known));
        format!(
            "must be yyyy, m, ww, d, h, n or s, got {}{near}",
            quoted(name)
        )
    })
}

fn now<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    dated(arguments, DateTime::at(arguments.environment().now))
}

fn c_date<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.date_time(0).map(Value::DateTime)
}

fn date_add<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let interval = arguments.choice(0, interval)?;
    let count = arguments.integer(1)?;
    let date = arguments.date_time(2)?;
    dated(arguments, date.plus(count, interval))
}

fn date_diff<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let interval = arguments.choice(0, interval)?;
    let (from, to) = (arguments.date_time(1)?, arguments.date_time(2)?);
    Ok(Value::Integer(from.until(to, interval)))
}

fn date_from_num<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let number = arguments.integer(0)?;
    dated(arguments, DateTime::from_large_integer(number))
}

fn num_from_date<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let number = arguments.date_time(0)?.large_integer();
    number
        .map(Value::Integer)
        .ok_or_else(|| arguments.fault(0, "must not be before 1601"))
}

fn dated<'a>(arguments: &Arguments<'a, '_>, date: Option<DateTime>) -> Evaluated<'a> {
    date.map(Value::DateTime)
        .ok_or_else(|| arguments.failure("the date is outside of the years 1 to 9999"))
}

fn format_date_time<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(source) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    if source.is_empty() {
        return Ok(Value::Text(source));
    }
    // Three arguments are source and formats; with styles there are four.
    let (styles, input) = match arguments.count() {
        3 => (Styles::default(), 1),
        _ => (arguments.choice(1, Styles::parse)?, 2),
    };
    let written = arguments.text_or_empty(input)?;
    let format = DateFormat::parse(&written).map_err(|problem| arguments.fault(input, problem))?;
    let wanted = arguments.choice(input + 1, DateFormat::parse)?;
    let Read { date, kind } = format
        .read(&source, styles, arguments.environment().now)
        .ok_or_else(|| arguments.fault(0, no_date(&source, &written)))?;
    Ok(Value::text(wanted.write(date, kind)))
}

fn no_date(source: &str, format: &str) -> String {
    format!(
        "must be a date in the format {}, got {}",
        quoted(format),
        quoted(source)
    )
}
