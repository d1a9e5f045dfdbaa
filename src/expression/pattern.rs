//! Regular expressions as .NET has them, for `Replace`.
//!
//! A pattern is written anew for a Rust engine ([`translation`]), which takes time in proportion to the text unless the
//! pattern looks around or refers back. What .NET does with the matches is done here: an empty match right behind another
//! one is replaced as well, unnamed groups are numbered before named ones, and references to groups that the pattern does
//! not have stay as they are ([`substitution`]).

mod effort;
mod substitution;
mod translation;
mod weight;

use std::borrow::Cow;
use std::sync::OnceLock;

use fancy_regex::{Captures, Regex, RegexOptionsBuilder};

use super::bounds::{MAX_BACKTRACKING, MAX_PATTERN_CHARS, MAX_PATTERN_SIZE, MAX_PATTERN_STEPS};
use super::error::quoted;
use effort::Effort;
use substitution::Substitution;
use translation::{Groups, Translation, matched};

/// A regular expression that is ready to match.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    at_line_feed: Option<AtLineFeed>,
    groups: Groups,
    effort: Effort,
}

/// The pattern for texts that end with a line feed, before which .NET's `$` matches as well: built for the first of them.
#[derive(Debug)]
struct AtLineFeed {
    text: String,
    weight: usize,
    effort: Effort,
    regex: OnceLock<Result<Regex, String>>,
}

/// What matching may still cost.
pub(super) struct Budget<'s>(&'s mut dyn FnMut(usize) -> bool);

impl<'s> Budget<'s> {
    /// `spend` says whether so many bytes were left.
    pub(super) fn new(spend: &'s mut dyn FnMut(usize) -> bool) -> Self {
        Self(spend)
    }

    fn spend(&mut self, bytes: usize) -> Result<(), String> {
        if (self.0)(bytes) {
            Ok(())
        } else {
            Err("the regular expression takes too long on this text".to_owned())
        }
    }
}

/// Spends what is `left`.
pub(super) fn from_what_is(left: &mut usize) -> impl FnMut(usize) -> bool {
    move |bytes| {
        let rest = left.checked_sub(bytes);
        *left = rest.unwrap_or_default();
        rest.is_some()
    }
}

impl Pattern {
    /// Reads `pattern` in .NET's syntax. Of the budget it takes about the bytes of its automaton.
    pub(super) fn new(pattern: &str, budget: &mut Budget<'_>) -> Result<Self, String> {
        if pattern.chars().count() > MAX_PATTERN_CHARS {
            return Err(format!(
                "the regular expression is longer than {MAX_PATTERN_CHARS} characters"
            ));
        }
        let translation = Translation::of(pattern).map_err(|it| unusable(&it))?;
        if !(budget.0)(translation.size.bytes) {
            return Err(unusable(
                "it, or all in the expression together, would be too large; what is repeated as by {10} counts ten times, all of a pattern that looks around twice, and \\w and \\p are large",
            ));
        }
        Ok(Self {
            regex: built(&translation.text).map_err(|it| unusable(&it))?,
            at_line_feed: translation.at_line_feed.map(|text| AtLineFeed {
                text,
                // It looks for the line feed.
                weight: translation.size.bytes.saturating_mul(2),
                effort: translation.size.at_line_feed,
                regex: OnceLock::new(),
            }),
            groups: translation.groups,
            effort: translation.size.effort,
        })
    }

