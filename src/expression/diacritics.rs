//! Letters without their marks, by the table that Entra's documentation gives for `NormalizeDiacritics`. Other letters stay.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use unicode_normalization::UnicodeNormalization;

use super::letters::{self, Culture};

/// What letters become, in lower case. Upper case becomes upper case.
const TABLE: &[(&str, &[&str])] = &[
    (
        "a",
        &[
            "ä",
            "à",
            "â",
            "ã",
            "å",
            "á",
            "ą",
            "ă",
            "ā",
            "ā\u{301}",
            "ā\u{300}",
            "ā\u{302}",
            "ā\u{303}",
            "ǟ",
            "ā\u{308}",
            "ǡ",
            "a\u{331}",
            "å\u{304}",
        ],
    ),
    ("ae", &["æ", "ǣ"]),
    ("c", &["ç", "č", "ć", "c\u{304}", "c\u{331}"]),
    ("d", &["ď", "d\u{304}", "ḏ"]),
    (
        "e",
        &[
            "ë",
            "è",
            "é",
            "ê",
            "ę",
            "ě",
            "ė",
            "ē",
            "ḗ",
            "ḕ",
            "ē\u{302}",
            "ē\u{303}",
            "ê\u{304}",
            "e\u{331}",
            "ë\u{304}",
            "e\u{30A}\u{304}",
        ],
    ),
    ("g", &["ğ", "ḡ", "g\u{331}"]),
    (
        "i",
        &[
            "ï",
            "î",
            "ì",
            "í",
            "ı",
            "ī",
            "ī\u{301}",
            "ī\u{300}",
            "ī\u{302}",
            "ī\u{303}",
            "i\u{331}",
        ],
    ),
    ("l", &["ľ", "ł", "l\u{304}", "ḹ", "ḻ"]),
    ("n", &["ñ", "ń", "ň", "n\u{304}", "ṉ"]),
    (
        "o",
        &[
            "ö",
            "ò",
            "ő",
            "õ",
            "ô",
            "ó",
            "ō",
            "ṓ",
            "ṑ",
            "ō\u{302}",
            "ō\u{303}",
            "ȫ",
            "ō\u{308}",
            "ǭ",
            "ȭ",
            "ȱ",
            "o\u{331}",
        ],
    ),
    ("oe", &["ø", "ø\u{304}", "œ\u{304}"]),
    ("r", &["ř", "r\u{304}", "ṟ", "ṝ"]),
    ("ss", &["ß"]),
    ("s", &["š", "ś", "ș", "ş", "s\u{304}", "s\u{331}"]),
    ("t", &["ť", "ț", "t\u{304}", "ṯ"]),
    (
        "u",
        &[
            "ü",
            "ù",
            "û",
            "ú",
            "ů",
            "ű",
            "ū",
            "ū\u{301}",
            "ū\u{300}",
            "ū\u{302}",
            "ū\u{303}",
            "u\u{307}\u{304}",
            "ǖ",
            "ṻ",
            "ṳ\u{304}",
            "u\u{331}",
        ],
    ),
    (
        "y",
        &[
            "ÿ",
            "ý",
            "ȳ",
            "ȳ\u{301}",
            "ȳ\u{300}",
            "ȳ\u{303}",
            "y\u{331}",
        ],
    ),
    ("z", &["ź", "ž", "ż", "z\u{304}", "ẕ"]),
];

/// The longest entry, in characters: a letter and its combining marks.
const LONGEST: usize = 3;

static PLAIN: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let rows = TABLE.iter();
    rows.flat_map(|(plain, letters)| letters.iter().map(|it| (*it, *plain)))
        .collect()
});

/// `text` without the marks that the table has.
pub(super) fn normalized(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.is_ascii() {
        return text;
    }
    let composed: Vec<char> = text.nfc().collect();
    let mut made = String::with_capacity(text.len());
    let mut rest = composed.as_slice();
    while let [first, behind @ ..] = rest {
        if let Some((plain, length)) = entry_at(rest) {
            made.push_str(&plain);
            rest = &rest[length..];
        } else {
            made.push(*first);
            rest = behind;
        }
    }
    Cow::Owned(made)
}

/// What the letter at the start becomes, and how many characters it has.
fn entry_at(rest: &[char]) -> Option<(Cow<'static, str>, usize)> {
    let first = *rest.first()?;
    let marks = rest[1..]
        .iter()
        .take(LONGEST - 1)
        .take_while(|it| ('\u{300}'..='\u{36F}').contains(*it))
        .count();
    if first.is_ascii() && marks == 0 {
        return None;
    }
    let (small, is_upper) = match first {
        // The upper case of the dotless i in this table.
        'İ' => ('ı', true),
        // It has none.
        'ẞ' => return None,
        other => {
            let mut bytes = [0; 4];
            let lower = letters::lower(other.encode_utf8(&mut bytes), Culture::Other);
            let small = lower.chars().next().unwrap_or(other);
            (small, small != other)
        }
    };
    let mut key: String = std::iter::once(small)
        .chain(rest[1..=marks].iter().copied())
        .collect();
    for length in (1..=marks + 1).rev() {
        if let Some(plain) = PLAIN.get(key.as_str()) {
            let plain = Cow::Borrowed(*plain);
            let upper = |it: Cow<'static, str>| Cow::Owned(it.to_ascii_uppercase());
            return Some((if is_upper { upper(plain) } else { plain }, length));
        }
        key.pop();
    }
    None
}
