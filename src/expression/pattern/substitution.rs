//! The replacement of a match, as .NET's substitutions: `$1`, `${name}`, `$$`, `$&`, `` $` ``, `$'`, `$+`, `$_`.

use fancy_regex::Captures;

use super::translation::{Groups, matched};

/// A replacement cut into its parts.
pub(super) struct Substitution<'r> {
    parts: Vec<Part<'r>>,
}

enum Part<'r> {
    Literal(&'r str),
    Group(&'r [usize]),
    Before,
    After,
    Input,
}

impl<'r> Substitution<'r> {
    /// Cuts `replacement`. What refers to no group of the pattern is taken as it is.
    pub(super) fn parse(replacement: &'r str, groups: &'r Groups) -> Self {
        let mut parts = Vec::new();
        let mut rest = replacement;
        while let Some(at) = rest.find('$') {
            parts.push(Part::Literal(&rest[..at]));
            let reference = &rest[at..];
            let (part, length) =
                reference_at(reference, groups).unwrap_or((Part::Literal(&reference[..1]), 1));
            parts.push(part);
            rest = &reference[length..];
        }
        parts.push(Part::Literal(rest));
        Self { parts }
    }

    /// The replacement of one match in `text`, in parts.
    pub(super) fn of(&self, text: &'r str, captures: &Captures<'_, str>) -> Vec<&'r str> {
        let whole = captures.get(0).map_or(0..0, |it| it.range());
        let part = |part: &Part<'r>| match part {
            Part::Literal(literal) => literal,
            Part::Group(group) => &text[matched(group, captures).unwrap_or_default()],
            Part::Before => &text[..whole.start],
            Part::After => &text[whole.end..],
            Part::Input => text,
        };
        self.parts.iter().map(part).collect()
    }
}

/// The reference at the start of `text`, which begins with a dollar sign, and its length.
fn reference_at<'r>(text: &'r str, groups: &'r Groups) -> Option<(Part<'r>, usize)> {
    let behind = &text[1..];
    let named = |name| groups.named(name).map(Part::Group);
    Some(match behind.chars().next()? {
        '$' => (Part::Literal(&behind[..1]), 2),
        '&' => (named("0")?, 2),
        '`' => (Part::Before, 2),
        '\'' => (Part::After, 2),
        '_' => (Part::Input, 2),
        '+' => (Part::Group(groups.last()?), 2),
        '{' => {
            let end = behind.find('}')?;
            (named(&behind[1..end])?, end + 2)
        }
        '0'..='9' => {
            let digits = behind
                .find(|it: char| !it.is_ascii_digit())
                .unwrap_or(behind.len());
            (named(&behind[..digits])?, digits + 1)
        }
        _ => return None,
    })
}
