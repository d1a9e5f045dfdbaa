//! What is said of tokens, and what to write instead of what the language does not have.

use super::super::error::quoted;
use super::super::functions;
use super::super::token::Token;

/// How many arguments a function takes.
pub(super) fn arguments(count: usize) -> String {
    match count {
        0 => "no arguments".to_owned(),
        1 => "one argument".to_owned(),
        _ => format!("at most {count} arguments"),
    }
}

/// What to write instead of a word that is no function and no enumeration name.
pub(super) fn loose_word(word: &str) -> String {
    if functions::named(word).is_some() {
        return format!("{word} is a function; write its arguments behind it, as in {word}(…)");
    }
    match word.to_ascii_lowercase().as_str() {
        "true" => "a boolean is written as a text, \"True\"".to_owned(),
        "false" => "a boolean is written as a text, \"False\"".to_owned(),
        "null" => {
            "there is no word for null; leave the argument empty, or use IgnoreFlowIfNullOrEmpty"
                .to_owned()
        }
        _ => format!("{word} is neither a text nor an attribute; write \"{word}\" or [{word}]"),
    }
}

/// The hint for who expects an operator here.
pub(super) fn no_operator(found: &Token<'_>) -> &'static str {
    match found {
        Token::Word(word) if word.eq_ignore_ascii_case("and") => {
            "; for and, nest IIF on its true branch"
        }
        Token::Word(word) if word.eq_ignore_ascii_case("or") => {
            "; for or, nest IIF on its false branch"
        }
        _ => "",
    }
}

/// A token as a message names it.
pub(super) fn said(token: &Token<'_>) -> String {
    match token {
        Token::Word(word) => (*word).to_owned(),
        Token::Attribute(name) => format!("[{name}]"),
        Token::Text(text) => quoted(text),
        Token::Number(spelling) | Token::Hexadecimal(spelling) => (*spelling).to_owned(),
        Token::Comparator(comparator) => comparator.as_str().to_owned(),
        Token::Open => "(".to_owned(),
        Token::Close => ")".to_owned(),
        Token::Comma => "a comma".to_owned(),
        Token::End => "the end".to_owned(),
    }
}
