//! Compares an Entra tenant with a SCIM directory by what the two export, and knows neither side's code.
//!
//! Entra's rules about what arrives are read from Microsoft's pages: direct members of assigned groups are in scope, an empty source does
//! not flow, whoever is blocked before they come is not created, whoever leaves stays and is inactive.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Source attributes and the JSON pointers at which they arrive.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("userPrincipalName", "/userName"),
    ("displayName", "/displayName"),
    ("givenName", "/name/givenName"),
    ("surname", "/name/familyName"),
    ("jobTitle", "/title"),
    ("companyName", "/userType"),
    ("preferredLanguage", "/preferredLanguage"),
    (
        "employeeId",
        "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/employeeNumber",
    ),
    (
        "department",
        "/urn:ietf:params:scim:schemas:extension:enterprise:2.0:User/department",
    ),
];

/// Attributes of elements of a list that are of a type.
const ELEMENTS: &[(&str, &str, &str, &str)] = &[
    ("mail", "emails", "work", "value"),
    ("telephoneNumber", "phoneNumbers", "work", "value"),
    ("city", "addresses", "work", "locality"),
];

/// Whether managers and members are compared. Entra picks up a reference to somebody who came into scope later only after a restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum References {
    Compared,
    LeftOut,
}

/// What is at one side and not at the other, a sentence each.
pub(super) fn differences(
    tenant: &Value,
    users: &[Value],
    groups: &[Value],
    references: References,
) -> Vec<String> {
    let mut found = Vec::new();
    let sources = tenant["users"].as_object().expect("users");
    let teams = tenant["groups"].as_object().expect("groups");
    let assigned = |it: &Value| it["assigned"] == true;
    let members = |it: &Value| strings(&it["members"]);
    let by_group: BTreeSet<String> = teams
        .values()
        .filter(|it| assigned(it))
        .flat_map(members)
        .collect();
    let is_in = |id: &str| {
        let user = &sources[id];
        user["softDeleted"].is_null() && (assigned(user) || by_group.contains(id))
    };
    let mut targets: BTreeMap<String, &Value> = BTreeMap::new();
    for user in users {
        let id = user["externalId"].as_str().unwrap_or_default().to_owned();
        if targets.insert(id.clone(), user).is_some() {
            found.push(format!("{id} is there twice"));
        }
        if user["active"] == true && !(sources.contains_key(&id) && is_in(&id)) {
            found.push(format!("{} is active and not in scope", user["userName"]));
        }
    }
    for (id, source) in sources.iter().filter(|(id, _)| is_in(id)) {
        match targets.get(id) {
            None if source["accountEnabled"] == true => found.push(format!("{id} is missing")),
            None => {}
            Some(target) => {
                compare(id, source, target, &mut found);
                let manager = source["manager"].as_str().unwrap_or_default();
                let boss = targets.get(manager);
                let boss = boss.filter(|_| sources.contains_key(manager) && is_in(manager));
                if references == References::Compared
                    && boss.is_some_and(|it| target[ENTERPRISE]["manager"]["value"] != it["id"])
                {
                    found.push(format!("{id} has another manager than {manager}"));
                }
            }
        }
    }
    let counts = |id: &str| sources.contains_key(id) && is_in(id) && targets.contains_key(id);
    let names = targets.iter();
    let names = names.filter_map(|(id, it)| Some((it["id"].as_str()?, id.as_str())));
    let names: BTreeMap<&str, &str> = names.filter(|(_, id)| counts(id)).collect();
    compare_groups(teams, groups, &names, references, &mut found);
    found
}

/// `names` are the objectIds of everybody in scope by their ids at the target.
fn compare_groups(
    teams: &Map<String, Value>,
    groups: &[Value],
    names: &BTreeMap<&str, &str>,
    references: References,
    found: &mut Vec<String>,
) {
    let here = groups.iter();
    let here: BTreeMap<&str, &Value> = here
        .filter_map(|it| Some((it["externalId"].as_str()?, it)))
        .collect();
    let wanted = teams.iter().filter(|(_, it)| it["assigned"] == true);
    let wanted: BTreeSet<&str> = wanted.map(|(id, _)| id.as_str()).collect();
    let there: BTreeSet<&str> = here.keys().copied().collect();
    if here.len() != groups.len() || there != wanted {
        found.push(format!("groups {there:?} instead of {wanted:?}"));
        return;
    }
    let in_scope: BTreeSet<&str> = names.values().copied().collect();
    for (id, group) in here {
        let source = &teams[id];
        if group["displayName"] != source["attributes"]["displayName"] {
            found.push(format!("group {id} is called {}", group["displayName"]));
        }
        let wanted = strings(&source["members"]).into_iter();
        let wanted: BTreeSet<String> = wanted.filter(|it| in_scope.contains(it.as_str())).collect();
        let there = group["members"].as_array().into_iter().flatten();
        let there = there.filter_map(|it| names.get(it["value"].as_str()?));
        let there: BTreeSet<String> = there.map(|it| (*it).to_owned()).collect();
        if there != wanted && references == References::Compared {
            found.push(format!("group {id} has {there:?} instead of {wanted:?}"));
        }
    }
}

fn strings(list: &Value) -> Vec<String> {
    let texts = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

fn compare(id: &str, source: &Value, target: &Value, found: &mut Vec<String>) {
    if target["active"] != source["accountEnabled"] {
        found.push(format!("{id}: active is {}", target["active"]));
    }
    let mut check = |name: &str, there: Option<&Value>| {
        let Some(wanted) = source["attributes"][name].as_str() else {
            return;
        };
        let wanted = wanted.replace("#EXT#", "");
        if there.and_then(Value::as_str) != Some(&wanted) {
            found.push(format!("{id}: {name} {wanted:?} arrived as {there:?}"));
        }
    };
    for (name, pointer) in ATTRIBUTES {
        check(name, target.pointer(pointer));
    }
    for (name, list, type_, part) in ELEMENTS {
        let mut elements = target[*list].as_array().into_iter().flatten();
        let element = elements.find(|it| it["type"] == *type_);
        check(name, element.map(|it| &it[*part]));
    }
}
