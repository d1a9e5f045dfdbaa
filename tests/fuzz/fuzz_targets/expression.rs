//! Any text is an expression or refused; an expression prints as itself, and can be evaluated for anybody.
#![no_main]

use std::sync::LazyLock;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use usher_fuzz::clock::SeededRandom;
use usher_fuzz::expression::{Environment, Expression, SourceObject};

static RANDOM: LazyLock<SeededRandom> = LazyLock::new(|| SeededRandom::new(7));

/// Surroundings in which every function has what it needs.
static ENVIRONMENT: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::at(Timestamp::UNIX_EPOCH, &*RANDOM);
    environment.default_domain = Some("contoso.com".to_owned());
    environment.take("ana");
    environment
});

/// An object with `text` in its attributes.
fn object(text: &str) -> SourceObject {
    let mut object = SourceObject::new();
    object.set("a", text);
    object.set_list("m", text.split(',').map(str::to_owned).collect());
    object.set("d", "2024-02-29T23:59:59-05:00");
    object
}

fuzz_target!(|text: &str| {
    // Behind a zero byte is the value of attributes.
    let (source, value) = text.split_once('\u{0}').unwrap_or((text, text));
    let Ok(expression) = Expression::parse(source) else {
        return;
    };
    let printed = expression.to_string();
    // Escapes may make it longer than what is read.
    if printed.len() <= 10_000 {
        let again = Expression::parse(&printed).expect("canonical text is read");
        assert_eq!(again.to_string(), printed);
    }
    let _ = expression.faults();
    let object = object(value);
    let _ = expression.evaluate(&object, &ENVIRONMENT);
});
