//! The endpoints: one table, by which requests are led and from which the description is written.

use axum::http::Method;
use percent_encoding::percent_decode_str;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use super::call::{
    AllConnectors, AllSessions, AllSettings, EndedSessions, Me, SecondFactorRemoved, WantedActive,
    WantedLink, WantedRole, WantedSignInMethod,
};
use super::problem::Problem;
use crate::workload::administration::{
    Capability, Connector, Group, Groups, Held, MadeLink, Overview, Person, PersonRow, Persons,
    Request, Requests, Story,
};

/// Bytes of a path at most.
const LONGEST: usize = 2048;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Me,
    Overview,
    People,
    Person,
    Story,
    Sessions,
    EndSessions,
    EndSession,
    SetSignInMethod,
    MakeLink,
    ResetSecondFactor,
    SetActive,
    SetRole,
    Groups,
    Group,
    Connectors,
    Connector,
    Requests,
    Request,
    Held,
    Settings,
}

type WriteSchema = fn(&mut SchemaGenerator) -> Schema;

/// An endpoint.
pub(super) struct Endpoint {
    pub(super) operation: Operation,
    pub(super) method: &'static str,
    /// Its path, with places in braces.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// What it takes; nothing but a role where absent.
    pub(super) capability: Option<Capability>,
    /// Parameters of the query, each with what it is.
    pub(super) query: &'static [(&'static str, &'static str)],
    pub(super) body: Option<WriteSchema>,
    /// What it answers; nothing where absent.
    pub(super) answer: Option<WriteSchema>,
}

fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

const CURSOR: (&str, &str) = (
    "cursor",
    "`nextCursor` of the page before; the first page when absent.",
);

const fn read(
    operation: Operation,
    path: &'static str,
    summary: &'static str,
    capability: Capability,
    answer: WriteSchema,
) -> Endpoint {
    Endpoint {
        operation,
        method: "GET",
        path,
        summary,
        capability: Some(capability),
        query: &[],
        body: None,
        answer: Some(answer),
    }
}

