//! What SCIM clients asked and were answered, without values of people.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{At, Choice, Empty, Filter, Pages, Pair, State};
use super::people::pages;
use super::refused::Refused;
use super::route::{self, encoded};
use crate::workload::administration::{Request, RequestRow, RequestsWanted};

/// Methods of SCIM that are looked for.
const METHODS: [(&str, &str); 6] = [
    ("", "All methods"),
    ("GET", "GET"),
    ("POST", "POST"),
    ("PUT", "PUT"),
    ("PATCH", "PATCH"),
    ("DELETE", "DELETE"),
];

/// Answers that are looked for.
const ANSWERS: [(&str, &str); 3] = [("", "All answers"), ("yes", "Refused"), ("no", "Accepted")];

/// A request among others.
struct Row {
    at: At,
    path: String,
    what: String,
    detail: Option<String>,
    client: String,
    ms: String,
    state: State,
}

#[derive(Template)]
#[template(
    path = "requests.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page {
    frame: Frame,
    sentence: &'static str,
    filters: Vec<Filter>,
    about: Option<String>,
    requests: Vec<Row>,
    empty: Empty,
    pages: Pages,
}

#[derive(Template)]
#[template(
    path = "request.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct One {
    frame: Frame,
    what: String,
    at: At,
    state: State,
    back: String,
    detail: Option<String>,
    facts: Vec<Pair>,
    body: String,
    answer: String,
}

/// The list that is asked for.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let field = |name| desk.field(name).map(str::to_owned);
    let (client, method, failed) = (field("connector"), field("method"), field("failed"));
    let (about, cursor) = (field("about"), field("cursor"));
    let wanted = RequestsWanted {
        client: client.clone(),
        failed: match failed.as_deref() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        },
        method: method.clone(),
        about: about.clone(),
        cursor: cursor.clone(),
    };
    let found = desk.administration.requests(&desk.administrator, &wanted);
    let found = found.await?;
    let text = |it: &Option<String>| encoded(it.as_deref().unwrap_or_default());
    let here = format!(
        "/portal/requests?connector={}&method={}&failed={}&about={}",
        text(&client),
        text(&method),
        text(&failed),
        text(&about),
    );
    let is_narrowed = [&client, &method, &failed, &about]
        .into_iter()
        .any(Option::is_some);
    let page = Page {
        frame: desk.frame(),
        sentence: "The last requests of each connector, the newest first. Values of people are masked.",
        filters: filters(&found.clients, [&client, &method, &failed]),
        about,
        empty: if is_narrowed || cursor.is_some() {
            Empty::new("No request is kept that is so. Of each connector the last ones are.")
        } else {
            Empty::new("No request has come yet. Test Connection in Entra sends the first.")
        },
        pages: pages(
            found.requests.len(),
            cursor.as_deref(),
            &here,
            found.next_cursor,
        ),
        requests: found.requests.into_iter().map(Row::of).collect(),
    };
    Ok(desk.page(&page))
}

/// Above the list: of which connector, by which method, with which answer.
fn filters(clients: &[String], chosen: [&Option<String>; 3]) -> Vec<Filter> {
    let [client, method, failed] = chosen.map(|it| it.as_deref().unwrap_or_default());
    let clients = clients.iter().map(|it| (it.as_str(), it.as_str()));
    let clients = [("", "All connectors")].into_iter().chain(clients);
    vec![
        Filter {
            name: "connector",
            label: "Connector",
            options: Choice::all(clients, client),
        },
        Filter {
            name: "method",
            label: "Method",
            options: Choice::all(METHODS, method),
        },
        Filter {
            name: "failed",
            label: "Answer",
            options: Choice::all(ANSWERS, failed),
        },
    ]
}

/// One of them with what was sent and answered.
pub(super) async fn one(
    desk: &Desk<'_>,
    client: &str,
    number: i64,
) -> Result<Response<Body>, Refused> {
    let request = desk
        .administration
        .request(&desk.administrator, client, number);
    let Request {
        row,
        request_id,
        query,
        body,
        answer,
    } = request.await?;
    let mut facts = vec![
        Pair::new("Connector", row.client.as_str()),
        Pair::new("Took", milliseconds(row.ms)),
        Pair::new("Request id, as the log has it", request_id),
    ];
    if let Some(query) = query {
        facts.push(Pair::new("Query", query));
    }
    if let Some(scim_type) = row.scim_type {
        facts.push(Pair::new("scimType", scim_type));
    }
    let written =
        |it: Option<serde_json::Value>| it.map_or_else(String::new, |it| format!("{it:#}"));
    let page = One {
        frame: desk.frame(),
        what: format!("{} {}", row.method, row.path),
        at: At::new(row.at),
        state: State::of_answer(row.status),
        back: route::requests(&row.client),
        detail: row.detail,
        facts,
        body: written(body),
        answer: written(answer),
    };
    Ok(desk.page(&page))
}

fn milliseconds(ms: f64) -> String {
    format!("{ms:.1} ms")
}

impl Row {
    fn of(row: RequestRow) -> Self {
        Self {
            at: At::new(row.at),
            path: route::request(&row.client, row.number),
            what: format!("{} {}", row.method, row.path),
            detail: row.detail,
            ms: format!("{:.1}", row.ms),
            state: State::of_answer(row.status),
            client: row.client,
        }
    }
}
