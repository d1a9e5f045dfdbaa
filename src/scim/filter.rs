//! Filters as a syntax tree (RFC 7644, section 3.4.2.2), with the forms that Entra writes.
//!
//! Beyond the RFC: `emails[type eq "work"].value eq "x"`, comparison values without quotes, and
//! any casing. An attribute that the schema does not have cannot exist, so a filter on it is an
//! error instead of an empty list: the administrator mistyped a mapping. The keys of an open
//! extension always can exist.

mod matching;
mod parser;

use std::fmt;

use jiff::Timestamp;
use serde_json::Number;
use serde_json::Value;

use crate::scim::deviation::Deviation;
use crate::scim::error::ScimError;
pub use crate::scim::filter::matching::Candidate;
pub(crate) use crate::scim::filter::parser::Parser;
use crate::scim::schema::AttributePath;
use crate::scim::schema::ResourceSchema;

/// What resources, or the values of one list, must fulfil.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// All of these, two or more.
    And(Vec<Self>),
    /// One of these, two or more.
    Or(Vec<Self>),
    Not(Box<Self>),
    Compare(Comparison),
    /// `pr`: the attribute has a value.
    Present(AttributePath),
    /// `attribute[…]`: one and the same value of the list fulfils the inner filter, whose paths
    /// are relative to the value.
    Element {
        attribute: AttributePath,
        filter: Box<Self>,
    },
}

/// `attribute operator value`.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    pub attribute: AttributePath,
    pub operator: Operator,
    pub value: Literal,
    /// Whether texts compare with their casing, as the schema says.
    pub case_exact: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Contains,
    StartsWith,
    EndsWith,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Operator {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Equal, "eq"),
        (Self::NotEqual, "ne"),
        (Self::Contains, "co"),
        (Self::StartsWith, "sw"),
        (Self::EndsWith, "ew"),
        (Self::Greater, "gt"),
        (Self::GreaterOrEqual, "ge"),
        (Self::Less, "lt"),
        (Self::LessOrEqual, "le"),
    ];

    fn parse(word: &str) -> Option<Self> {
        let found = Self::ALL
            .iter()
            .find(|(_, keyword)| keyword.eq_ignore_ascii_case(word));
        found.map(|&(operator, _)| operator)
    }

    /// The keyword, in lower case.
    pub fn keyword(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(operator, _)| *operator == self)
            .map_or("", |(_, keyword)| keyword)
    }

    /// Whether the operator looks inside a text.
    fn is_textual(self) -> bool {
        matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
    }
}

/// A value to compare with, of the attribute's type.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    Text(String),
    Boolean(bool),
    Number(Number),
    Time(Timestamp),
    Null,
}

impl Literal {
    /// As an attribute value, for the element that a PATCH creates.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Text(text) => Value::String(text.clone()),
            Self::Boolean(flag) => Value::Bool(*flag),
            Self::Number(number) => Value::Number(number.clone()),
            Self::Time(time) => Value::String(time.to_string()),
            Self::Null => Value::Null,
        }
    }
}

impl Filter {
    /// Reads a filter, already decoded from its URL.
    ///
    /// # Errors
    /// `400 invalidFilter` with the position of the fault.
    pub fn parse(text: &str, schema: &ResourceSchema) -> Result<Self, ScimError> {
        Self::read(text, schema).map(|(filter, _)| filter)
    }

    /// The same, and where the text goes beyond RFC 7644.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    pub fn read(text: &str, schema: &ResourceSchema) -> Result<(Self, Vec<Deviation>), ScimError> {
        Parser::filter(text, schema).map_err(crate::scim::scanner::SyntaxError::in_filter)
    }

    /// The same filter for a resource whose core schema is `urn`: what is named with this URN is an attribute of the core.
    #[must_use]
    pub fn on_core(mut self, urn: &str) -> Self {
        let mut open = vec![&mut self];
        while let Some(filter) = open.pop() {
            let path = match filter {
                Self::And(terms) | Self::Or(terms) => {
                    open.extend(terms);
                    continue;
                }
                Self::Not(inner) => {
                    open.push(inner);
                    continue;
                }
                Self::Compare(comparison) => &mut comparison.attribute,
                Self::Present(attribute) | Self::Element { attribute, .. } => attribute,
            };
            path.extension.take_if(|it| it == urn);
        }
        self
    }

    /// Whether the filter regards the core attribute of this canonical name, such as `members`.
    pub fn mentions(&self, name: &str) -> bool {
        match self {
            Self::And(terms) | Self::Or(terms) => terms.iter().any(|term| term.mentions(name)),
            Self::Not(inner) => inner.mentions(name),
            Self::Compare(comparison) => comparison.attribute.is_core(name),
            Self::Present(attribute) | Self::Element { attribute, .. } => attribute.is_core(name),
        }
    }

    pub(crate) fn conjuncts(&self) -> &[Self] {
        match self {
            Self::And(terms) => terms,
            one => std::slice::from_ref(one),
        }
    }

    /// All of `terms`, flat; `terms` is not empty.
    pub(crate) fn all(terms: Vec<Self>) -> Self {
        let flat = terms.into_iter().flat_map(|term| match term {
            Self::And(inner) => inner,
            other => vec![other],
        });
        let mut flat: Vec<Self> = flat.collect();
        if flat.len() == 1 {
            flat.remove(0)
        } else {
            Self::And(flat)
        }
    }

    /// One of `terms`, flat; `terms` is not empty.
    pub(crate) fn any(terms: Vec<Self>) -> Self {
        let flat = terms.into_iter().flat_map(|term| match term {
            Self::Or(inner) => inner,
            other => vec![other],
        });
        let mut flat: Vec<Self> = flat.collect();
        if flat.len() == 1 {
            flat.remove(0)
        } else {
            Self::Or(flat)
        }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(terms) => {
                for (index, term) in terms.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { " and " })?;
                    match term {
                        Self::Or(_) => write!(f, "({term})")?,
                        _ => write!(f, "{term}")?,
                    }
                }
                Ok(())
            }
            Self::Or(terms) => {
                for (index, term) in terms.iter().enumerate() {
                    write!(f, "{}{term}", if index == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
            Self::Not(inner) => write!(f, "not ({inner})"),
            Self::Compare(comparison) => {
                let Comparison {
                    attribute,
                    operator,
                    value,
                    ..
                } = comparison;
                write!(f, "{attribute} {} {value}", operator.keyword())
            }
            Self::Present(attribute) => write!(f, "{attribute} pr"),
            Self::Element { attribute, filter } => write!(f, "{attribute}[{filter}]"),
        }
    }
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => write!(f, "\"{time}\""),
            Self::Text(_) | Self::Boolean(_) | Self::Number(_) | Self::Null => {
                write!(f, "{}", self.to_value())
            }
        }
    }
}

#[cfg(test)]
mod tests;
