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
        let opening = if self.take_text("^") { "[^" } else { "[" };
        let (mut literals, mut classes) = (String::new(), String::new());
        let mut is_first = true;
        loop {
            let Some(character) = self.take() else {
                return Err("a class is not closed by ]".to_owned());
            };
            match character {
                ']' if !is_first => return Ok(written(opening, &literals, &classes)),
                '-' if !is_first && self.peek() == Some('[') => {
                    self.at += 1;
                    let less = self.class_within(depth + 1)?;
                    if !self.take_text("]") {
                        return Err("a subtracted class must end its class".to_owned());
                    }
                    // The base in brackets of its own: ^ negates it alone, as in .NET.
                    let class = written(opening, &literals, &classes);
                    return Ok(format!("[{class}--{less}]"));
                }
                other => self.class_item(other, &mut literals, &mut classes)?,
            }
            is_first = false;
        }
    }

    /// One character or escape, or a range of them.
    fn class_item(
        &mut self,
        first: char,
        literals: &mut String,
        classes: &mut String,
    ) -> Result<(), String> {
        let from = match self.class_character(first)? {
            Escape::Literal(literal) => literal,
            Escape::Class(escape) => {
                classes.push_str(&escape);
                return Ok(());
            }
        };
        push_literal(from, literals);
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
            self.weight.range(from, to);
            literals.push('-');
            push_literal(to, literals);
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

/// A class in its brackets. What a class within has is told in upper and lower case there, which of a complement is quick; put
/// together with single characters, the engine would go through a million of them anew.
fn written(opening: &str, literals: &str, classes: &str) -> String {
    if literals.is_empty() || classes.is_empty() {
        format!("{opening}{literals}{classes}]")
    } else {
        format!("{opening}[{literals}]{classes}]")
    }
}

fn push_literal(literal: char, class: &mut String) {
    if matches!(literal, '\\' | '[' | ']' | '^' | '-' | '&' | '~') {
        class.push('\\');
    }
    class.push(literal);
}
