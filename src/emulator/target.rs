//! Targets of attribute mappings: where a value stands in a SCIM resource, and the path by which Entra names it.

use serde_json::{Value, json};

/// RFC 7643, section 4.3.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The schemas of RFC 7643 whose URN may stand before an attribute that needs none.
const CORE: [&str; 2] = [
    "urn:ietf:params:scim:schemas:core:2.0:User:",
    "urn:ietf:params:scim:schemas:core:2.0:Group:",
];

/// Type of the roles that Entra sends.
const ROLE_TYPE: &str = "WindowsAzureActiveDirectoryRole";

/// Where a value stands in a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `title`.
    Attribute(String),
    /// `name.givenName`.
    SubAttribute(String, String),
    /// `emails[type eq "work"].value`: the list, what tells its element, and the part.
    Element {
        list: String,
        by: (String, String),
        part: String,
    },
    /// An attribute of a schema extension; what follows the last colon is its name.
    Extension(String, String),
}

impl Target {
    /// Reads a target attribute's name.
    pub(super) fn parse(name: &str) -> Result<Self, String> {
        let plain = CORE.iter().find_map(|it| strip_prefix(name, it));
        let name = plain.unwrap_or(name);
        if strip_prefix(name, "urn:").is_some() {
            let (urn, name) = name.rsplit_once(':').unwrap_or_default();
            return Ok(Self::Extension(urn.to_owned(), name.to_owned()));
        }
        if let Some((list, rest)) = name.split_once('[') {
            let wrong = || format!("{name:?} is no path such as emails[type eq \"work\"].value");
            let (filter, part) = rest.split_once("].").ok_or_else(wrong)?;
            let mut words = filter.splitn(3, ' ');
            let (by, eq, value) = (words.next(), words.next(), words.next());
            let value = value.and_then(|it| it.strip_prefix('"')?.strip_suffix('"'));
            let (Some(by), Some("eq"), Some(value)) = (by, eq, value) else {
                return Err(wrong());
            };
            return Ok(Self::Element {
                list: list.to_owned(),
                by: (by.to_owned(), value.to_owned()),
                part: part.to_owned(),
            });
        }
        match name.split_once('.') {
            _ if name.is_empty() => Err("the target has no name".to_owned()),
            Some((name, below)) => Ok(Self::SubAttribute(name.to_owned(), below.to_owned())),
            None => Ok(Self::Attribute(name.to_owned())),
        }
    }

    /// The path in a PATCH.
    pub(super) fn path(&self) -> String {
        match self {
            Self::Attribute(name) => name.clone(),
            Self::SubAttribute(name, below) => format!("{name}.{below}"),
            Self::Element { list, by, part } => {
                format!("{list}[{} eq \"{}\"].{part}", by.0, by.1)
            }
            Self::Extension(urn, name) => format!("{urn}:{name}"),
        }
    }

    /// How the path looks, whatever its names are.
    pub(super) const fn shape(&self) -> &'static str {
        match self {
            Self::Attribute(_) => "attribute",
            Self::SubAttribute(..) => "name.part",
            Self::Element { .. } => "list[type eq \"…\"].part",
            Self::Extension(..) => "urn:…:attribute",
        }
    }

    /// Whether the path selects an element of a list: such operations are never merged with others.
    pub(super) const fn is_bracketed(&self) -> bool {
        matches!(self, Self::Element { .. })
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self, Self::Attribute(name) if name.eq_ignore_ascii_case("active"))
    }

    pub(super) fn is_user_name(&self) -> bool {
        matches!(self, Self::Attribute(name) if name.eq_ignore_ascii_case("userName"))
    }

    /// Whether app roles go there, which are not provisioned on demand.
    pub(super) fn is_role(&self) -> bool {
        match self {
            Self::Attribute(name) => name == "roles",
            Self::Element { list, .. } => list == "roles",
            Self::SubAttribute(..) | Self::Extension(..) => false,
        }
    }

    /// The value in `resource`; null when it has none.
    pub(super) fn read(&self, resource: &Value) -> Value {
        match self {
            Self::Attribute(name) => member(resource, name).clone(),
            Self::SubAttribute(name, below) => member(member(resource, name), below).clone(),
            Self::Element { list, by, part } => {
                let elements = member(resource, list).as_array();
                let mut elements = elements.into_iter().flatten();
                let found = elements.find(|it| is_same(member(it, &by.0), &by.1));
                found.map_or(Value::Null, |it| member(it, part).clone())
            }
            Self::Extension(urn, name) => member(member(resource, urn), name).clone(),
        }
    }

    /// Puts `value` into the body of a POST.
    pub(super) fn write(&self, body: &mut Value, value: Value) {
        match self {
            Self::Attribute(name) => body[name] = value,
            Self::SubAttribute(name, below) => body[name][below] = value,
            Self::Extension(urn, name) => body[urn][name] = value,
            Self::Element { list, by, part } => {
                if !body[list].is_array() {
                    body[list] = json!([]);
                }
                let Some(elements) = body[list].as_array_mut() else {
                    return;
                };
                let place = elements
                    .iter()
                    .position(|it| is_same(member(it, &by.0), &by.1));
                let place = place.unwrap_or_else(|| {
                    elements.push(new_element(list, by));
                    elements.len() - 1
                });
                elements[place][part] = value;
            }
        }
    }
}

