//! What can be done to a person: which forms are shown, and what they do. The domain decides again whether it may be done.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{Action, At, Choice, Copy, Notice, Tone};
use super::refused::Refused;
use super::route::{self, Act};
use crate::store::ResourceId;
use crate::workload::administration::{
    Capability, MadeLink, NotDone, Person, PersonState, Role, WantedMethod,
};
use crate::workload::directory::password::Purpose;
use crate::workload::sign_in::redirect;

/// A link that was just made.
#[derive(Template)]
#[template(
    path = "link.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct LinkPage {
    frame: Frame,
    name: String,
    expires: At,
    copy: Copy,
    back: String,
}

/// What is called a role of nobody.
const NO_ROLE: &str = "None";

/// Does it, and leads back to the person.
pub(super) async fn act(
    desk: &Desk<'_>,
    id: &ResourceId,
    act: Act,
) -> Result<Response<Body>, Refused> {
    let (administration, who, person) = (desk.administration, &desk.administrator, id.as_str());
    match act {
        Act::EndSessions => match desk.field("session") {
            Some(session) => administration.end_session(who, person, session).await?,
            None => drop(administration.end_sessions(who, person).await?),
        },
        Act::SetSignInMethod => {
            let method = wanted(
                desk,
                "method",
                WantedMethod::named,
                "Entra, BuiltIn or Default",
            )?;
            administration
                .set_sign_in_method(who, person, method)
                .await?;
        }
        Act::MakeLink => {
            let purpose = wanted(desk, "for", purpose, "invitation or reset")?;
            let secret = desk.visit.shared.secret();
            let made = administration.make_link(who, person, purpose, &secret);
            return Ok(link(desk, made.await?));
        }
        Act::ResetSecondFactor => drop(administration.reset_second_factor(who, person).await?),
        Act::SetRole => {
            let role = |it: &str| match it {
                NO_ROLE => Some(None),
                name => Role::named(name).map(Some),
            };
            let role = wanted(
                desk,
                "role",
                role,
                "None, ReadOnly, User, Admin or EnterpriseAdmin",
            )?;
            administration.set_role(who, person, role).await?;
        }
        Act::SetActive => {
            let active = |it: &str| match it {
                "yes" => Some(true),
                "no" => Some(false),
                _ => None,
            };
            let active = wanted(desk, "active", active, "yes or no")?;
            administration.set_active(who, person, active).await?;
        }
    }
    let base = desk.visit.base();
    let person = route::person(id);
    Ok(redirect(&format!("{base}{person}?done={}", act.name())))
}

/// A field of the form as what it means.
fn wanted<T>(
    desk: &Desk<'_>,
    field: &'static str,
    read: impl Fn(&str) -> Option<T>,
    allowed: &str,
) -> Result<T, NotDone> {
    let got = desk.field(field).unwrap_or_default();
    read(got).ok_or_else(|| NotDone::Invalid {
        field,
        got: got.chars().take(40).collect(),
        wanted: format!("write {allowed}"),
    })
}

fn purpose(name: &str) -> Option<Purpose> {
    match name {
        "invitation" => Some(Purpose::Invitation),
        "reset" => Some(Purpose::Reset),
        _ => None,
    }
}

fn link(desk: &Desk<'_>, made: MadeLink) -> Response<Body> {
    let page = LinkPage {
        frame: desk.frame(),
        name: made.person.name,
        expires: At::new(made.expires),
        copy: Copy {
            id: "link".to_owned(),
            label: "Link to set a password".to_owned(),
            value: made.link,
        },
        back: route::person(&ResourceId::new(made.person.id)),
    };
    desk.page(&page)
}

