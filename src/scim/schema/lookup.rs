//! From an attribute's name as a client writes it to the attribute (RFC 7644, section 3.10).
//!
//! URNs contain dots and colons, so the extension is found by the longest registered URN prefix
//! before anything is split. Names compare in any casing.

use std::fmt;
use std::sync::LazyLock;

use crate::scim::schema::Attribute;
use crate::scim::schema::AttributeType;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::Schema;
use crate::scim::schema::core::common;

/// An attribute by its canonical names, relative to a resource or to one value of a list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AttributePath {
    /// The URN of the extension; `None` for the core schema and inside a value path.
    pub extension: Option<String>,
    pub attribute: String,
    pub sub_attribute: Option<String>,
}

impl AttributePath {
    /// An attribute of the core schema.
    pub fn core(attribute: &str) -> Self {
        Self {
            extension: None,
            attribute: attribute.to_owned(),
            sub_attribute: None,
        }
    }

    /// The same attribute with this sub-attribute.
    #[must_use]
    pub fn with_sub_attribute(mut self, sub_attribute: Option<String>) -> Self {
        self.sub_attribute = sub_attribute;
        self
    }

    /// Whether this is the core attribute of the canonical `name`, whatever the sub-attribute.
    pub fn is_core(&self, name: &str) -> bool {
        self.extension.is_none() && self.attribute == name
    }
}

impl fmt::Display for AttributePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(urn) = &self.extension {
            write!(f, "{urn}:")?;
        }
        f.write_str(&self.attribute)?;
        match &self.sub_attribute {
            Some(sub) => write!(f, ".{sub}"),
            None => Ok(()),
        }
    }
}

/// What a name stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolved<'s> {
    /// A whole extension.
    Extension(&'s Schema),
    /// An attribute, and the definition of it or of its sub-attribute.
    Attribute {
        path: AttributePath,
        /// The attribute before the dot.
        attribute: &'s Attribute,
        /// What the whole path leads to: `attribute` or one of its sub-attributes.
        target: &'s Attribute,
    },
}

/// `id`, `externalId`, `schemas`, `meta`: built once, every resource type has the same.
static COMMON: LazyLock<Vec<Attribute>> = LazyLock::new(common);

/// What an undeclared key of an open extension is.
pub(crate) static OPEN: LazyLock<Attribute> =
    LazyLock::new(|| Attribute::new("*", AttributeType::String, "Any value."));

impl ResourceSchema {
    /// Finds what `name` stands for; `None` when no such attribute can exist.
    ///
    /// A bare name that the core does not have is looked for in the extensions, because Entra
    /// writes `manager` for the enterprise attribute.
    pub fn resolve(&self, name: &str) -> Option<Resolved<'_>> {
        if let Some((schema, rest)) = self.by_urn(name) {
            return match rest {
                "" if schema.urn == self.core.urn => None,
                "" => Some(Resolved::Extension(schema)),
                rest => self.attribute_of(schema, rest),
            };
        }
        if name.contains(':') {
            return None;
        }
        self.attribute_of(&self.core, name).or_else(|| {
            let mut declared = self.extensions.iter().filter(|schema| {
                schema
                    .attribute(name.split('.').next().unwrap_or(name))
                    .is_some()
            });
            declared.find_map(|schema| self.attribute_of(schema, name))
        })
    }

    /// The definitions behind a canonical path: of the attribute, and of what the path leads to.
    pub fn definition(&self, path: &AttributePath) -> Option<(&Attribute, &Attribute)> {
        match self.resolve(&path.to_string())? {
            Resolved::Attribute {
                attribute, target, ..
            } => Some((attribute, target)),
            Resolved::Extension(_) => None,
        }
    }

    /// The definition of a top-level core attribute, in any casing.
    pub fn core_attribute(&self, name: &str) -> Option<&Attribute> {
        let common = COMMON
            .iter()
            .find(|attribute| attribute.name.eq_ignore_ascii_case(name));
        self.core.attribute(name).or(common)
    }

    /// The extension with exactly this URN, in any casing.
    pub fn extension(&self, urn: &str) -> Option<&Schema> {
        self.extensions
            .iter()
            .find(|schema| schema.urn.eq_ignore_ascii_case(urn))
    }

    /// Whether a URN is followed by a dot, as very old Entra jobs write it.
    pub(crate) fn has_dotted_urn(&self, name: &str) -> bool {
        let schema = self.by_urn(name).map(|(schema, _)| schema);
        schema.is_some_and(|it| name[it.urn.len()..].starts_with('.'))
    }

    /// The schema with the longest URN that `name` begins with, and what follows it behind a colon or a dot.
    fn by_urn<'n>(&self, name: &'n str) -> Option<(&Schema, &'n str)> {
        std::iter::once(&self.core)
            .chain(&self.extensions)
            .filter_map(|schema| {
                let head = name.get(..schema.urn.len())?;
                let rest = &name[schema.urn.len()..];
                let ends = rest.is_empty() || (rest.len() > 1 && rest.starts_with([':', '.']));
                let rest = rest.get(1..).unwrap_or_default();
                (ends && head.eq_ignore_ascii_case(&schema.urn)).then_some((schema, rest))
            })
            .max_by_key(|(schema, _)| schema.urn.len())
    }

    fn attribute_of<'s>(&'s self, schema: &'s Schema, name: &str) -> Option<Resolved<'s>> {
        let is_core = schema.urn == self.core.urn;
        let extension = (!is_core).then(|| schema.urn.clone());
        let find = |name: &str| {
            if is_core {
                self.core_attribute(name)
            } else {
                schema.attribute(name)
            }
        };

        if let Some(attribute) = find(name) {
            let path = AttributePath {
                extension,
                attribute: attribute.name.clone(),
                sub_attribute: None,
            };
            return Some(Resolved::Attribute {
                path,
                attribute,
                target: attribute,
            });
        }
        if let Some((head, tail)) = name.split_once('.')
            && let Some(attribute) = find(head)
        {
            let (sub_attribute, target) = sub_attribute(attribute, tail)?;
            let path = AttributePath {
                extension,
                attribute: attribute.name.clone(),
                sub_attribute: Some(sub_attribute),
            };
            return Some(Resolved::Attribute {
                path,
                attribute,
                target,
            });
        }
        (schema.open && !name.is_empty()).then(|| {
            let path = AttributePath {
                extension,
                attribute: name.to_owned(),
                sub_attribute: None,
            };
            Resolved::Attribute {
                path,
                attribute: &OPEN,
                target: &OPEN,
            }
        })
    }
}

