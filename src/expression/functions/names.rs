//! Distinguished names of Active Directory.

use super::super::arguments::Arguments;
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, required, with};

pub(super) const FAMILY: Family = Family {
    title: "Distinguished names",
    functions: &[
        Function::new(
            "DNComponent",
            &[required("dn", Accepts::Text), required("index", Accepts::Integer)],
            dn_component,
        )
        .says("The value of a part of a distinguished name, the leftmost being number 1. It is an error if there is none.")
        .shows(&[with(
            "DNComponent(CRef([dn]), 1)",
            r#"{"dn": "cn=Joe,ou=Atlanta,dc=contoso,dc=com"}"#,
            Shown::Text("Joe"),
        )]),
        Function::new("CRef", &[required("value", Accepts::Text)], c_ref)
            .says("The text as a reference to another object.")
            .shows(&[with(
                "CRef([dn])",
                r#"{"dn": "cn=Joe,dc=contoso,dc=com"}"#,
                Shown::Text("cn=Joe,dc=contoso,dc=com"),
            )]),
    ],
};

fn dn_component<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(dn) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    let index = arguments.integer(1)?;
    let parts = components(&dn);
    let count = parts.len();
    let part = usize::try_from(index)
        .ok()
        .and_then(|it| it.checked_sub(1))
        .and_then(|it| parts.into_iter().nth(it));
    part.map(Value::text)
        .ok_or_else(|| arguments.fault(1, format!("must be from 1 to {count}, got {index}")))
}

fn c_ref<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, |it| it)
}

/// The values of the parts. RFC 4514, section 2.4: a comma within a value stands behind a backslash, or is written in
/// hexadecimal.
fn components(dn: &str) -> Vec<String> {
    let mut components = Vec::new();
    let mut part: Vec<u8> = Vec::new();
    let mut rest = dn;
    while let Some(character) = rest.chars().next() {
        rest = &rest[character.len_utf8()..];
        match character {
            ',' => components.push(std::mem::take(&mut part)),
            '\\' => {
                // `from_str_radix` would take a plus sign as well.
                let digits = rest
                    .get(..2)
                    .filter(|it| it.bytes().all(|it| it.is_ascii_hexdigit()));
                let code = digits.and_then(|it| u8::from_str_radix(it, 16).ok());
                if let Some(code) = code {
                    part.push(code);
                    rest = &rest[2..];
                } else if let Some(escaped) = rest.chars().next() {
                    part.extend(escaped.encode_utf8(&mut [0; 4]).as_bytes());
                    rest = &rest[escaped.len_utf8()..];
                }
            }
            other => part.extend(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    components.push(part);
    let value = |part: Vec<u8>| {
        let text = String::from_utf8_lossy(&part).into_owned();
        let value = text
            .split_once('=')
            .map(|(_, value)| value.trim().to_owned());
        value.unwrap_or(text)
    };
    components.into_iter().map(value).collect()
}
