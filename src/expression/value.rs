//! Values, and the text that each has.

use std::borrow::Cow;

use super::date_time::DateTime;

/// What an expression or a part of it comes to. Texts are borrowed from the expression and the object where they can be.
#[derive(Clone, Debug, PartialEq)]
pub enum Value<'a> {
    /// No value: an attribute that the object does not have.
    Null,
    /// A text.
    Text(Cow<'a, str>),
    /// Several texts.
    List(Vec<Cow<'a, str>>),
    /// A whole number that a function came to.
    Integer(i64),
    /// A number as it is written in the expression; its spelling is kept, as in `Len(42568.75)`.
    Number(&'a str),
    /// True or False.
    Boolean(bool),
    /// A moment in UTC.
    DateTime(DateTime),
    /// Nothing flows.
    Flow(Flow),
}

/// What is left as it is in the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// The attribute.
    IgnoreAttribute,
    /// The whole object.
    IgnoreObject,
}

impl Flow {
    /// The word for it in an expression.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IgnoreAttribute => "IgnoreAttributeFlow",
            Self::IgnoreObject => "IgnoreObjectFlow",
        }
    }
}

/// What an expression comes to for one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome<'a> {
    /// This flows; Null as well, for which a mapping may have a default.
    Value(Value<'a>),
    /// This does not flow.
    Ignored(Flow),
}

impl<'a> Value<'a> {
    /// A text that an expression has no hold of.
    pub(super) fn text(text: impl Into<Cow<'a, str>>) -> Self {
        Self::Text(text.into())
    }

    /// Text, list of texts or null, as Graph's `evaluationResult` has them.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null | Self::Flow(_) => serde_json::Value::Null,
            Self::Text(text) => text.as_ref().into(),
            Self::List(values) => values.iter().map(AsRef::as_ref).collect(),
            Self::Integer(number) => number.to_string().into(),
            Self::Number(spelling) => (*spelling).into(),
            Self::Boolean(it) => truth(*it).into(),
            Self::DateTime(it) => it.to_string().into(),
        }
    }
}

/// The text of a boolean.
pub(super) const fn truth(it: bool) -> &'static str {
    if it { "True" } else { "False" }
}
