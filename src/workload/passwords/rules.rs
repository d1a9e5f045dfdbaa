//! What a password may be: bounded, in one form however it is typed, long, and not obvious.

use std::fmt;

use unicode_general_category::{GeneralCategory, get_general_category};
use unicode_normalization::UnicodeNormalization;

use super::obvious::{self, About};

/// Bytes of a password that is looked at. Longer ones are refused before anything is done with them.
const LONGEST: usize = 1024;

/// Characters of a password that is set. NIST SP 800-63B-4, section 3.1.1.2: fifteen where the password is all there is.
const SHORTEST: usize = 15;

/// A password in its one form. It has no `Display` and hides itself in `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

/// Why a text is not taken as a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAPassword {
    #[error("The password is too long: {LONGEST} bytes at most.")]
    TooLong,
    #[error("The password has a character that is not a letter, digit, mark or space.")]
    Unusual,
    #[error(
        "The password is too short: {SHORTEST} characters at least. Four words that do not belong together are a good one."
    )]
    TooShort,
    #[error(
        "The password is easy to guess: too little of it is more than names, common words, rows of keys and repetitions."
    )]
    Obvious,
}

impl Password {
    /// The password that somebody typed, in the form in which it is hashed: the profile `OpaqueString` (RFC 8265, section 4.2), by which
    /// any space is a space, nothing else is changed, and the result is in NFC.
    pub(crate) fn presented(text: &str) -> Result<Self, NotAPassword> {
        if text.is_empty() {
            return Err(NotAPassword::TooShort);
        }
        if text.len() > LONGEST {
            return Err(NotAPassword::TooLong);
        }
        let spaces = text.chars().map(|it| match get_general_category(it) {
            GeneralCategory::SpaceSeparator => ' ',
            _ => it,
        });
        let text: String = spaces.nfc().collect();
        if text.chars().any(is_unusual) {
            return Err(NotAPassword::Unusual);
        }
        Ok(Self(text))
    }

    /// A password that is to be set by the person that it must not be `about`.
    pub(crate) fn chosen(text: &str, about: &About<'_>) -> Result<Self, NotAPassword> {
        let password = Self::presented(text)?;
        if password.0.chars().count() < SHORTEST {
            return Err(NotAPassword::TooShort);
        }
        if obvious::is_obvious(&password.0, about) {
            return Err(NotAPassword::Obvious);
        }
        Ok(password)
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// RFC 8264, section 4.3: controls, code points that mean nothing, and those that nobody sees have no place in free text.
fn is_unusual(character: char) -> bool {
    matches!(
        get_general_category(character),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(text: &str) -> Result<Password, NotAPassword> {
        let about = About {
            names: vec!["lena.ott@contoso.example", "Lena Ott"],
            host: "id.contoso.example",
        };
        Password::chosen(text, &about)
    }

    /// A25: bounded before anything else, and without what nobody can type.
    #[test]
    fn a25_what_is_no_password_is_refused_by_name() {
        let check = |text: &str, expected| assert_eq!(chosen(text).err(), expected, "{text:.40}");
        let long = "x".repeat(10 * 1024 * 1024);
        check(&long, Some(NotAPassword::TooLong));
        check("", Some(NotAPassword::TooShort));
        check("x", Some(NotAPassword::TooShort));
        check("fourteen chars", Some(NotAPassword::TooShort));
        check("drum loft cabin\0", Some(NotAPassword::Unusual));
        check("drum loft cabin\n", Some(NotAPassword::Unusual));
        check("drum loft cab\u{200b}in", Some(NotAPassword::Unusual));
        check("drum loft cabin\u{e000}", Some(NotAPassword::Unusual));
        check("drum loft cabin\u{ffff}", Some(NotAPassword::Unusual));
        check("drum loft cabin", None);
        check("čtvrtek 17 křída", None);
        check("小さな舟で夜の湖を渡った昔の話", None);
        check("🦔 🍄 🧭 🪁 🛶 🎻 🧵 🪵", None);
    }

    /// A25: fifteen characters are counted in the form that is kept.
    #[test]
    fn a25_what_is_typed_otherwise_is_the_same_password() {
        let one = chosen("r\u{e9}sum\u{e9} drum loft").unwrap();
        for other in [
            "re\u{301}sume\u{301} drum loft",
            "r\u{e9}sum\u{e9}\u{a0}drum\u{3000}loft",
        ] {
            assert_eq!(Password::presented(other), Ok(one.clone()), "{other}");
        }
        assert_ne!(Password::presented("R\u{e9}sum\u{e9} drum loft"), Ok(one));
        assert_eq!(
            chosen("e\u{301}e\u{301}e\u{301}e\u{301} jkvp"),
            Err(NotAPassword::TooShort)
        );
        let hidden = format!("{:?}", chosen("drum loft cabin"));
        assert_eq!(hidden, "Ok(Password(…))");
    }

    #[test]
    fn an_obvious_password_is_refused_however_long_it_is() {
        for obvious in [
            "passwordpassword",
            "Password12345678",
            "P@ssw0rd P@ssw0rd!",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcdefghijklmnopqrstuvwxyz",
            "zyxwvutsrqponmlk",
            "qwertyuiopasdfghjkl",
            "1qaz2wsx3edc4rfv5tgb",
            "123456789012345678",
            "xk7xk7xk7xk7xk7xk7xk7",
            "lena.ott@contoso.example",
            "LenaOttLenaOtt2026",
            "contoso contoso 1234",
            "welcome to contoso 2026!",
            "letmein letmein letmein",
            "20261127 20261127",
            "................",
        ] {
            assert_eq!(chosen(obvious), Err(NotAPassword::Obvious), "{obvious}");
        }
        for good in [
            "correct horse battery staple",
            "drum loft cabin",
            "xK7#pq!Lm2vB9zT",
            "my password is a heron in fog",
            "lena feeds nine brown herons",
        ] {
            assert!(chosen(good).is_ok(), "{good}");
        }
    }
}
