//! Entra's attribute-mapping expressions: text in, a value out, for one source object.
//!
//! [`Expression::parse`] refuses what Entra's portal would refuse: unknown functions, wrong numbers of arguments, broken
//! text. [`Expression::evaluate`] works on a [`SourceObject`] and takes time, randomness and the tenant's facts from an
//! [`Environment`]. Nesting, length and work are bounded, so both are safe on text from anybody.
//!
//! The functions are a table ([`families`]): name, parameters, description and examples of each, from which the parser
//! counts arguments, the manual is printed and tests are run. Where Entra's documentation is silent,
//! `docs/compatibility.md` says what is done here.
//!
//! ```
//! use usher::clock::SystemRandom;
//! use usher::expression::{Environment, Expression, Outcome, SourceObject};
//!
//! let folders = Expression::parse(r#"Split([jobTitle], ",")"#)?;
//! let person = SourceObject::from_json(r#"{"jobTitle": "Deck, Bridge"}"#)?;
//! let environment = Environment::at(jiff::Timestamp::UNIX_EPOCH, &SystemRandom);
//!
//! let Outcome::Value(value) = folders.evaluate(&person, &environment)? else { unreachable!() };
//! assert_eq!(value.to_json(), serde_json::json!(["Deck", "Bridge"]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod arguments;
mod bounds;
mod coercion;
mod date_format;
mod date_time;
mod diacritics;
mod environment;
mod error;
mod functions;
mod letters;
mod manual;
mod mapping_source;
mod object;
mod parser;
mod pattern;
mod reading;
mod scope;
mod syntax;
mod token;
mod value;

use std::fmt;

use scope::{Scope, Stop};
use syntax::Node;

pub use date_time::DateTime;
pub use environment::Environment;
pub use error::ExpressionError;
pub(crate) use error::suggestion;
pub use functions::{Accepts, Example, Family, Function, Need, Parameter, Shown, families};
pub use manual::{manual, manual_of};
pub use mapping_source::{attribute_source, constant_source};
pub use object::{ObjectError, SourceObject};
pub use reading::TextPattern;
pub use value::{Flow, Outcome, Value};

/// An expression that was read: every function is known, and has as many arguments as it takes.
#[derive(Debug)]
pub struct Expression {
    source: String,
    root: Node,
}

impl Expression {
    /// Reads `source`, at most 10,000 characters.
    pub fn parse(source: &str) -> Result<Self, ExpressionError> {
        match parser::parse(source) {
            Ok(root) => Ok(Self {
                source: source.to_owned(),
                root,
            }),
            Err(fault) => Err(fault.in_source(source)),
        }
    }

    /// What the expression comes to for `object`.
    pub fn evaluate<'a>(
        &'a self,
        object: &'a SourceObject,
        environment: &'a Environment<'a>,
    ) -> Result<Outcome<'a>, ExpressionError> {
        let scope = Scope::new(object, environment);
        match scope.value(&self.root) {
            Ok(Value::Flow(flow)) | Err(Stop::Flow(flow)) => Ok(Outcome::Ignored(flow)),
            Ok(value) => Ok(Outcome::Value(value)),
            Err(Stop::Fault(fault)) => Err(fault.in_source(&self.source)),
        }
    }

    /// What cannot work for any object: constants that do not fit the parameter they are given for.
    ///
    /// Entra finds these only when it evaluates, for each person.
    pub fn faults(&self) -> Vec<ExpressionError> {
        let mut found = Vec::new();
        syntax::each_call(&self.root, &mut |call| {
            found.extend(arguments::faults(call));
        });
        found
            .into_iter()
            .map(|fault| fault.in_source(&self.source))
            .collect()
    }

    /// The names of the source attributes that the expression reads, in order, without repetitions.
    pub fn attributes(&self) -> Vec<&str> {
        let mut names = Vec::new();
        syntax::each_attribute(&self.root, &mut |name| {
            if !names.contains(&name) {
                names.push(name);
            }
        });
        names
    }
}

/// In canonical form: one space after each comma, functions in their documented spelling, omitted arguments as nothing.
impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.root.fmt(formatter)
    }
}

#[cfg(test)]
mod tests;
