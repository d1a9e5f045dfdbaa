//! Walks the tree for one object.

use std::cell::Cell;

use super::arguments::Arguments;
use super::bounds::MAX_WORK;
use super::coercion;
use super::environment::Environment;
use super::error::{Fault, Span};
use super::object::SourceObject;
use super::syntax::{Kind, Node};
use super::value::{Flow, Value};

/// Why there is no value.
#[derive(Debug)]
pub(super) enum Stop {
    /// A part that is needed does not flow.
    Flow(Flow),
    /// It fails.
    Fault(Box<Fault>),
}

impl Stop {
    pub(super) fn fault(span: Span, problem: impl Into<String>) -> Self {
        Self::Fault(Box::new(Fault::new(span, problem)))
    }
}

/// A value, or why there is none.
pub(super) type Evaluated<'a> = Result<Value<'a>, Stop>;

/// One evaluation.
pub(super) struct Scope<'a> {
    object: &'a SourceObject,
    pub(super) environment: &'a Environment<'a>,
    work: Cell<usize>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(object: &'a SourceObject, environment: &'a Environment<'a>) -> Self {
        Self {
            object,
            environment,
            work: Cell::new(MAX_WORK),
        }
    }

    /// What `node` comes to.
    pub(super) fn value(&self, node: &'a Node) -> Evaluated<'a> {
        match &node.kind {
            Kind::Attribute(name) => Ok(self.attribute(name)),
            Kind::Text(_)
            | Kind::Pattern(..)
            | Kind::Number(_)
            | Kind::Hexadecimal(..)
            | Kind::Word(_)
            | Kind::Flow(_) => Ok(node.constant().unwrap_or(Value::Null)),
            Kind::Comparison(comparison) => {
                let left = self.operand(&comparison.left)?;
                let right = self.operand(&comparison.right)?;
                coercion::compare(&left, comparison.comparator, &right)
                    .map(Value::Boolean)
                    .map_err(|problem| Stop::fault(node.span, problem))
            }
            Kind::Call(call) => {
                let value = (call.function.body)(&Arguments::new(self, call))?;
                self.spend(length(&value), call.span)?;
                Ok(value)
            }
        }
    }

    /// What `node` comes to where a value is needed.
    pub(super) fn operand(&self, node: &'a Node) -> Evaluated<'a> {
        match self.value(node)? {
            Value::Flow(flow) => Err(Stop::Flow(flow)),
            value => Ok(value),
        }
    }

    /// Counts `bytes` that were read or made against the bound.
    pub(super) fn spend(&self, bytes: usize, span: Span) -> Result<(), Stop> {
        // Every call costs something, also one that reads nothing.
        let left = self.work.get().checked_sub(bytes.saturating_add(16));
        self.work.set(left.unwrap_or_default());
        left.map(|_| ()).ok_or_else(|| {
            let problem = format!(
                "the texts are too long for this expression: at most {MAX_WORK} bytes are worked on"
            );
            Stop::fault(span, problem)
        })
    }

    fn attribute(&self, name: &str) -> Value<'a> {
        match self.object.value(name) {
            value if self.environment.drop_empty_attributes && coercion::is_empty(&value) => {
                Value::Null
            }
            value => value,
        }
    }
}

/// Bytes of the texts of a value.
pub(super) fn length(value: &Value<'_>) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::List(texts) => texts.iter().map(|it| it.len() + size_of::<String>()).sum(),
        Value::Null
        | Value::Integer(_)
        | Value::Number(_)
        | Value::Boolean(_)
        | Value::DateTime(_)
        | Value::Flow(_) => 0,
    }
}
