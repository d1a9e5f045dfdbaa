//! What a request has that RFC 7643 and RFC 7644 have not: repaired and counted for Entra, refused in the strict dialect.
//!
//! The readers of filters, resources and PATCH operations understand all of it; what is here only says where they had to be
//! generous.

use serde_json::Map;
use serde_json::Value;

use crate::scim::bulk::BULK_REQUEST_URN;
use crate::scim::error::ScimError;
use crate::scim::list::SEARCH_URN;
use crate::scim::patch::PATCH_URN;
use crate::scim::path::Path;
use crate::scim::schema::Attribute;
use crate::scim::schema::AttributeType;
use crate::scim::schema::MEMBERS;
use crate::scim::schema::Resolved;
use crate::scim::schema::ResourceSchema;
use crate::scim::schema::sub_attribute;
use crate::scim::value;

/// A way in which requests deviate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deviation {
    /// `"op": "Replace"`.
    CapitalizedOp,
    /// `"True"` for a boolean.
    StringBoolean,
    /// `"7"` for a number.
    StringNumber,
    /// A removal that names the values that go in `value`.
    MemberValueList,
    /// A PATCH value with the key `name.givenName` or `urn:…:User:department`.
    DottedKey,
    /// `urn:…:User.department` in a path or a filter.
    DottedUrn,
    /// A role as JSON in a text.
    JsonText,
    /// `"method": "post"`.
    LowercaseMethod,
    /// `userName eq ana`.
    UnquotedValue,
    /// `emails[type eq "work"].value eq "x"` in a filter.
    ValuePathFilter,
    /// A list for one value, an object for a plain value, or the other way round.
    ValueShape,
    /// No `schemas` in a body.
    MissingSchemas,
    /// An attribute that another client owns by declaration; it is within the RFC, stays as it is, and is counted for strict clients too.
    NotOwned,
}

impl Deviation {
    /// All, in the order of their names.
    pub const ALL: [Self; 13] = [
        Self::CapitalizedOp,
        Self::DottedKey,
        Self::DottedUrn,
        Self::JsonText,
        Self::LowercaseMethod,
        Self::MemberValueList,
        Self::MissingSchemas,
        Self::NotOwned,
        Self::StringBoolean,
        Self::StringNumber,
        Self::UnquotedValue,
        Self::ValuePathFilter,
        Self::ValueShape,
    ];

    /// Its name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::CapitalizedOp => "CapitalizedOp",
            Self::DottedKey => "DottedKey",
            Self::DottedUrn => "DottedUrn",
            Self::JsonText => "JsonText",
            Self::LowercaseMethod => "LowercaseMethod",
            Self::MemberValueList => "MemberValueList",
            Self::MissingSchemas => "MissingSchemas",
            Self::NotOwned => "NotOwned",
            Self::StringBoolean => "StringBoolean",
            Self::StringNumber => "StringNumber",
            Self::UnquotedValue => "UnquotedValue",
            Self::ValuePathFilter => "ValuePathFilter",
            Self::ValueShape => "ValueShape",
        }
    }

    fn wanted(self) -> &'static str {
        match self {
            Self::CapitalizedOp => "op must be add, replace or remove, in lower case",
            Self::DottedKey => {
                "a key must be the name of an attribute, or the URN of an extension; write paths into path"
            }
            Self::DottedUrn => "a colon stands between a URN and an attribute",
            Self::JsonText => "a role must be an object, not a text with JSON",
            Self::LowercaseMethod => "method must be POST, PUT, PATCH or DELETE, in capitals",
            Self::MemberValueList => {
                "remove takes no value; choose values by a path such as members[value eq \"id\"]"
            }
            Self::MissingSchemas => "schemas must name the schema of the body",
            Self::NotOwned => "another client owns the attribute",
            Self::StringBoolean => "write true or false without quotes",
            Self::StringNumber => "write a number without quotes",
            Self::UnquotedValue => "write texts in quotes",
            Self::ValuePathFilter => {
                "nothing follows the bracket of a filter; write emails[type eq \"work\" and value eq \"x\"]"
            }
            Self::ValueShape => "the value must have the shape that the schema gives it",
        }
    }
}

/// What is said of the place of a deviation in a filter.
const FILTER: &str = "The filter";

/// A deviation, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub deviation: Deviation,
    /// An attribute, an operation by its number, or the filter.
    at: String,
}

