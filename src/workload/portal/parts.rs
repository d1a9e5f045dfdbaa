//! What pages are made of, as values that templates draw.

use std::fmt;

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The colour that goes with a word; the word says it without the colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tone {
    Good,
    Warn,
    Bad,
    Plain,
}

impl fmt::Display for Tone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Good => "good",
            Self::Warn => "warn",
            Self::Bad => "bad",
            Self::Plain => "plain",
        })
    }
}

/// A dot and a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct State {
    pub(super) tone: Tone,
    pub(super) word: String,
}

impl State {
    pub(super) fn new(tone: Tone, word: impl Into<String>) -> Self {
        Self {
            tone,
            word: word.into(),
        }
    }

    /// That of a person.
    pub(super) fn of_person(is_active: bool) -> Self {
        if is_active {
            Self::new(Tone::Good, "Active")
        } else {
            Self::new(Tone::Bad, "Deactivated")
        }
    }

    /// That of an answer.
    pub(super) fn of_answer(status: u16) -> Self {
        let tone = match status {
            ..400 => Tone::Good,
            404 => Tone::Plain,
            400..500 => Tone::Warn,
            500.. => Tone::Bad,
        };
        Self::new(tone, status.to_string())
    }
}

/// Another page, below the prefix of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) text: String,
    pub(super) path: String,
}

impl Link {
    pub(super) fn new(text: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            path: path.into(),
        }
    }
}

/// What happened, why, and where to look.
pub(super) struct Notice {
    pub(super) tone: Tone,
    pub(super) what: String,
    pub(super) why: String,
    pub(super) link: Option<Link>,
}

/// A number with a line of detail.
pub(super) struct Figure {
    pub(super) label: &'static str,
    pub(super) value: String,
    pub(super) detail: String,
}

/// A value to paste elsewhere.
pub(super) struct Copy {
    pub(super) id: String,
    pub(super) label: String,
    pub(super) value: String,
}

/// One of the values of a name.
pub(super) struct Line {
    /// What kind it is of, such as `work`.
    pub(super) label: Option<String>,
    pub(super) text: String,
}

/// A name with its values, and where they came from.
pub(super) struct Pair {
    pub(super) name: String,
    /// The extension that it belongs to.
    pub(super) extension: Option<String>,
    pub(super) lines: Vec<Line>,
    pub(super) at: Option<At>,
    pub(super) origin: Option<(String, At)>,
}

impl Pair {
    pub(super) fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self::lines(name, vec![value.into()])
    }

    pub(super) fn lines(name: impl Into<String>, values: Vec<String>) -> Self {
        let lines = values.into_iter().map(|text| Line { label: None, text });
        Self {
            name: name.into(),
            extension: None,
            lines: lines.collect(),
            at: None,
            origin: None,
        }
    }

    /// With a time as its value.
    pub(super) fn at(name: impl Into<String>, at: At) -> Self {
        Self {
            at: Some(at),
            ..Self::lines(name, Vec::new())
        }
    }
}

/// One step of a checklist, or of a story.
pub(super) struct Step {
    pub(super) tone: Tone,
    pub(super) what: String,
    pub(super) detail: Option<String>,
    pub(super) at: Option<At>,
}

/// That there is nothing, and what fills it.
pub(super) struct Empty {
    pub(super) sentence: String,
    /// A command, or lines of YAML.
    pub(super) how: Option<String>,
}

impl Empty {
    pub(super) fn new(sentence: impl Into<String>) -> Self {
        Self {
            sentence: sentence.into(),
            how: None,
        }
    }
}

/// One of the values of a drop-down.
pub(super) struct Choice {
    pub(super) value: String,
    pub(super) text: String,
    pub(super) is_chosen: bool,
}

impl Choice {
    /// Choices of which the one with the value `chosen` is chosen.
    pub(super) fn all<'c>(
        all: impl IntoIterator<Item = (&'c str, &'c str)>,
        chosen: &str,
    ) -> Vec<Self> {
        let all = all.into_iter().map(|(value, text)| Self {
            value: value.to_owned(),
            text: text.to_owned(),
            is_chosen: value == chosen,
        });
        all.collect()
    }
}

/// A drop-down above a list.
pub(super) struct Filter {
    pub(super) name: &'static str,
    pub(super) label: &'static str,
    pub(super) options: Vec<Choice>,
}

/// A form that does something.
pub(super) struct Action {
    pub(super) path: String,
    /// What a screen reader says, where the button alone does not.
    pub(super) label: String,
    pub(super) field: &'static str,
    /// What may be chosen; nothing when the button says it all.
    pub(super) options: Vec<Choice>,
    /// What the button sends.
    pub(super) value: Option<String>,
    pub(super) button: &'static str,
    pub(super) is_danger: bool,
}

/// Where a list goes on.
pub(super) struct Pages {
    pub(super) said: String,
    pub(super) first: Option<String>,
    pub(super) next: Option<String>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Written {
    Time,
    Axis,
}

/// A time; the script writes it in the zone of the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct At(Timestamp, Written);

impl At {
    pub(super) fn new(at: Timestamp) -> Self {
        Self(at, Written::Time)
    }

    /// Day of the week and hour, for below a chart.
    pub(super) fn on_axis(at: Timestamp) -> Self {
        Self(at, Written::Axis)
    }
}

impl fmt::Display for At {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let utc = self.0.to_zoned(TimeZone::UTC);
        let machine = utc.strftime("%Y-%m-%dT%H:%M:%SZ");
        match self.1 {
            Written::Time => {
                let shown = utc.strftime("%Y-%m-%d %H:%M UTC");
                write!(formatter, "<time datetime=\"{machine}\">{shown}</time>")
            }
            Written::Axis => {
                let shown = utc.strftime("%a %H:%M");
                write!(
                    formatter,
                    "<time datetime=\"{machine}\" data-as=\"axis\">{shown}</time>"
                )
            }
        }
    }
}

/// It writes digits and its own markup, nothing of anybody.
impl askama::filters::HtmlSafe for At {}

/// A number with separators, as in `4,218`.
pub(super) fn number(number: impl Into<i128>) -> String {
    let number: i128 = number.into();
    let digits = number.unsigned_abs().to_string();
    let mut written = String::new();
    if number < 0 {
        written.push('-');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            written.push(',');
        }
        written.push(digit);
    }
    written
}

/// `1 person`, `2 people`.
pub(super) fn counted(count: impl Into<i128>, one: &str, many: &str) -> String {
    let count: i128 = count.into();
    let word = if count == 1 { one } else { many };
    format!("{} {word}", number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_separators() {
        for (given, expected) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
            (-4218, "-4,218"),
        ] {
            assert_eq!(number(given), expected);
        }
        assert_eq!(counted(1, "person", "people"), "1 person");
        assert_eq!(counted(4218, "person", "people"), "4,218 people");
    }

    #[test]
    fn a_time_says_its_zone_without_script() {
        let at = At::new("2026-11-28T09:05:07.5Z".parse().unwrap());
        assert_eq!(
            at.to_string(),
            "<time datetime=\"2026-11-28T09:05:07Z\">2026-11-28 09:05 UTC</time>"
        );
    }
}
