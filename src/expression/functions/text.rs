//! Parts of texts put together and cut out.

use std::borrow::Cow;

use super::super::arguments::{Arguments, word};
use super::super::letters::{self, Culture};
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, optional, plain, repeated, required, with};

const COMPARISONS: &[&str] = &["vbBinaryCompare", "vbTextCompare"];

pub(super) const FAMILY: Family = Family {
    title: "Text",
    functions: &[
        Function::new(
            "Append",
            &[required("source", Accepts::Text), required("suffix", Accepts::Text)],
            append,
        )
        .says("The source with the suffix behind it. Without a source there is no value; a missing suffix adds nothing.")
        .shows(&[with(
            r#"Append([userPrincipalName], ".test")"#,
            r#"{"userPrincipalName": "ana@contoso.com"}"#,
            Shown::Text("ana@contoso.com.test"),
        )]),
        Function::new(
            "Prepend",
            &[required("prefix", Accepts::Text), required("source", Accepts::Text)],
            prepend,
        )
        .says("The source with the prefix before it. Without a source there is no value.")
        .shows(&[with(
            r#"Prepend("smtp:", [mail])"#,
            r#"{"mail": "ana@contoso.com"}"#,
            Shown::Text("smtp:ana@contoso.com"),
        )]),
        Function::new(
            "Join",
            &[
                required("separator", Accepts::Text),
                required("source", Accepts::Text),
                repeated("source", Accepts::Text),
            ],
            join,
        )
        .says("All sources, with the separator between them. Each value of a multi-valued source counts. Sources that are missing or empty add nothing, no separator either.")
        .shows(&[
            with(
                r#"Join(", ", [surname], [givenName])"#,
                r#"{"surname": "Roe", "givenName": "Ana"}"#,
                Shown::Text("Roe, Ana"),
            ),
            with(
                r#"Join(" ", [givenName], [middleName], [surname])"#,
                r#"{"surname": "Roe", "givenName": "Ana"}"#,
                Shown::Text("Ana Roe"),
            ),
        ]),
        Function::new(
            "Left",
            &[required("string", Accepts::Text), required("numChars", Accepts::Integer)],
            left,
        )
        .says("The first characters of a text. A negative number gives all of them; without a text the result is empty.")
        .shows(&[plain(r#"Left("John Doe", 3)"#, Shown::Text("Joh"))]),
        Function::new(
            "Mid",
            &[
                required("source", Accepts::Text),
                required("start", Accepts::Integer),
                required("length", Accepts::Integer),
            ],
            mid,
        )
        .says("Characters from the middle of a text, the first being number 1. Fewer are there: fewer come. Behind the end the result is empty.")
        .shows(&[
            plain(r#"Mid("John Doe", 3, 5)"#, Shown::Text("hn Do")),
            plain(r#"Mid("John Doe", 6, 99)"#, Shown::Text("Doe")),
            plain(r#"Mid("John Doe", 0, 1)"#, Shown::Error("argument start: must be 1 or more, got 0")),
        ]),
        Function::new("Len", &[required("string", Accepts::Text)], len)
            .says("How many characters a text has, counted in UTF-16. Without a text, 0.")
            .shows(&[
                plain(r#"Len("John Doe")"#, Shown::Text("8")),
                plain("Len(42568.75)", Shown::Text("8")),
            ]),
        Function::new(
            "InStr",
            &[
                required("value1", Accepts::Text),
                required("value2", Accepts::Text),
                optional("start", Accepts::Integer),
                optional("compareType", Accepts::Word(COMPARISONS)),
            ],
            in_str,
        )
        .says("Where the second text is first found in the first, the first character being number 1; 0 if it is not there. The search begins at start. vbTextCompare ignores upper and lower case; vbBinaryCompare does not and is the default.")
        .shows(&[
            plain(r#"InStr("The quick brown fox", "quick")"#, Shown::Text("5")),
            plain(r#"InStr("repEated", "e", 3, vbBinaryCompare)"#, Shown::Text("7")),
            plain(r#"InStr("repEated", "e", 3, vbTextCompare)"#, Shown::Text("4")),
        ]),
        Function::new(
            "Word",
            &[
                required("string", Accepts::Text),
                required("wordNumber", Accepts::Integer),
                required("delimiters", Accepts::Text),
            ],
            word_of,
        )
        .says("A word of a text, the first being number 1. Each character of delimiters is between words. Where there is no such word the result is empty.")
        .shows(&[
            plain(r#"Word("The quick brown fox", 3, " ")"#, Shown::Text("brown")),
            plain(
                r#"Word("This,string!has&many separators", 3, ",!&#")"#,
                Shown::Text("has"),
            ),
        ]),
        Function::new("StripSpaces", &[required("source", Accepts::Text)], strip_spaces)
            .says("The text without any space. Tabs and line breaks stay.")
            .shows(&[plain(r#"StripSpaces("a b  c")"#, Shown::Text("abc"))]),
        Function::new("Trim", &[required("value", Accepts::Text)], trim)
            .says("The text without white space at its ends; of a multi-valued attribute, each value.")
            .shows(&[plain(r#"Trim(" Test ")"#, Shown::Text("Test"))]),
    ],
};

fn append<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(source) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    Ok(Value::Text(source + arguments.text_or_empty(1)?))
}

fn prepend<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let prefix = arguments.text_or_empty(0)?;
    Ok(arguments
        .text(1)?
        .map_or(Value::Null, |source| Value::Text(prefix + source)))
}

fn join<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let separator = arguments.text_or_empty(0)?;
    let mut joined = String::new();
    let mut is_first = true;
    for index in 1..arguments.count() {
        for text in arguments.list(index)? {
            if text.is_empty() {
                continue;
            }
            if !is_first {
                joined.push_str(&separator);
            }
            joined.push_str(&text);
            is_first = false;
        }
    }
    Ok(Value::text(joined))
}

fn left<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let text = arguments.text_or_empty(0)?;
    let length = usize::try_from(arguments.integer(1)?).unwrap_or(usize::MAX);
    Ok(Value::Text(letters::part(text, 0, length)))
}

fn mid<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(source) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    let from = |index, least: i64| {
        let number = arguments.integer(index)?;
        usize::try_from(number.saturating_sub(least))
            .map_err(|_| arguments.fault(index, format!("must be {least} or more, got {number}")))
    };
    let (start, length) = (from(1, 1)?, from(2, 0)?);
    Ok(Value::Text(letters::part(source, start, length)))
}

fn len<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(number(letters::count(&arguments.text_or_empty(0)?)))
}

fn in_str<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let mut text = arguments.text_or_empty(0)?;
    let mut wanted = arguments.text_or_empty(1)?;
    let start = if arguments.is_given(2) {
        arguments.integer(2)?
    } else {
        1
    };
    let Some(start) = start.checked_sub(1).and_then(|it| usize::try_from(it).ok()) else {
        return Err(arguments.fault(2, format!("must be 1 or more, got {start}")));
    };
    let ignores_case = arguments.is_given(3)
        && arguments.choice(3, |it| word(COMPARISONS, it))? == "vbTextCompare";
    if ignores_case {
        text = Cow::Owned(letters::upper(&text, Culture::Invariant).into_owned());
        wanted = Cow::Owned(letters::upper(&wanted, Culture::Invariant).into_owned());
    }
    let length = letters::count(&text);
    if length == 0 || start > length {
        return Ok(Value::Integer(0));
    }
    if text.is_ascii() {
        let found = text[start..].find(wanted.as_ref());
        return Ok(number(found.map_or(0, |it| start + it + 1)));
    }
    // In UTF-16 as characters are counted, but found where a character begins.
    let mut at = 0;
    for (index, character) in text.char_indices() {
        if at >= start && text[index..].starts_with(wanted.as_ref()) {
            return Ok(number(at + 1));
        }
        at += character.len_utf16();
    }
    let is_at_end = wanted.is_empty();
    Ok(number(if is_at_end { start + 1 } else { 0 }))
}

fn word_of<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let text = arguments.text_or_empty(0)?;
    let wanted = arguments.integer(1)?;
    let delimiters = arguments.text_or_empty(2)?;
    let Some(skipped) = usize::try_from(wanted)
        .ok()
        .and_then(|it| it.checked_sub(1))
    else {
        return Ok(Value::text(""));
    };
    let mut words = text
        .split(|it: char| delimiters.contains(it))
        .filter(|it| !it.is_empty());
    let word = words.nth(skipped).unwrap_or_default();
    Ok(Value::text(word.to_owned()))
}

fn strip_spaces<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, |text| {
        if text.contains(' ') {
            text.replace(' ', "").into()
        } else {
            text
        }
    })
}

fn trim<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, trimmed)
}

/// The text without white space at its ends, borrowed where it was.
fn trimmed(text: Cow<'_, str>) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
        Cow::Owned(text) if text.trim().len() == text.len() => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
    }
}

/// A count as a value; texts are far shorter than what it holds.
pub(super) fn number<'a>(count: usize) -> Value<'a> {
    Value::Integer(i64::try_from(count).unwrap_or(i64::MAX))
}