/// An element with what tells it. Of mail addresses the one for work is the primary one.
fn new_element(list: &str, (by, value): &(String, String)) -> Value {
    let is_primary = list == "emails" && value == "work";
    match (by.as_str(), list) {
        ("primary", "roles") => json!({"primary": true, "type": ROLE_TYPE}),
        ("primary", _) => json!({"primary": value.eq_ignore_ascii_case("true")}),
        _ if is_primary => json!({"primary": true, by: value}),
        _ => json!({by: value}),
    }
}

/// A boolean is held against the text of one.
fn is_same(found: &Value, wanted: &str) -> bool {
    match found {
        Value::Bool(found) => wanted.eq_ignore_ascii_case(&found.to_string()),
        Value::String(found) => found.eq_ignore_ascii_case(wanted),
        _ => false,
    }
}

/// RFC 7643, section 2.1: names of attributes are compared without case.
fn member<'a>(of: &'a Value, name: &str) -> &'a Value {
    if !of[name].is_null() {
        return &of[name];
    }
    let members = of.as_object().into_iter().flatten();
    let mut folded = members.filter(|(key, _)| key.eq_ignore_ascii_case(name));
    folded.next().map_or(&Value::Null, |(_, value)| value)
}

fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let start = text.get(..prefix.len())?;
    start
        .eq_ignore_ascii_case(prefix)
        .then(|| &text[prefix.len()..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut body = json!({});
        let targets = [
            ("title", "title"),
            ("name.givenName", "name.givenName"),
            (
                r#"emails[type eq "work"].value"#,
                r#"emails[type eq "work"].value"#,
            ),
            (
                r#"addresses[type eq "work"].region"#,
                r#"addresses[type eq "work"].region"#,
            ),
            (
                r#"addresses[type eq "work"].country"#,
                r#"addresses[type eq "work"].country"#,
            ),
            (
                r#"roles[primary eq "True"].value"#,
                r#"roles[primary eq "True"].value"#,
            ),
            (
                "urn:ietf:params:scim:schemas:core:2.0:User:nickName",
                "nickName",
            ),
            (
                "urn:ietf:params:scim:schemas:extension:2.0:Metadata:costCentre",
                "urn:ietf:params:scim:schemas:extension:2.0:Metadata:costCentre",
            ),
        ];
        for (name, path) in targets {
            let target = Target::parse(name).unwrap();
            assert_eq!(target.path(), path);
            target.write(&mut body, name.into());
        }
        for (name, _) in targets {
            assert_eq!(Target::parse(name).unwrap().read(&body), name);
        }
        assert_eq!(body["addresses"].as_array().map(Vec::len), Some(1));
        assert_eq!(body["roles"][0]["primary"], true);
    }

    #[test]
    fn broken_targets_are_refused() {
        for name in [
            "",
            "emails[type eq work].value",
            "emails[type]",
            "emails[type eq \"work\"]",
        ] {
            assert!(Target::parse(name).is_err(), "{name}");
        }
    }
}
