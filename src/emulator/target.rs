//! Targets of attribute mappings: where a value stands in a SCIM resource, and the path by which Entra names it.

use serde_json::{Value, json};

use super::population::Person;

/// RFC 7643, section 4.3.
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const FOLDERS: &str = "urn:ietf:params:scim:schemas:extension:2.0:CustomExtensionName";
const METADATA: &str = "urn:ietf:params:scim:schemas:extension:2.0:Metadata";

/// Type of the roles that Entra sends.
const ROLE_TYPE: &str = "WindowsAzureActiveDirectoryRole";

/// Where a value stands in a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `title`.
    Attribute(&'static str),
    /// `name.givenName`.
    SubAttribute(&'static str, &'static str),
    /// `emails[type eq "work"].value`.
    WorkValue(&'static str),
    /// `roles[primary eq "True"].value`.
    PrimaryRole,
    /// An attribute of a schema extension.
    Extension(&'static str, &'static str),
}

impl Target {
    /// The path in a PATCH.
    pub(super) fn path(self) -> String {
        match self {
            Self::Attribute(name) => name.to_owned(),
            Self::SubAttribute(name, below) => format!("{name}.{below}"),
            Self::WorkValue(name) => format!("{name}[type eq \"work\"].value"),
            Self::PrimaryRole => "roles[primary eq \"True\"].value".to_owned(),
            Self::Extension(urn, name) => format!("{urn}:{name}"),
        }
    }

    /// Whether the path selects an element of a list: such operations are never merged with others.
    pub(super) fn is_bracketed(self) -> bool {
        match self {
            Self::WorkValue(_) | Self::PrimaryRole => true,
            Self::Attribute(_) | Self::SubAttribute(..) | Self::Extension(..) => false,
        }
    }

    /// The value in `resource`; null when it has none.
    pub(super) fn read(self, resource: &Value) -> Value {
        let element = |list: &str, wanted: fn(&Value) -> bool| {
            let found = resource[list].as_array()?.iter().find(|it| wanted(it))?;
            Some(found["value"].clone())
        };
        match self {
            Self::Attribute(name) => resource[name].clone(),
            Self::SubAttribute(name, below) => resource[name][below].clone(),
            Self::WorkValue(name) => element(name, |it| it["type"] == "work").unwrap_or_default(),
            Self::PrimaryRole => element("roles", |it| it["primary"] == true).unwrap_or_default(),
            Self::Extension(urn, name) => resource[urn][name].clone(),
        }
    }

    /// Puts `value` into the body of a POST.
    pub(super) fn write(self, body: &mut Value, value: Value) {
        match self {
            Self::Attribute(name) => body[name] = value,
            Self::SubAttribute(name, below) => body[name][below] = value,
            Self::WorkValue(name) => {
                body[name] = json!([{"primary": true, "type": "work", "value": value}]);
            }
            Self::PrimaryRole => {
                body["roles"] = json!([{"primary": true, "type": ROLE_TYPE, "value": value}]);
            }
            Self::Extension(urn, name) => body[urn][name] = value,
        }
    }
}

/// What the mapping makes of `person`: Entra's default for non-gallery applications, and what the guide adds to it. An empty source is left out.
pub(super) fn mapped(person: &Person) -> Vec<(Target, Value)> {
    let display_name = format!("{} {}", person.given_name, person.surname);
    let mut mapped = vec![
        (
            Target::Attribute("externalId"),
            person.object_id.clone().into(),
        ),
        (
            Target::Attribute("userName"),
            person.user_principal_name.clone().into(),
        ),
        (Target::Attribute("active"), person.enabled.into()),
        (
            Target::Attribute("displayName"),
            display_name.clone().into(),
        ),
        (Target::WorkValue("emails"), person.mail.clone().into()),
        (
            Target::SubAttribute("name", "formatted"),
            display_name.into(),
        ),
        (
            Target::SubAttribute("name", "familyName"),
            person.surname.clone().into(),
        ),
        (
            Target::SubAttribute("name", "givenName"),
            person.given_name.clone().into(),
        ),
        (Target::Attribute("title"), person.job_title.clone().into()),
        (
            Target::Extension(ENTERPRISE, "employeeNumber"),
            person.employee_id.clone().into(),
        ),
        (
            Target::Extension(ENTERPRISE, "department"),
            person.department.clone().into(),
        ),
        (
            Target::Attribute("userType"),
            person.company_name.clone().into(),
        ),
    ];
    if let Some(role) = &person.app_role {
        mapped.push((Target::PrimaryRole, role.clone().into()));
    }
    if !person.folders.is_empty() {
        mapped.push((
            Target::Extension(FOLDERS, "folders"),
            person.folders.clone().into(),
        ));
    }
    if let Some(cost_center) = &person.cost_center {
        mapped.push((
            Target::Extension(METADATA, "costCentre"),
            cost_center.clone().into(),
        ));
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulator::Population;

    #[test]
    fn what_is_written_is_read_again() {
        for person in &Population::of(20, 0).people {
            let mut body = json!({});

            for (target, value) in mapped(person) {
                target.write(&mut body, value);
            }

            for (target, value) in mapped(person) {
                assert_eq!(target.read(&body), value, "{}", target.path());
            }
        }
    }
}
