//! Choosing by what is there.

use super::super::arguments::Arguments;
use super::super::coercion;
use super::super::scope::Evaluated;
use super::super::syntax::Slot;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, optional, plain, repeated, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Conditions",
    functions: &[
        Function::new(
            "IIF",
            &[
                required("condition", Accepts::Condition),
                required("valueIfTrue", Accepts::Any),
                required("valueIfFalse", Accepts::Any),
            ],
            iif,
        )
        .says("One of two values. The condition compares by =, <>, <, <=, > or >=, or is a function with True or False. A comparison with a missing attribute does not hold, whatever it compares. For and, nest an IIF on the true branch, for or on the false one. IgnoreAttributeFlow as a branch leaves the attribute as it is, IgnoreObjectFlow the whole object.")
        .shows(&[
            with(
                r#"IIF([country] = "USA", [department], [division])"#,
                r#"{"country": "USA", "department": "Sales", "division": "West"}"#,
                Shown::Text("Sales"),
            ),
            with(
                r#"IIF(InStr([userPrincipalName], "@partners") > 0, "Guest", "Member")"#,
                r#"{"userPrincipalName": "ana@contoso.com"}"#,
                Shown::Text("Member"),
            ),
            with(
                "IIF(IsPresent([mail]), [mail], IgnoreAttributeFlow)",
                "{}",
                Shown::Ignored,
            ),
        ]),
        Function::new(
            "Switch",
            &[
                required("source", Accepts::Text),
                optional("defaultValue", Accepts::Any),
                required("key", Accepts::Text),
                required("value", Accepts::Any),
                repeated("key", Accepts::Text),
                repeated("value", Accepts::Any),
            ],
            switch,
        )
        .checked(in_pairs)
        .says(r#"The value behind the first key that is equal to the source; upper and lower case differ. If none is, the default, or no value. The key "" stands for a source that is missing or empty."#)
        .shows(&[
            with(
                r#"Switch([IsSoftDeleted], , "False", "True", "True", "False")"#,
                r#"{"IsSoftDeleted": "False"}"#,
                Shown::Text("True"),
            ),
            with(
                r#"Switch([country], [country], "", "Other")"#,
                "{}",
                Shown::Text("Other"),
            ),
        ]),
        Function::new(
            "Coalesce",
            &[required("source", Accepts::Any), repeated("source", Accepts::Any)],
            coalesce,
        )
        .says("The first source that has a value; an empty text is one.")
        .shows(&[with(
            "Coalesce([mail], [userPrincipalName])",
            r#"{"userPrincipalName": "ana@contoso.com"}"#,
            Shown::Text("ana@contoso.com"),
        )]),
        Function::new("Not", &[required("source", Accepts::Any)], not)
            .says("False if the source is True, and True of everything else.")
            .shows(&[plain(r#"Not("True")"#, Shown::Text("False"))]),
        Function::new("CBool", &[required("expression", Accepts::Condition)], c_bool)
            .says("Whether a comparison holds, or a number is not 0.")
            .shows(&[
                with(
                    "CBool([a] = [b])",
                    r#"{"a": "x", "b": "x"}"#,
                    Shown::Text("True"),
                ),
                plain("CBool(0)", Shown::Text("False")),
            ]),
        Function::new("IsNull", &[required("expression", Accepts::Any)], is_null)
            .says("Whether there is no value.")
            .shows(&[plain("IsNull([displayName])", Shown::Text("True"))]),
        Function::new("IsNothing", &[required("expression", Accepts::Any)], is_null)
            .says("The same as IsNull.")
            .shows(&[plain("IsNothing([displayName])", Shown::Text("True"))]),
        Function::new("IsNullOrEmpty", &[required("expression", Accepts::Any)], is_null_or_empty)
            .says("Whether there is no value, or an empty text.")
            .shows(&[with(
                "IsNullOrEmpty([displayName])",
                r#"{"displayName": ""}"#,
                Shown::Text("True"),
            )]),
        Function::new("IsPresent", &[required("expression", Accepts::Any)], is_present)
            .says("Whether there is a value that is not empty.")
            .shows(&[with(
                "IsPresent([displayName])",
                r#"{"displayName": "Ana"}"#,
                Shown::Text("True"),
            )]),
        Function::new("IsString", &[required("expression", Accepts::Any)], is_string)
            .says("Whether there is one value and it is a text.")
            .shows(&[plain(r#"IsString("Ana")"#, Shown::Text("True"))]),
    ],
};

fn iif<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let holds = arguments.condition(0)?;
    let (taken, other) = if holds { (1, 2) } else { (2, 1) };
    if arguments.environment().eager_iif {
        arguments.any(other)?;
    }
    arguments.any(taken)
}

/// Keys and values come in pairs.
fn in_pairs(slots: &[Slot]) -> Result<(), String> {
    if slots.len().is_multiple_of(2) {
        return Ok(());
    }
    Err(format!(
        "each key needs a value behind it, so the number of arguments is even, got {}",
        slots.len()
    ))
}

fn switch<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let source = arguments.text_or_empty(0)?;
    for key in (2..arguments.count()).step_by(2) {
        if arguments.text_or_empty(key)? == source {
            return arguments.any(key + 1);
        }
    }
    arguments.any(1)
}

fn coalesce<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    for index in 0..arguments.count() {
        let value = arguments.any(index)?;
        if value != Value::Null {
            return Ok(value);
        }
    }
    Ok(Value::Null)
}

fn not<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let text = coercion::text(arguments.value(0)?).unwrap_or_default();
    let is_true = text.is_some_and(|it| it.eq_ignore_ascii_case("true"));
    Ok(Value::Boolean(!is_true))
}

fn c_bool<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.condition(0).map(Value::Boolean)
}

fn is_null<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(Value::Boolean(arguments.value(0)? == Value::Null))
}

fn is_null_or_empty<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(Value::Boolean(coercion::is_empty(&arguments.value(0)?)))
}

fn is_present<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(Value::Boolean(!coercion::is_empty(&arguments.value(0)?)))
}

fn is_string<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(Value::Boolean(matches!(
        arguments.value(0)?,
        Value::Text(_)
    )))
}
