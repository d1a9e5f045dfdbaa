//! Texts as the database can keep them.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::store::filter_sql::LONG_KEY;

/// Stands for the one character that PostgreSQL has no place for in a text, U+0000; it is for private use and in no name.
const NUL: &str = "\u{10fffd}";

/// A text in the form in which the database has it.
pub(super) fn text(value: &str) -> Cow<'_, str> {
    if value.contains('\0') {
        Cow::Owned(value.replace('\0', NUL))
    } else {
        Cow::Borrowed(value)
    }
}

/// A text in the form in which an index has it: equal for equal texts, and in order and by its beginning for all but long ones.
pub(super) fn key(value: &str) -> Cow<'_, str> {
    let whole = usize::from(LONG_KEY);
    if value.len() <= whole {
        return text(value);
    }
    let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(value.as_bytes()));
    let beginning = &value[..value.floor_char_boundary(whole)];
    Cow::Owned(format!("{}{NUL}{digest}", text(beginning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_keys_and_others_do_not() {
        let long = "ü".repeat(400);
        assert_eq!(key("ada"), "ada");
        assert_eq!(key("a\0b"), format!("a{NUL}b"));
        assert_eq!(key(&long), key(&long.clone()));
        assert_ne!(key(&long), key(&format!("{long}x")));
        assert!(key(&"\0".repeat(5000)).len() < 2700);
    }
}
