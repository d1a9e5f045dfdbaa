//! `Replace`, which does one of five things, by which arguments are given.

use std::borrow::Cow;

use super::super::arguments::{Arguments, is_given};
use super::super::scope::{Evaluated, Stop};
use super::super::syntax::Slot;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, optional, required, with};

const OLD_VALUE: usize = 1;
const PATTERN: usize = 2;
const GROUP: usize = 3;
const REPLACEMENT: usize = 4;
const OTHER_ATTRIBUTE: usize = 5;
const TEMPLATE: usize = 6;

pub(super) const FAMILY: Family = Family {
    title: "Replacing",
    functions: &[Function::new(
        "Replace",
        &[
            required("source", Accepts::Text),
            optional("oldValue", Accepts::Text),
            optional("regexPattern", Accepts::Pattern),
            optional("regexGroupName", Accepts::Text),
            optional("replacementValue", Accepts::Text),
            optional("replacementAttributeName", Accepts::Text),
            optional("template", Accepts::Text),
        ],
        replace,
    )
    .checked(|slots| mode(slots).map(drop))
    .says(
        "Replaces a part of the source. Which one follows from the arguments that are given:\n\
         oldValue and replacementValue replace each oldValue.\n\
         oldValue and template give the template, with the source in the place of each oldValue.\n\
         regexPattern and replacementValue replace each match; $1, ${name} and $& are what was matched.\n\
         regexPattern, regexGroupName and replacementValue replace only what the group matched.\n\
         regexPattern, regexGroupName and replacementAttributeName give the source; if it is missing or empty, what the group matches in the other attribute.\n\
         Upper and lower case differ. In a text a backslash of a regular expression is written twice.",
    )
    .shows(&[
        with(
            r#"Replace([department], "Development", , , "Engineering", , )"#,
            r#"{"department": "Product Development"}"#,
            Shown::Text("Product Engineering"),
        ),
        with(
            r#"Replace([userId], "<username>", , , , , "<username>@contoso.com")"#,
            r#"{"userId": "ana"}"#,
            Shown::Text("ana@contoso.com"),
        ),
        with(
            r#"Replace([telephoneNumber], , "\\+(?<isdCode>\\d* )(?<phoneNumber>\\d{10})", , "${phoneNumber}", , )"#,
            r#"{"telephoneNumber": "+91 9998887777"}"#,
            Shown::Text("9998887777"),
        ),
        with(
            r#"Replace([userPrincipalName], , "(?<Suffix>@(.)*)", "Suffix", "", , )"#,
            r#"{"userPrincipalName": "ana@contoso.com"}"#,
            Shown::Text("ana"),
        ),
        with(
            r#"Replace([telephoneNumber], , "(?<last>\\d{4})$", "last", , [mobile], )"#,
            r#"{"mobile": "+1 555 0100"}"#,
            Shown::Text("0100"),
        ),
    ])],
};

/// What a call of `Replace` does.
#[derive(Clone, Copy)]
enum Mode {
    Template,
    Literal,
    Fallback,
    Group,
    Pattern,
}

/// The mode by the slots that are filled, in the order in which they are told apart.
fn mode(slots: &[Slot]) -> Result<Mode, String> {
    let modes: [(&[usize], Mode); 5] = [
        (&[OLD_VALUE, TEMPLATE], Mode::Template),
        (&[OLD_VALUE, REPLACEMENT], Mode::Literal),
        (&[PATTERN, GROUP, OTHER_ATTRIBUTE], Mode::Fallback),
        (&[PATTERN, GROUP, REPLACEMENT], Mode::Group),
        (&[PATTERN, REPLACEMENT], Mode::Pattern),
    ];
    let found = modes
        .into_iter()
        .find(|(wanted, _)| wanted.iter().all(|it| is_given(slots, *it)));
    found.map(|(_, mode)| mode).ok_or_else(|| {
        "give oldValue with replacementValue or template, or regexPattern with replacementValue, or regexPattern and regexGroupName with replacementAttributeName".to_owned()
    })
}

fn replace<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let source = arguments.text(0)?;
    let mode = mode(arguments.slots()).map_err(|problem| arguments.failure(problem))?;
    if matches!(mode, Mode::Fallback) {
        return fallback(arguments, source);
    }
    let Some(source) = source else {
        return Ok(Value::Null);
    };
    match mode {
        Mode::Template => {
            let template = arguments.text_or_empty(TEMPLATE)?;
            literal(arguments, template, &source)
        }
        Mode::Literal => {
            let replacement = arguments.text_or_empty(REPLACEMENT)?;
            literal(arguments, source, &replacement)
        }
        Mode::Group => {
            let group = arguments.text_or_empty(GROUP)?;
            let replacement = arguments.text_or_empty(REPLACEMENT)?;
            let replaced = arguments.with_pattern(PATTERN, |pattern, budget| {
                pattern.replace_group(source, &group, &replacement, budget)
            });
            replaced.map(Value::Text)
        }
        Mode::Pattern | Mode::Fallback => {
            let replacement = arguments.text_or_empty(REPLACEMENT)?;
            let replaced = arguments.with_pattern(PATTERN, |pattern, budget| {
                pattern.replace(source, &replacement, budget)
            });
            replaced.map(Value::Text)
        }
    }
}

/// `text` with each old value replaced.
fn literal<'a>(
    arguments: &Arguments<'a, '_>,
    text: Cow<'a, str>,
    replacement: &str,
) -> Evaluated<'a> {
    let old = arguments.text_or_empty(OLD_VALUE)?;
    if old.is_empty() {
        return Err(arguments.fault(OLD_VALUE, "must not be empty, got \"\""));
    }
    let count = text.matches(old.as_ref()).count();
    if count == 0 {
        return Ok(Value::Text(text));
    }
    // Before it is made: a short text may become a very long one.
    arguments.spend(count * replacement.len())?;
    Ok(Value::text(text.replace(old.as_ref(), replacement)))
}

/// The source if it has a value; otherwise what the group matches in the other attribute.
fn fallback<'a>(
    arguments: &Arguments<'a, '_>,
    source: Option<Cow<'a, str>>,
) -> Result<Value<'a>, Stop> {
    if let Some(source) = source.filter(|it| !it.is_empty()) {
        return Ok(Value::Text(source));
    }
    let Some(other) = arguments.text(OTHER_ATTRIBUTE)? else {
        return Ok(Value::Null);
    };
    let group = arguments.text_or_empty(GROUP)?;
    let found = arguments.with_pattern(PATTERN, |pattern, budget| {
        pattern.first_group(&other, &group, budget)
    })?;
    Ok(found.map_or(Value::Null, Value::text))
}
