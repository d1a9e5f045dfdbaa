//! `attributes` and `excludedAttributes` (RFC 7644, section 3.9).

use serde_json::Map;
use serde_json::Value;

use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::Mutability;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::Returned;

/// Which attributes an answer has. The default has all that are returned by default.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Projection {
    /// Only these, when given.
    included: Option<Vec<Selector>>,
    excluded: Vec<Selector>,
}

/// One name of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Selector {
    Extension(String),
    Attribute(AttributePath),
}

impl Projection {
    /// Reads both query parameters; unknown names are ignored, brackets are not an error.
    pub fn parse(
        attributes: Option<&str>,
        excluded_attributes: Option<&str>,
        schema: &ResourceSchema,
    ) -> Self {
        let listed = |text: &str| -> Vec<Selector> {
            names(text)
                .iter()
                .filter_map(|name| selector(schema, name))
                .collect()
        };
        // An empty parameter asks for nothing in particular.
        let given = attributes.filter(|text| !text.trim().is_empty());
        Self {
            included: given.map(listed),
            excluded: excluded_attributes.map(listed).unwrap_or_default(),
        }
    }

    /// Whether an answer has the top-level core attribute of this canonical name, such as
    /// `members`; when not, a server need not load it.
    pub fn wants(&self, name: &str) -> bool {
        let path = AttributePath::core(name);
        self.includes(&path) && !self.excludes(&path)
    }

    /// Whether an answer has all that a resource of this schema can hold.
    pub(crate) fn is_all(&self, schema: &ResourceSchema) -> bool {
        let extensions = schema.extensions.iter().flat_map(|it| &it.attributes);
        let mut all = schema.core.attributes.iter().chain(extensions);
        // What is only written is not kept.
        self.is_default()
            && all.all(|it| it.mutability == Mutability::WriteOnly || is_shown(Some(it)))
    }

    fn is_default(&self) -> bool {
        self.included.is_none() && self.excluded.is_empty()
    }

    fn includes(&self, path: &AttributePath) -> bool {
        self.included.as_ref().is_none_or(|selectors| {
            selectors.iter().any(|selector| match selector {
                Selector::Extension(urn) => path.extension.as_ref() == Some(urn),
                Selector::Attribute(selected) => {
                    same_attribute(selected, path)
                        && (selected.sub_attribute.is_none()
                            || path.sub_attribute.is_none()
                            || selected.sub_attribute == path.sub_attribute)
                }
            })
        })
    }

    fn excludes(&self, path: &AttributePath) -> bool {
        self.excluded.iter().any(|selector| match selector {
            Selector::Extension(urn) => path.extension.as_ref() == Some(urn),
            Selector::Attribute(selected) => {
                same_attribute(selected, path)
                    && (selected.sub_attribute.is_none()
                        || selected.sub_attribute == path.sub_attribute)
            }
        })
    }

    /// Takes out of a rendered resource what the client does not want or must not get.
    pub(crate) fn apply(
        &self,
        schema: &ResourceSchema,
        mut rendered: Map<String, Value>,
    ) -> Map<String, Value> {
        if self.is_default() {
            rendered.retain(|name, value| match schema.extension(name) {
                Some(extension) => value.as_object_mut().is_some_and(|members| {
                    members.retain(|name, _| is_shown(extension.attribute(name)));
                    !members.is_empty()
                }),
                None => is_shown(schema.core_attribute(name)),
            });
            return rendered;
        }
        let mut kept = Map::new();
        for (name, value) in rendered {
            if let Some(extension) = schema.extension(&name) {
                let Value::Object(members) = value else {
                    continue;
                };
                let members = members.into_iter().filter_map(|(name, value)| {
                    let value = self.project(
                        Some(&extension.urn),
                        &name,
                        extension.attribute(&name),
                        value,
                    )?;
                    Some((name, value))
                });
                let members: Map<String, Value> = members.collect();
                if !members.is_empty() {
                    kept.insert(name, Value::Object(members));
                }
            } else if let Some(value) =
                self.project(None, &name, schema.core_attribute(&name), value)
            {
                kept.insert(name, value);
            }
        }
        kept
    }

