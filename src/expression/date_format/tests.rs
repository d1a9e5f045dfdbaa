//! Dates in the formats of .NET.

use jiff::Timestamp;

use super::super::date_time::DateTime;
use super::*;

const ISO: &str = "yyyy-MM-ddTHH:mm:ss.fffffff";

fn now() -> Timestamp {
    "2026-05-17T12:00:00Z".parse().unwrap()
}

/// `text` read by one format and written by another.
fn changed(text: &str, input: &str, output: &str, styles: &str) -> String {
    let styles = if styles.is_empty() {
        Styles::default()
    } else {
        match Styles::parse(styles) {
            Ok(styles) => styles,
            Err(problem) => return problem,
        }
    };
    let (input, output) = match (DateFormat::parse(input), DateFormat::parse(output)) {
        (Ok(input), Ok(output)) => (input, output),
        (Err(problem), _) | (_, Err(problem)) => return problem,
    };
    let read = input.read(text, styles, now());
    read.map_or_else(|| "no".to_owned(), |it| output.write(it.date, it.kind))
}

#[test]
fn dates_are_written_in_every_format() {
    let date = DateTime::parse("2009-06-05T15:04:07.1234500").unwrap();
    for (format, expected) in [
        ("d M yyyy", "5 6 2009"),
        ("dd MM yy", "05 06 09"),
        ("%d", "5"),
        ("ddd dddd MMM MMMM", "Fri Friday Jun June"),
        ("y yyy yyyyy", "9 2009 02009"),
        ("h hh H HH", "3 03 15 15"),
        ("m mm s ss", "4 04 7 07"),
        ("t tt", "P PM"),
        ("f ff fffffff", "1 12 1234500"),
        ("ss.FFFFFFF", "07.12345"),
        ("z zz zzz K|", "+0 +00 +00:00 |"),
        ("yyyy-MM-ddTHH:mm:ssZ", "2009-06-05T15:04:07Z"),
        ("'day' d \"of\" MMMM \\d", "day 5 of June d"),
        ("yyyy'-'MM'-'dd", "2009-06-05"),
        ("g", "06/05/2009 15:04"),
        ("gg yyyy", "A.D. 2009"),
        ("d", "06/05/2009"),
        ("D", "Friday, 05 June 2009"),
        ("o", "2009-06-05T15:04:07.1234500"),
        ("R", "Fri, 05 Jun 2009 15:04:07 GMT"),
        ("u", "2009-06-05 15:04:07Z"),
        ("M/d/yyyy h:mm:ss tt", "6/5/2009 3:04:07 PM"),
    ] {
        let format = DateFormat::parse(format).unwrap();
        assert_eq!(format.write(date, Kind::Unspecified), expected);
    }
    let whole = DateTime::parse("2009-06-05").unwrap();
    let format = DateFormat::parse("ss.FFF'!'").unwrap();
    assert_eq!(format.write(whole, Kind::Unspecified), "00!");
}

#[test]
fn dates_are_read_exactly() {
    for (text, format, expected) in [
        (
            "20150123105347.1Z",
            "yyyyMMddHHmmss.fZ",
            "2015-01-23T10:53:47.1000000",
        ),
        ("1/2/2024", "M/d/yyyy", "2024-01-02T00:00:00.0000000"),
        ("1/2/2024", "MM/dd/yyyy", "no"),
        ("10/20/2024", "M/d/yyyy", "2024-10-20T00:00:00.0000000"),
        ("2/30/2024", "M/d/yyyy", "no"),
        (" 2024-02-29 ", "yyyy-MM-dd", "2024-02-29T00:00:00.0000000"),
        ("2024-02-29x", "yyyy-MM-dd", "no"),
    ] {
        assert_eq!(
            changed(text, format, ISO, ""),
            expected,
            "{text} by {format}"
        );
    }
}

