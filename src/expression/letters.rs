//! Letters as .NET has them: counted in UTF-16, and changed one for one.

use std::borrow::Cow;

use unicode_general_category::{GeneralCategory, get_general_category};

/// Whose rules of upper and lower case apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Culture {
    /// No language's: the dotless i and the dotted I stay as they are.
    Invariant,
    /// Turkish and Azerbaijani: the dot of an i is kept.
    Turkic,
    /// Any other.
    Other,
}

impl Culture {
    /// The culture of a name such as `en` or `tr-TR` (RFC 4646); none is invariant.
    pub(super) fn named(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Ok(Self::Invariant);
        }
        let mut parts = name.split('-');
        let language = parts.next().unwrap_or_default();
        let is_language = (2..=8).contains(&language.len())
            && language.bytes().all(|it| it.is_ascii_alphabetic());
        let are_subtags = parts.all(|it| {
            (1..=8).contains(&it.len()) && it.bytes().all(|it| it.is_ascii_alphanumeric())
        });
        if !is_language || !are_subtags {
            return Err(format!(
                "must be the name of a culture such as en-US, got {name:?}"
            ));
        }
        match language.to_ascii_lowercase().as_str() {
            "tr" | "az" => Ok(Self::Turkic),
            _ => Ok(Self::Other),
        }
    }
}

/// `text` in lower case.
pub(super) fn lower(text: &str, culture: Culture) -> Cow<'_, str> {
    changed(text, |it| lower_letter(it, culture))
}

/// `text` in upper case.
pub(super) fn upper(text: &str, culture: Culture) -> Cow<'_, str> {
    changed(text, |it| upper_letter(it, culture))
}

fn changed(text: &str, change: impl Fn(char) -> char) -> Cow<'_, str> {
    match text.char_indices().find(|(_, it)| change(*it) != *it) {
        None => Cow::Borrowed(text),
        Some((same, _)) => {
            let mut made = String::with_capacity(text.len());
            made.push_str(&text[..same]);
            made.extend(text[same..].chars().map(change));
            Cow::Owned(made)
        }
    }
}

fn lower_letter(letter: char, culture: Culture) -> char {
    match (letter, culture) {
        ('I', Culture::Turkic) => 'ı',
        ('İ', Culture::Invariant) => 'İ',
        ('İ', _) => 'i',
        (letter, _) if letter.is_ascii() => letter.to_ascii_lowercase(),
        (letter, _) => only(letter.to_lowercase()).unwrap_or(letter),
    }
}

fn upper_letter(letter: char, culture: Culture) -> char {
    match (letter, culture) {
        ('i', Culture::Turkic) => 'İ',
        ('ı', Culture::Invariant) => 'ı',
        (letter, _) if letter.is_ascii() => letter.to_ascii_uppercase(),
        // Whose upper case is several letters keeps its own, or has the one with a small iota below.
        (letter, _) => only(letter.to_uppercase()).unwrap_or_else(|| with_iota(letter)),
    }
}

/// The only letter, if it is one.
fn only(mut letters: impl Iterator<Item = char>) -> Option<char> {
    letters.next().filter(|_| letters.next().is_none())
}

fn with_iota(letter: char) -> char {
    let code = u32::from(letter);
    let upper = match code {
        0x1F80..=0x1F87 | 0x1F90..=0x1F97 | 0x1FA0..=0x1FA7 => code + 8,
        0x1FB3 | 0x1FC3 | 0x1FF3 => code + 9,
        _ => code,
    };
    char::from_u32(upper).unwrap_or(letter)
}

/// The letter that begins a word.
fn title_letter(letter: char) -> char {
    match letter {
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        other => upper_letter(other, Culture::Invariant),
    }
}

/// Each word with its first letter in upper and the rest in lower case, words as .NET's `ToTitleCase` finds them.
pub(super) fn title(text: &str) -> String {
    let mut is_inside = false;
    let title = |letter| {
        if is_inside {
            // .NET takes the apostrophe of O'Neil for a part of the word.
            is_inside = letter == '\'' || !separates(letter);
            return letter;
        }
        is_inside = letter.is_alphabetic() && is_letter(letter);
        if is_inside {
            title_letter(letter)
        } else {
            letter
        }
    };
    lower(text, Culture::Invariant).chars().map(title).collect()
}

/// Each word with its first letter in upper and the rest in lower case; only `separators` are between words.
pub(super) fn title_between(text: &str, separators: &str) -> String {
    let mut begins = true;
    let title = |letter| {
        let first = std::mem::replace(&mut begins, separators.contains(letter));
        if first { title_letter(letter) } else { letter }
    };
    lower(text, Culture::Invariant).chars().map(title).collect()
}

fn is_letter(character: char) -> bool {
    use GeneralCategory as Category;
    matches!(
        get_general_category(character),
        Category::UppercaseLetter
            | Category::LowercaseLetter
            | Category::TitlecaseLetter
            | Category::ModifierLetter
            | Category::OtherLetter
    )
}

fn separates(character: char) -> bool {
    use GeneralCategory as Category;
    matches!(
        get_general_category(character),
        Category::SpaceSeparator
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::Control
            | Category::Format
            | Category::ConnectorPunctuation
            | Category::DashPunctuation
            | Category::OpenPunctuation
            | Category::ClosePunctuation
            | Category::InitialPunctuation
            | Category::FinalPunctuation
            | Category::OtherPunctuation
            | Category::MathSymbol
            | Category::CurrencySymbol
            | Category::ModifierSymbol
            | Category::OtherSymbol
    )
}

/// How many characters .NET counts.
pub(super) fn count(text: &str) -> usize {
    if text.is_ascii() {
        text.len()
    } else {
        text.encode_utf16().count()
    }
}

/// `length` characters from the `start`th on, counted from 0, or as many as there are. Half of a surrogate pair becomes
/// the replacement character, as when .NET writes it in UTF-8.
pub(super) fn part(text: Cow<'_, str>, start: usize, length: usize) -> Cow<'_, str> {
    if text.is_ascii() {
        let start = start.min(text.len());
        let end = start.saturating_add(length).min(text.len());
        return match text {
            Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
            Cow::Owned(text) if start == 0 && end == text.len() => Cow::Owned(text),
            Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
        };
    }
    let units: Vec<u16> = text.encode_utf16().skip(start).take(length).collect();
    Cow::Owned(String::from_utf16_lossy(&units))
}
