//! Any text is an expression or refused, an expression prints as itself and can be evaluated for anybody, and no text takes long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use usher_fuzz::expression::{Expression, ExpressionError, SourceObject};
use usher_fuzz::{ENVIRONMENT, timed};

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
    let object = object(value);
    let parsed = timed(|| {
        let expression = Expression::parse(source)?;
        let _ = expression.faults();
        let _ = expression.evaluate(&object, &ENVIRONMENT);
        Ok::<_, ExpressionError>(expression)
    });
    let Ok(expression) = parsed else {
        return;
    };
    let printed = expression.to_string();
    // Escapes may make it longer than what is read.
    if printed.len() <= 10_000 {
        let again = Expression::parse(&printed).expect("canonical text is read");
        assert_eq!(again.to_string(), printed);
    }
});