#[test]
fn what_a_format_leaves_out_is_filled_in() {
    for (text, format, expected) in [
        (
            "1/1/24 12:05 AM",
            "M/d/yy h:mm tt",
            "2024-01-01T00:05:00.0000000",
        ),
        (
            "1/1/70 12:05 pm",
            "M/d/yy h:mm tt",
            "1970-01-01T12:05:00.0000000",
        ),
        ("1/1/2024 13:05 PM", "M/d/yyyy h:mm tt", "no"),
        ("1/1/2024 1:05:00 PM", "M/d/yyyy hh:mm:ss tt", "no"),
        (
            "1/1/2024 13:05 PM",
            "M/d/yyyy H:mm tt",
            "2024-01-01T13:05:00.0000000",
        ),
        (
            "Mon 5 aug 2024",
            "ddd d MMM yyyy",
            "2024-08-05T00:00:00.0000000",
        ),
        ("Tue 5 Aug 2024", "ddd d MMM yyyy", "no"),
        ("August 2024", "MMMM yyyy", "2024-08-01T00:00:00.0000000"),
        ("3 4", "M d", "2026-03-04T00:00:00.0000000"),
        ("15:04", "HH:mm", "2026-05-17T15:04:00.0000000"),
    ] {
        assert_eq!(
            changed(text, format, ISO, ""),
            expected,
            "{text} by {format}"
        );
    }
}

#[test]
fn fractions_and_offsets_are_read() {
    for (text, format, expected) in [
        (
            "2024-01-01T00:00:00.12",
            "yyyy-MM-ddTHH:mm:ss.FFF",
            "2024-01-01T00:00:00.1200000",
        ),
        (
            "2024-01-01T00:00:00",
            "yyyy-MM-ddTHH:mm:ss.FFF",
            "2024-01-01T00:00:00.0000000",
        ),
        ("2024-01-01T00:00:00", "yyyy-MM-ddTHH:mm:ss.fff", "no"),
        (
            "2021-06-30+08:00",
            "yyyy-MM-ddzzz",
            "2021-06-29T16:00:00.0000000",
        ),
        (
            "2021-06-30-0830",
            "yyyy-MM-ddzzz",
            "2021-06-30T08:30:00.0000000",
        ),
        (
            "2021-06-30 +8",
            "yyyy-MM-dd z",
            "2021-06-29T16:00:00.0000000",
        ),
        (
            "2021-06-30T01:00:00+02:00",
            "yyyy-MM-ddTHH:mm:ssK",
            "2021-06-29T23:00:00.0000000",
        ),
        (
            "2021-06-30T01:00:00",
            "yyyy-MM-ddTHH:mm:ssK",
            "2021-06-30T01:00:00.0000000",
        ),
        (
            "9999-12-31-01:00",
            "yyyy-MM-ddzzz",
            "9999-12-31T01:00:00.0000000",
        ),
        ("9999-12-31-25:00", "yyyy-MM-ddzzz", "no"),
        ("2024-01-01", "o", "no"),
    ] {
        assert_eq!(
            changed(text, format, ISO, ""),
            expected,
            "{text} by {format}"
        );
    }
}

#[test]
fn styles_say_what_is_lenient() {
    for (text, styles, expected) in [
        (" 2024-01-02", "None", "no"),
        (" 2024-01-02", "AllowLeadingWhite", "2024-01-02"),
        ("2024 - 01-02", "AllowInnerWhite", "2024-01-02"),
        ("2024-01-02", "32", "2024-01-02+00:00"),
        (
            "2024-01-02",
            "AssumeUniversal, AdjustToUniversal",
            "2024-01-02Z",
        ),
        ("2024-01-02", "assumeuniversal", "2024-01-02+00:00"),
    ] {
        assert_eq!(
            changed(text, "yyyy-MM-dd", "yyyy-MM-ddK", styles),
            expected,
            "{styles}"
        );
    }
    assert_eq!(
        changed("x", "d", "d", "AssumeLocl"),
        "must be names of DateTimeStyles such as AssumeUniversal, or their number, got \"AssumeLocl\" (did you mean AssumeLocal?)"
    );
    assert_eq!(
        changed("x", "d", "d", "RoundtripKind, AssumeLocal"),
        "combines styles that exclude each other, got \"RoundtripKind, AssumeLocal\""
    );
}

#[test]
fn a_format_that_is_none_is_refused() {
    for format in ["", "x", "'a", "yyyy\\", "ffffffff", "%", "%%"] {
        assert!(DateFormat::parse(format).is_err(), "{format}");
    }
}
