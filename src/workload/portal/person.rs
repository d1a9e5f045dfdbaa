//! One person: attributes with where they came from, the story, sessions, groups, changes, and what can be done.

use askama::Template;
use axum::body::Body;
use axum::http::{Response, StatusCode};

use super::Desk;
use super::act::{self, done};
use super::frame::Frame;
use super::parts::{Action, At, Line, Link, Notice, Pair, State, Step, Tone, counted};
use super::refused::Refused;
use super::route::{self, Act};
use crate::store::ResourceId;
use crate::workload::administration::{
    Attribute, AuditRow, Capability, Origin, Person, PersonState, SessionRow, Source, StepState,
    Story,
};
use crate::workload::sign_in::{pages, photo, status};

/// Groups that the page names, those before others by name; `usher people show` has all of them.
const GROUPS: usize = 50;

/// Sessions that the page shows, the newest.
const SESSIONS: usize = 20;

/// A change as a table shows it.
pub(super) struct AuditLine {
    pub(super) at: At,
    pub(super) what: String,
    pub(super) detail: String,
    pub(super) by: String,
}

/// A browser or device in which the person is signed in.
struct SessionLine {
    device: String,
    by: String,
    opened: At,
    seen: At,
    end: Option<Action>,
}

#[derive(Template)]
#[template(
    path = "person.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page {
    frame: Frame,
    name: String,
    /// Where the profile photo is, if there is one.
    photo: Option<String>,
    user_name: String,
    state: State,
    notices: Vec<Notice>,
    attributes: Vec<Pair>,
    facts: Vec<Pair>,
    /// Why nothing can be done, where nothing can.
    hint: Option<&'static str>,
    actions: Vec<Action>,
    story: Vec<Step>,
    next: String,
    requests: String,
    sessions: Vec<SessionLine>,
    more_sessions: String,
    groups: Vec<Link>,
    more_groups: String,
    audit: Vec<AuditLine>,
}

/// The page.
pub(super) async fn page(desk: &Desk<'_>, id: &ResourceId) -> Result<Response<Body>, Refused> {
    let person = desk.administration.person(&desk.administrator, id.as_str());
    let person = person.await?;
    let id = ResourceId::new(person.row.id.as_str());
    let actions = act::actions(desk, &person);
    let may_end = person.may.contains(&Capability::EndSessions);
    let facts = facts(&person);
    let more_groups = person.groups.len().saturating_sub(GROUPS);
    let groups = person.groups.into_iter().take(GROUPS).map(|it| {
        let path = route::group(&ResourceId::new(it.id));
        Link::new(it.name, path)
    });
    let photo = desk.administration.photo(&desk.administrator, &id).await?;
    let more_sessions = person.sessions.len().saturating_sub(SESSIONS);
    let sessions = person.sessions.into_iter().take(SESSIONS);
    let page = Page {
        photo: photo.map(|_| route::photo(&id)),
        frame: desk.frame(),
        state: State::of_person(person.row.state == PersonState::Active),
        notices: done(desk.field("done")).into_iter().collect(),
        hint: hint(person.is_break_glass, &actions),
        actions,
        facts,
        attributes: person.attributes.into_iter().map(pair).collect(),
        next: person.story.next.clone(),
        story: steps(person.story),
        requests: format!("/portal/requests?about={}", route::encoded(id.as_str())),
        sessions: sessions
            .map(|it| SessionLine::of(it, may_end.then_some(&id)))
            .collect(),
        more_sessions: more(more_sessions, "browser", "browsers"),
        groups: groups.collect(),
        more_groups: more(more_groups, "group", "groups"),
        audit: person.audit.into_iter().map(AuditLine::of).collect(),
        name: person.row.name,
        user_name: person.row.user_name,
    };
    let mut response = desk.page(&page);
    if page.photo.is_some() {
        pages::shows_photo(&mut response);
    }
    Ok(response)
}

/// The profile photo.
pub(super) async fn photo(desk: &Desk<'_>, id: &ResourceId) -> Result<Response<Body>, Refused> {
    let photo = desk.administration.photo(&desk.administrator, id).await?;
    Ok(photo.map_or_else(|| status(StatusCode::NOT_FOUND), |it| photo::response(&it)))
}

/// That there are so many more than are shown; empty when there are none.
fn more(count: usize, one: &str, many: &str) -> String {
    match i64::try_from(count) {
        Ok(0) => String::new(),
        count => format!("and {} more", counted(count.unwrap_or(i64::MAX), one, many)),
    }
}

