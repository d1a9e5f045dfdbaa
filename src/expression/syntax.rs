//! The syntax tree, and its canonical text.

use std::fmt;

use super::error::Span;
use super::functions::Function;
use super::pattern::Pattern;
use super::token::Comparator;
use super::value::{Flow, Value};

/// Something that has a value, and where it is written.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// `[name]`.
    Attribute(String),
    /// `"text"`.
    Text(String),
    /// `"text"` in the place of a regular expression, built when the expression is read, and what is wrong with it.
    Pattern(String, Result<Box<Pattern>, String>),
    /// A decimal number in its own spelling.
    Number(String),
    /// A hexadecimal number, and how it is written.
    Hexadecimal(i64, String),
    /// A name of an enumeration, such as `vbTextCompare`.
    Word(&'static str),
    /// `IgnoreAttributeFlow` or `IgnoreObjectFlow`.
    Flow(Flow),
    /// `left = right`.
    Comparison(Box<Comparison>),
    /// `Function(…)`.
    Call(Box<Call>),
}

/// Two values held against each other.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) left: Node,
    pub(super) comparator: Comparator,
    pub(super) right: Node,
}

/// A function and its slots, as many as its parameters allow.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) function: &'static Function,
    pub(super) slots: Vec<Slot>,
    /// Of the name.
    pub(super) span: Span,
}

/// A place for an argument; an empty one is an omitted argument.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) node: Option<Node>,
    pub(super) span: Span,
}

impl Node {
    /// The value of a constant; none of what is known only for an object.
    pub(super) fn constant(&self) -> Option<Value<'_>> {
        Some(match &self.kind {
            Kind::Text(text) | Kind::Pattern(text, _) => Value::text(text.as_str()),
            Kind::Number(spelling) => Value::Number(spelling),
            Kind::Hexadecimal(number, _) => Value::Integer(*number),
            Kind::Word(word) => Value::text(*word),
            Kind::Flow(flow) => Value::Flow(*flow),
            Kind::Attribute(_) | Kind::Comparison(_) | Kind::Call(_) => return None,
        })
    }

    /// The nodes directly below.
    fn below(&self) -> Vec<&Self> {
        match &self.kind {
            Kind::Comparison(comparison) => vec![&comparison.left, &comparison.right],
            Kind::Call(call) => call
                .slots
                .iter()
                .filter_map(|it| it.node.as_ref())
                .collect(),
            Kind::Attribute(_)
            | Kind::Text(_)
            | Kind::Pattern(..)
            | Kind::Number(_)
            | Kind::Hexadecimal(..)
            | Kind::Word(_)
            | Kind::Flow(_) => Vec::new(),
        }
    }
}

/// Shows `see` each call of the tree, from outside to inside.
pub(super) fn each_call<'a>(node: &'a Node, see: &mut impl FnMut(&'a Call)) {
    each_node(node, &mut |node| {
        if let Kind::Call(call) = &node.kind {
            see(call);
        }
    });
}

/// Shows `see` each attribute reference of the tree, from left to right.
pub(super) fn each_attribute<'a>(node: &'a Node, see: &mut impl FnMut(&'a str)) {
    each_node(node, &mut |node| {
        if let Kind::Attribute(name) = &node.kind {
            see(name);
        }
    });
}

/// Shows `see` each node of the tree, from outside to inside and from left to right.
pub(super) fn each_node<'a>(node: &'a Node, see: &mut dyn FnMut(&'a Node)) {
    see(node);
    for below in node.below() {
        each_node(below, see);
    }
}

impl fmt::Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Attribute(name) => write!(formatter, "[{name}]"),
            Kind::Text(text) | Kind::Pattern(text, _) => {
                let escaped = text.replace('\\', r"\\").replace('"', "\\\"");
                write!(formatter, "\"{escaped}\"")
            }
            Kind::Number(spelling) | Kind::Hexadecimal(_, spelling) => {
                formatter.write_str(spelling)
            }
            Kind::Word(word) => formatter.write_str(word),
            Kind::Flow(flow) => formatter.write_str(flow.as_str()),
            Kind::Comparison(comparison) => {
                let Comparison {
                    left,
                    comparator,
                    right,
                } = comparison.as_ref();
                write!(formatter, "{left} {} {right}", comparator.as_str())
            }
            Kind::Call(call) => {
                write!(formatter, "{}(", call.function.name)?;
                for (index, slot) in call.slots.iter().enumerate() {
                    if index > 0 {
                        formatter.write_str(", ")?;
                    }
                    if let Some(node) = &slot.node {
                        node.fmt(formatter)?;
                    }
                }
                formatter.write_str(")")
            }
        }
    }
}