    /// `text` with each match replaced by `replacement`, in which `$1`, `${name}` and their kin are what was matched.
    pub(super) fn replace<'t>(
        &self,
        text: Cow<'t, str>,
        replacement: &str,
        budget: &mut Budget<'_>,
    ) -> Result<Cow<'t, str>, String> {
        let substitution = Substitution::parse(replacement, &self.groups);
        let replaced =
            self.each_match(&text, budget, |captures| substitution.of(&text, captures))?;
        Ok(replaced.map_or(text, Cow::Owned))
    }

    /// `text` with the part that a group matched replaced by `replacement`, in each match.
    pub(super) fn replace_group<'t>(
        &self,
        text: Cow<'t, str>,
        group: &str,
        replacement: &str,
        budget: &mut Budget<'_>,
    ) -> Result<Cow<'t, str>, String> {
        let group = self.group(group)?;
        let replaced = self.each_match(&text, budget, |captures| {
            let whole = captures.get(0).map_or(0..0, |it| it.range());
            match matched(group, captures) {
                Some(part) => vec![
                    &text[whole.start..part.start.max(whole.start)],
                    replacement,
                    &text[part.end.min(whole.end)..whole.end],
                ],
                None => vec![&text[whole]],
            }
        })?;
        Ok(replaced.map_or(text, Cow::Owned))
    }

    /// What a group matches in the first match.
    pub(super) fn first_group(
        &self,
        text: &str,
        group: &str,
        budget: &mut Budget<'_>,
    ) -> Result<Option<String>, String> {
        let group = self.group(group)?;
        self.prepare(text, budget)?;
        budget.spend(self.effort(text).of_search(text.len()))?;
        let found = self.find(text, 0)?;
        let part = found.and_then(|it| matched(group, &it));
        Ok(part.map(|it| text[it].to_owned()))
    }

    /// Whether the pattern is found in `text`; none if that takes too long.
    pub(super) fn is_in(&self, text: &str) -> Option<bool> {
        self.find(text, 0).ok().map(|it| it.is_some())
    }

    /// Whether the pattern has a group of that name or number.
    pub(super) fn group(&self, name: &str) -> Result<&[usize], String> {
        self.groups.named(name).ok_or_else(|| {
            format!(
                "has no group {}; a group is written as in (?<{}>…)",
                quoted(name),
                if name.is_empty() { "name" } else { name }
            )
        })
    }

    /// Spends what building for `text` costs, whether it was built before or not: what a text comes to depends on nothing else.
    fn prepare(&self, text: &str, budget: &mut Budget<'_>) -> Result<(), String> {
        match &self.at_line_feed {
            Some(other) if text.ends_with('\n') => budget.spend(other.weight),
            _ => Ok(()),
        }
    }

    fn effort(&self, text: &str) -> &Effort {
        match &self.at_line_feed {
            Some(other) if text.ends_with('\n') => &other.effort,
            _ => &self.effort,
        }
    }

    fn find<'t>(&self, text: &'t str, from: usize) -> Result<Option<Captures<'t, str>>, String> {
        let regex = match &self.at_line_feed {
            Some(other) if text.ends_with('\n') => {
                let regex = other.regex.get_or_init(|| built(&other.text));
                regex.as_ref().map_err(|it| unusable(it))?
            }
            _ => &self.regex,
        };
        regex
            .captures_from_pos(text, from)
            .map_err(|_| "the regular expression takes too long on this text".to_owned())
    }

    /// `text` with the parts of a replacement instead of each match; none if there is no match.
    fn each_match<'p>(
        &self,
        text: &str,
        budget: &mut Budget<'_>,
        replacement: impl Fn(&Captures<'_, str>) -> Vec<&'p str>,
    ) -> Result<Option<String>, String> {
        let mut made = String::new();
        let mut copied = 0;
        let mut from = 0;
        let mut is_changed = false;
        self.prepare(text, budget)?;
        let effort = self.effort(text);
        while from <= text.len() {
            budget.spend(effort.of_search(text.len() - from))?;
            let Some(captures) = self.find(text, from)? else {
                break;
            };
            let Some(whole) = captures.get(0).map(|it| it.range()) else {
                break;
            };
            is_changed = true;
            made.push_str(&text[copied..whole.start]);
            let parts = replacement(&captures);
            // Before it is made: one match may become a very long text. Parts without text cost something as well.
            budget.spend(parts.iter().map(|it| it.len() + 1).sum())?;
            made.extend(parts);
            copied = whole.end;
            // The search goes on behind the match, and behind one more character if the match is empty.
            let empty = whole.is_empty();
            let next = text[whole.end..].chars().next().map_or(1, char::len_utf8);
            from = whole.end + if empty { next } else { 0 };
        }
        if !is_changed {
            return Ok(None);
        }
        made.push_str(&text[copied..]);
        Ok(Some(made))
    }
}

fn unusable(problem: &str) -> String {
    format!("is no regular expression that can be used: {problem}")
}

fn built(text: &str) -> Result<Regex, String> {
    RegexOptionsBuilder::new()
        // What speeds up searches in long texts takes longer to make than these searches take.
        .build_delegate_prefilter(false)
        .backtrack_limit(MAX_BACKTRACKING)
        .delegate_size_limit(MAX_PATTERN_SIZE)
        .delegate_dfa_size_limit(MAX_PATTERN_SIZE)
        .max_prog_size(MAX_PATTERN_STEPS)
        .build(text.to_owned())
        .map_err(|error| last_line(&error.to_string()))
}

/// The last line says what is wrong; the ones before it draw the pattern, which is not the one that was written.
fn last_line(message: &str) -> String {
    let line = message.lines().rfind(|it| !it.trim().is_empty());
    let line = line.unwrap_or_default().trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests;
