//! Reads filters and paths character by character, and says where they go wrong.

use crate::scim::bounds::MAX_FILTER_BYTES;
use crate::scim::error::ScimError;

/// What is wrong with a filter or path, and where: the 1-based number of the character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    position: usize,
    message: String,
}

impl SyntaxError {
    /// As the answer to a bad filter.
    pub(crate) fn in_filter(self) -> ScimError {
        ScimError::invalid_filter(format!("The filter is wrong at character {self}"))
    }

    /// As the answer to a bad path.
    pub(crate) fn in_path(self) -> ScimError {
        ScimError::invalid_path(format!("The path is wrong at character {self}"))
    }
}

impl std::fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}.", self.position, self.message)
    }
}

/// A position in a text.
#[derive(Debug, Clone)]
pub(crate) struct Scanner<'t> {
    text: &'t str,
    /// In bytes, always at the beginning of a character.
    at: usize,
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Result<Self, SyntaxError> {
        let scanner = Self { text, at: 0 };
        if text.len() > MAX_FILTER_BYTES {
            return Err(scanner.error(format!("more than {MAX_FILTER_BYTES} bytes are not read")));
        }
        if text.contains('\0') {
            return Err(scanner.error("the character U+0000 is in no value"));
        }
        Ok(scanner)
    }

    /// An error at this position.
    pub(crate) fn error(&self, message: impl Into<String>) -> SyntaxError {
        let position = self.text[..self.at].chars().count() + 1;
        SyntaxError {
            position,
            message: message.into(),
        }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    pub(crate) fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.at == self.text.len()
    }

    pub(crate) fn is_at(&self, expected: char) -> bool {
        self.rest().starts_with(expected)
    }

    /// Reads `expected` if it is next.
    pub(crate) fn take(&mut self, expected: char) -> bool {
        let found = self.is_at(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    pub(crate) fn expect(&mut self, expected: char) -> Result<(), SyntaxError> {
        if self.take(expected) {
            return Ok(());
        }
        Err(self.error(format!("`{expected}` is missing")))
    }

    /// Reads up to a space, bracket, parenthesis or quote; may be empty.
    pub(crate) fn word(&mut self) -> &'t str {
        let rest = self.rest();
        let ends = |c: char| c.is_whitespace() || "()[]\"".contains(c);
        let word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        self.at += word.len();
        word
    }

    /// Reads the keyword, in any casing, if it is the next word.
    pub(crate) fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.at;
        let found = self.word().eq_ignore_ascii_case(keyword);
        if !found {
            self.at = before;
        }
        found
    }

    /// Reads a text in quotes, with the escapes of JSON.
    pub(crate) fn quoted(&mut self) -> Result<String, SyntaxError> {
        let rest = self.rest();
        let mut escaped = false;
        for (index, character) in rest.char_indices().skip(1) {
            match character {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => {
                    let literal = &rest[..=index];
                    let text = serde_json::from_str(literal)
                        .ok()
                        .filter(|text: &String| !text.contains('\0'))
                        .ok_or_else(|| self.error("the quoted text has an unknown escape"))?;
                    self.at += literal.len();
                    return Ok(text);
                }
                _ => {}
            }
        }
        Err(self.error("the quote is not closed"))
    }
}