impl Found {
    /// The answer in the strict dialect.
    pub fn refusal(&self) -> ScimError {
        let detail = format!(
            "{}: {}. This client is read by RFC 7644 alone.",
            self.at,
            self.deviation.wanted()
        );
        match self.deviation {
            Deviation::UnquotedValue | Deviation::ValuePathFilter => {
                ScimError::invalid_filter(detail)
            }
            Deviation::CapitalizedOp | Deviation::LowercaseMethod | Deviation::MissingSchemas => {
                ScimError::invalid_syntax(detail)
            }
            Deviation::DottedUrn if self.at == FILTER => ScimError::invalid_filter(detail),
            Deviation::DottedKey | Deviation::DottedUrn => ScimError::invalid_path(detail),
            Deviation::JsonText
            | Deviation::MemberValueList
            | Deviation::StringBoolean
            | Deviation::NotOwned
            | Deviation::StringNumber
            | Deviation::ValueShape => ScimError::invalid_value(detail),
        }
    }
}

/// Those of a filter, as [`Filter::read`](crate::scim::filter::Filter::read) has them.
pub fn of_filter(deviations: Vec<Deviation>) -> Vec<Found> {
    let mut search = Search::default();
    for deviation in deviations {
        search.add(deviation, FILTER);
    }
    search.found
}

/// Those of the body of a search; what its filter has is told by [`of_filter`].
pub fn of_search(body: &Value) -> Vec<Found> {
    let mut search = Search::default();
    if let Some(members) = body.as_object() {
        search.schemas(members, SEARCH_URN);
    }
    search.found
}

/// Those of a bulk request; what its operations carry is told where each is done.
pub fn of_bulk(body: &Value) -> Vec<Found> {
    let mut search = Search::default();
    let Some(members) = body.as_object() else {
        return search.found;
    };
    search.schemas(members, BULK_REQUEST_URN);
    let operations = value::find(members, "Operations").and_then(Value::as_array);
    for (index, operation) in operations.into_iter().flatten().enumerate() {
        let method = operation
            .as_object()
            .and_then(|it| value::find(it, "method"));
        let method = method.and_then(Value::as_str).unwrap_or_default();
        if method.contains(|it: char| it.is_ascii_lowercase()) {
            search.add(
                Deviation::LowercaseMethod,
                &format!("Operation {}", index + 1),
            );
        }
    }
    search.found
}

/// Those of the body of a POST or PUT; a body that cannot be read has none.
pub fn of_resource(schema: &ResourceSchema, body: &Value) -> Vec<Found> {
    let mut search = Search::default();
    let Some(members) = body.as_object() else {
        return search.found;
    };
    search.schemas(members, &schema.core.urn);
    search.attributes(schema, members);
    search.found
}

/// Those of the body of a PATCH; a body that cannot be read has none.
pub fn of_patch(schema: &ResourceSchema, body: &Value) -> Vec<Found> {
    let mut search = Search::default();
    let Some(members) = body.as_object() else {
        return search.found;
    };
    search.schemas(members, PATCH_URN);
    let operations = value::find(members, "Operations").and_then(Value::as_array);
    for (index, operation) in operations.into_iter().flatten().enumerate() {
        if let Some(operation) = operation.as_object() {
            search.operation(schema, index + 1, operation);
        }
    }
    search.found
}

#[derive(Default)]
struct Search {
    found: Vec<Found>,
}

impl Search {
    fn add(&mut self, deviation: Deviation, at: &str) {
        self.found.push(Found {
            deviation,
            at: at.to_owned(),
        });
    }

    fn schemas(&mut self, members: &Map<String, Value>, wanted: &str) {
        let listed = value::find(members, "schemas").and_then(Value::as_array);
        let is_wanted = |it: &Value| {
            it.as_str()
                .is_some_and(|it| it.eq_ignore_ascii_case(wanted))
        };
        if !listed.is_some_and(|list| list.iter().any(is_wanted)) {
            self.add(Deviation::MissingSchemas, "The body");
        }
    }

    /// The attributes of a body, or of the value of an operation without a path.
    fn attributes(&mut self, schema: &ResourceSchema, members: &Map<String, Value>) {
        for (key, written) in members {
            match schema.resolve(key) {
                Some(Resolved::Extension(extension)) => {
                    for (key, written) in written.as_object().into_iter().flatten() {
                        if let Some(attribute) = extension.attribute(key) {
                            self.value(attribute, written);
                        }
                    }
                }
                Some(Resolved::Attribute { path, target, .. }) => {
                    let is_plain = key.eq_ignore_ascii_case(&path.attribute);
                    if !is_plain || path.extension.is_some() {
                        self.add(Deviation::DottedKey, key);
                    }
                    self.value(target, written);
                }
                // Only where a name stands before it is the key a path, and else unknown.
                None if key
                    .split_once('[')
                    .is_some_and(|(name, _)| schema.resolve(name).is_some()) =>
                {
                    self.add(Deviation::DottedKey, key);
                }
                None => {}
            }
        }
    }

