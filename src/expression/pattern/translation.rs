//! A .NET pattern written for the Rust engine.
//!
//! Only what both mean alike is handed on; what .NET does not have is refused, and so is the little that the engine lacks
//! (conditions, balancing groups, the options `x` and `n`). Groups lose their names on the way, because .NET allows one
//! name for several groups; [`Groups`] remembers them.

mod class;
mod escape;

use std::ops::Range;

use fancy_regex::Captures;

use super::weight::{Parenthesis, Size, Weight};

/// Characters that mean something outside of a class.
const META: &str = r"\.+*?()|[]{}^$#&-~";

/// What follows `(?` in groups without a name.
const OPENINGS: [(&str, Parenthesis); 6] = [
    ("<=", Parenthesis::LookBehind),
    ("<!", Parenthesis::LookBehind),
    ("=", Parenthesis::LookAhead),
    ("!", Parenthesis::LookAhead),
    (">", Parenthesis::Atomic),
    (":", Parenthesis::Plain),
];

/// A pattern for the engine.
pub(super) struct Translation {
    pub(super) text: String,
    /// The same for a text that ends with a line feed, before which `$` matches; none if the pattern has no `$`.
    pub(super) at_line_feed: Option<String>,
    pub(super) groups: Groups,
    pub(super) size: Size,
}

/// The groups of a pattern by .NET's numbers and names. A name may stand for several of the engine's groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    numbered: Vec<Vec<usize>>,
    names: Vec<(String, usize)>,
}

impl Groups {
    /// Unnamed groups are numbered first, from 1; then named ones, in the order of their first appearance.
    fn of(written: &[Option<String>]) -> Self {
        let mut groups = Self {
            numbered: vec![vec![0]],
            names: Vec::new(),
        };
        for (index, _) in written.iter().enumerate().filter(|(_, it)| it.is_none()) {
            groups.numbered.push(vec![index + 1]);
        }
        for (index, name) in written.iter().enumerate() {
            let Some(name) = name else { continue };
            let known = groups.names.iter().find(|(known, _)| known == name);
            if let Some((_, number)) = known {
                groups.numbered[*number].push(index + 1);
            } else {
                groups.names.push((name.clone(), groups.numbered.len()));
                groups.numbered.push(vec![index + 1]);
            }
        }
        groups
    }

    /// The group of that name or number, as the engine's groups.
    pub(super) fn named(&self, name: &str) -> Option<&[usize]> {
        let known = self.names.iter().find(|(known, _)| known == name);
        let number = match known {
            Some((_, number)) => *number,
            // `parse` would take a plus sign as well.
            None if name.bytes().all(|it| it.is_ascii_digit()) => name.parse().ok()?,
            None => return None,
        };
        self.numbered.get(number).map(Vec::as_slice)
    }

    /// The group with the highest number.
    pub(super) fn last(&self) -> Option<&[usize]> {
        self.numbered.last().map(Vec::as_slice)
    }
}

/// Where a group matched; of several with one name, the last that did.
pub(super) fn matched(group: &[usize], captures: &Captures<'_, str>) -> Option<Range<usize>> {
    let parts = group.iter().rev().filter_map(|it| captures.get(*it));
    parts.map(|it| it.range()).next()
}

/// A part of the pattern for the engine.
enum Piece {
    Text(String),
    /// The end, or before the line feed that ends the text.
    End,
    /// What a group has matched, by name or number, and the groups that it stands in.
    Reference(String, Vec<usize>),
}

/// Reads a pattern from left to right.
struct Translator {
    characters: Vec<char>,
    at: usize,
    pieces: Vec<Piece>,
    /// Capturing groups in the order of their parentheses.
    written: Vec<Option<String>>,
    /// Of each group that is open, its place among these if it is capturing.
    open: Vec<Option<usize>>,
    /// The groups that stand in what is looked back for.
    looked_back: Vec<usize>,
    is_multi_line: bool,
    weight: Weight,
    /// Whether a quantifier may follow.
    is_quantifiable: bool,
}

