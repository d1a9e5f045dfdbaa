//! Who somebody is, as headers for an application. Everything comes from what was provisioned, so that 200 groups and more cost a browser
//! nothing.

use axum::http::header::{HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;

use crate::scim::resource::Resource;
use crate::store::Stored;
use crate::workload::directory::sign_in_name::sign_in_name;

/// Bytes of the roles at most: proxies take 4,096 for all headers of an answer.
const ROLES: usize = 512;

/// Bytes of the groups at most.
const GROUPS: usize = 1536;

/// What is written in hexadecimal beside all that is no ASCII.
const ODD: &AsciiSet = &CONTROLS.add(b'%').add(b',');

/// Bytes of a single value at most.
const VALUE: usize = 384;

type Headers = [(HeaderName, HeaderValue); 7];

/// The headers of somebody who is not signed in: all are empty.
pub(super) fn of_nobody() -> Headers {
    [
        "remote-id",
        "remote-user",
        "remote-name",
        "remote-email",
        "remote-roles",
        "remote-groups",
        "remote-groups-omitted",
    ]
    .map(|it| (HeaderName::from_static(it), HeaderValue::from_static("")))
}

/// The headers, each once, empty where there is nothing.
pub(super) fn headers(person: &Stored) -> Headers {
    let resource = &person.resource;
    let user_name = resource.user_name().unwrap_or_default();
    let mut groups: Vec<&str> = person
        .related
        .iter()
        .filter_map(|it| it.display.as_deref())
        .collect();
    groups.sort_unstable();
    let (groups, omitted) = list(&groups, GROUPS);
    let (roles, _) = list(&roles(resource), ROLES);
    [
        ("remote-id", header(&encoded(person.id.as_str(), VALUE))),
        (
            "remote-user",
            header(&encoded(
                sign_in_name(user_name, resource.external_id()),
                VALUE,
            )),
        ),
        (
            "remote-name",
            header(&encoded(resource.display_name().unwrap_or_default(), VALUE)),
        ),
        (
            "remote-email",
            header(&encoded(resource.email().unwrap_or_default(), VALUE)),
        ),
        ("remote-roles", header(&roles)),
        ("remote-groups", header(&groups)),
        ("remote-groups-omitted", header(&omitted.to_string())),
    ]
    .map(|(name, value)| (HeaderName::from_static(name), value))
}

/// The values of the roles of a person.
pub(super) fn roles(resource: &Resource) -> Vec<&str> {
    let all = resource.attributes().get("roles");
    let all = all.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    all.iter().filter_map(|it| it["value"].as_str()).collect()
}

/// Values with commas between them, as many as there is room for; and how many there was none for.
fn list(values: &[&str], at_most: usize) -> (String, usize) {
    let mut text = String::new();
    let mut omitted = 0;
    for value in values {
        let value = encoded(value, usize::MAX);
        if text.len() + 1 + value.len() > at_most {
            omitted += 1;
            continue;
        }
        if !text.is_empty() {
            text.push(',');
        }
        text.push_str(&value);
    }
    (text, omitted)
}

/// Visible ASCII and spaces as they are; what else there is, and `%` and `,`, as bytes of UTF-8 in hexadecimal behind `%`. So nobody's
/// name ends a header or becomes two names. A value that is too long is left out: a part of it could be somebody else's.
fn encoded(value: &str, at_most: usize) -> String {
    let text = utf8_percent_encode(value.trim(), ODD).to_string();
    if text.len() > at_most {
        return String::new();
    }
    text
}

fn header(text: &str) -> HeaderValue {
    // It is visible ASCII.
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::store::{Reference, ResourceId, Version};

    fn found(body: &Value, groups: &[&str]) -> Vec<(String, String)> {
        let person = Stored {
            id: ResourceId::new("i-1"),
            version: Version::FIRST,
            created: Timestamp::UNIX_EPOCH,
            last_modified: Timestamp::UNIX_EPOCH,
            resource: Resource::from_json(&body.to_string()).unwrap(),
            related: groups
                .iter()
                .map(|it| Reference {
                    id: ResourceId::new(*it),
                    display: Some((*it).to_owned()),
                })
                .collect(),
        };
        let text = |it: HeaderValue| it.to_str().unwrap().to_owned();
        headers(&person)
            .map(|(name, value)| (name.to_string(), text(value)))
            .to_vec()
    }

    #[test]
    fn a_person_becomes_headers() {
        let lena = json!({
            "userName": "lena@contoso.example",
            "displayName": "Léna Ott",
            "emails": [{"value": "a@contoso.example"}, {"value": "lena.ott@contoso.example", "primary": true}],
            "roles": [{"value": "Admin"}, {"value": "User"}],
        });

        let expected = [
            ("remote-id", "i-1"),
            ("remote-user", "lena@contoso.example"),
            ("remote-name", "L%C3%A9na Ott"),
            ("remote-email", "lena.ott@contoso.example"),
            ("remote-roles", "Admin,User"),
            ("remote-groups", "Night Watch,Sales"),
            ("remote-groups-omitted", "0"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(found(&lena, &["Sales", "Night Watch"]), expected);
    }

    #[test]
    fn nobody_s_name_becomes_two_or_ends_a_header() {
        let odd = json!({"userName": "a,b%\r\nRemote-User: root\u{0}", "emails": "none"});

        let found = found(&odd, &["x,admins"]);

        assert_eq!(found[1].1, "a%2Cb%25%0D%0ARemote-User: root%00");
        assert_eq!(found[3].1, "");
        assert_eq!(found[5].1, "x%2Cadmins");
        let long = json!({"userName": "x".repeat(VALUE + 1)});
        assert_eq!(self::found(&long, &[])[1].1, "");
    }

    /// A15: 1,000 groups and long names fit into the headers that a proxy takes, whole names only.
    #[test]
    fn a15_many_groups_are_cut_at_a_name_and_counted() {
        let names: Vec<String> = (0..1000).map(|it| format!("Group {it:04}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let long = "x".repeat(VALUE);
        let roles: Vec<Value> = (0..1000)
            .map(|it| json!({"value": format!("Role {it:04}")}))
            .collect();
        let person = json!({
            "userName": long, "displayName": long, "emails": [{"value": long}], "roles": roles,
        });

        let found = found(&person, &names);

        assert_eq!(found[1].1, long);
        assert!(found[4].1.starts_with("Role 0000,Role 0001,"));
        let groups: Vec<&str> = found[5].1.split(',').collect();
        assert_eq!(groups, names[..groups.len()]);
        assert_eq!(found[6].1, (1000 - groups.len()).to_string());
        let all: usize = found
            .iter()
            .map(|(name, it)| name.len() + it.len() + 4)
            .sum();
        assert!(all < 4096 - 300, "{all}");
    }
}
