//! What a `ScimTenant` declares beyond the RFC: extensions, allowed values, required attributes.

use std::collections::HashSet;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Map;
use serde_json::Value;

use crate::scim::error::ScimError;
use crate::scim::error::quoted;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributePath;
use crate::scim::schema::AttributeType;
use crate::scim::schema::GROUP_URN;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::ResourceType;
use crate::scim::schema::SIGN_IN_METHOD;
use crate::scim::schema::SIGN_IN_METHODS;
use crate::scim::schema::SIGN_IN_URN;
use crate::scim::schema::Schema;
use crate::scim::schema::Schemas;
use crate::scim::schema::USER_URN;
use crate::scim::schema::core;
use crate::scim::value;

/// What is declared for the users of a `ScimTenant`; every list may be left out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Rules {
    /// The values that `userType` may have; empty: any.
    pub user_types: Vec<String>,
    /// The values that roles may have; empty: any.
    pub roles: Vec<String>,
    /// Attributes that every user must have, such as `name.givenName` or `emails`.
    pub required: Vec<String>,
    /// Extensions of the user beyond the enterprise one.
    pub extensions: Vec<Extension>,
    /// Whether a user has a `signInMethod`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub sign_in_method: bool,
}

/// A schema extension of the user.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Extension {
    /// Everything before the last colon of the attribute's name in Entra's mapping page.
    pub urn: String,
    /// Takes any key; every value becomes a string.
    #[serde(default)]
    pub open: bool,
    /// The attributes that are declared.
    #[serde(default)]
    pub attributes: Vec<ExtensionAttribute>,
}

/// One attribute of an extension.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionAttribute {
    pub name: String,
    #[serde(rename = "type", default)]
    pub type_: AttributeType,
    /// A list of values instead of one.
    #[serde(default)]
    pub multi_valued: bool,
}

/// Why rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    #[error(
        "extension {urn:?} is not a URN such as urn:ietf:params:scim:schemas:extension:Name:2.0:User"
    )]
    NotAUrn { urn: String },
    #[error("extension {urn} is declared twice or belongs to the SCIM standard")]
    DuplicateExtension { urn: String },
    #[error("extension {urn} declares attribute {name:?} twice")]
    DuplicateAttribute { urn: String, name: String },
    #[error(
        "extension {urn} declares attribute {name:?}; a name begins with a letter and has letters, digits, - and _"
    )]
    NotAName { urn: String, name: String },
    #[error("required names the attribute {name:?}, which a user does not have")]
    UnknownRequired { name: String },
}

/// Builds the schemas that [`Schemas::new`] promises.
pub(crate) fn schemas(rules: &Rules) -> Result<Schemas, RulesError> {
    let mut extensions = vec![core::enterprise()];
    let mut sign_in_methods = Vec::new();
    if rules.sign_in_method {
        extensions.push(core::sign_in());
        sign_in_methods = SIGN_IN_METHODS.map(str::to_owned).to_vec();
    }
    for extension in &rules.extensions {
        let schema = extension.schema()?;
        let taken = |other: &str| other.eq_ignore_ascii_case(&schema.urn);
        if [USER_URN, GROUP_URN].into_iter().any(taken)
            || extensions.iter().any(|it| taken(&it.urn))
        {
            return Err(RulesError::DuplicateExtension { urn: schema.urn });
        }
        extensions.push(schema);
    }
    let mut user = ResourceSchema {
        resource_type: ResourceType::User,
        core: core::user(),
        extensions,
        user_types: rules.user_types.clone(),
        roles: rules.roles.clone(),
        sign_in_methods,
        required: vec![AttributePath::core("userName")],
    };
    user.declare_canonical_values();
    for name in &rules.required {
        user.require(name)?;
    }
    let group = ResourceSchema {
        resource_type: ResourceType::Group,
        core: core::group(),
        extensions: Vec::new(),
        user_types: Vec::new(),
        roles: Vec::new(),
        sign_in_methods: Vec::new(),
        required: vec![AttributePath::core("displayName")],
    };
    Ok(Schemas { user, group })
}