/// Why nothing can be done, where nothing can.
fn hint(is_break_glass: bool, actions: &[Action]) -> Option<&'static str> {
    if is_break_glass {
        Some(
            "This is a break-glass account, by spec.breakGlass of the ScimTenant: neither administrators nor clients change it.",
        )
    } else if actions.is_empty() {
        Some(
            "Your role does not let you change this person. What it may is decided by the role, and nobody acts on a higher one.",
        )
    } else {
        None
    }
}

/// What the directory knows beside the attributes.
fn facts(person: &Person) -> Vec<Pair> {
    let role = person
        .row
        .role
        .map_or("none, applications only", |it| it.name());
    let mut lines = vec![Line {
        label: None,
        text: role.to_owned(),
    }];
    lines.extend(person.capabilities.iter().map(|it| Line {
        label: Some(it.sentence.to_owned()),
        text: String::new(),
    }));
    let mut facts = vec![
        Pair {
            lines,
            ..Pair::new("Role", role)
        },
        Pair::new(
            "Signs in",
            super::people::sign_in(person.row.sign_in_method),
        ),
        Pair::at("Arrived", At::new(person.created)),
        Pair::at("Last changed", At::new(person.row.last_modified)),
        Pair::new("Id", person.row.id.as_str()),
    ];
    if let Some(credentials) = &person.credentials {
        let password = if credentials.has_password {
            "set"
        } else {
            "not set yet"
        };
        facts.push(Pair::new("Password", password));
        if let Some(since) = credentials.authenticator_app_since {
            facts.push(Pair::at("Authenticator app since", At::new(since)));
        }
        let names = credentials.passkeys.iter().map(|it| it.name.clone());
        let names: Vec<String> = names.collect();
        if !names.is_empty() {
            facts.push(Pair::lines("Passkeys", names));
        }
    }
    if !person.applications.is_empty() {
        facts.push(Pair::lines("Signed in to", person.applications.clone()));
    }
    facts
}

/// An attribute as it is shown.
pub(super) fn pair(attribute: Attribute) -> Pair {
    let lines = attribute.lines().into_iter();
    Pair {
        lines: lines.map(|(label, text)| Line { label, text }).collect(),
        name: attribute.name,
        extension: attribute.extension,
        at: None,
        origin: attribute.origin.map(|it| (origin(&it), At::new(it.at))),
    }
}

fn origin(origin: &Origin) -> String {
    match origin.source {
        Source::Client => format!("from {}", origin.name),
        Source::SignIn => "by signing in".to_owned(),
        Source::Local => format!("set here by {}", origin.name),
    }
}

/// A story as steps.
pub(super) fn steps(story: Story) -> Vec<Step> {
    let steps = story.steps.into_iter().map(|it| Step {
        tone: match it.state {
            StepState::Good => Tone::Good,
            StepState::Bad => Tone::Bad,
            StepState::Plain => Tone::Plain,
        },
        what: it.name.to_owned(),
        detail: Some(it.says),
        at: it.at.map(At::new),
    });
    steps.collect()
}

impl SessionLine {
    fn of(session: SessionRow, ends: Option<&ResourceId>) -> Self {
        let device = session.device.unwrap_or_else(|| "A browser".to_owned());
        Self {
            end: ends.map(|person| Action {
                path: route::act(person, Act::EndSessions),
                label: format!("End the session of {device}"),
                field: "session",
                options: Vec::new(),
                value: Some(session.id),
                button: "End",
                is_danger: true,
            }),
            device,
            by: match session.by.as_str() {
                "password" | "password and code" | "passkey" => format!("by {}", session.by),
                name => format!("through {name}"),
            },
            opened: At::new(session.opened),
            seen: At::new(session.seen),
        }
    }
}

impl AuditLine {
    pub(super) fn of(row: AuditRow) -> Self {
        let mut detail = Vec::new();
        if !row.attributes.is_empty() {
            detail.push(row.attributes.join(", "));
        }
        detail.extend(row.replaced);
        let moved = [
            (row.members_added, "added"),
            (row.members_removed, "removed"),
        ];
        let moved = moved.into_iter().filter(|it| it.0 > 0);
        detail.extend(moved.map(|(count, what)| format!("{count} members {what}")));
        Self {
            at: At::new(row.at),
            what: row.events.join(", "),
            detail: detail.join("; "),
            by: row.administrator.unwrap_or(row.client),
        }
    }
}
