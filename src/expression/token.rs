//! Tokens: an expression cut into words, constants and signs.

use super::error::{Fault, Span, quoted};

/// The smallest part of an expression. Texts are as they are meant, names and numbers as they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token<'s> {
    /// A function or an enumeration name.
    Word(&'s str),
    /// What is in brackets.
    Attribute(&'s str),
    /// What is in double quotes, without escapes.
    Text(String),
    /// Decimal, with its sign.
    Number(&'s str),
    /// `&H` and hexadecimal digits.
    Hexadecimal(&'s str),
    Comparator(Comparator),
    Open,
    Close,
    Comma,
    End,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparator {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

/// Reads tokens one after the other.
pub(super) struct Tokens<'s> {
    source: &'s str,
    at: usize,
}

impl<'s> Tokens<'s> {
    pub(super) const fn of(source: &'s str) -> Self {
        Self { source, at: 0 }
    }

    /// The next token and where it is.
    pub(super) fn next(&mut self) -> Result<(Token<'s>, Span), Fault> {
        let blank = |it: char| matches!(it, ' ' | '\t' | '\r' | '\n');
        self.at += self.rest().len() - self.rest().trim_start_matches(blank).len();
        let start = self.at;
        let rest = self.rest();
        let Some(first) = rest.chars().next() else {
            return Ok((Token::End, Span::new(start, start)));
        };
        let token = match first {
            '(' => self.sign(Token::Open, 1),
            ')' => self.sign(Token::Close, 1),
            ',' => self.sign(Token::Comma, 1),
            '=' | '<' | '>' => self.comparator()?,
            '[' => self.attribute()?,
            '"' => self.text()?,
            '&' if starts_hexadecimal(rest) => {
                Token::Hexadecimal(self.run(2, |it| it.is_ascii_hexdigit()))
            }
            '-' | '0'..='9' if starts_number(rest) => Token::Number(self.number()),
            'A'..='Z' | 'a'..='z' => {
                Token::Word(self.run(0, |it| it.is_ascii_alphanumeric() || it == '_'))
            }
            other => {
                let span = Span::new(start, start + other.len_utf8());
                return Err(Fault::new(span, no_token(other)));
            }
        };
        Ok((token, Span::new(start, self.at)))
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn sign(&mut self, token: Token<'s>, length: usize) -> Token<'s> {
        self.at += length;
        token
    }

    /// Takes `ahead` bytes, and then what fits.
    fn run(&mut self, ahead: usize, fits: impl Fn(char) -> bool) -> &'s str {
        let rest = self.rest();
        let length = rest[ahead..]
            .find(|it| !fits(it))
            .map_or(rest.len(), |it| it + ahead);
        self.at += length;
        &rest[..length]
    }

    fn number(&mut self) -> &'s str {
        let start = self.at;
        self.run(1, |it| it.is_ascii_digit());
        let fraction = self.rest().strip_prefix('.');
        if fraction.is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
            self.run(1, |it| it.is_ascii_digit());
        }
        &self.source[start..self.at]
    }

    fn comparator(&mut self) -> Result<Token<'s>, Fault> {
        let rest = self.rest();
        for (wrong, right) in [("==", "="), ("=>", ">="), ("=<", "<=")] {
            if rest.starts_with(wrong) {
                let problem = format!("{wrong} is no comparison; write {right}");
                return Err(Fault::new(Span::new(self.at, self.at + 2), problem));
            }
        }
        // The longer ones first: `<` begins two of them.
        let known = [
            Comparator::NotEqual,
            Comparator::GreaterOrEqual,
            Comparator::LessOrEqual,
            Comparator::Greater,
            Comparator::Less,
            Comparator::Equal,
        ];
        let found = known.into_iter().find(|it| rest.starts_with(it.as_str()));
        let comparator = found.unwrap_or(Comparator::Equal);
        Ok(self.sign(Token::Comparator(comparator), comparator.as_str().len()))
    }

    /// Brackets nest, so that `[emails[type eq "work"].value]` is one name; quotes are characters like others.
    fn attribute(&mut self) -> Result<Token<'s>, Fault> {
        let start = self.at;
        let mut depth = 0_usize;
        for (at, character) in self.rest().char_indices() {
            match character {
                '[' => depth += 1,
                ']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                let name = &self.source[start + 1..start + at];
                self.at += at + 1;
                if name.trim().is_empty() {
                    let problem = "the brackets hold no attribute name; write it as in [mail]";
                    return Err(Fault::new(Span::new(start, self.at), problem));
                }
                return Ok(Token::Attribute(name));
            }
        }
        let problem = "the bracket is not closed; an attribute is written as in [mail]";
        Err(Fault::new(Span::new(start, start + 1), problem))
    }

    /// `\\` and `\"` are a backslash and a quote; before anything else the backslash stays, as regular expressions need.
    fn text(&mut self) -> Result<Token<'s>, Fault> {
        let start = self.at;
        let mut text = String::new();
        let mut characters = self.rest().char_indices().skip(1).peekable();
        while let Some((at, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += at + 1;
                    return Ok(Token::Text(text));
                }
                '\\' => match characters.next_if(|(_, next)| matches!(next, '\\' | '"')) {
                    Some((_, escaped)) => text.push(escaped),
                    None => text.push('\\'),
                },
                other => text.push(other),
            }
        }
        let problem =
            r#"the text is not closed; it ends with a double quote, and one inside is written \""#;
        Err(Fault::new(Span::new(start, start + 1), problem))
    }
}

fn starts_number(rest: &str) -> bool {
    let digits = rest.strip_prefix('-').unwrap_or(rest);
    digits.starts_with(|it: char| it.is_ascii_digit())
}

fn starts_hexadecimal(rest: &str) -> bool {
    let mut characters = rest.chars().skip(1);
    matches!(characters.next(), Some('H' | 'h'))
        && characters.next().is_some_and(|it| it.is_ascii_hexdigit())
}

/// What to write instead of a character that begins nothing.
fn no_token(found: char) -> String {
    let found_quoted = quoted(&found.to_string());
    match found {
        '&' => "texts are joined by Join or Append, not by &; a hexadecimal number is written as in &HF7".to_owned(),
        '\'' | '\u{2018}' | '\u{2019}' | '\u{201C}' | '\u{201D}' | '\u{201E}' | '`' => {
            format!("{found} does not begin a text; write straight double quotes, as in \"text\"")
        }
        '+' | '-' | '*' | '/' => format!("there is no arithmetic, so {found} has no place here"),
        '!' => "! has no place here; write <> for not equal, or Not(…)".to_owned(),
        ']' => "] closes no bracket; an attribute is written as in [mail]".to_owned(),
        '\u{A0}' => "a no-break space stands here; write an ordinary space".to_owned(),
        ';' => "arguments are separated by commas, not by ;".to_owned(),
        _ => format!("{found_quoted} has no place here; texts stand in double quotes, attributes in brackets"),
    }
}