impl Extension {
    fn schema(&self) -> Result<Schema, RulesError> {
        let urn = self.urn.clone();
        let head = urn.get(..4).unwrap_or_default();
        let plain = urn
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b":.-_/".contains(&byte));
        if !head.eq_ignore_ascii_case("urn:") || !plain || urn.ends_with([':', '.']) {
            return Err(RulesError::NotAUrn { urn });
        }
        let mut names = HashSet::new();
        let mut attributes = Vec::new();
        for declared in &self.attributes {
            let name = declared.name.clone();
            if !is_name(&name) {
                return Err(RulesError::NotAName { urn, name });
            }
            if !names.insert(name.to_ascii_lowercase()) {
                return Err(RulesError::DuplicateAttribute { urn, name });
            }
            let mut attribute = Attribute::new(&name, declared.type_, "");
            attribute.multi_valued = declared.multi_valued;
            attributes.push(attribute);
        }
        let name = urn
            .rsplit(':')
            .find(|part| !part.is_empty())
            .unwrap_or_default()
            .to_owned();
        let description = "Declared for this server.".to_owned();
        Ok(Schema {
            urn,
            name,
            description,
            open: self.open,
            attributes,
        })
    }
}

/// RFC 7643, section 2.1: a letter, then letters, digits, hyphens and underscores.
fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

impl ResourceSchema {
    /// Lets discovery print what is enforced.
    fn declare_canonical_values(&mut self) {
        for attribute in &mut self.core.attributes {
            match attribute.name.as_str() {
                "userType" => attribute.canonical_values.clone_from(&self.user_types),
                "roles" => {
                    if let Some(sub) = attribute
                        .sub_attributes
                        .iter_mut()
                        .find(|sub| sub.name == "value")
                    {
                        sub.canonical_values.clone_from(&self.roles);
                    }
                }
                _ => {}
            }
        }
    }

    fn require(&mut self, name: &str) -> Result<(), RulesError> {
        let unknown = || RulesError::UnknownRequired {
            name: name.to_owned(),
        };
        let Some(Resolved::Attribute { path, .. }) = self.resolve(name) else {
            return Err(unknown());
        };
        let schema = match &path.extension {
            None => &mut self.core,
            Some(urn) => self
                .extensions
                .iter_mut()
                .find(|schema| schema.urn == *urn)
                .ok_or_else(unknown)?,
        };
        if let Some(attribute) = schema
            .attributes
            .iter_mut()
            .find(|it| it.name == path.attribute)
        {
            attribute.required = true;
            let sub = attribute.sub_attributes.iter_mut();
            for sub in sub.filter(|sub| Some(&sub.name) == path.sub_attribute.as_ref()) {
                sub.required = true;
            }
        }
        if !self.required.contains(&path) {
            self.required.push(path);
        }
        Ok(())
    }

    /// Checks required attributes and allowed values of `after`.
    ///
    /// What `before` violated in the same way is let pass, so that a rule which became stricter
    /// never keeps Entra from disabling somebody.
    pub(crate) fn check(
        &self,
        before: Option<&Map<String, Value>>,
        after: &Map<String, Value>,
    ) -> Result<(), ScimError> {
        for path in &self.required {
            let had = before.is_none_or(|before| value::is_present(before, path));
            if had && !value::is_present(after, path) {
                return Err(ScimError::invalid_value(format!(
                    "{path} is required; map it in Entra and give it a value."
                )));
            }
        }
        let user_type = |from: &Map<String, Value>| texts(from.get("userType"));
        let roles = |from: &Map<String, Value>| texts(from.get("roles"));
        allowed(
            "userType",
            &self.user_types,
            &user_type(after),
            before.map(user_type).as_deref(),
        )?;
        allowed(
            "The value of a role",
            &self.roles,
            &roles(after),
            before.map(roles).as_deref(),
        )?;
        let method = |from: &Map<String, Value>| {
            texts(from.get(SIGN_IN_URN).and_then(|it| it.get(SIGN_IN_METHOD)))
        };
        allowed(
            SIGN_IN_METHOD,
            &self.sign_in_methods,
            &method(after),
            before.map(method).as_deref(),
        )
    }
}

/// The text itself, or the `value` of each element.
fn texts(value: Option<&Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(elements)) => elements
            .iter()
            .filter_map(|element| element.get("value").and_then(Value::as_str))
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