    fn operation(
        &mut self,
        schema: &ResourceSchema,
        number: usize,
        operation: &Map<String, Value>,
    ) {
        let at = format!("Operation {number}");
        let op = value::find(operation, "op").and_then(Value::as_str);
        let op = op.unwrap_or_default();
        if !["add", "replace", "remove"].contains(&op) {
            self.add(Deviation::CapitalizedOp, &at);
        }
        let written = value::find(operation, "value").unwrap_or(&Value::Null);
        let text = value::find(operation, "path").and_then(Value::as_str);
        let Some(text) = text.map(str::trim).filter(|it| !it.is_empty()) else {
            if let Some(members) = written.as_object() {
                self.attributes(schema, members);
            }
            return;
        };
        for deviation in Path::deviations(text, schema) {
            self.add(deviation, &at);
        }
        let removes = op.eq_ignore_ascii_case("remove");
        match Path::parse(text, schema) {
            Ok(_) if removes && !written.is_null() => self.add(Deviation::MemberValueList, &at),
            Ok(_) if removes => {}
            Ok(Path::Extension(_)) => {
                let nested = Map::from_iter([(text.to_owned(), written.clone())]);
                self.attributes(schema, &nested);
            }
            Ok(Path::Attribute(path)) => {
                if let Some((_, target)) = schema.definition(&path) {
                    self.written(target, written);
                }
            }
            Ok(Path::Elements {
                list,
                sub_attribute: sub,
                ..
            }) => {
                if let Some((attribute, _)) = schema.definition(&list) {
                    match sub.and_then(|it| sub_attribute(attribute, &it)) {
                        Some((_, target)) => self.value(target, written),
                        None => self.element(attribute, written),
                    }
                }
            }
            Err(_) => {}
        }
    }

    /// The value of an operation: one value of a list may be added without brackets.
    fn written(&mut self, attribute: &Attribute, written: &Value) {
        if attribute.multi_valued && !written.is_array() {
            self.element(attribute, written);
        } else {
            self.value(attribute, written);
        }
    }

    fn value(&mut self, attribute: &Attribute, written: &Value) {
        match written {
            Value::Null => {}
            Value::Array(elements) if attribute.multi_valued => {
                for element in elements {
                    self.element(attribute, element);
                }
            }
            _ if attribute.multi_valued => self.add(Deviation::ValueShape, &attribute.name),
            _ => self.element(attribute, written),
        }
    }

    /// One value, of a list or not.
    fn element(&mut self, attribute: &Attribute, written: &Value) {
        let deviation = match (attribute.type_, written) {
            (AttributeType::Complex, Value::Object(members)) => {
                return self.members(attribute, members);
            }
            (AttributeType::Complex, Value::String(text)) if is_json(attribute, text) => {
                Deviation::JsonText
            }
            (AttributeType::Boolean, Value::String(_)) => Deviation::StringBoolean,
            (AttributeType::Integer | AttributeType::Decimal, Value::String(_)) => {
                Deviation::StringNumber
            }
            (_, Value::Null)
            | (AttributeType::Boolean, Value::Bool(_))
            | (AttributeType::Integer | AttributeType::Decimal, Value::Number(_))
            | (
                AttributeType::String
                | AttributeType::DateTime
                | AttributeType::Reference
                | AttributeType::Binary,
                Value::String(_),
            ) => return,
            _ => Deviation::ValueShape,
        };
        self.add(deviation, &attribute.name);
    }

    fn members(&mut self, attribute: &Attribute, members: &Map<String, Value>) {
        for (key, written) in members {
            let text = written.as_str().filter(|_| key == "value");
            if text.is_some_and(|text| is_json(attribute, text)) {
                self.add(Deviation::JsonText, &attribute.name);
            } else if attribute.name == MEMBERS && !key.eq_ignore_ascii_case("value") {
                // Entra's `"$ref": null`, and what the server says of a member itself.
            } else if let Some(sub) = attribute.sub_attribute(key) {
                self.value(sub, written);
            }
        }
    }
}

