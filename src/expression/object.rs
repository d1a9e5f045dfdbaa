//! The object whose attributes an expression reads.

use std::borrow::Cow;
use std::collections::HashMap;

use serde_json::Value as Json;

use super::value::{Value, truth};

/// Attributes of one person, group or worker, by name. Names are case-sensitive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceObject(HashMap<String, Attribute>);

/// What an attribute has.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Attribute {
    One(String),
    Many(Vec<String>),
}

/// Why JSON is no source object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// It is no JSON.
    #[error("the object is not JSON")]
    Json(#[from] serde_json::Error),
    /// It is other JSON.
    #[error("the object must be written as {{\"attribute\": \"value\", …}}")]
    NoObject,
    /// A value is of a sort that no attribute has.
    #[error(
        "attribute {0} must be a text, a number, true, false, null, or a list of them; write its parts as {0}.part"
    )]
    Value(String),
}

impl SourceObject {
    /// The object that has nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives the attribute `name` one value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), Attribute::One(value.into()));
    }

    /// Gives the attribute `name` the values in `values`; without any it is missing.
    pub fn set_list(&mut self, name: impl Into<String>, values: Vec<String>) {
        if !values.is_empty() {
            self.0.insert(name.into(), Attribute::Many(values));
        }
    }

    /// The object in a JSON text such as `{"surname": "Roe", "proxyAddresses": ["a", "b"]}`.
    ///
    /// Objects in a list, as app role assignments are, become their JSON text. Null and the empty list are no value.
    pub fn from_json(text: &str) -> Result<Self, ObjectError> {
        let Json::Object(members) = serde_json::from_str(text)? else {
            return Err(ObjectError::NoObject);
        };
        let mut object = Self::new();
        for (name, value) in members {
            match value {
                Json::Null => {}
                Json::Array(values) => {
                    let texts: Option<Vec<String>> = values.iter().map(item).collect();
                    let texts = texts.ok_or_else(|| ObjectError::Value(name.clone()))?;
                    object.set_list(name, texts);
                }
                value => match scalar(&value) {
                    Some(text) => object.set(name, text),
                    None => return Err(ObjectError::Value(name)),
                },
            }
        }
        Ok(object)
    }

    /// The value of `name`.
    pub(super) fn value(&self, name: &str) -> Value<'_> {
        match self.0.get(name) {
            None => Value::Null,
            Some(Attribute::One(text)) => Value::Text(Cow::Borrowed(text)),
            Some(Attribute::Many(texts)) => {
                Value::List(texts.iter().map(|it| Cow::Borrowed(it.as_str())).collect())
            }
        }
    }
}

fn item(value: &Json) -> Option<String> {
    match value {
        Json::Object(_) => Some(value.to_string()),
        other => scalar(other),
    }
}

fn scalar(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(it) => Some(truth(*it).to_owned()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}
