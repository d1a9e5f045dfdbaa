//! A regular expression made of all that there is, and a text for it: no pair of them takes long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use usher_fuzz::expression::{Expression, SourceObject};
use usher_fuzz::{ENVIRONMENT, timed};

const LETTERS: [&str; 8] = ["a", "b", "x", "1", ",", "a", "\u{e9}", "a"];
const CLASSES: [&str; 12] = [
    ".", "[ab]", "[^b]", "[^,]", r"\w", r"\D", r"\s", r"\p{L}", r"\b", r"\B", "^", "$",
];
const GROUPS: [&str; 8] = ["(", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?i:"];
const QUANTIFIERS: [&str; 12] = [
    "", "", "", "*", "+", "?", "*?", "{2}", "{1,9}", "{20}", "{0,60}", "{3,}",
];
const LENGTHS: [usize; 8] = [10, 30, 60, 100, 250, 700, 2_000, 5_000];

/// Bytes from which on a pattern does not become longer: longer ones are refused.
const LONGEST: usize = 900;

/// Takes what the fuzzer made up, byte by byte; zeros behind it.
struct Choices<'a>(std::slice::Iter<'a, u8>);

impl Choices<'_> {
    fn next(&mut self) -> usize {
        self.0.next().copied().unwrap_or_default().into()
    }

    fn of<'t>(&mut self, them: &[&'t str]) -> &'t str {
        them[self.next() % them.len()]
    }

    /// Some parts behind each other, some of them several times.
    fn sequence(&mut self, pattern: &mut String, groups: &mut usize, depth: usize) {
        for _ in 0..=self.next() % 5 {
            let from = pattern.len();
            self.part(pattern, groups, depth);
            pattern.push_str(self.of(&QUANTIFIERS));
            let part = pattern[from..].to_owned();
            let times = self.next();
            // One part in sixteen.
            if times >= 240 && part.len() < 100 {
                pattern.push_str(&part.repeat(times - 239));
            }
            if pattern.len() > LONGEST {
                return;
            }
        }
    }

    fn part(&mut self, pattern: &mut String, groups: &mut usize, depth: usize) {
        match self.next() % 8 {
            0..=1 => pattern.push_str(self.of(&LETTERS)),
            2 => pattern.push_str(self.of(&CLASSES)),
            3 if *groups > 0 => pattern.push_str(&format!(r"\{}", 1 + self.next() % *groups)),
            _ if depth == 0 => pattern.push('a'),
            _ => {
                let opening = self.of(&GROUPS);
                *groups += usize::from(opening == "(");
                pattern.push_str(opening);
                self.sequence(pattern, groups, depth - 1);
                if self.next() % 4 == 0 {
                    pattern.push('|');
                    self.sequence(pattern, groups, depth - 1);
                }
                pattern.push(')');
            }
        }
    }

    fn text(&mut self) -> String {
        let length = LENGTHS[self.next() % LENGTHS.len()];
        let period = 1 + self.next() % 24;
        let letters: String = (0..period).map(|_| self.of(&LETTERS)).collect();
        let mut text: String = letters.chars().cycle().take(length).collect();
        text.push_str(self.of(&["", "\n", "c"]));
        text
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut choices = Choices(bytes.iter());
    let mut pattern = String::new();
    let depth = 1 + choices.next() % 6;
    choices.sequence(&mut pattern, &mut 0, depth);
    let mut object = SourceObject::new();
    object.set("a", choices.text());
    let pattern = pattern.replace('\\', r"\\");
    let source = format!(
        r#"Replace([a], , "{pattern}", , "{}", , )"#,
        choices.of(&["", "$1x"])
    );
    timed(|| {
        if let Ok(expression) = Expression::parse(&source) {
            let _ = expression.evaluate(&object, &ENVIRONMENT);
        }
    });
});
