//! The code that a person reads on a device and types in on another one (RFC 8628).

/// Letters that are read and typed without mistakes; no vowels, so that they spell no words (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// Letters of a code: 34 bits, enough where guesses are counted (section 5.1).
const LENGTH: usize = 8;

/// The `user_code` of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserCode(String);

impl UserCode {
    /// A code from random bytes.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let mut rest = u64::from_be_bytes(bytes);
        let count = LETTERS.len() as u64;
        let letters = (0..LENGTH).map(|_| {
            let letter = LETTERS[usize::try_from(rest % count).unwrap_or_default()];
            rest /= count;
            char::from(letter)
        });
        Self(letters.collect())
    }

    /// The code that somebody typed, in whatever case and with whatever between the letters; nothing for what is none.
    pub fn parse(typed: &str) -> Option<Self> {
        let typed = typed.trim();
        let is_between = |it: char| it.is_whitespace() || matches!(it, '-' | '.' | '_');
        let letters = typed.chars().filter(|it| !is_between(*it));
        let letters: String = letters.take(LENGTH + 1).collect();
        let letters = letters.to_ascii_uppercase();
        let is_code = letters.len() == LENGTH && letters.bytes().all(|it| LETTERS.contains(&it));
        is_code.then_some(Self(letters))
    }

    /// The letters alone.
    pub fn letters(&self) -> &str {
        &self.0
    }

    /// The code as it is shown.
    pub fn shown(&self) -> String {
        let (first, second) = self.0.split_at(LENGTH / 2);
        format!("{first}-{second}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let check = |typed: &str, expected: Option<&str>| {
            let found = UserCode::parse(typed);
            assert_eq!(found.map(|it| it.shown()).as_deref(), expected, "{typed:?}");
        };
        check("WDJB-MJHT", Some("WDJB-MJHT"));
        check("wdjbmjht", Some("WDJB-MJHT"));
        check(" wdjb  mj.h_t\n", Some("WDJB-MJHT"));
        for other in [
            "",
            "-",
            "WDJB-MJH",
            "WDJB-MJHTT",
            "WDJB-MJHA",
            "WDJB-MJH1",
            "WDJB-MJHŤ",
            "WDJB/MJHT",
        ] {
            check(other, None);
        }
        check(&"W".repeat(100_000), None);
    }

    #[test]
    fn random_bytes_become_every_letter() {
        assert_eq!(UserCode::from_random([0; 8]).shown(), "BBBB-BBBB");
        let last = 20_u64.pow(8) - 1;
        assert_eq!(
            UserCode::from_random(last.to_be_bytes()).shown(),
            "ZZZZ-ZZZZ"
        );
        let one = UserCode::from_random([0xff; 8]);
        assert_eq!(UserCode::parse(&one.shown()), Some(one));
    }
}
