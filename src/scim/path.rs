//! PATCH paths as a syntax tree (RFC 7644, section 3.5.2, figure 7).

use std::fmt;

use crate::scim::deviation::Deviation;
use crate::scim::error::ScimError;
use crate::scim::filter::Filter;
use crate::scim::filter::Parser;
use crate::scim::scanner::SyntaxError;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::sub_attribute;

/// What a PATCH operation is about.
#[derive(Debug, Clone, PartialEq)]
pub enum Path {
    /// A whole extension, by its URN.
    Extension(String),
    /// An attribute or one of its sub-attributes.
    Attribute(AttributePath),
    /// The values of a list that fulfil a filter, or one sub-attribute of these.
    Elements {
        /// The list, without a sub-attribute.
        list: AttributePath,
        filter: Filter,
        sub_attribute: Option<String>,
    },
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `400 invalidPath` with the position of the fault.
    pub fn parse(text: &str, schema: &ResourceSchema) -> Result<Self, ScimError> {
        let text = text.trim();
        if let Some(Resolved::Extension(extension)) = schema.resolve(text) {
            return Ok(Self::Extension(extension.urn.clone()));
        }
        Self::read(text, schema)
            .map(|(path, _)| path)
            .map_err(SyntaxError::in_path)
    }

    /// Where the text of a path goes beyond RFC 7644; one that cannot be read does nowhere.
    pub fn deviations(text: &str, schema: &ResourceSchema) -> Vec<Deviation> {
        Self::read(text.trim(), schema).map_or_else(|_| Vec::new(), |(_, deviations)| deviations)
    }

    fn read(text: &str, schema: &ResourceSchema) -> Result<(Self, Vec<Deviation>), SyntaxError> {
        let mut parser = Parser::new(text, schema)?;
        let (path, definition) = parser.name()?;
        if !parser.scanner.is_at('[') {
            parser.end()?;
            return Ok((Self::Attribute(path), parser.deviations));
        }
        let filter = parser.brackets(definition)?;
        let sub_attribute = if parser.scanner.take('.') {
            let before = parser.scanner.clone();
            let word = parser.scanner.word();
            let unknown = || before.error(format!("{} has no such sub-attribute", definition.name));
            // The elements of a simple list are their own `value`.
            if definition.type_ != AttributeType::Complex && word.eq_ignore_ascii_case("value") {
                None
            } else {
                let (name, _) = sub_attribute(definition, word).ok_or_else(unknown)?;
                Some(name)
            }
        } else {
            None
        };
        parser.end()?;
        let elements = Self::Elements {
            list: path,
            filter,
            sub_attribute,
        };
        Ok((elements, parser.deviations))
    }

    /// The attribute that the path is about; `None` for a whole extension.
    pub fn attribute(&self) -> Option<&AttributePath> {
        match self {
            Self::Extension(_) => None,
            Self::Attribute(path) | Self::Elements { list: path, .. } => Some(path),
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extension(urn) => f.write_str(urn),
            Self::Attribute(path) => write!(f, "{path}"),
            Self::Elements {
                list,
                filter,
                sub_attribute,
            } => {
                write!(f, "{list}[{filter}]")?;
                match sub_attribute {
                    Some(sub) => write!(f, ".{sub}"),
                    None => Ok(()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
