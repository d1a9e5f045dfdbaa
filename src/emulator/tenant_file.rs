//! A tenant as somebody writes it by hand, in YAML.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use super::application::Application;
use super::attributes::Attributes;
use super::tenant::{EntraTenant, Group, ObjectId, User, named_id};

/// Why a file is no tenant.
#[derive(Debug, thiserror::Error)]
pub enum TenantFileError {
    /// It cannot be read.
    #[error("the tenant cannot be read")]
    Yaml(#[from] serde_yaml::Error),
    /// Somebody is referred to who is not there.
    #[error(
        "{field}: there is nobody and no group named {name:?}; write a userPrincipalName, a displayName of a group, or an objectId"
    )]
    Unknown {
        /// Where.
        field: String,
        /// What is written there.
        name: String,
    },
    /// Two have one name.
    #[error("{field}: {name:?} is there twice")]
    Twice {
        /// Where.
        field: String,
        /// The name.
        name: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct File {
    tenant_id: Option<Uuid>,
    #[serde(default)]
    scope: Scope,
    users: Vec<WrittenUser>,
    #[serde(default)]
    groups: Vec<WrittenGroup>,
    #[serde(default)]
    applications: Vec<Application>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
enum Scope {
    #[default]
    AssignedOnly,
    All,
}

/// A user; whatever else stands there is an attribute.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenUser {
    object_id: Option<Uuid>,
    user_principal_name: String,
    #[serde(default = "yes")]
    account_enabled: bool,
    #[serde(default = "yes")]
    assigned: bool,
    manager: Option<String>,
    #[serde(default)]
    app_roles: Vec<String>,
    soft_deleted: Option<Timestamp>,
    #[serde(flatten)]
    attributes: Attributes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenGroup {
    object_id: Option<Uuid>,
    display_name: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default = "yes")]
    assigned: bool,
    #[serde(flatten)]
    attributes: Attributes,
}

const fn yes() -> bool {
    true
}

/// The tenant that `text` describes. Whoever has no objectId gets one that follows from the name.
pub fn read_tenant(text: &str) -> Result<EntraTenant, TenantFileError> {
    let file: File = serde_yaml::from_str(text)?;
    let names = names(&file)?;
    let find = |field: String, name: &String| {
        let found = names.get(&name.to_lowercase()).copied();
        found.ok_or_else(|| TenantFileError::Unknown {
            field,
            name: name.clone(),
        })
    };
    let mut tenant = EntraTenant::new(file.tenant_id.unwrap_or_else(|| id_of("tenant")));
    tenant.assigned_only = file.scope == Scope::AssignedOnly;
    for (index, it) in file.users.iter().enumerate() {
        let id = find(String::new(), &it.user_principal_name)?;
        let manager = it.manager.as_ref();
        let mut user = User {
            attributes: it.attributes.clone(),
            account_enabled: it.account_enabled,
            assigned: it.assigned,
            manager: manager
                .map(|name| find(format!("users[{index}].manager"), name))
                .transpose()?,
            app_roles: it.app_roles.clone(),
            ..User::default()
        };
        user.set("userPrincipalName", it.user_principal_name.as_str());
        tenant.put_user(id, user);
        if let Some(at) = it.soft_deleted {
            tenant.soft_delete(id, at);
        }
    }
    for (index, it) in file.groups.into_iter().enumerate() {
        let id = find(String::new(), &it.display_name)?;
        let members = it.members.iter();
        let field = || format!("groups[{index}].members");
        let mut group = Group {
            attributes: it.attributes,
            members: members
                .map(|name| find(field(), name))
                .collect::<Result<_, _>>()?,
            assigned: it.assigned,
            ..Group::default()
        };
        group.set("displayName", it.display_name);
        tenant.put_group(id, group);
    }
    register(&mut tenant, file.applications)?;
    Ok(tenant)
}

/// The app registrations in `text`: a list of them.
pub fn read_applications(text: &str) -> Result<Vec<Application>, TenantFileError> {
    Ok(serde_yaml::from_str(text)?)
}

fn register(
    tenant: &mut EntraTenant,
    applications: Vec<Application>,
) -> Result<(), TenantFileError> {
    for (index, it) in applications.into_iter().enumerate() {
        if tenant.applications().contains_key(&it.app_id) {
            let field = format!("applications[{index}].appId");
            let name = it.app_id.to_string();
            return Err(TenantFileError::Twice { field, name });
        }
        tenant.put_application(it);
    }
    Ok(())
}

/// Whom each name and each objectId means.
fn names(file: &File) -> Result<HashMap<String, ObjectId>, TenantFileError> {
    let users = file.users.iter().enumerate().map(|(index, it)| {
        let field = format!("users[{index}].userPrincipalName");
        (field, &it.user_principal_name, it.object_id)
    });
    let groups = file.groups.iter().enumerate().map(|(index, it)| {
        let field = format!("groups[{index}].displayName");
        (field, &it.display_name, it.object_id)
    });
    let mut names: HashMap<String, ObjectId> = HashMap::new();
    for (field, name, id) in users.chain(groups) {
        let id = id.unwrap_or_else(|| id_of(name));
        names.insert(id.to_string(), id);
        if names.insert(name.to_lowercase(), id).is_some() {
            let name = name.clone();
            return Err(TenantFileError::Twice { field, name });
        }
    }
    Ok(names)
}

fn id_of(name: &str) -> ObjectId {
    named_id(&name.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_referred_to_by_name() {
        let tenant = read_tenant(
            "users:
- {userPrincipalName: ana@contoso.example, displayName: Ana, extensionAttribute1: '7', proxyAddresses: [a, b]}
- {userPrincipalName: bo@contoso.example, manager: Ana@contoso.example, accountEnabled: false, appRoles: [Admin]}
groups:
- {displayName: Crew, members: [bo@contoso.example, Inner]}
- {displayName: Inner, assigned: false}
",
        )
        .unwrap();

        let ana = id_of("ana@contoso.example");
        let bo = &tenant.users()[&id_of("bo@contoso.example")];
        assert_eq!((bo.manager, bo.account_enabled), (Some(ana), false));
        assert_eq!(tenant.users()[&ana].text("extensionAttribute1"), Some("7"));
        let crew = tenant
            .groups()
            .values()
            .find(|it| it.text("displayName") == Some("Crew"));
        assert_eq!(crew.unwrap().members.len(), 2);
    }

    #[test]
    fn mistakes_name_their_field() {
        let check = |text: &str, expected: &str| {
            let error = read_tenant(text).unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        };
        check(
            "users: [{userPrincipalName: a, manager: b}]",
            "users[0].manager: there is nobody and no group named \"b\"",
        );
        check(
            "users: [{userPrincipalName: a}, {userPrincipalName: A}]",
            "users[1].userPrincipalName: \"A\" is there twice",
        );
        check("people: []", "cannot be read");
    }
}
