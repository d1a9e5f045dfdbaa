//! What concerns the flow of values: what is left out, what fails, what the tenant and the target know.

use super::super::arguments::Arguments;
use super::super::coercion;
use super::super::scope::Evaluated;
use super::super::value::{Flow, Value};
use super::{Accepts, Family, Function, Shown, plain, repeated, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Provisioning",
    functions: &[
        Function {
            drops_flow: true,
            ..Function::new(
                "IgnoreFlowIfNullOrEmpty",
                &[required("expression", Accepts::Any)],
                ignore_flow,
            )
        }
        .says("The value; without one, or with an empty text, the attribute is left as it is in the target. It cannot be the condition of IIF.")
        .shows(&[
            with(
                "IgnoreFlowIfNullOrEmpty([department])",
                r#"{"department": "Sales"}"#,
                Shown::Text("Sales"),
            ),
            plain("IgnoreFlowIfNullOrEmpty([department])", Shown::Ignored),
        ]),
        Function {
            top_only: true,
            ..Function::new(
                "SelectUniqueValue",
                &[
                    required("rule", Accepts::Text),
                    required("rule", Accepts::Text),
                    repeated("rule", Accepts::Text),
                ],
                select_unique_value,
            )
        }
        .says("The first value that nobody in the target has. It must be the outermost function, and Entra allows it only when accounts are made in Active Directory.")
        .shows(&[with(
            "SelectUniqueValue([mailNickname], Append([mailNickname], \"2\"))",
            r#"{"mailNickname": "ana"}"#,
            Shown::Text("ana"),
        )]),
        Function::new("DefaultDomain", &[], default_domain)
            .says("The default domain of the tenant.")
            .shows(&[with(
                r#"Join("@", [mailNickname], DefaultDomain())"#,
                r#"{"mailNickname": "ana"}"#,
                Shown::Text("ana@contoso.com"),
            )]),
        Function::new("Redact", &[required("value", Accepts::Any)], redact)
            .says("The value; Entra's provisioning logs show [Redact] in its place.")
            .shows(&[plain(r#"Redact("secret")"#, Shown::Text("secret"))]),
        Function::new("Error", &[required("message", Accepts::Text)], error)
            .says("Fails, with the message.")
            .shows(&[plain(
                r#"IIF(IsPresent([accountName]), [accountName], Error("accountName is required"))"#,
                Shown::Error("accountName is required"),
            )]),
    ],
};

fn ignore_flow<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let value = arguments.any(0)?;
    Ok(if coercion::is_empty(&value) {
        Value::Flow(Flow::IgnoreAttribute)
    } else {
        value
    })
}

fn select_unique_value<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    for index in 0..arguments.count() {
        let value = arguments.text_or_empty(index)?;
        if !value.is_empty() && !arguments.environment().is_taken(&value) {
            return Ok(Value::Text(value));
        }
    }
    Err(arguments.failure("the target has every one of these values already"))
}

fn default_domain<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let domain = arguments.environment().default_domain.as_deref();
    domain
        .map(Value::text)
        .ok_or_else(|| arguments.failure("the default domain of the tenant is not known"))
}

fn redact<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.any(0)
}

fn error<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    Err(arguments.failure(arguments.text_or_empty(0)?))
}