/// `a`, `a or b`, `a, b or c`.
fn alternatives(values: &[String]) -> String {
    match values {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

fn allowed(
    what: &str,
    allowed: &[String],
    after: &[String],
    before: Option<&[String]>,
) -> Result<(), ScimError> {
    let kept = |value: &String| before.is_some_and(|before| before.contains(value));
    match after
        .iter()
        .find(|value| !allowed.contains(value) && !kept(value))
    {
        Some(refused) if !allowed.is_empty() => Err(ScimError::invalid_value(format!(
            "{what} must be {}, got {}.",
            alternatives(allowed),
            quoted(refused)
        ))),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::schema::sample;

    #[track_caller]
    fn check(rules: Value, expected: &str) {
        let rules: Rules = serde_json::from_value(rules).unwrap();
        let message = Schemas::new(&rules)
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        assert!(
            message.contains(expected) && message.is_empty() == expected.is_empty(),
            "{message}"
        );
    }

    #[test]
    fn contradictory_rules_are_refused() {
        let extension = |urn: &str, names: &[&str]| {
            let attributes: Vec<Value> = names.iter().map(|name| json!({"name": name})).collect();
            json!({"extensions": [{"urn": urn, "attributes": attributes}]})
        };
        check(json!({}), "");
        check(extension("urn:x:A", &["a", "b_c-1"]), "");
        check(extension("x:A", &[]), "is not a URN");
        check(extension("urn:x A", &[]), "is not a URN");
        check(
            extension(&crate::scim::schema::ENTERPRISE_URN.to_uppercase(), &[]),
            "belongs to the SCIM standard",
        );
        check(extension(GROUP_URN, &[]), "belongs to the SCIM standard");
        check(extension("urn:x:A", &["a", "A"]), "twice");
        check(
            extension("urn:x:A", &["a.b"]),
            "a name begins with a letter",
        );
        check(json!({"required": ["name.first"]}), "name.first");
        check(
            json!({"required": ["emails", "name.givenName", "employeeNumber"]}),
            "",
        );
        check(
            json!({"extensions": [{"urn": "urn:x:A"}, {"urn": "URN:X:a"}]}),
            "declared twice",
        );
    }

    #[test]
    fn a_sign_in_method_is_known_where_there_is_a_choice() {
        let parse = |rules: Value, method: &str| {
            let rules: Rules = serde_json::from_value(rules).unwrap();
            let schemas = Schemas::new(&rules).unwrap();
            let body = json!({"userName": "a", SIGN_IN_URN: {"signInMethod": method}});
            let read = crate::scim::resource::Resource::parse(&schemas.user, &body);
            read.map(|it| it.attributes().get(SIGN_IN_URN).cloned())
                .map_err(|it| it.detail)
        };
        let choice = json!({"signInMethod": true});
        for method in SIGN_IN_METHODS {
            let kept = json!({"signInMethod": method});
            assert_eq!(parse(choice.clone(), method), Ok(Some(kept)));
            assert_eq!(parse(json!({}), method), Ok(None));
        }
        assert_eq!(
            parse(choice, "builtin"),
            Err("signInMethod must be Entra or BuiltIn, got \"builtin\".".to_owned())
        );
    }

    #[test]
    fn only_allowed_values_and_complete_users_are_accepted() {
        let rules = Rules {
            user_types: vec!["Premium".to_owned(), "Standard".to_owned()],
            roles: vec!["ReadOnly".to_owned(), "User".to_owned(), "Admin".to_owned()],
            required: vec!["name.givenName".to_owned(), "emails".to_owned()],
            ..sample::rules()
        };
        let schemas = Schemas::new(&rules).unwrap();
        let detail = |body: Value| {
            let read = crate::scim::resource::Resource::parse(&schemas.user, &body);
            read.err().map(|error| error.detail).unwrap_or_default()
        };
        let complete = |name: &str, value: Value| {
            let mut body =
                json!({"userName": "a", "name": {"givenName": "A"}, "emails": [{"value": "x"}]});
            body[name] = value;
            body
        };
        assert_eq!(detail(complete("userType", json!("Premium"))), "");
        assert_eq!(
            detail(complete("userType", json!("premium"))),
            "userType must be Premium or Standard, got \"premium\"."
        );
        assert_eq!(
            detail(complete(
                "roles",
                json!([{"value": "User"}, {"value": "root"}])
            )),
            "The value of a role must be ReadOnly, User or Admin, got \"root\"."
        );
        assert!(
            detail(complete("emails", json!([{"type": "work"}]))).starts_with("emails is required")
        );
        assert!(detail(json!({"userName": "a"})).starts_with("name.givenName is required"));
        let printed = schemas.schema(USER_URN).unwrap().to_string();
        assert!(printed.contains(r#""canonicalValues":["Premium","Standard"]"#));
        assert!(
            !printed.contains("null"),
            "Microsoft's validation refuses null in /Schemas"
        );
    }
}
