//! What is wrong with an expression, and where.

use std::fmt;

/// Characters of the expression that are shown around a problem.
const SHOWN: usize = 100;

/// Bytes of the source, from the first to the one behind the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Span {
    pub(super) const fn new(start: usize, end: usize) -> Self {
        Self { start, end }
    }
}

/// A problem before the source is at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) span: Span,
    pub(super) problem: String,
}

impl Fault {
    pub(super) fn new(span: Span, problem: impl Into<String>) -> Self {
        Self {
            span,
            problem: problem.into(),
        }
    }

    pub(super) fn in_source(self, source: &str) -> ExpressionError {
        let before = source.get(..self.span.start).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let line = source[line_start..].lines().next().unwrap_or_default();
        let column = source[line_start..before.len()].chars().count();
        let width = source.get(self.span.start..self.span.end).map_or(1, |it| {
            it.lines().next().unwrap_or_default().chars().count()
        });
        ExpressionError {
            is_one_line: !source.trim_end().contains('\n'),
            line: before.matches('\n').count() + 1,
            column: column + 1,
            problem: self.problem,
            excerpt: excerpt(line, column, width.max(1)),
        }
    }
}

/// The part of `line` around `column`, and under it a caret for each of `width` characters.
fn excerpt(line: &str, column: usize, width: usize) -> String {
    let characters: Vec<char> = line.chars().collect();
    let from = if characters.len() > SHOWN {
        column.saturating_sub(SHOWN / 2)
    } else {
        0
    };
    let to = (from + SHOWN).min(characters.len());
    let mut shown = String::new();
    let mut marks = String::new();
    if from > 0 {
        shown.push('…');
        marks.push(' ');
    }
    for (at, character) in characters.iter().enumerate().take(to).skip(from) {
        // A tab would put the caret elsewhere.
        shown.push(if character.is_control() {
            ' '
        } else {
            *character
        });
        if at < column {
            marks.push(' ');
        }
    }
    if to < characters.len() {
        shown.push('…');
    }
    let room = to.max(column + 1) - column;
    marks.extend(std::iter::repeat_n('^', width.min(room)));
    format!("{shown}\n{marks}")
}

/// What is wrong with an expression. It displays with the column, as `column 5: Mid, argument start: …`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpressionError {
    is_one_line: bool,
    line: usize,
    column: usize,
    problem: String,
    excerpt: String,
}

impl ExpressionError {
    /// Line of the expression, from 1.
    pub const fn line(&self) -> usize {
        self.line
    }

    /// Character of that line, from 1.
    pub const fn column(&self) -> usize {
        self.column
    }

    /// What was got and what is wanted, without the place.
    pub fn problem(&self) -> &str {
        &self.problem
    }

    /// Two lines: the part of the expression, and carets below what is meant.
    pub fn excerpt(&self) -> &str {
        &self.excerpt
    }
}

impl fmt::Display for ExpressionError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_one_line {
            write!(formatter, "line {}, ", self.line)?;
        }
        write!(formatter, "column {}: {}", self.column, self.problem)
    }
}

impl std::error::Error for ExpressionError {}

/// `text` as it is quoted in a message: on one line, at most 40 characters.
pub(super) fn quoted(text: &str) -> String {
    let mut characters = text.chars();
    let mut clipped: String = characters.by_ref().take(40).collect();
    if characters.next().is_some() {
        clipped.push('…');
    }
    format!("{clipped:?}")
}

/// The one of `known` that was likely meant by `word`, as ` (did you mean Mid?)`, or nothing.
pub(crate) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let near = known
        // What is twice as long is not near, and comparing it may take long.
        .filter(|it| word.len() <= 2 * it.len())
        .map(|it| (strsim::damerau_levenshtein(&word, &it.to_lowercase()), it))
        .filter(|(distance, it)| *distance <= 1.max(it.len().min(word.len()) / 3))
        .min_by_key(|(distance, _)| *distance);
    near.map_or_else(String::new, |(_, it)| format!(" (did you mean {it}?)"))
}
