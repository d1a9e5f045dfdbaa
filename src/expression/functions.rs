//! The functions, one file for each family. An entry is signature, manual, example and code of a function.

mod conditions;
pub(super) mod dates;
mod encoding;
mod lists;
mod names;
mod numbers;
mod provisioning;
mod random;
mod replace;
mod roles;
mod text;
mod writing;

use super::arguments::Arguments;
use super::scope::Evaluated;
use super::syntax::Slot;

/// Functions that belong together.
#[derive(Debug)]
pub struct Family {
    /// What they are about.
    pub title: &'static str,
    /// The functions, in the order of the manual.
    pub functions: &'static [Function],
}

/// A function of the expression language.
#[derive(Debug)]
pub struct Function {
    /// Its name in canonical case; it is found in any.
    pub name: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    /// What it does, in sentences.
    pub description: &'static str,
    /// How it is used.
    pub examples: &'static [Example],
    /// Whether it must be the outermost function.
    pub(super) top_only: bool,
    /// Whether it may leave the attribute out, and so cannot be a condition.
    pub(super) drops_flow: bool,
    /// What the parameters cannot say about the slots.
    pub(super) check: Option<Check>,
    pub(super) body: Body,
}

type Check = fn(&[Slot]) -> Result<(), String>;

type Body = for<'a, 's> fn(&Arguments<'a, 's>) -> Evaluated<'a>;

/// A parameter of a function.
#[derive(Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What may be given.
    pub accepts: Accepts,
    /// Whether it must be given.
    pub need: Need,
}

/// Whether an argument must be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// It must.
    Required,
    /// Its slot may be empty or missing.
    Optional,
    /// Its slot may be empty, or left out from between the others.
    Omissible,
    /// It may be given any number of times, the last parameters in turn.
    Repeated,
}

/// What an argument is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepts {
    /// Whatever there is, the words for what does not flow included.
    Any,
    /// Text, or what has a text.
    Text,
    /// One character.
    Character,
    /// A whole number.
    Integer,
    /// A comparison, True or False, or a number.
    Condition,
    /// A date.
    DateTime,
    /// `yyyy`, `m`, `d`, `ww`, `h`, `n` or `s`.
    Interval,
    /// A date format of .NET.
    DateFormat,
    /// Names of .NET's `DateTimeStyles`, or their number.
    DateStyles,
    /// A regular expression of .NET.
    Pattern,
    /// One of these words, bare or as a text.
    Word(&'static [&'static str]),
}

/// An expression and what it comes to.
#[derive(Debug)]
pub struct Example {
    /// The expression.
    pub expression: &'static str,
    /// The source object, in JSON.
    pub object: &'static str,
    /// The result.
    pub shows: Shown,
}

/// What an example comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// This text.
    Text(&'static str),
    /// These texts.
    List(&'static [&'static str]),
    /// The attribute does not flow.
    Ignored,
    /// A text like this regular expression.
    Like(&'static str),
    /// An error with this in its message.
    Error(&'static str),
}

/// Every family, in the order of the manual.
pub fn families() -> &'static [Family] {
    static FAMILIES: [Family; 12] = [
        text::FAMILY,
        writing::FAMILY,
        replace::FAMILY,
        lists::FAMILY,
        conditions::FAMILY,
        numbers::FAMILY,
        dates::FAMILY,
        provisioning::FAMILY,
        roles::FAMILY,
        random::FAMILY,
        encoding::FAMILY,
        names::FAMILY,
    ];
    &FAMILIES
}

/// Every function.
pub(super) fn all() -> impl Iterator<Item = &'static Function> {
    families().iter().flat_map(|it| it.functions)
}

/// The function of a name in any case: Microsoft's own expressions mix `Switch` with `switch`.
pub(super) fn named(name: &str) -> Option<&'static Function> {
    all().find(|it| it.name.eq_ignore_ascii_case(name))
}

impl Function {
    const fn new(name: &'static str, parameters: &'static [Parameter], body: Body) -> Self {
        Self {
            name,
            parameters,
            description: "",
            examples: &[],
            top_only: false,
            drops_flow: false,
            check: None,
            body,
        }
    }

    const fn says(mut self, description: &'static str) -> Self {
        self.description = description;
        self
    }

    const fn shows(mut self, examples: &'static [Example]) -> Self {
        self.examples = examples;
        self
    }

    const fn checked(mut self, check: Check) -> Self {
        self.check = Some(check);
        self
    }

    /// The parameter of the argument `index`, from 0, of `count`.
    pub(super) fn parameter(&self, index: usize, count: usize) -> Option<&'static Parameter> {
        let is_short = count < self.parameters.len();
        let repeated = self
            .parameters
            .iter()
            .filter(|it| it.need == Need::Repeated)
            .count();
        let fixed = self.parameters.len() - repeated;
        let at = if index < fixed || repeated == 0 {
            index
        } else {
            fixed + (index - fixed) % repeated
        };
        let is_left_out = |it: &&Parameter| is_short && it.need == Need::Omissible;
        self.parameters.iter().filter(|it| !is_left_out(it)).nth(at)
    }

    /// How it is written: `Switch(source, [defaultValue], key, value, …)`. What is in brackets may be left out.
    pub fn signature(&self) -> String {
        let mut parts: Vec<String> = Vec::new();
        for parameter in self.parameters {
            match parameter.need {
                Need::Required => parts.push(parameter.name.to_owned()),
                Need::Optional | Need::Omissible => parts.push(format!("[{}]", parameter.name)),
                Need::Repeated => {}
            }
        }
        if self.parameters.iter().any(|it| it.need == Need::Repeated) {
            parts.push("…".to_owned());
        }
        format!("{}({})", self.name, parts.join(", "))
    }
}

const fn required(name: &'static str, accepts: Accepts) -> Parameter {
    Parameter {
        name,
        accepts,
        need: Need::Required,
    }
}

const fn optional(name: &'static str, accepts: Accepts) -> Parameter {
    Parameter {
        name,
        accepts,
        need: Need::Optional,
    }
}

const fn omissible(name: &'static str, accepts: Accepts) -> Parameter {
    Parameter {
        name,
        accepts,
        need: Need::Omissible,
    }
}

const fn repeated(name: &'static str, accepts: Accepts) -> Parameter {
    Parameter {
        name,
        accepts,
        need: Need::Repeated,
    }
}

/// An example that needs no source object.
const fn plain(expression: &'static str, shows: Shown) -> Example {
    Example {
        expression,
        object: "{}",
        shows,
    }
}

const fn with(expression: &'static str, object: &'static str, shows: Shown) -> Example {
    Example {
        expression,
        object,
        shows,
    }
}
