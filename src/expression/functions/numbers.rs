//! Numbers, and their texts.

use super::super::arguments::Arguments;
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, plain, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Numbers",
    functions: &[
        Function::new(
            "BitAnd",
            &[
                required("value1", Accepts::Integer),
                required("value2", Accepts::Integer),
            ],
            bit_and,
        )
        .says("The bits that are set in both numbers. A hexadecimal number is written as in &HF7.")
        .shows(&[
            plain("BitAnd(&HF, &HF7)", Shown::Text("7")),
            with(
                "CBool(BitAnd([userAccountControl], 2))",
                r#"{"userAccountControl": "514"}"#,
                Shown::Text("True"),
            ),
        ]),
        Function::new("CStr", &[required("value", Accepts::Text)], c_str)
            .says("The text of a value.")
            .shows(&[plain("CStr(BitAnd(12, 10))", Shown::Text("8"))]),
    ],
};

fn bit_and<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Ok(Value::Integer(
        arguments.integer(0)? & arguments.integer(1)?,
    ))
}

fn c_str<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, |it| it)
}
