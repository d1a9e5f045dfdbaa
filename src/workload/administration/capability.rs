//! What administrators may do: four roles, and one table that says from which of them on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::scim::resource::Resource;

/// A role, as it stands among the `roles` of a person; each may do what the ones before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub(crate) enum Role {
    /// Sees everything and changes nothing.
    ReadOnly,
    /// Helps people to sign in.
    User,
    /// Looks after people.
    Admin,
    /// Looks after administrators as well.
    EnterpriseAdmin,
}

/// Something that an administrator may do.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub(crate) enum Capability {
    /// Figures, the chart, and what needs a look.
    SeeOverview,
    /// People and groups, with all that is kept of them.
    SeePeople,
    /// Connectors, and what Entra is to be given.
    SeeConnectors,
    /// What SCIM clients asked and were answered.
    SeeRequests,
    /// What the brake holds.
    SeeHeld,
    /// What is declared in YAML.
    SeeSettings,
    /// The end of sessions.
    EndSessions,
    /// Links by which people set a password.
    MakeLinks,
    /// How a person signs in.
    SetSignInMethod,
    /// The end of a second factor.
    ResetSecondFactor,
    /// Whether a person is active.
    SetActive,
    /// The role of a person.
    SetRole,
}

/// From which role on, and the sentence that people read of it.
const TABLE: [(Capability, Role, &str); 12] = [
    (
        Capability::SeeOverview,
        Role::ReadOnly,
        "See the state of the directory and what needs a look.",
    ),
    (
        Capability::SeePeople,
        Role::ReadOnly,
        "Find people and groups, and see everything that is kept of them.",
    ),
    (
        Capability::SeeConnectors,
        Role::ReadOnly,
        "See the connectors and the values to paste into Entra; never a password.",
    ),
    (
        Capability::SeeRequests,
        Role::ReadOnly,
        "See what SCIM clients asked and were answered, without values of people.",
    ),
    (
        Capability::SeeHeld,
        Role::ReadOnly,
        "See the changes that the brake holds.",
    ),
    (
        Capability::SeeSettings,
        Role::ReadOnly,
        "See what is declared, and in which line of the YAML.",
    ),
    (
        Capability::EndSessions,
        Role::User,
        "End sessions of people whose role is not higher.",
    ),
    (
        Capability::MakeLinks,
        Role::User,
        "Make links by which people whose role is not higher set a password.",
    ),
    (
        Capability::SetSignInMethod,
        Role::Admin,
        "Say whether a person signs in through Entra or by a password.",
    ),
    (
        Capability::ResetSecondFactor,
        Role::Admin,
        "Remove the second factor of a person who has lost it.",
    ),
    (
        Capability::SetActive,
        Role::Admin,
        "Deactivate people, which ends their sessions, and reactivate them.",
    ),
    (
        Capability::SetRole,
        Role::Admin,
        "Give and take roles up to the own one.",
    ),
];

impl Role {
    /// All of them, the one that may do least first.
    pub(crate) const ALL: [Self; 4] = [
        Self::ReadOnly,
        Self::User,
        Self::Admin,
        Self::EnterpriseAdmin,
    ];

    /// What it is called among the `roles` of a person.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnly",
            Self::User => "User",
            Self::Admin => "Admin",
            Self::EnterpriseAdmin => "EnterpriseAdmin",
        }
    }

    /// The one that is called so.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.name() == name)
    }

    /// The highest that a person has.
    pub(crate) fn of(person: &Resource) -> Option<Self> {
        let roles = person.attributes().get("roles")?.as_array()?;
        let names = roles
            .iter()
            .filter_map(|it| it.get("value").and_then(Value::as_str));
        names.filter_map(Self::named).max()
    }

    /// Whether it has a capability.
    pub(crate) fn may(self, capability: Capability) -> bool {
        TABLE
            .iter()
            .any(|(it, from, _)| *it == capability && *from <= self)
    }

    /// What it may do.
    pub(crate) fn capabilities(self) -> impl Iterator<Item = Capability> {
        let may = move |(_, from, _): &&(Capability, Self, &str)| *from <= self;
        TABLE.iter().filter(may).map(|it| it.0)
    }
}

impl Capability {
    /// All of them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|it| it.0)
    }

    /// What it is, for people.
    pub(crate) fn sentence(self) -> &'static str {
        let row = TABLE.iter().find(|it| it.0 == self);
        row.map_or("", |it| it.2)
    }

    /// The role from which on it is had.
    pub(crate) fn from(self) -> Role {
        let row = TABLE.iter().find(|it| it.0 == self);
        row.map_or(Role::EnterpriseAdmin, |it| it.1)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_highest_of_the_roles_counts_and_others_are_none() {
        let check = |roles: &Value, expected: Option<Role>| {
            let person = json!({"userName": "lena", "roles": roles}).to_string();
            let person = Resource::from_json(&person).unwrap();
            assert_eq!(Role::of(&person), expected, "{roles}");
        };
        check(&json!([{"value": "User"}]), Some(Role::User));
        let several = json!([{"value": "ReadOnly"}, {"value": "Admin"}, {"value": "Auditor"}]);
        check(&several, Some(Role::Admin));
        check(&json!([{"value": "admin"}, {"display": "Admin"}]), None);
        check(&json!([]), None);
    }

    #[test]
    fn the_manual_has_the_table() {
        let manual = include_str!("../../../docs/administration.md");
        for (capability, role, sentence) in TABLE {
            let line = format!("| `{}` | `{capability:?}` | {sentence} |", role.name());
            assert!(manual.contains(&line), "{line}");
        }
    }

    #[test]
    fn each_capability_has_one_line_and_each_role_what_the_lower_ones_have() {
        for capability in Capability::all() {
            let lines = TABLE.iter().filter(|it| it.0 == capability).count();
            assert_eq!(lines, 1, "{capability:?}");
            assert!(capability.sentence().ends_with('.'), "{capability:?}");
        }
        for pair in Role::ALL.windows(2) {
            assert!(pair[0] < pair[1]);
            assert!(pair[0].capabilities().all(|it| pair[1].may(it)), "{pair:?}");
        }
    }
}