/// The canonical name and the definition of a sub-attribute; an open object takes any name.
pub(crate) fn sub_attribute<'s>(
    attribute: &'s Attribute,
    name: &str,
) -> Option<(String, &'s Attribute)> {
    match attribute.sub_attribute(name) {
        Some(sub) => Some((sub.name.clone(), sub)),
        None if attribute.is_open() && !name.is_empty() => Some((name.to_owned(), &OPEN)),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::schema::Extension;
    use crate::scim::schema::Rules;
    use crate::scim::schema::Schemas;

    fn check(name: &str, expected: Option<&str>) {
        let open = Extension {
            urn: "urn:ietf:params:scim:schemas:extension:2.0:Metadata".to_owned(),
            open: true,
            attributes: Vec::new(),
        };
        let rules = Rules {
            extensions: vec![open],
            ..Rules::default()
        };
        let schemas = Schemas::new(&rules).unwrap();
        let found = schemas.user.resolve(name).map(|resolved| match resolved {
            Resolved::Extension(schema) => format!("extension {}", schema.urn),
            Resolved::Attribute { path, .. } => path.to_string(),
        });
        assert_eq!(found.as_deref(), expected, "{name}");
    }

    #[test]
    fn names_resolve_by_the_longest_urn_in_any_casing() {
        let manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager";
        check("USERNAME", Some("userName"));
        check("Name.GivenName", Some("name.givenName"));
        check("manager", Some(manager));
        check(
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            Some("title"),
        );
        check(&manager.to_uppercase(), Some(manager));
        check(
            &format!("{manager}.value"),
            Some(&format!("{manager}.value")),
        );
        check(
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department",
            Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
        );
        check(
            "urn:ietf:params:scim:schemas:extension:2.0:Metadata:cost.Centre",
            Some("urn:ietf:params:scim:schemas:extension:2.0:Metadata:cost.Centre"),
        );
        check(
            "urn:ietf:params:scim:schemas:extension:2.0:metadata",
            Some("extension urn:ietf:params:scim:schemas:extension:2.0:Metadata"),
        );
    }

    #[test]
    fn what_cannot_exist_does_not_resolve() {
        check("", None);
        check("costCentre", None);
        check("name.nick", None);
        check("userName.value", None);
        check("urn:nobody:knows:attr", None);
        check("urn:ietf:params:scim:schemas:core:2.0:User", None);
        check("urn:ietf:params:scim:schemas:core:2.0:User:", None);
    }
}