/// What is said after something was done.
pub(super) fn done(name: Option<&str>) -> Option<Notice> {
    let act = Act::ALL.into_iter().find(|it| Some(it.name()) == name)?;
    let (what, why) = match act {
        Act::EndSessions => ("Ended.", "The person signs in again where that was."),
        Act::SetSignInMethod => (
            "The sign-in method is set.",
            "Sessions that were opened in the other way are over.",
        ),
        Act::MakeLink => return None,
        Act::ResetSecondFactor => (
            "The second factor is removed.",
            "The person sets up another one at the next sign-in, and is signed out until then.",
        ),
        Act::SetRole => (
            "The role is set.",
            "It counts at once, also in open sessions.",
        ),
        Act::SetActive => (
            "Done.",
            "Who is deactivated is signed out everywhere and stays in the directory.",
        ),
    };
    Some(Notice {
        tone: Tone::Good,
        what: what.to_owned(),
        why: why.to_owned(),
        link: None,
    })
}

/// The forms for what may be done to `person`.
pub(super) fn actions(desk: &Desk<'_>, person: &Person) -> Vec<Action> {
    let id = ResourceId::new(person.row.id.as_str());
    let form = |act: Act, button| Action {
        path: route::act(&id, act),
        label: String::new(),
        field: "",
        options: Vec::new(),
        value: None,
        button,
        is_danger: false,
    };
    let has_passwords = desk.visit.config.built_in;
    let mut actions = Vec::new();
    for capability in &person.may {
        match capability {
            Capability::SetSignInMethod if has_passwords => actions.push(Action {
                label: "Sign-in method".to_owned(),
                field: "method",
                options: methods(person),
                ..form(Act::SetSignInMethod, "Set")
            }),
            Capability::SetRole => actions.push(Action {
                label: "Role".to_owned(),
                field: "role",
                options: roles(desk.administrator.role, person.row.role),
                ..form(Act::SetRole, "Set")
            }),
            Capability::MakeLinks => actions.extend(password(person, &form)),
            Capability::ResetSecondFactor if has_second_factor(person) => {
                actions.push(Action {
                    is_danger: true,
                    ..form(Act::ResetSecondFactor, "Remove the second factor")
                });
            }
            Capability::EndSessions if !person.sessions.is_empty() => actions.push(Action {
                is_danger: true,
                ..form(Act::EndSessions, "End all sessions")
            }),
            Capability::SetActive => {
                let is_active = person.row.state == PersonState::Active;
                let (value, button) = if is_active {
                    ("no", "Deactivate")
                } else {
                    ("yes", "Reactivate")
                };
                actions.push(Action {
                    field: "active",
                    value: Some(value.to_owned()),
                    is_danger: is_active,
                    ..form(Act::SetActive, button)
                });
            }
            _ => {}
        }
    }
    actions
}

fn has_second_factor(person: &Person) -> bool {
    let credentials = person.credentials.as_ref();
    credentials.is_some_and(|it| it.authenticator_app_since.is_some() || !it.passkeys.is_empty())
}

/// The link for who signs in by a password: an invitation before there is one, else a reset.
fn password(person: &Person, form: &impl Fn(Act, &'static str) -> Action) -> Option<Action> {
    let credentials = person.credentials.as_ref()?;
    let (value, button) = if credentials.has_password {
        ("reset", "Make a link to reset the password")
    } else {
        ("invitation", "Make an invitation")
    };
    Some(Action {
        field: "for",
        value: Some(value.to_owned()),
        ..form(Act::MakeLink, button)
    })
}

fn methods(person: &Person) -> Vec<Choice> {
    let declared = person.declared_sign_in_method.as_deref();
    let all = [
        ("Default", "Automatic"),
        ("Entra", "Entra ID"),
        ("BuiltIn", "Built-in (password)"),
    ];
    Choice::all(all, declared.unwrap_or("Default"))
}

/// The roles up to that of who gives them.
fn roles(own: Role, present: Option<Role>) -> Vec<Choice> {
    let given = Role::ALL.into_iter().filter(|it| *it <= own);
    let given = given.map(|it| (it.name(), it.name()));
    let all = [(NO_ROLE, "None, applications only")]
        .into_iter()
        .chain(given);
    Choice::all(all, present.map_or(NO_ROLE, |it| it.name()))
}
