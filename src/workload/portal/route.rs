//! The pages of the portal, and what can be done from them.

use axum::http::Method;

use super::frame::{Place, SCRIPT_NAME, STYLE_NAME};
use crate::store::ResourceId;

/// A page, or something that is done from one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Route {
    Overview,
    People,
    Person(ResourceId),
    /// The profile photo of a person.
    Photo(ResourceId),
    /// Something is done to a person.
    Act(ResourceId, Act),
    Groups,
    Group(ResourceId),
    Connectors,
    Connector(String),
    Requests,
    /// One request of a connector, by its number.
    Request(String, i64),
    Held,
    Settings,
    Style,
    Script,
}

/// What can be done to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::workload) enum Act {
    EndSessions,
    SetSignInMethod,
    MakeLink,
    ResetSecondFactor,
    SetRole,
    SetActive,
}

impl Act {
    pub(super) const ALL: [Self; 6] = [
        Self::EndSessions,
        Self::SetSignInMethod,
        Self::MakeLink,
        Self::ResetSecondFactor,
        Self::SetRole,
        Self::SetActive,
    ];

    /// The last part of its path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::EndSessions => "sessions",
            Self::SetSignInMethod => "sign-in-method",
            Self::MakeLink => "password-link",
            Self::ResetSecondFactor => "second-factor",
            Self::SetRole => "role",
            Self::SetActive => "active",
        }
    }
}

/// Where a person is shown.
pub(super) fn person(id: &ResourceId) -> String {
    format!("/portal/people/{}", encoded(id.as_str()))
}

/// Where the profile photo of a person is.
pub(super) fn photo(id: &ResourceId) -> String {
    format!("{}/photo", person(id))
}

/// Where something is done to a person.
pub(super) fn act(id: &ResourceId, act: Act) -> String {
    format!("{}/{}", person(id), act.name())
}

/// Where a group is shown.
pub(super) fn group(id: &ResourceId) -> String {
    format!("/portal/groups/{}", encoded(id.as_str()))
}

/// Where a connector is shown.
pub(super) fn connector(name: &str) -> String {
    format!("/portal/connectors/{}", encoded(name))
}

/// Where the requests of a connector are shown.
pub(super) fn requests(connector: &str) -> String {
    format!("/portal/requests?connector={}", encoded(connector))
}

/// Where one request is shown.
pub(super) fn request(connector: &str, number: i64) -> String {
    format!("/portal/requests/{}/{number}", encoded(connector))
}

/// A part of a path, or a value of a query: what is no letter, digit or hyphen is percent-encoded.
pub(super) fn encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    });
    encoded.collect()
}

impl Route {
    /// The page at `rest`, a path behind the prefix of a directory.
    pub(super) fn parse(rest: &str) -> Option<Self> {
        let path = rest.strip_prefix("/portal")?;
        if path.is_empty() || path == "/" {
            return Some(Self::Overview);
        }
        let mut parts = path.strip_prefix('/')?.split('/');
        let parts = [parts.next(), parts.next(), parts.next(), parts.next()];
        match parts {
            [Some("people"), None, ..] => Some(Self::People),
            [Some("people"), Some(id), None, _] => id_of(id).map(Self::Person),
            [Some("people"), Some(id), Some("photo"), None] => id_of(id).map(Self::Photo),
            [Some("people"), Some(id), Some(act), None] => {
                let act = Act::ALL.into_iter().find(|it| it.name() == act)?;
                id_of(id).map(|id| Self::Act(id, act))
            }
            [Some("groups"), None, ..] => Some(Self::Groups),
            [Some("groups"), Some(id), None, _] => id_of(id).map(Self::Group),
            [Some("connectors"), None, ..] => Some(Self::Connectors),
            [Some("connectors"), Some(name), None, _] => named(name).map(Self::Connector),
            [Some("requests"), None, ..] => Some(Self::Requests),
            [Some("requests"), Some(connector), Some(number), None] => {
                let number = number.parse().ok()?;
                named(connector).map(|it| Self::Request(it, number))
            }
            [Some("held"), None, ..] => Some(Self::Held),
            [Some("settings"), None, ..] => Some(Self::Settings),
            [Some(file), None, ..] if file == *STYLE_NAME => Some(Self::Style),
            [Some(file), None, ..] if file == *SCRIPT_NAME => Some(Self::Script),
            _ => None,
        }
    }

