//! The attributes of a user and of a group that Entra offers as sources.
//!
//! Microsoft lists them under <https://learn.microsoft.com/graph/api/resources/synchronization-objectdefinition> and, for all of a user,
//! <https://learn.microsoft.com/previous-versions/azure/ad/graph/api/entity-and-complex-type-reference>, to which
//! <https://learn.microsoft.com/entra/identity/app-provisioning/customize-application-attributes> refers. The lists grow, so a name that
//! is like none of them may exist all the same.

use crate::expression::suggestion;
use crate::scim::schema::ResourceType;

/// What a source attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Holds {
    Text,
    Boolean,
    DateTime,
    Binary,
    /// Another user or group.
    Reference,
}

/// An attribute of a user or a group in Entra.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::plan) struct SourceAttribute {
    name: &'static str,
    pub(in crate::plan) holds: Holds,
    /// Whether it has several values.
    pub(in crate::plan) is_list: bool,
    /// Whether every user or group has a value.
    pub(super) is_always_there: bool,
}

impl SourceAttribute {
    const fn new(name: &'static str, holds: Holds) -> Self {
        Self {
            name,
            holds,
            is_list: false,
            is_always_there: false,
        }
    }

    const fn list(mut self) -> Self {
        self.is_list = true;
        self
    }

    const fn always(mut self) -> Self {
        self.is_always_there = true;
        self
    }
}

const fn text(name: &'static str) -> SourceAttribute {
    SourceAttribute::new(name, Holds::Text)
}

const USER: &[SourceAttribute] = &[
    SourceAttribute::new("IsSoftDeleted", Holds::Boolean).always(),
    SourceAttribute::new("accountEnabled", Holds::Boolean).always(),
    text("ageGroup"),
    text("appRoleAssignments").list(),
    text("city"),
    text("companyName"),
    text("consentProvidedForMinor"),
    text("country"),
    SourceAttribute::new("createdDateTime", Holds::DateTime),
    text("creationType"),
    text("department"),
    SourceAttribute::new("dirSyncEnabled", Holds::Boolean),
    text("displayName").always(),
    SourceAttribute::new("employeeHireDate", Holds::DateTime),
    text("employeeId"),
    SourceAttribute::new("employeeLeaveDateTime", Holds::DateTime),
    text("employeeOrgData.costCenter"),
    text("employeeOrgData.division"),
    text("employeeType"),
    text("facsimileTelephoneNumber"),
    text("givenName"),
    text("immutableId"),
    text("jobTitle"),
    SourceAttribute::new("lastDirSyncTime", Holds::DateTime),
    text("legalAgeGroupClassification"),
    text("mail"),
    text("mailNickname").always(),
    SourceAttribute::new("manager", Holds::Reference),
    text("mobile"),
    text("netId"),
    text("objectId").always(),
    text("onPremisesDistinguishedName"),
    text("onPremisesDomainName"),
    text("onPremisesSecurityIdentifier"),
    text("onPremisesUserPrincipalName"),
    text("originalUserPrincipalName").always(),
    text("otherMails").list(),
    text("passwordPolicies"),
    text("passwordProfile.password"),
    text("physicalDeliveryOfficeName"),
    text("postalCode"),
    text("preferredLanguage"),
    text("proxyAddresses").list(),
    text("sipProxyAddress"),
    text("state"),
    text("streetAddress"),
    text("surname"),
    text("telephoneNumber"),
    SourceAttribute::new("thumbnailPhoto", Holds::Binary),
    text("usageLocation"),
    text("userPrincipalName").always(),
    text("userState"),
    SourceAttribute::new("userStateChangedOn", Holds::DateTime),
];

const GROUP: &[SourceAttribute] = &[
    text("description"),
    SourceAttribute::new("dirSyncEnabled", Holds::Boolean),
    text("displayName").always(),
    text("groupTypes").list(),
    SourceAttribute::new("lastDirSyncTime", Holds::DateTime),
    text("mail"),
    SourceAttribute::new("mailEnabled", Holds::Boolean).always(),
    text("mailNickname").always(),
    SourceAttribute::new("members", Holds::Reference).list(),
    text("objectId").always(),
    text("onPremisesSecurityIdentifier"),
    SourceAttribute::new("owners", Holds::Reference).list(),
    text("proxyAddresses").list(),
    SourceAttribute::new("securityEnabled", Holds::Boolean).always(),
];

/// `extensionAttribute1` to `extensionAttribute15`, and directory extensions: one text each. Those with several values cannot be sources.
const EXTENSION: SourceAttribute = text("");

/// Names of the same attributes in Microsoft Graph and elsewhere.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("id", "objectId"),
    ("businessPhones", "telephoneNumber"),
    ("mobilePhone", "mobile"),
    ("officeLocation", "physicalDeliveryOfficeName"),
    ("faxNumber", "facsimileTelephoneNumber"),
    ("firstName", "givenName"),
    ("lastName", "surname"),
    ("familyName", "surname"),
    ("email", "mail"),
    ("title", "jobTitle"),
    ("onPremisesImmutableId", "immutableId"),
    ("userName", "userPrincipalName"),
];

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// The attribute.
    Attribute(&'static SourceAttribute),
    /// It cannot be a source; what to write.
    Wrong(String),
    /// Microsoft does not list it.
    Unlisted(String),
}