/// Entra's default dialect writes app roles as JSON text.
fn is_json(attribute: &Attribute, text: &str) -> bool {
    matches!(attribute.name.as_str(), "roles" | "entitlements") && text.starts_with('{')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::scim::filter::Filter;
    use crate::scim::schema::GROUP_URN;
    use crate::scim::schema::USER_URN;
    use crate::scim::schema::sample;

    fn names(found: &[Found]) -> String {
        let names: Vec<&str> = found.iter().map(|it| it.deviation.name()).collect();
        names.join(" ")
    }

    fn check_user(body: &Value, expected: &str) {
        let mut complete = body.clone();
        complete["schemas"] = json!([USER_URN]);
        let found = of_resource(&sample::schemas().user, &complete);
        assert_eq!(names(&found), expected, "{body}");
    }

    fn check_patch(operation: &Value, expected: &str) {
        let schemas = sample::schemas();
        let body = json!({"schemas": [PATCH_URN], "Operations": [operation]});
        let schema = if operation.to_string().contains(MEMBERS) {
            &schemas.group
        } else {
            &schemas.user
        };
        assert_eq!(names(&of_patch(schema, &body)), expected, "{body}");
    }

    #[test]
    fn what_a_body_has_beyond_the_rfc_is_found() {
        check_user(
            &json!({"userName": "a", "ACTIVE": true, "emails": [{"value": "x", "primary": true}], "nobody": 1}),
            "",
        );
        check_user(&json!({"active": "True"}), "StringBoolean");
        check_user(&json!({"emails": [{"primary": "False"}]}), "StringBoolean");
        check_user(&json!({"emails": {"value": "x"}}), "ValueShape");
        check_user(&json!({"title": ["x"]}), "ValueShape");
        check_user(&json!({"roles": ["{\"value\": 1}"]}), "JsonText");
        check_user(&json!({"roles": [{"value": "{}"}]}), "JsonText");
        check_user(&json!({"name.givenName": "x"}), "DottedKey");
        let found = of_resource(&sample::schemas().group, &json!({"displayName": "x"}));
        assert_eq!(names(&found), "MissingSchemas");
        let group = json!({"schemas": [GROUP_URN], "members": [{"value": "x", "$ref": null}]});
        assert_eq!(names(&of_resource(&sample::schemas().group, &group)), "");
    }

    #[test]
    fn what_an_operation_has_beyond_the_rfc_is_found() {
        check_patch(
            &json!({"op": "add", "path": "emails", "value": {"value": "x"}}),
            "",
        );
        check_patch(
            &json!({"op": "replace", "value": {"title": "x", "name": {"givenName": "y"}}}),
            "",
        );
        check_patch(
            &json!({"op": "Replace", "path": "active", "value": "False"}),
            "CapitalizedOp StringBoolean",
        );
        check_patch(
            &json!({"op": "replace", "value": {"name.givenName": "y"}}),
            "DottedKey",
        );
        check_patch(
            &json!({"op": "add", "value": {"emails[type eq \"work\"].value": "y", "nobody[x": 1}}),
            "DottedKey",
        );
        check_patch(
            &json!({"op": "remove", "path": "members", "value": [{"value": "x"}]}),
            "MemberValueList",
        );
        check_patch(
            &json!({"op": "remove", "path": "members[value eq \"x\"]"}),
            "",
        );
        check_patch(
            &json!({"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User.department", "value": "x"}),
            "DottedUrn",
        );
        check_patch(
            &json!({"op": "add", "path": "roles[primary eq \"True\"].value", "value": "x"}),
            "StringBoolean",
        );
        check_patch(
            &json!({"op": "add", "path": "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager", "value": "x"}),
            "ValueShape",
        );
    }

    #[test]
    fn what_a_filter_has_beyond_the_rfc_is_found() {
        let check = |filter: &str, expected: &str| {
            let (_, found) = Filter::read(filter, &sample::schemas().user).unwrap();
            let found = of_filter(found);
            assert_eq!(names(&found), expected, "{filter}");
        };
        check("userName eq \"a\" and active eq true", "");
        check("userName EQ a", "UnquotedValue");
        check("active eq \"True\"", "StringBoolean");
        check("emails[type eq \"work\"].value eq \"x\"", "ValuePathFilter");
        check(&format!("{USER_URN}.title eq \"x\""), "DottedUrn");
    }

    #[test]
    fn what_a_search_or_a_bulk_request_has_beyond_the_rfc_is_found() {
        let operation = |method| json!({"method": method, "path": "/Users/1"});
        let check = |found: Vec<Found>, expected: &str| assert_eq!(names(&found), expected);
        check(of_search(&json!({"schemas": [SEARCH_URN]})), "");
        check(of_search(&json!({"schemas": [USER_URN]})), "MissingSchemas");
        let found = of_bulk(&json!({"Operations": [operation("DELETE"), operation("Delete")]}));
        assert_eq!(
            found[1].refusal().detail,
            "Operation 2: method must be POST, PUT, PATCH or DELETE, in capitals. This client is read by RFC 7644 alone."
        );
        check(found, "MissingSchemas LowercaseMethod");
        check(of_bulk(&json!({"schemas": [BULK_REQUEST_URN]})), "");
    }

    #[test]
    fn a_refusal_says_where_and_what_is_wanted() {
        let body = json!({"schemas": [USER_URN], "active": "True"});
        let found = of_resource(&sample::schemas().user, &body);
        assert_eq!(
            found[0].refusal().detail,
            "active: write true or false without quotes. This client is read by RFC 7644 alone."
        );
    }
}
