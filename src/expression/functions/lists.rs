//! Multi-valued attributes.

use super::super::arguments::{Arguments, character};
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::text::number;
use super::{Accepts, Family, Function, Shown, plain, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Several values",
    functions: &[
        Function::new(
            "Split",
            &[required("source", Accepts::Text), required("delimiter", Accepts::Character)],
            split,
        )
        .says("The text cut at a character, as several values without white space at their ends. Empty parts stay.")
        .shows(&[with(
            r#"Split([extensionAttribute5], ",")"#,
            r#"{"extensionAttribute5": "PermissionSetOne, PermissionSetTwo"}"#,
            Shown::List(&["PermissionSetOne", "PermissionSetTwo"]),
        )]),
        Function::new(
            "Item",
            &[required("attribute", Accepts::Text), required("index", Accepts::Integer)],
            item,
        )
        .says("One of several values, the first being number 1. It is an error if there is none.")
        .shows(&[
            with(
                r#"Item(Split([userPrincipalName], "@"), 2)"#,
                r#"{"userPrincipalName": "ana@contoso.com"}"#,
                Shown::Text("contoso.com"),
            ),
            with(
                "Item([proxyAddresses], 3)",
                r#"{"proxyAddresses": ["a", "b"]}"#,
                Shown::Error("argument index: must be from 1 to 2, got 3"),
            ),
        ]),
        Function::new("Count", &[required("attribute", Accepts::Text)], count)
            .says("How many values there are.")
            .shows(&[with(
                "Count([proxyAddresses])",
                r#"{"proxyAddresses": ["a", "b", "c"]}"#,
                Shown::Text("3"),
            )]),
        Function::new(
            "RemoveDuplicates",
            &[required("attribute", Accepts::Text)],
            remove_duplicates,
        )
        .says("The values without repetitions, in the order of their first appearance. Upper and lower case differ.")
        .shows(&[plain(
            r#"RemoveDuplicates(Split("b,a,b", ","))"#,
            Shown::List(&["b", "a"]),
        )]),
        Function::new(
            "Contains",
            &[required("attribute", Accepts::Text), required("search", Accepts::Text)],
            contains,
        )
        .says("The number of the first value that holds a text, the first value being number 1; 0 if none does.")
        .shows(&[with(
            r#"Contains([proxyAddresses], "SMTP:")"#,
            r#"{"proxyAddresses": ["smtp:a@contoso.com", "SMTP:ana@contoso.com"]}"#,
            Shown::Text("2"),
        )]),
    ],
};

fn split<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(source) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    let delimiter = arguments.choice(1, character)?;
    Ok(Value::List(match source {
        std::borrow::Cow::Borrowed(text) => {
            text.split(delimiter).map(|it| it.trim().into()).collect()
        }
        std::borrow::Cow::Owned(text) => text
            .split(delimiter)
            .map(|it| it.trim().to_owned().into())
            .collect(),
    }))
}

fn item<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let values = arguments.list(0)?;
    let index = arguments.integer(1)?;
    let count = values.len();
    let mut values = values.into_iter();
    let item = usize::try_from(index)
        .ok()
        .and_then(|it| it.checked_sub(1))
        .and_then(|it| values.nth(it));
    item.map(Value::Text).ok_or_else(|| {
        let problem = match count {
            0 => format!("there are no values, got {index}"),
            _ => format!("must be from 1 to {count}, got {index}"),
        };
        arguments.fault(1, problem)
    })
}

fn count<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(number(arguments.list(0)?.len()))
}

fn remove_duplicates<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    match arguments.value(0)? {
        Value::List(values) => {
            let mut seen = std::collections::HashSet::new();
            let is_new = |it: &std::borrow::Cow<'a, str>| seen.insert(it.clone());
            Ok(Value::List(values.into_iter().filter(is_new).collect()))
        }
        single => Ok(single),
    }
}

fn contains<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let values = arguments.list(0)?;
    let search = arguments.text_or_empty(1)?;
    let found = values.iter().position(|it| it.contains(search.as_ref()));
    Ok(number(found.map_or(0, |it| it + 1)))
}
