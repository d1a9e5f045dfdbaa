//! App roles. A role is its name, or JSON with `value` and `displayName` as Graph has it.

use std::borrow::Cow;

use serde_json::{Value as Json, json};

use super::super::arguments::Arguments;
use super::super::scope::Evaluated;
use super::super::value::Value;
use super::{Accepts, Family, Function, Parameter, Shown, required, with};

const ASSIGNMENTS: &[Parameter] = &[required("appRoleAssignments", Accepts::Text)];

pub(super) const FAMILY: Family = Family {
    title: "App roles",
    functions: &[
        Function::new("SingleAppRoleAssignment", ASSIGNMENTS, single)
            .says("The name of the role that is assigned. Of several, Entra does not say which; here it is the first.")
            .shows(&[with(
                "SingleAppRoleAssignment([appRoleAssignments])",
                r#"{"appRoleAssignments": ["Admin"]}"#,
                Shown::Text("Admin"),
            )]),
        Function::new("AppRoleAssignments", ASSIGNMENTS, names)
            .says("The names of all roles that are assigned.")
            .shows(&[with(
                "AppRoleAssignments([appRoleAssignments])",
                r#"{"appRoleAssignments": ["Admin", "User"]}"#,
                Shown::List(&["Admin", "User"]),
            )]),
        Function::new("AppRoleAssignmentsComplex", ASSIGNMENTS, complex)
            .says("All roles that are assigned, each as JSON. Entra adds them to those of the target and takes none away.")
            .shows(&[with(
                "AppRoleAssignmentsComplex([appRoleAssignments])",
                r#"{"appRoleAssignments": ["Admin"]}"#,
                Shown::List(&[
                    r#"{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Admin","value":"Admin"}"#,
                ]),
            )]),
        Function::new("AssertiveAppRoleAssignmentsComplex", ASSIGNMENTS, complex)
            .says("All roles that are assigned, each as JSON. Entra puts them in the place of those of the target.")
            .shows(&[with(
                "AssertiveAppRoleAssignmentsComplex([appRoleAssignments])",
                r#"{"appRoleAssignments": [{"id": "7", "value": "Admin", "displayName": "Administrator"}]}"#,
                Shown::List(&[
                    r#"{"primary":false,"type":"WindowsAzureActiveDirectoryRole","display":"Administrator","value":"Admin"}"#,
                ]),
            )]),
    ],
};

/// A role that is assigned.
struct Role<'a> {
    value: Cow<'a, str>,
    display: Cow<'a, str>,
}

impl<'a> Role<'a> {
    fn of(text: Cow<'a, str>) -> Self {
        let json: Option<Json> = serde_json::from_str(&text).ok();
        let member = |name: &str| {
            let text = json.as_ref()?.get(name)?.as_str()?;
            Some(text.to_owned())
        };
        let display = member("displayName").or_else(|| member("display"));
        match member("value").or_else(|| display.clone()) {
            Some(value) => Self {
                display: display.unwrap_or_else(|| value.clone()).into(),
                value: value.into(),
            },
            None => Self {
                display: text.clone(),
                value: text,
            },
        }
    }
}

fn single<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    let first = arguments.list(0)?.into_iter().next();
    Ok(first.map_or(Value::Null, |it| Value::Text(Role::of(it).value)))
}

fn names<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    each(arguments, |role| role.value)
}

fn complex<'a>(arguments: &Arguments<'a, '_>) -> Evaluated<'a> {
    each(arguments, |role| {
        let role = json!({
            "primary": false,
            "type": "WindowsAzureActiveDirectoryRole",
            "display": role.display,
            "value": role.value,
        });
        role.to_string().into()
    })
}

fn each<'a>(
    arguments: &Arguments<'a, '_>,
    make: impl Fn(Role<'a>) -> Cow<'a, str>,
) -> Evaluated<'a> {
    let roles = arguments.list(0)?;
    if roles.is_empty() {
        return Ok(Value::Null);
    }
    let values = roles.into_iter().map(|it| make(Role::of(it)));
    Ok(Value::List(values.collect()))
}