impl Translation {
    /// Translates `pattern`, or says what cannot be.
    pub(super) fn of(pattern: &str) -> Result<Self, String> {
        let mut translator = Translator {
            characters: pattern.chars().collect(),
            at: 0,
            pieces: Vec::new(),
            written: Vec::new(),
            open: Vec::new(),
            looked_back: Vec::new(),
            is_multi_line: false,
            weight: Weight::new(),
            is_quantifiable: false,
        };
        while translator.at < translator.characters.len() {
            translator.element()?;
        }
        translator.assemble()
    }
}

impl Translator {
    fn peek(&self) -> Option<char> {
        self.characters.get(self.at).copied()
    }

    fn take(&mut self) -> Option<char> {
        let taken = self.peek();
        self.at += usize::from(taken.is_some());
        taken
    }

    /// Takes `text` if it is next.
    fn take_text(&mut self, text: &str) -> bool {
        let is_next = self.characters[self.at..]
            .iter()
            .copied()
            .take(text.chars().count())
            .eq(text.chars());
        if is_next {
            self.at += text.chars().count();
        }
        is_next
    }

    /// What comes before `end`, which is taken as well.
    fn take_until(&mut self, end: char) -> Option<String> {
        let length = self.characters[self.at..]
            .iter()
            .position(|it| *it == end)?;
        let taken = self.characters[self.at..self.at + length].iter().collect();
        self.at += length + 1;
        Some(taken)
    }

    fn push(&mut self, text: &str) {
        self.pieces.push(Piece::Text(text.to_owned()));
    }

    fn push_atom(&mut self, text: &str) {
        self.push(text);
        self.weight.atom(text);
        self.is_quantifiable = true;
    }

    fn open(&mut self, parenthesis: Parenthesis, written: &str) {
        self.push(written);
        self.weight.open(parenthesis);
        let is_capturing = parenthesis == Parenthesis::Capturing;
        let group = is_capturing.then_some(self.written.len());
        self.open.push(group);
        if self.weight.looking_back() > 0 {
            self.looked_back.extend(group);
        }
    }

    fn push_literal(&mut self, literal: char) {
        if META.contains(literal) {
            self.push("\\");
        }
        self.push_atom(literal.encode_utf8(&mut [0; 4]));
    }

    fn element(&mut self) -> Result<(), String> {
        let Some(character) = self.take() else {
            return Ok(());
        };
        match character {
            '\\' => self.escape()?,
            '[' => {
                let class = self.class()?;
                self.push_atom(&class);
            }
            '(' => self.group()?,
            ')' => {
                self.push(")");
                self.weight.close();
                self.open.pop();
                self.is_quantifiable = true;
            }
            '|' => {
                self.push("|");
                self.weight.alternative();
                self.is_quantifiable = false;
            }
            '$' if self.is_multi_line => self.push_atom("$"),
            '$' => self.end(),
            '^' | '.' => self.push_atom(character.encode_utf8(&mut [0; 4])),
            '*' | '+' | '?' => self.quantifier(&character.to_string())?,
            '{' => match self.braces() {
                Some(quantifier) => self.quantifier(&quantifier)?,
                None => self.push_literal('{'),
            },
            literal => self.push_literal(literal),
        }
        Ok(())
    }

    fn end(&mut self) {
        self.pieces.push(Piece::End);
        self.weight.end();
        self.is_quantifiable = true;
    }

    fn quantifier(&mut self, written: &str) -> Result<(), String> {
        if !self.is_quantifiable {
            return Err(format!("{written} repeats nothing"));
        }
        self.push(written);
        let is_endless = written.ends_with(['*', '+']) || written.ends_with(",}");
        let numbers = written.split(|it: char| !it.is_ascii_digit());
        let numbers = numbers.filter(|it| !it.is_empty());
        let numbers = numbers.map(|it| it.parse().unwrap_or(usize::MAX));
        self.weight
            .repeat(numbers.max().unwrap_or(1).max(1), is_endless);
        if self.take_text("?") {
            self.push("?");
        }
        self.is_quantifiable = false;
        Ok(())
    }