    /// Its name in logs and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Overview => "/portal",
            Self::People => "/portal/people",
            Self::Person(_) => "/portal/people/{id}",
            Self::Photo(_) => "/portal/people/{id}/photo",
            Self::Act(_, Act::EndSessions) => "/portal/people/{id}/sessions",
            Self::Act(_, Act::SetSignInMethod) => "/portal/people/{id}/sign-in-method",
            Self::Act(_, Act::MakeLink) => "/portal/people/{id}/password-link",
            Self::Act(_, Act::ResetSecondFactor) => "/portal/people/{id}/second-factor",
            Self::Act(_, Act::SetRole) => "/portal/people/{id}/role",
            Self::Act(_, Act::SetActive) => "/portal/people/{id}/active",
            Self::Groups => "/portal/groups",
            Self::Group(_) => "/portal/groups/{id}",
            Self::Connectors => "/portal/connectors",
            Self::Connector(_) => "/portal/connectors/{name}",
            Self::Requests => "/portal/requests",
            Self::Request(..) => "/portal/requests/{connector}/{number}",
            Self::Held => "/portal/held",
            Self::Settings => "/portal/settings",
            Self::Style => "/portal/style.css",
            Self::Script => "/portal/portal.js",
        }
    }

    /// The methods that it understands.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Act(..) => "POST",
            _ => "GET, HEAD",
        }
    }

    pub(super) fn allows(&self, method: &Method) -> bool {
        self.methods().split(", ").any(|it| it == method.as_str())
    }

    /// The place of the bar that it belongs to.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Self::Overview => Some(Place::Overview),
            Self::People | Self::Person(_) | Self::Photo(_) | Self::Act(..) => Some(Place::People),
            Self::Groups | Self::Group(_) => Some(Place::Groups),
            Self::Connectors | Self::Connector(_) => Some(Place::Connectors),
            Self::Requests | Self::Request(..) => Some(Place::Requests),
            Self::Held | Self::Settings | Self::Style | Self::Script => None,
        }
    }
}

/// An id as it stands in a path; ours have letters, digits and hyphens alone.
fn id_of(part: &str) -> Option<ResourceId> {
    named(part).map(ResourceId::new)
}

/// A name as it stands in a path.
fn named(part: &str) -> Option<String> {
    let is_one = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'-' | b'.' | b'_');
    let is_name = (1..=256).contains(&part.len()) && part.bytes().all(is_one);
    is_name.then(|| part.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_found_by_its_path() {
        let check = |path: &str, expected: Option<&str>| {
            let found = Route::parse(path);
            assert_eq!(found.as_ref().map(Route::name), expected, "{path}");
        };
        check("/portal", Some("/portal"));
        check("/portal/", Some("/portal"));
        check("/portal/people", Some("/portal/people"));
        check("/portal/people/a-1", Some("/portal/people/{id}"));
        for act in Act::ALL {
            let path = super::act(&ResourceId::new("a-1"), act);
            let found = Route::parse(&path);
            assert_eq!(found, Some(Route::Act(ResourceId::new("a-1"), act)));
        }
        check("/portal/groups", Some("/portal/groups"));
        check("/portal/groups/a-1", Some("/portal/groups/{id}"));
        check(&connector("entra"), Some("/portal/connectors/{name}"));
        let one = request("entra", 7);
        check(&one, Some("/portal/requests/{connector}/{number}"));
        check("/portal/held", Some("/portal/held"));
        check("/portal/settings", Some("/portal/settings"));
        check(
            &format!("/portal/{}", *STYLE_NAME),
            Some("/portal/style.css"),
        );
        check(
            &format!("/portal/{}", *SCRIPT_NAME),
            Some("/portal/portal.js"),
        );
        for other in [
            "/",
            "/portals",
            "/portal/other",
            "/portal/people/",
            "/portal/people/../x",
            "/portal/people/a/",
            "/portal/people/a/other",
            "/portal/people/a/role/x",
            "/portal/people/a%2Fb",
            "/portal/requests/entra",
            "/portal/requests/entra/x",
            "/portal/requests/entra/1/2",
            "/portal/held/x",
            "/portal/style.css",
        ] {
            check(other, None);
        }
    }

    #[test]
    fn what_is_odd_in_a_path_is_encoded() {
        assert_eq!(encoded("a-1"), "a-1");
        assert_eq!(encoded("\"/?&ü"), "%22%2F%3F%26%C3%BC");
    }
}
