//! What a backslash makes of the character behind it.

use super::super::super::error::quoted;
use super::{Piece, Translator};

/// .NET's `\w`: no other letters' marks and joiners than these.
const WORD: &str = r"[\p{L}\p{Mn}\p{Nd}\p{Pc}]";

/// .NET's general categories, but for surrogates (Cs), which no text of Rust has.
const CATEGORIES: [&str; 36] = [
    "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Mc", "Me", "N", "Nd", "Nl", "No", "P", "Pc",
    "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "S", "Sm", "Sc", "Sk", "So", "Z", "Zs", "Zl", "Zp", "C",
    "Cc", "Cf", "Co", "Cn",
];

/// What an escape stands for.
pub(super) enum Escape {
    /// One character.
    Literal(char),
    /// Several, as a class in brackets.
    Class(String),
}

impl Translator {
    /// An escape outside of a class, behind its backslash.
    pub(super) fn escape(&mut self) -> Result<(), String> {
        match self.peek() {
            Some(anchor @ ('b' | 'B' | 'A' | 'z')) => {
                self.at += 1;
                self.push_atom(&format!("\\{anchor}"));
            }
            Some('Z') => {
                self.at += 1;
                self.end();
            }
            Some('k') => {
                self.at += 1;
                let quote = match self.take() {
                    Some('<') => '>',
                    Some('\'') => '\'',
                    _ => return Err(r"\k needs a name, as in \k<name>".to_owned()),
                };
                let name = self.take_until(quote).unwrap_or_default();
                self.refer(name);
            }
            Some('1'..='9') => {
                let mut digits = String::new();
                while let Some(digit) = self.peek().filter(char::is_ascii_digit) {
                    digits.push(digit);
                    self.at += 1;
                }
                self.refer(digits);
            }
            _ => match self.character()? {
                Escape::Literal(literal) => self.push_literal(literal),
                Escape::Class(class) => self.push_atom(&class),
            },
        }
        Ok(())
    }

    fn refer(&mut self, group: String) {
        self.weight.reference();
        let open = self.open.iter().flatten().copied().collect();
        self.pieces.push(Piece::Reference(group, open));
        self.is_quantifiable = true;
    }

    /// An escape that stands for characters, behind its backslash.
    pub(super) fn character(&mut self) -> Result<Escape, String> {
        let Some(escaped) = self.take() else {
            return Err("it ends with a backslash".to_owned());
        };
        Ok(match escaped {
            'd' | 's' => Escape::Class(format!("[\\{escaped}]")),
            'D' | 'S' => Escape::Class(format!("[^\\{}]", escaped.to_ascii_lowercase())),
            'w' => Escape::Class(WORD.to_owned()),
            'W' => Escape::Class(WORD.replacen('[', "[^", 1)),
            'p' | 'P' => {
                let name = self.take_text("{").then(|| self.take_until('}')).flatten();
                let name = name.ok_or(r"\p needs a category, as in \p{Lu}")?;
                if !CATEGORIES.contains(&name.as_str()) {
                    let name = quoted(&name);
                    return Err(format!(
                        r"\p takes a general category such as Lu, got {name}"
                    ));
                }
                Escape::Class(format!("[\\{escaped}{{{name}}}]"))
            }
            'a' => Escape::Literal('\u{7}'),
            'e' => Escape::Literal('\u{1B}'),
            'f' => Escape::Literal('\u{C}'),
            'n' => Escape::Literal('\n'),
            'r' => Escape::Literal('\r'),
            't' => Escape::Literal('\t'),
            'v' => Escape::Literal('\u{B}'),
            'c' => self.control()?,
            'x' => self.digits(2, 16)?,
            'u' => self.digits(4, 16)?,
            '0' => self.digits(0, 8)?,
            other if other.is_alphanumeric() || other == '_' => {
                return Err(format!("\\{other} means nothing"));
            }
            other => Escape::Literal(other),
        })
    }

    fn control(&mut self) -> Result<Escape, String> {
        let letter = self.take().map(|it| it.to_ascii_uppercase());
        let code = letter.filter(|it| ('@'..='_').contains(it)).map(u32::from);
        let control = code.and_then(|it| char::from_u32(it - 0x40));
        control
            .map(Escape::Literal)
            .ok_or_else(|| r"\c needs a letter, as in \cA".to_owned())
    }

    /// A code of exactly `count` digits, or of up to two if that is 0.
    fn digits(&mut self, count: usize, radix: u32) -> Result<Escape, String> {
        let mut code = 0;
        let mut read = 0;
        let most = if count == 0 { 2 } else { count };
        while read < most
            && let Some(digit) = self.peek().and_then(|it| it.to_digit(radix))
        {
            code = code * radix + digit;
            read += 1;
            self.at += 1;
        }
        let is_whole = read >= count;
        char::from_u32(code)
            .filter(|_| is_whole)
            .map(Escape::Literal)
            .ok_or_else(|| r"\x needs two and \u four hexadecimal digits of a character".to_owned())
    }
}