    /// The rest of `{2}`, `{2,}` or `{2,5}`; other braces are ordinary characters.
    fn braces(&mut self) -> Option<String> {
        let start = self.at;
        let inside = self.take_until('}');
        let numbers = inside.as_deref().and_then(|inside| {
            let (least, most) = inside.split_once(',').unwrap_or((inside, inside));
            let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
            (is_number(least) && (most.is_empty() || is_number(most))).then_some(inside)
        });
        if numbers.is_none() {
            self.at = start;
        }
        numbers.map(|it| format!("{{{it}}}"))
    }

    /// What follows an opening parenthesis.
    fn group(&mut self) -> Result<(), String> {
        self.is_quantifiable = false;
        if !self.take_text("?") {
            if matches!(self.peek(), Some('*')) {
                return Err("* repeats nothing".to_owned());
            }
            self.written.push(None);
            self.open(Parenthesis::Capturing, "(");
            return Ok(());
        }
        for (opening, parenthesis) in OPENINGS {
            if self.take_text(opening) {
                self.open(parenthesis, &format!("(?{opening}"));
                return Ok(());
            }
        }
        if self.take_text("#") {
            return self
                .take_until(')')
                .map(drop)
                .ok_or_else(|| "the comment is not closed".to_owned());
        }
        let quote = match self.peek() {
            Some('<') => Some('>'),
            Some('\'') => Some('\''),
            _ => None,
        };
        match quote {
            Some(quote) => {
                self.at += 1;
                let name = self.take_until(quote).unwrap_or_default();
                self.named_group(name)
            }
            None => self.options(),
        }
    }

    fn named_group(&mut self, name: String) -> Result<(), String> {
        if name.contains('-') {
            return Err(format!("the balancing group (?<{name}>…) is not supported"));
        }
        let starts = name.starts_with(|it: char| it.is_alphabetic() || it == '_');
        if !starts || !name.chars().all(|it| it.is_alphanumeric() || it == '_') {
            return Err(format!(
                "a group is named by letters, digits and _, beginning with a letter, got {name:?}"
            ));
        }
        self.written.push(Some(name));
        self.open(Parenthesis::Capturing, "(");
        Ok(())
    }

    /// Options such as `(?i)` and `(?i:…)`.
    fn options(&mut self) -> Result<(), String> {
        let mut options = String::new();
        while let Some(option) = self.take() {
            match option {
                'i' | 'm' | 's' | '-' => options.push(option),
                ')' | ':' if !options.is_empty() => {
                    let on = options.split('-').next().unwrap_or_default();
                    self.is_multi_line |= on.contains('m');
                    if on.contains('i') {
                        self.weight.ignore_case();
                    }
                    let written = format!("(?{options}{option}");
                    if option == ':' {
                        self.open(Parenthesis::Plain, &written);
                    } else {
                        self.push(&written);
                    }
                    return Ok(());
                }
                other => {
                    return Err(format!("(?{options}{other} is not supported"));
                }
            }
        }
        Err("a parenthesis is not closed".to_owned())
    }

    fn assemble(self) -> Result<Translation, String> {
        let groups = Groups::of(&self.written);
        let size = self.weight.total();
        let mut text = String::new();
        let mut at_line_feed = String::new();
        let mut has_end = false;
        for piece in &self.pieces {
            let (one, other) = match piece {
                Piece::Text(piece) => (piece.clone(), piece.clone()),
                Piece::End => {
                    has_end = true;
                    (r"\z".to_owned(), r"(?=\n?\z)".to_owned())
                }
                Piece::Reference(name, open) => {
                    let group = groups.named(name).and_then(<[usize]>::last);
                    let group = group.ok_or_else(|| format!("there is no group {name}"))?;
                    if open.contains(group) {
                        return Err(format!(
                            "group {name} refers to itself; write what it is to match again"
                        ));
                    }
                    if self.looked_back.contains(group) {
                        return Err(format!(
                            "group {name} is only looked back for; refer to a group outside of (?<=…)"
                        ));
                    }
                    let reference = format!(r"(?:\{group})");
                    (reference.clone(), reference)
                }
            };
            text.push_str(&one);
            at_line_feed.push_str(&other);
        }
        Ok(Translation {
            text,
            at_line_feed: has_end.then_some(at_line_feed),
            groups,
            size,
        })
    }
}