/// All of them.
pub(super) static ENDPOINTS: [Endpoint; 21] = [
    Endpoint {
        capability: None,
        ..read(
            Operation::Me,
            "/api/v1/me",
            "Who asks, and what that is allowed to do.",
            Capability::SeeOverview,
            of::<Me>,
        )
    },
    read(
        Operation::Overview,
        "/api/v1/overview",
        "How it goes with the directory.",
        Capability::SeeOverview,
        of::<Overview>,
    ),
    Endpoint {
        query: &[
            (
                "search",
                "What the user name, the display name or an e-mail address begins with.",
            ),
            ("signInMethod", "`Entra` or `BuiltIn`."),
            ("state", "`Active` or `Inactive`."),
            ("userType", "Their `userType`, as it is written."),
            CURSOR,
        ],
        ..read(
            Operation::People,
            "/api/v1/people",
            "People, fifty a page.",
            Capability::SeePeople,
            of::<Persons>,
        )
    },
    read(
        Operation::Person,
        "/api/v1/people/{person}",
        "All that is kept of a person, by id or user name.",
        Capability::SeePeople,
        of::<Person>,
    ),
    read(
        Operation::Story,
        "/api/v1/people/{person}/story",
        "Why somebody is here or not, and can sign in or not, by id or user name; also of who never arrived.",
        Capability::SeePeople,
        of::<Story>,
    ),
    read(
        Operation::Sessions,
        "/api/v1/people/{person}/sessions",
        "Where a person is signed in.",
        Capability::SeePeople,
        of::<AllSessions>,
    ),
    Endpoint {
        method: "DELETE",
        ..read(
            Operation::EndSessions,
            "/api/v1/people/{person}/sessions",
            "Ends all sessions of a person.",
            Capability::EndSessions,
            of::<EndedSessions>,
        )
    },
    Endpoint {
        method: "DELETE",
        answer: None,
        ..read(
            Operation::EndSession,
            "/api/v1/people/{person}/sessions/{session}",
            "Ends one session of a person.",
            Capability::EndSessions,
            of::<EndedSessions>,
        )
    },
    Endpoint {
        method: "PUT",
        body: Some(of::<WantedSignInMethod>),
        ..read(
            Operation::SetSignInMethod,
            "/api/v1/people/{person}/sign-in-method",
            "Says how a person signs in.",
            Capability::SetSignInMethod,
            of::<PersonRow>,
        )
    },
    Endpoint {
        method: "POST",
        body: Some(of::<WantedLink>),
        ..read(
            Operation::MakeLink,
            "/api/v1/people/{person}/password-links",
            "Makes a link by which a person sets a password, for a day.",
            Capability::MakeLinks,
            of::<MadeLink>,
        )
    },
    Endpoint {
        method: "DELETE",
        ..read(
            Operation::ResetSecondFactor,
            "/api/v1/people/{person}/second-factor",
            "Removes the second factor of a person, and ends the sessions.",
            Capability::ResetSecondFactor,
            of::<SecondFactorRemoved>,
        )
    },
    Endpoint {
        method: "PUT",
        body: Some(of::<WantedActive>),
        ..read(
            Operation::SetActive,
            "/api/v1/people/{person}/active",
            "Deactivates a person, which ends the sessions, or lets the person in again.",
            Capability::SetActive,
            of::<PersonRow>,
        )
    },
    Endpoint {
        method: "PUT",
        body: Some(of::<WantedRole>),
        ..read(
            Operation::SetRole,
            "/api/v1/people/{person}/role",
            "Gives a person a role, or none.",
            Capability::SetRole,
            of::<PersonRow>,
        )
    },
    Endpoint {
        query: &[("search", "What the name begins with."), CURSOR],
        ..read(
            Operation::Groups,
            "/api/v1/groups",
            "Groups by name, fifty a page.",
            Capability::SeePeople,
            of::<Groups>,
        )
    },
    Endpoint {
        query: &[CURSOR],
        ..read(
            Operation::Group,
            "/api/v1/groups/{group}",
            "A group, and fifty of its members a page.",
            Capability::SeePeople,
            of::<Group>,
        )
    },
    read(
        Operation::Connectors,
        "/api/v1/connectors",
        "The connectors and other SCIM clients.",
        Capability::SeeConnectors,
        of::<AllConnectors>,
    ),
    read(
        Operation::Connector,
        "/api/v1/connectors/{connector}",
        "One of them, with the values to paste into Entra.",
        Capability::SeeConnectors,
        of::<Connector>,
    ),
    Endpoint {
        query: &[
            ("client", "Of this client; of all when absent."),
            (
                "failed",
                "`true`: those that were refused; `false`: the others.",
            ),
            ("method", "By this HTTP method."),
            ("about", "About the person or group with this id."),
            CURSOR,
        ],
        ..read(
            Operation::Requests,
            "/api/v1/requests",
            "What SCIM clients asked lately, fifty a page.",
            Capability::SeeRequests,
            of::<Requests>,
        )
    },
    read(
        Operation::Request,
        "/api/v1/requests/{client}/{number}",
        "One of them, with body and answer; values of people are their lengths.",
        Capability::SeeRequests,
        of::<Request>,
    ),
    read(
        Operation::Held,
        "/api/v1/held",
        "What the brake holds.",
        Capability::SeeHeld,
        of::<Held>,
    ),
    read(
        Operation::Settings,
        "/api/v1/settings",
        "What is declared, and where.",
        Capability::SeeSettings,
        of::<AllSettings>,
    ),
];

/// The endpoint of a request, and what stands in the places of its path.
pub(super) fn find(
    method: &Method,
    path: &str,
) -> Result<(&'static Endpoint, Vec<String>), Problem> {
    if path.len() > LONGEST {
        return Err(Problem::NotFound);
    }
    let mut methods = Vec::new();
    for endpoint in &ENDPOINTS {
        let Some(places) = endpoint.places(path) else {
            continue;
        };
        let is_it = endpoint.method == method.as_str()
            || endpoint.method == "GET" && *method == Method::HEAD;
        if is_it {
            return Ok((endpoint, places));
        }
        methods.push(endpoint.method);
    }
    Err(if methods.is_empty() {
        Problem::NotFound
    } else {
        Problem::Method(methods.join(", "))
    })
}

impl Endpoint {
    /// What stands in the places, if `path` is one of this endpoint.
    fn places(&self, path: &str) -> Option<Vec<String>> {
        let (mut wanted, mut found) = (self.path.split('/'), path.split('/'));
        let mut places = Vec::new();
        loop {
            match (wanted.next(), found.next()) {
                (None, None) => return Some(places),
                (Some(place), Some(it)) if place.starts_with('{') => {
                    let text = percent_decode_str(it).decode_utf8().ok()?;
                    if text.is_empty() || text.contains('\0') {
                        return None;
                    }
                    places.push(text.into_owned());
                }
                (Some(wanted), Some(it)) if wanted == it => {}
                _ => return None,
            }
        }
    }
}
