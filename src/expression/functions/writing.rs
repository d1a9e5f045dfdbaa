//! Upper and lower case, and letters without marks.

use std::borrow::Cow;

use super::super::arguments::Arguments;
use super::super::diacritics;
use super::super::letters::{self, Culture};
use super::super::scope::{Evaluated, Stop};
use super::{Accepts, Family, Function, Shown, optional, plain, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Upper and lower case, and marks",
    functions: &[
        Function::new(
            "ToLower",
            &[required("source", Accepts::Text), optional("culture", Accepts::Text)],
            to_lower,
        )
        .says("The text in lower case, by the rules of a culture such as tr-TR, or of none.")
        .shows(&[
            plain(r#"ToLower("ANA@Contoso.com")"#, Shown::Text("ana@contoso.com")),
            plain(r#"ToLower("TITLE", "tr-TR")"#, Shown::Text("tıtle")),
        ]),
        Function::new(
            "ToUpper",
            &[required("source", Accepts::Text), optional("culture", Accepts::Text)],
            to_upper,
        )
        .says("The text in upper case, by the rules of a culture such as tr-TR, or of none. A letter becomes one letter: ß stays.")
        .shows(&[plain(r#"ToUpper("straße")"#, Shown::Text("STRAßE"))]),
        Function::new(
            "PCase",
            &[required("source", Accepts::Text), optional("wordSeparators", Accepts::Text)],
            p_case,
        )
        .says("The text with the first letter of each word in upper and all others in lower case. Without separators a word ends at white space, punctuation and symbols, but not at an apostrophe.")
        .shows(&[
            plain(
                r#"PCase("PABLO GONSALVES (SECOND)")"#,
                Shown::Text("Pablo Gonsalves (Second)"),
            ),
            plain(r#"PCase("PINTO-DE'SILVA", " '-")"#, Shown::Text("Pinto-De'Silva")),
        ]),
        Function::new(
            "NormalizeDiacritics",
            &[required("source", Accepts::Text)],
            normalize_diacritics,
        )
        .says("The text with letters of European languages in place of those with marks, by a table. Letters outside of it stay.")
        .shows(&[with(
            "NormalizeDiacritics([givenName])",
            r#"{"givenName": "Zoë Søren Müller"}"#,
            Shown::Text("Zoe Soeren Muller"),
        )]),
    ],
};

fn to_lower<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let culture = culture(arguments)?;
    arguments.each_text(0, |text| {
        letter_by_letter(text, |it| letters::lower(it, culture))
    })
}

fn to_upper<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let culture = culture(arguments)?;
    arguments.each_text(0, |text| {
        letter_by_letter(text, |it| letters::upper(it, culture))
    })
}

fn culture(arguments: &Arguments<'_, '_>) -> Result<Culture, Stop> {
    arguments.choice(1, Culture::named)
}

/// What `change` makes of a text, borrowed where it was and nothing changed.
fn letter_by_letter(
    text: Cow<'_, str>,
    change: impl for<'t> Fn(&'t str) -> Cow<'t, str>,
) -> Cow<'_, str> {
    let changed = match change(&text) {
        Cow::Borrowed(_) => None,
        Cow::Owned(changed) => Some(changed),
    };
    changed.map_or(text, Cow::Owned)
}

fn p_case<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let separators = arguments.text(1)?;
    arguments.each_text(0, |text| {
        Cow::Owned(match &separators {
            Some(separators) => letters::title_between(&text, separators),
            None => letters::title(&text),
        })
    })
}

fn normalize_diacritics<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, diacritics::normalized)
}
