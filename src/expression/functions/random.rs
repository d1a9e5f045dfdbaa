//! What is different each time.

use uuid::Builder;

use super::super::arguments::Arguments;
use super::super::bounds::MAX_RANDOM_CHARS;
use super::super::scope::{Evaluated, Stop};
use super::super::value::Value;
use super::{Accepts, Family, Function, Shown, optional, plain, required};
use crate::clock::Random;

const DIGITS: &str = "0123456789";
const SPECIAL: &str = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/";
const CAPITAL: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

/// The parameters that say how many of each class there are at least, and the class.
const CLASSES: [(usize, &str); 4] = [(1, DIGITS), (2, SPECIAL), (3, CAPITAL), (4, LOWER)];

pub(super) const FAMILY: Family = Family {
    title: "Random values",
    functions: &[
        Function::new("Guid", &[], guid)
            .says("A new GUID.")
            .shows(&[plain(
                "Guid()",
                Shown::Like("^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"),
            )]),
        Function::new(
            "RandomString",
            &[
                required("length", Accepts::Integer),
                required("minimumNumbers", Accepts::Integer),
                required("minimumSpecialCharacters", Accepts::Integer),
                required("minimumCapital", Accepts::Integer),
                required("minimumLowerCase", Accepts::Integer),
                optional("charactersToAvoid", Accepts::Text),
            ],
            random_string,
        )
        .says("A random text of exactly that length, 256 at most, with at least so many digits, special characters, capital and lower-case letters. What is left is filled from the classes of which there must be some; from letters and digits if there is none.")
        .shows(&[
            plain("RandomString(6, 3, 0, 0, 3)", Shown::Like("^[0-9a-z]{6}$")),
            plain(
                r#"RandomString(10, 2, 2, 2, 1, "?,")"#,
                Shown::Like("^[^?, ]{10}$"),
            ),
        ]),
    ],
};

#[expect(clippy::unnecessary_wraps, reason = "other functions fail")]
fn guid<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let mut bytes = [0; 16];
    arguments.environment().random.fill(&mut bytes);
    let guid = Builder::from_random_bytes(bytes).into_uuid();
    Ok(Value::text(guid.to_string()))
}

fn random_string<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let length = arguments.integer(0)?;
    if !(0..=MAX_RANDOM_CHARS).contains(&length) {
        let problem = format!("must be from 0 to {MAX_RANDOM_CHARS}, got {length}");
        return Err(arguments.fault(0, problem));
    }
    let length = usize::try_from(length).unwrap_or_default();
    let avoided = arguments.text_or_empty(5)?;
    let allowed =
        |class: &str| -> Vec<char> { class.chars().filter(|it| !avoided.contains(*it)).collect() };
    let mut dice = Dice(arguments.environment().random);
    let mut drawn: Vec<char> = Vec::with_capacity(length);
    let mut fill: Vec<char> = Vec::new();
    for (index, class) in CLASSES {
        let least = least(arguments, index)?;
        if least == 0 {
            continue;
        }
        let class = allowed(class);
        if class.is_empty() {
            return Err(arguments.fault(5, "leaves no character of a class that is wanted"));
        }
        if drawn.len() + least > length {
            return Err(arguments.fault(0, "must not be less than all minimum numbers together"));
        }
        drawn.extend((0..least).map(|_| dice.pick(&class)));
        fill.extend(class);
    }
    if fill.is_empty() {
        fill = [DIGITS, CAPITAL, LOWER]
            .into_iter()
            .flat_map(allowed)
            .collect();
    }
    if fill.is_empty() && length > 0 {
        return Err(arguments.fault(5, "leaves no character"));
    }
    while drawn.len() < length {
        drawn.push(dice.pick(&fill));
    }
    dice.shuffle(&mut drawn);
    Ok(Value::text(drawn.into_iter().collect::<String>()))
}

fn least(arguments: &Arguments<'_, '_>, index: usize) -> Result<usize, Stop> {
    let number = arguments.integer(index)?;
    usize::try_from(number)
        .map_err(|_| arguments.fault(index, format!("must be 0 or more, got {number}")))
}

/// Draws without preference.
struct Dice<'r>(&'r dyn Random);

impl Dice<'_> {
    /// A number below `count`, which is 256 at most.
    fn below(&mut self, count: usize) -> usize {
        // What is over after the last whole round would come up more often.
        let fair = 256 - 256 % count.max(1);
        loop {
            let mut byte = [0];
            self.0.fill(&mut byte);
            let drawn = usize::from(byte[0]);
            if drawn < fair {
                return drawn % count.max(1);
            }
        }
    }

    fn pick(&mut self, from: &[char]) -> char {
        from[self.below(from.len())]
    }

    fn shuffle(&mut self, characters: &mut [char]) {
        for last in (1..characters.len()).rev() {
            characters.swap(last, self.below(last + 1));
        }
    }
}
