//! The slots of one call, evaluated and coerced when a function asks for them.
//!
//! So what is lazy, what is omitted and what is wrong with which argument is decided here, once for all functions.

use std::borrow::Cow;

use super::bounds::{PATTERN_BUILD_WORK, PATTERN_WORK};
use super::coercion;
use super::date_format::{DateFormat, Styles};
use super::date_time::DateTime;
use super::environment::Environment;
use super::error::{Fault, Span, quoted, suggestion};
use super::functions::{Accepts, dates};
use super::pattern::{Budget, Pattern};
use super::scope::{Evaluated, Scope, Stop, length};
use super::syntax::{Call, Kind, Slot};
use super::value::Value;

/// What a function is given. Arguments are counted from 0.
pub(super) struct Arguments<'a, 's> {
    scope: &'s Scope<'a>,
    call: &'a Call,
}

impl<'a, 's> Arguments<'a, 's> {
    pub(super) const fn new(scope: &'s Scope<'a>, call: &'a Call) -> Self {
        Self { scope, call }
    }

    pub(super) const fn environment(&self) -> &'a Environment<'a> {
        self.scope.environment
    }

    /// How many slots there are, empty ones as well.
    pub(super) const fn count(&self) -> usize {
        self.call.slots.len()
    }

    pub(super) fn slots(&self) -> &'a [Slot] {
        &self.call.slots
    }

    /// Counts bytes that are about to be made against the bound.
    pub(super) fn spend(&self, bytes: usize) -> Result<(), Stop> {
        self.scope.spend(bytes, self.call.span)
    }

    /// Whether an argument was given; an empty text is one.
    pub(super) fn is_given(&self, index: usize) -> bool {
        is_given(&self.call.slots, index)
    }

    /// The argument as it is; Null if omitted.
    pub(super) fn any(&self, index: usize) -> Evaluated<'a> {
        match self.slot(index).and_then(|it| it.node.as_ref()) {
            Some(node) => self.scope.value(node),
            None => Ok(Value::Null),
        }
    }

    /// The argument as it is, where its value is needed.
    pub(super) fn value(&self, index: usize) -> Evaluated<'a> {
        let value = match self.slot(index).and_then(|it| it.node.as_ref()) {
            Some(node) => self.scope.operand(node)?,
            None => Value::Null,
        };
        self.scope.spend(length(&value), self.span(index))?;
        Ok(value)
    }

    /// The text; none of Null.
    pub(super) fn text(&self, index: usize) -> Result<Option<Cow<'a, str>>, Stop> {
        let value = self.value(index)?;
        coercion::text(value).map_err(|problem| self.fault(index, problem))
    }

    /// The text, empty of Null.
    pub(super) fn text_or_empty(&self, index: usize) -> Result<Cow<'a, str>, Stop> {
        Ok(self.text(index)?.unwrap_or_default())
    }

    /// All values.
    pub(super) fn list(&self, index: usize) -> Result<Vec<Cow<'a, str>>, Stop> {
        let value = self.value(index)?;
        coercion::list(value).map_err(|problem| self.fault(index, problem))
    }

    pub(super) fn integer(&self, index: usize) -> Result<i64, Stop> {
        let value = self.value(index)?;
        coercion::integer(value).map_err(|problem| self.fault(index, problem))
    }

    pub(super) fn condition(&self, index: usize) -> Result<bool, Stop> {
        let value = self.value(index)?;
        coercion::condition(value).map_err(|problem| self.fault(index, problem))
    }

    pub(super) fn date_time(&self, index: usize) -> Result<DateTime, Stop> {
        let value = self.value(index)?;
        coercion::date_time(value).map_err(|problem| self.fault(index, problem))
    }

    /// A text by which something is chosen, such as an interval.
    pub(super) fn choice<T>(
        &self,
        index: usize,
        choose: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Stop> {
        let text = self.text_or_empty(index)?;
        choose(&text).map_err(|problem| self.fault(index, problem))
    }

    /// The argument with `change` made to its text, or to each of its texts; Null stays Null.
    pub(super) fn each_text(
        &self,
        index: usize,
        change: impl Fn(Cow<'a, str>) -> Cow<'a, str>,
    ) -> Evaluated<'a> {
        match self.value(index)? {
            Value::List(texts) => Ok(Value::List(texts.into_iter().map(change).collect())),
            value => {
                let text = coercion::text(value).map_err(|problem| self.fault(index, problem))?;
                Ok(text.map_or(Value::Null, |it| Value::Text(change(it))))
            }
        }
    }

    /// Lets `work` have the regular expression; a constant one is built already.
    pub(super) fn with_pattern<T>(
        &self,
        index: usize,
        work: impl FnOnce(&Pattern, &mut Budget<'_>) -> Result<T, String>,
    ) -> Result<T, Stop> {
        self.scope.spend(PATTERN_WORK, self.span(index))?;
        let mut spend = |bytes| self.scope.spend(bytes, self.span(index)).is_ok();
        let mut budget = Budget::new(&mut spend);
        let node = self.slot(index).and_then(|it| it.node.as_ref());
        let worked = if let Some(Kind::Pattern(_, built)) = node.map(|it| &it.kind) {
            match built {
                Ok(pattern) => work(pattern, &mut budget),
                Err(problem) => Err(problem.clone()),
            }
        } else {
            let text = self.text_or_empty(index)?;
            self.scope.spend(PATTERN_BUILD_WORK, self.span(index))?;
            Pattern::new(&text, &mut budget).and_then(|it| work(&it, &mut budget))
        };
        worked.map_err(|problem| self.fault(index, problem))
    }

    /// That an argument cannot be used, and why.
    pub(super) fn fault(&self, index: usize, problem: impl AsRef<str>) -> Stop {
        Stop::Fault(Box::new(fault(self.call, index, problem.as_ref())))
    }

    /// That the call fails, and why.
    pub(super) fn failure(&self, problem: impl AsRef<str>) -> Stop {
        let problem = format!("{}: {}", self.call.function.name, problem.as_ref());
        Stop::fault(self.call.span, problem)
    }

    fn slot(&self, index: usize) -> Option<&'a Slot> {
        self.call.slots.get(index)
    }

    fn span(&self, index: usize) -> Span {
        self.slot(index).map_or(self.call.span, |it| it.span)
    }
}

