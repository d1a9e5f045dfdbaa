//! One-time passwords by time (RFC 6238 with HMAC-SHA-1, six digits and steps of 30 seconds, which every authenticator app knows), and
//! recovery codes.

use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use ring::hmac;

use crate::clock::Random;

/// Bytes of a key (RFC 4226, section 4: 160 bits are recommended).
const KEY: usize = 20;

/// Seconds of a time step.
const STEP: i64 = 30;

/// Digits of a code.
const DIGITS: u32 = 6;

/// Steps by which the clock of a phone may be ahead or behind; RFC 6238, section 5.2, allows one for the way.
const DRIFT: i64 = 1;

/// Bytes of a recovery code: 80 random bits, so that a digest of it gives nothing to guess from.
const RECOVERY_CODE: usize = 10;

/// Recovery codes that a person gets at once.
const RECOVERY_CODES: usize = 10;

/// RFC 4648, section 6.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The key that an authenticator app and this side share.
pub(crate) struct TotpKey(Vec<u8>);

impl TotpKey {
    /// A new one.
    pub(crate) fn new(random: &dyn Random) -> Self {
        let mut key = vec![0; KEY];
        random.fill(&mut key);
        Self(key)
    }

    /// The one that was kept.
    pub(crate) fn of_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The secret itself, for who seals it.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The key as it is typed into an app, in groups of four.
    pub(crate) fn text(&self) -> String {
        grouped(&base32(&self.0), ' ')
    }

    /// What a QR code holds, as Google Authenticator defined it and all apps read it.
    pub(crate) fn uri(&self, issuer: &str, account: &str) -> String {
        let encoded = |it: &str| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string();
        let (issuer, account) = (encoded(issuer), encoded(account));
        let secret = base32(&self.0);
        format!("otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}")
    }

    /// The time step of whose code `presented` is, one behind or ahead of `now` at most.
    pub(crate) fn step_of(&self, presented: &str, now: Timestamp) -> Option<i64> {
        let digits: String = presented.chars().filter(|it| !it.is_whitespace()).collect();
        if digits.len() != DIGITS as usize || !digits.bytes().all(|it| it.is_ascii_digit()) {
            return None;
        }
        let present = now.as_second().div_euclid(STEP);
        let mut steps = present - DRIFT..=present + DRIFT;
        steps.find(|step| self.code(*step) == digits)
    }

    /// The code of a time step (RFC 4226, section 5.3).
    fn code(&self, step: i64) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 0xf);
        let four = tag[offset..offset + 4].iter();
        let number = four.fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
        let code = (number & 0x7fff_ffff) % 10_u32.pow(DIGITS);
        format!("{code:0width$}", width = DIGITS as usize)
    }
}

/// New recovery codes, as people read them.
pub(crate) fn recovery_codes(random: &dyn Random) -> Vec<String> {
    let code = |_| {
        let mut bytes = [0; RECOVERY_CODE];
        random.fill(&mut bytes);
        grouped(&base32(&bytes).to_ascii_lowercase(), '-')
    };
    (0..RECOVERY_CODES).map(code).collect()
}

/// The recovery code that was typed, however its groups are written.
pub(crate) fn recovery_code(typed: &str) -> String {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|it| it.to_ascii_lowercase()).collect()
}

/// RFC 4648, section 6, without padding.
fn base32(bytes: &[u8]) -> String {
    let five_bits = |start: usize| {
        let two = |index| u16::from(bytes.get(index).copied().unwrap_or_default());
        let word = two(start / 8) << 8 | two(start / 8 + 1);
        let index = usize::from(word >> (11 - start % 8) & 0x1f);
        char::from(ALPHABET[index])
    };
    (0..bytes.len() * 8).step_by(5).map(five_bits).collect()
}

fn grouped(text: &str, between: char) -> String {
    let mut grouped = String::with_capacity(text.len() * 5 / 4);
    for (index, letter) in text.chars().enumerate() {
        if index > 0 && index % 4 == 0 {
            grouped.push(between);
        }
        grouped.push(letter);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SeededRandom;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rfc() -> TotpKey {
        TotpKey::of_bytes(b"12345678901234567890".to_vec())
    }

    /// RFC 4226, appendix D.
    #[test]
    fn codes_are_those_of_rfc_4226() {
        let expected = [
            "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583",
            "399871", "520489",
        ];
        for (counter, expected) in (0..).zip(expected) {
            assert_eq!(rfc().code(counter), expected, "{counter}");
        }
    }

    /// RFC 6238, appendix B, of which six digits are taken.
    #[test]
    fn codes_are_those_of_rfc_6238() {
        for (second, expected) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            let step = rfc().step_of(&expected[2..], at(second));
            assert_eq!(step, Some(second / 30), "{second}");
        }
    }

    #[test]
    fn a_code_is_good_for_a_step_before_and_after() {
        let check = |presented: &str, second: i64, expected: Option<i64>| {
            let found = rfc().step_of(presented, at(second));
            assert_eq!(found, expected, "{presented} at {second}");
        };
        check("969429", 119, Some(3));
        check("969429", 60, Some(3));
        check("969429", 59, None);
        check("969429", 149, Some(3));
        check("969429", 150, None);
        check(" 969 429 ", 100, Some(3));
        for other in ["", "96942", "9694290", "969428", "९६९४२९", "96942a"] {
            check(other, 100, None);
        }
    }

    /// RFC 4648, section 10.
    #[test]
    fn base32_is_that_of_rfc_4648() {
        for (text, expected) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(text.as_bytes()), expected, "{text}");
        }
    }

    #[test]
    fn an_app_learns_the_key_and_whose_it_is() {
        assert_eq!(
            rfc().uri("id.contoso.example", "léna@contoso.example"),
            "otpauth://totp/id%2Econtoso%2Eexample:l%C3%A9na%40contoso%2Eexample?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=id%2Econtoso%2Eexample"
        );
        assert_eq!(rfc().text(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    }

    #[test]
    fn recovery_codes_are_typed_in_any_way() {
        let codes = recovery_codes(&SeededRandom::new(1));
        assert_eq!(codes.len(), 10);
        let (one, other) = (&codes[0], &codes[1]);
        assert_ne!(one, other);
        assert_eq!(one.len(), 19, "{one}");
        let plain = recovery_code(one);
        assert_eq!(plain.len(), 16);
        for typed in [
            one.to_uppercase(),
            one.replace('-', " "),
            format!(" {plain} "),
        ] {
            assert_eq!(recovery_code(&typed), plain);
        }
    }
}
