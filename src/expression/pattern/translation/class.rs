//! Character classes. In .NET brackets, `&&`, `~~` and `--` inside of one are ordinary; `-[…]` at its end subtracts.

use super::Translator;
use super::escape::Escape;

/// Classes subtracted from each other.
const MAX_SUBTRACTIONS: usize = 8;

impl Translator {
    /// A class behind its opening bracket, with both brackets.
    pub(super) fn class(&mut self) -> Result<String, String> {
        self.class_within(0)
    }

    fn class_within(&mut self, depth: usize) -> Result<String, String> {
        if depth > MAX_SUBTRACTIONS {
            return Err("too many classes are subtracted from each other".to_owned());
        }
        let mut class = String::from(if self.take_text("^") { "[^" } else { "[" });
        let mut is_first = true;
        loop {
            let Some(character) = self.take() else {
                return Err("a class is not closed by ]".to_owned());
            };
            match character {
                ']' if !is_first => {
                    class.push(']');
                    return Ok(class);
                }
                '-' if !is_first && self.peek() == Some('[') => {
                    self.at += 1;
                    let less = self.class_within(depth + 1)?;
                    if !self.take_text("]") {
                        return Err("a subtracted class must end its class".to_owned());
                    }
                    // The base in brackets of its own: ^ negates it alone, as in .NET.
                    return Ok(format!("[{class}]--{less}]"));
                }
                other => self.class_item(other, &mut class)?,
            }
            is_first = false;
        }
    }

    /// One character or escape, or a range of them.
    fn class_item(&mut self, first: char, class: &mut String) -> Result<(), String> {
        let from = match self.class_character(first)? {
            Escape::Literal(literal) => literal,
            Escape::Class(escape) => {
                class.push_str(&escape);
                return Ok(());
            }
        };
        push_literal(from, class);
        let behind = self.characters.get(self.at + 1).copied();
        let is_range = self.peek() == Some('-') && !matches!(behind, None | Some(']' | '['));
        if is_range {
            self.at += 1;
            let last = self.take().unwrap_or('-');
            let Escape::Literal(to) = self.class_character(last)? else {
                return Err(format!("the range from {from} ends with a class"));
            };
            if to < from {
                return Err(format!("the range {from}-{to} is in reverse order"));
            }
            class.push('-');
            push_literal(to, class);
        }
        Ok(())
    }

    fn class_character(&mut self, character: char) -> Result<Escape, String> {
        match (character, self.peek()) {
            ('\\', Some('b')) => {
                self.at += 1;
                Ok(Escape::Literal('\u{8}'))
            }
            ('\\', _) => self.character(),
            (literal, _) => Ok(Escape::Literal(literal)),
        }
    }
}

fn push_literal(literal: char, class: &mut String) {
    if matches!(literal, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        class.push('\\');
    }
    class.push(literal);
}
