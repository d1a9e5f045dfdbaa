//! Bytes as text.

use std::fmt::Write;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::super::arguments::{Arguments, word};
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, optional, plain, required};

/// As .NET reads it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

const ENCODINGS: &[&str] = &["Unicode", "ASCII", "UTF8"];

pub(super) const FAMILY: Family = Family {
    title: "Encodings",
    functions: &[
        Function::new("ConvertToBase64", &[required("source", Accepts::Text)], to_base64)
            .says("The text in UTF-16, little endian, in Base64.")
            .shows(&[plain(
                r#"ConvertToBase64("Hello world!")"#,
                Shown::Text("SABlAGwAbABvACAAdwBvAHIAbABkACEA"),
            )]),
        Function::new(
            "ConvertFromBase64",
            &[
                required("source", Accepts::Text),
                optional("encoding", Accepts::Word(ENCODINGS)),
            ],
            from_base64,
        )
        .says("The text in Base64. The encoding of its bytes is Unicode, which is UTF-16, unless it is said to be ASCII or UTF8.")
        .shows(&[plain(
            r#"ConvertFromBase64("SGVsbG8gd29ybGQh", UTF8)"#,
            Shown::Text("Hello world!"),
        )]),
        Function::new("ConvertToUTF8Hex", &[required("source", Accepts::Text)], to_utf8_hex)
            .says("The bytes of the text in UTF-8, in hexadecimal.")
            .shows(&[plain(
                r#"ConvertToUTF8Hex("Hello world!")"#,
                Shown::Text("48656C6C6F20776F726C6421"),
            )]),
        Function::new("StringFromSid", &[required("value", Accepts::Text)], string_from_sid)
            .says("The text of a security identifier whose bytes are in Base64.")
            .shows(&[plain(
                r#"StringFromSid("AQIAAAAAAAUgAAAAIAIAAA==")"#,
                Shown::Text("S-1-5-32-544"),
            )]),
    ],
};

fn to_base64<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, |text| {
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        BASE64.encode(bytes).into()
    })
}

fn from_base64<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let encoding = if arguments.is_given(1) {
        arguments.choice(1, |it| word(ENCODINGS, it))?
    } else {
        "Unicode"
    };
    let Some(text) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    let bytes = bytes(&text).map_err(|problem| arguments.fault(0, problem))?;
    Ok(Value::text(match encoding {
        "UTF8" => String::from_utf8_lossy(&bytes).into_owned(),
        "ASCII" => bytes
            .iter()
            .map(|it| if it.is_ascii() { char::from(*it) } else { '?' })
            .collect(),
        _ => {
            let (pairs, half) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().copied().map(u16::from_le_bytes).collect();
            let mut text = String::from_utf16_lossy(&units);
            text.extend(half.first().map(|_| char::REPLACEMENT_CHARACTER));
            text
        }
    }))
}

fn bytes(text: &str) -> Result<Vec<u8>, String> {
    let blank = |it: &char| matches!(it, ' ' | '\t' | '\r' | '\n');
    let text: String = text.chars().filter(|it| !blank(it)).collect();
    BASE64
        .decode(&text)
        .map_err(|error| format!("must be Base64: {error}"))
}

fn to_utf8_hex<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    arguments.each_text(0, |text| {
        let mut hexadecimal = String::with_capacity(2 * text.len());
        for byte in text.bytes() {
            write!(hexadecimal, "{byte:02X}").expect("writing to a String cannot fail");
        }
        hexadecimal.into()
    })
}

fn string_from_sid<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let Some(text) = arguments.text(0)? else {
        return Ok(Value::Null);
    };
    let unsound = || "must be the bytes of a security identifier in Base64".to_owned();
    bytes(&text)
        .and_then(|it| sid(&it).ok_or_else(unsound))
        .map(Value::text)
        .map_err(|problem| arguments.fault(0, problem))
}

/// Revision, number of parts, six bytes of authority in big endian, and the parts of four bytes in little endian.
fn sid(bytes: &[u8]) -> Option<String> {
    let ([revision, count, head @ ..], parts) = bytes.split_first_chunk::<8>()?;
    let (parts, []) = parts.as_chunks::<4>() else {
        return None;
    };
    if parts.len() != usize::from(*count) {
        return None;
    }
    let authority = head.iter().fold(0, |sum, it| sum * 256 + u64::from(*it));
    let mut text = format!("S-{revision}-{authority}");
    for part in parts {
        let part = u32::from_le_bytes(*part);
        write!(text, "-{part}").expect("writing to a String cannot fail");
    }
    Some(text)
}
