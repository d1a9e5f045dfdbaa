//! How it goes with the directory, in one page.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::chart::{Bar, Chart};
use super::connectors;
use super::frame::Frame;
use super::parts::{At, Empty, Figure, Link, Notice, State, Tone, counted, number};
use super::refused::Refused;
use super::route;
use crate::store::ResourceId;
use crate::workload::administration::{Health, Look, LookState, LookSubject, Overview};

/// A row of what needs a look.
struct LookRow {
    at: At,
    who: String,
    path: Option<String>,
    what: String,
    state: State,
}

/// A connector among others.
struct ConnectorLine {
    path: String,
    name: String,
    detail: String,
    state: State,
}

#[derive(Template)]
#[template(
    path = "overview.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page {
    frame: Frame,
    sentence: String,
    last: Option<At>,
    notices: Vec<Notice>,
    figures: Vec<Figure>,
    chart: Chart,
    connectors: Vec<ConnectorLine>,
    empty: Empty,
    looks: Vec<LookRow>,
}

/// The page.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let overview = desk.administration.overview(&desk.administrator).await?;
    let page = Page {
        frame: desk.frame(),
        sentence: overview.health.says.clone(),
        last: overview
            .last_cycle
            .as_ref()
            .map(|it| At::new(it.last_request_at)),
        notices: notices(&overview),
        figures: figures(&overview),
        chart: Chart {
            title: "SCIM requests, last 36 hours",
            bars: overview
                .hours
                .iter()
                .map(|it| Bar {
                    at: it.from,
                    requests: it.requests,
                    failed: it.failed,
                })
                .collect(),
        },
        connectors: overview
            .connectors
            .iter()
            .map(|it| ConnectorLine {
                path: route::connector(&it.name),
                name: it.name.clone(),
                detail: connectors::kind(it),
                state: connectors::state(it.state),
            })
            .collect(),
        empty: connectors::nothing(),
        looks: overview.needs_a_look.into_iter().map(LookRow::of).collect(),
    };
    Ok(desk.page(&page))
}

fn notices(overview: &Overview) -> Vec<Notice> {
    let mut notices = Vec::new();
    if overview.held.is_something() {
        notices.push(Notice {
            tone: Tone::Warn,
            what: format!("The brake holds {}.", overview.held.what()),
            why: "Nothing of it was changed.".to_owned(),
            link: Some(Link::new("Look at them", "/portal/held")),
        });
    }
    let Health { state, says } = &overview.health;
    if *state == LookState::Broken {
        notices.push(Notice {
            tone: Tone::Bad,
            what: "Nothing can be written.".to_owned(),
            why: says.clone(),
            link: None,
        });
    }
    notices
}

fn figures(overview: &Overview) -> Vec<Figure> {
    let (last, detail) = match &overview.last_cycle {
        Some(cycle) => (
            number(cycle.requests),
            format!(
                "requests, {} created, {} refused",
                number(cycle.created),
                number(cycle.failed)
            ),
        ),
        None => ("–".to_owned(), "none yet".to_owned()),
    };
    let (signed_in, by) = match &overview.signed_in {
        Some(it) => (
            number(it.sessions),
            format!(
                "{} Entra, {} built-in",
                number(it.entra),
                number(it.password + it.passkey)
            ),
        ),
        None => ("…".to_owned(), "being counted".to_owned()),
    };
    let memberships = overview.memberships.map_or_else(
        || "memberships are being counted".to_owned(),
        |it| counted(it, "membership", "memberships"),
    );
    vec![
        Figure {
            label: "People",
            value: number(overview.people),
            detail: format!("{} active", number(overview.active_people)),
        },
        Figure {
            label: "Groups",
            value: number(overview.groups),
            detail: memberships,
        },
        Figure {
            label: "Last cycle",
            value: last,
            detail,
        },
        Figure {
            label: "Signed in now",
            value: signed_in,
            detail: by,
        },
    ]
}

impl LookRow {
    fn of(look: Look) -> Self {
        let id = look.id.map(ResourceId::new);
        let path = match (look.subject, &id) {
            (LookSubject::Person, Some(id)) => Some(route::person(id)),
            (LookSubject::Group, Some(id)) => Some(route::group(id)),
            (LookSubject::Connector, _) => Some(route::connector(&look.name)),
            (LookSubject::Person | LookSubject::Group, None) => {
                Some("/portal/requests?failed=yes".to_owned())
            }
        };
        Self {
            at: At::new(look.at),
            who: look.name,
            path,
            what: look.says,
            state: state(look.state),
        }
    }
}

fn state(state: LookState) -> State {
    match state {
        LookState::Good => State::new(Tone::Good, "Good"),
        LookState::Waiting => State::new(Tone::Warn, "Waiting"),
        LookState::Attention => State::new(Tone::Warn, "Look"),
        LookState::Held => State::new(Tone::Warn, "Held"),
        LookState::Rejected => State::new(Tone::Bad, "Rejected"),
        LookState::Broken => State::new(Tone::Bad, "Broken"),
    }
}