/// What is known of the source attribute `name`.
pub(super) fn known(kind: ResourceType, name: &str) -> Known {
    if let Some(found) = find(kind, name) {
        return Known::Attribute(found);
    }
    if let Some(problem) = extension_problem(name) {
        return Known::Wrong(problem);
    }
    let object = kind.name().to_lowercase();
    if kind == ResourceType::User
        && ["userType", "samAccountName"]
            .iter()
            .any(|it| it.eq_ignore_ascii_case(name))
    {
        return Known::Wrong(format!(
            "Entra does not offer {name} as a source; write a constant, an expression, or a directory extension extension_<application id>_<name>"
        ));
    }
    let listed = || list(kind).iter().map(|it| it.name);
    if let Some(right) = listed().find(|it| it.eq_ignore_ascii_case(name)) {
        return Known::Wrong(format!(
            "Entra's names of attributes are case-sensitive; write {right}, got {name}"
        ));
    }
    let other = OTHER_NAMES
        .iter()
        .find(|(other, right)| other.eq_ignore_ascii_case(name) && listed().any(|it| it == *right));
    if let Some((_, right)) = other {
        return Known::Wrong(format!(
            "a {object} has no attribute {name} where Entra provisions from; write {right}"
        ));
    }
    // Administrators may add attributes, so one that is like another is no mistake for sure.
    let near = suggestion(name, listed());
    Known::Unlisted(format!(
        "Microsoft lists no attribute {name} of a {object}{near}; unless Entra's portal offers it as a source, write one that it does, such as extensionAttribute1"
    ))
}

/// Whether every user or group has a value of the attribute.
pub(super) fn is_always_there(kind: ResourceType, name: &str) -> bool {
    find(kind, name).is_some_and(|it| it.is_always_there)
}

/// The attribute called exactly `name`.
pub(in crate::plan) fn find(kind: ResourceType, name: &str) -> Option<&'static SourceAttribute> {
    let listed = list(kind).iter().find(|it| it.name == name);
    listed.or_else(|| is_extension(name).then_some(&EXTENSION))
}

const fn list(kind: ResourceType) -> &'static [SourceAttribute] {
    match kind {
        ResourceType::User => USER,
        ResourceType::Group => GROUP,
    }
}

/// `extensionAttribute1` to `extensionAttribute15`, or `extension_<application id without dashes>_<name>`.
fn is_extension(name: &str) -> bool {
    if let Some(number) = name.strip_prefix("extensionAttribute") {
        return (1..=15).any(|it| it.to_string() == number);
    }
    let Some((application, name)) = name
        .strip_prefix("extension_")
        .and_then(|it| it.split_once('_'))
    else {
        return false;
    };
    application.len() == 32
        && application.bytes().all(|it| it.is_ascii_hexdigit())
        && !name.is_empty()
}

/// What is wrong with a name that is meant for an extension.
fn extension_problem(name: &str) -> Option<String> {
    let is_like = |prefix: &str| {
        name.get(..prefix.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(prefix))
    };
    if is_like("extensionAttribute") {
        return Some(format!(
            "there are extensionAttribute1 to extensionAttribute15, got {name}"
        ));
    }
    is_like("extension_").then(|| {
        format!(
            "a directory extension is extension_<application id without dashes>_<name>, with 32 hexadecimal digits, got {name}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: ResourceType, name: &str, expected: &str) {
        let said = match known(kind, name) {
            Known::Attribute(_) => "known".to_owned(),
            Known::Wrong(said) => format!("wrong: {said}"),
            Known::Unlisted(said) => format!("unlisted: {said}"),
        };
        assert!(said.contains(expected), "{name}: {said}");
    }

    #[test]
    fn what_entra_offers_is_known_and_what_is_like_it_is_suggested() {
        let user = ResourceType::User;
        for name in [
            "userPrincipalName",
            "companyName",
            "manager",
            "extensionAttribute1",
            "extensionAttribute15",
            "extension_53c9e2c0e1b24a2b9d3f0a1b2c3d4e5f_costCenter",
        ] {
            check(user, name, "known");
        }
        check(
            user,
            "jobTitel",
            "unlisted: Microsoft lists no attribute jobTitel of a user (did you mean jobTitle?); unless",
        );
        check(
            user,
            "jobtitle",
            "wrong: Entra's names of attributes are case-sensitive; write jobTitle",
        );
        check(user, "mobilePhone", "write mobile");
        check(user, "userType", "wrong: Entra does not offer userType");
        check(
            user,
            "samAccountName",
            "wrong: Entra does not offer samAccountName",
        );
        check(
            user,
            "extensionAttribute16",
            "extensionAttribute1 to extensionAttribute15, got extensionAttribute16",
        );
        check(
            user,
            "extensionAttribute01",
            "extensionAttribute1 to extensionAttribute15",
        );
        check(
            user,
            "extensionAttribute+5",
            "extensionAttribute1 to extensionAttribute15, got",
        );
        check(user, "extension_1234_costCenter", "32 hexadecimal digits");
        check(
            user,
            "shoeSize",
            "unlisted: Microsoft lists no attribute shoeSize of a user",
        );
        check(user, "members", "unlisted");
        check(ResourceType::Group, "members", "known");
        check(ResourceType::Group, "jobTitle", "unlisted");
        check(ResourceType::Group, "id", "write objectId");
    }
}