/// Whether the slot `index` holds something.
pub(super) fn is_given(slots: &[Slot], index: usize) -> bool {
    slots.get(index).is_some_and(|it| it.node.is_some())
}

fn fault(call: &Call, index: usize, problem: &str) -> Fault {
    let span = call.slots.get(index).map_or(call.span, |it| it.span);
    let function = call.function;
    let name = function
        .parameter(index, call.slots.len())
        .map_or("?", |it| it.name);
    Fault::new(
        span,
        format!("{}, argument {name}: {problem}", function.name),
    )
}

/// The constants of `call` that do not fit their parameters.
pub(super) fn faults(call: &Call) -> Vec<Fault> {
    let mut found = Vec::new();
    for (index, slot) in call.slots.iter().enumerate() {
        let constant = slot.node.as_ref().and_then(|it| Some((it, it.constant()?)));
        let parameter = call.function.parameter(index, call.slots.len());
        let (Some((node, value)), Some(parameter)) = (constant, parameter) else {
            continue;
        };
        let problem = match &parameter.accepts {
            Accepts::Integer => coercion::integer(value).err(),
            Accepts::Condition => coercion::condition(value).err(),
            Accepts::DateTime => coercion::date_time(value).err(),
            Accepts::Interval => unchosen(value, dates::interval),
            Accepts::DateFormat => unchosen(value, DateFormat::parse),
            Accepts::DateStyles => unchosen(value, Styles::parse),
            Accepts::Word(known) => unchosen(value, |it| word(known, it)),
            Accepts::Character => unchosen(value, character),
            Accepts::Pattern => match &node.kind {
                Kind::Pattern(_, built) => built.as_ref().err().cloned(),
                _ => None,
            },
            Accepts::Any | Accepts::Text => None,
        };
        found.extend(problem.map(|it| fault(call, index, &it)));
    }
    found
}

/// Why `value` chooses nothing; see [`Arguments::choice`].
fn unchosen<T>(value: Value<'_>, choose: impl Fn(&str) -> Result<T, String>) -> Option<String> {
    let text = coercion::text(value).map(Option::unwrap_or_default);
    text.and_then(|it| choose(&it)).err()
}

/// The one of `known` that `text` is, in any case.
pub(super) fn word(known: &'static [&'static str], text: &str) -> Result<&'static str, String> {
    let found = known.iter().find(|it| it.eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| {
        let near = suggestion(text, known.iter().copied());
        format!("must be {}, got {}{near}", known.join(" or "), quoted(text))
    })
}

/// The only character of `text`.
pub(super) fn character(text: &str) -> Result<char, String> {
    let mut characters = text.chars();
    match (characters.next(), characters.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(format!("must be one character, got {}", quoted(text))),
    }
}
