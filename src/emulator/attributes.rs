//! The attributes of an object of the tenant. There are many objects and few names, so each name is kept once in the process.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AttributeValue {
    /// One value.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// Attributes by their names, in the order of these.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Arc<str>, AttributeValue)>);

/// Every name that some object has.
static NAMES: LazyLock<Mutex<HashSet<Arc<str>>>> = LazyLock::new(Mutex::default);

fn known(name: &str) -> Arc<str> {
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = names.get(name) {
        return Arc::clone(known);
    }
    let name: Arc<str> = name.into();
    names.insert(Arc::clone(&name));
    name
}

impl Attributes {
    /// The value of an attribute.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        let place = self.place(name).ok()?;
        Some(&self.0[place].1)
    }

    /// The one value of an attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            AttributeValue::One(text) => Some(text),
            AttributeValue::Many(_) => None,
        }
    }

    /// Gives an attribute a value; an empty text takes it away.
    pub fn set(&mut self, name: &str, value: AttributeValue) {
        let is_empty = matches!(&value, AttributeValue::One(text) if text.is_empty());
        match self.place(name) {
            Ok(place) if is_empty => {
                self.0.remove(place);
            }
            Ok(place) => self.0[place].1 = value,
            Err(_) if is_empty => {}
            Err(place) => self.0.insert(place, (known(name), value)),
        }
    }

    /// Names and values.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(it, _)| (**it).cmp(name))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.pairs()).finish()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs())
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Attributes;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("attributes, each a text or a list of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
                let mut attributes = Attributes::default();
                while let Some((name, value)) = map.next_entry::<String, _>()? {
                    attributes.set(&name, value);
                }
                Ok(attributes)
            }
        }

        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_written_as_they_are_read_and_an_empty_one_is_none() {
        let text = r#"{"city":"Bergen","mail":"","proxyAddresses":["a","b"]}"#;
        let mut read: Attributes = serde_json::from_str(text).unwrap();

        assert_eq!(
            (read.text("city"), read.get("mail")),
            (Some("Bergen"), None)
        );
        read.set("city", AttributeValue::One(String::new()));
        let written = serde_json::to_string(&read).unwrap();
        assert_eq!(written, r#"{"proxyAddresses":["a","b"]}"#);
    }
}