    fn project(
        &self,
        extension: Option<&String>,
        name: &str,
        definition: Option<&Attribute>,
        value: Value,
    ) -> Option<Value> {
        let returned = definition.map_or(Returned::Default, |attribute| attribute.returned);
        match returned {
            Returned::Always => return Some(value),
            Returned::Never => return None,
            Returned::Request if self.included.is_none() => return None,
            Returned::Default | Returned::Request => {}
        }
        let path = AttributePath {
            extension: extension.cloned(),
            attribute: name.to_owned(),
            sub_attribute: None,
        };
        if !self.includes(&path) || self.excludes(&path) {
            return None;
        }
        match value {
            Value::Object(members) => self.sub_attributes(&path, members),
            Value::Array(elements) => {
                let elements: Vec<Value> = elements
                    .into_iter()
                    .filter_map(|element| match element {
                        Value::Object(members) => self.sub_attributes(&path, members),
                        plain => Some(plain),
                    })
                    .collect();
                (!elements.is_empty()).then_some(Value::Array(elements))
            }
            plain => Some(plain),
        }
    }

    fn sub_attributes(&self, path: &AttributePath, members: Map<String, Value>) -> Option<Value> {
        let wanted = |name: &str| {
            let path = path.clone().with_sub_attribute(Some(name.to_owned()));
            self.includes(&path) && !self.excludes(&path)
        };
        let members: Map<String, Value> = members
            .into_iter()
            .filter(|(name, _)| wanted(name))
            .collect();
        (!members.is_empty()).then_some(Value::Object(members))
    }
}

/// Whether it is answered to who asks for nothing in particular.
fn is_shown(definition: Option<&Attribute>) -> bool {
    let returned = definition.map_or(Returned::Default, |attribute| attribute.returned);
    matches!(returned, Returned::Always | Returned::Default)
}

fn same_attribute(left: &AttributePath, right: &AttributePath) -> bool {
    left.extension == right.extension && left.attribute.eq_ignore_ascii_case(&right.attribute)
}

fn selector(schema: &ResourceSchema, name: &str) -> Option<Selector> {
    match schema.resolve(name)? {
        Resolved::Extension(extension) => Some(Selector::Extension(extension.urn.clone())),
        Resolved::Attribute { path, .. } => Some(Selector::Attribute(path)),
    }
}

/// The names between the commas, without what stands in brackets.
fn names(text: &str) -> Vec<String> {
    let mut names = vec![String::new()];
    let mut brackets = 0_usize;
    for character in text.chars() {
        match character {
            '[' => brackets += 1,
            ']' => brackets = brackets.saturating_sub(1),
            _ if brackets > 0 || character.is_whitespace() => {}
            ',' => names.push(String::new()),
            other => names
                .last_mut()
                .expect("the list begins with one name")
                .push(other),
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::Rules;
    use crate::scim::schema::Schemas;

    fn check(attributes: Option<&str>, excluded: Option<&str>, expected: &Value) {
        let schemas = Schemas::new(&Rules::default()).unwrap();
        let enterprise = crate::scim::schema::ENTERPRISE_URN;
        let Value::Object(rendered) = json!({
            "schemas": ["s"],
            "id": "1",
            "userName": "a",
            "password": "x",
            "name": {"givenName": "A", "familyName": "B"},
            "emails": [{"type": "work", "value": "m"}],
            enterprise: {"department": "D", "division": "V"},
        }) else {
            unreachable!("an object literal")
        };
        let projection = Projection::parse(attributes, excluded, &schemas.user);
        let projected = Value::Object(projection.apply(&schemas.user, rendered));
        assert_eq!(&projected, expected, "{attributes:?} {excluded:?}");
    }

    #[test]
    fn only_what_is_wanted_is_answered() {
        check(Some("id"), None, &json!({"schemas": ["s"], "id": "1"}));
        check(Some("nothing"), None, &json!({"schemas": ["s"], "id": "1"}));
        check(
            Some("USERNAME, emails[type eq \"work, x\"].value"),
            None,
            &json!({"schemas": ["s"], "id": "1", "userName": "a", "emails": [{"value": "m"}]}),
        );
        check(
            Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department"),
            None,
            &json!({"schemas": ["s"], "id": "1",
                "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"department": "D"}}),
        );
        check(
            None,
            Some(
                "id,name.familyName,emails,urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            ),
            &json!({"schemas": ["s"], "id": "1", "userName": "a", "name": {"givenName": "A"}}),
        );
    }
}
