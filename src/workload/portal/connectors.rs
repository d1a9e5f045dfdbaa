//! The connectors, and one of them: what to paste into Entra, what has been seen to work, by what it comes.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::parts::{At, Copy, Empty, Notice, Pair, State, Step, Tone, counted, number};
use super::refused::Refused;
use super::route;
use crate::workload::administration::{Connector, ConnectorState, Credential};

/// A connector among others.
struct Row {
    path: String,
    name: String,
    detail: String,
    last: Option<At>,
    requests: String,
    failed: String,
    state: State,
}

#[derive(Template)]
#[template(
    path = "connectors.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Page {
    frame: Frame,
    sentence: String,
    connectors: Vec<Row>,
    empty: Empty,
}

/// A credential, never what it is made of.
struct CredentialRow {
    id: String,
    issued: At,
    used: Option<At>,
    from: String,
    state: State,
}

#[derive(Template)]
#[template(
    path = "connector.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct One {
    frame: Frame,
    name: String,
    sentence: String,
    requests: String,
    notices: Vec<Notice>,
    values: Vec<Copy>,
    steps: Vec<Step>,
    cycle: Vec<Pair>,
    credentials: Vec<CredentialRow>,
}

/// All of them.
pub(super) async fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let all = desk.administration.connectors(&desk.administrator).await?;
    let count = i64::try_from(all.len()).unwrap_or(i64::MAX);
    let rows = all.iter().map(|it| Row {
        path: route::connector(&it.name),
        name: it.name.clone(),
        detail: kind(it),
        last: it.last_cycle.as_ref().map(|it| At::new(it.last_request_at)),
        requests: it
            .last_cycle
            .as_ref()
            .map_or_else(String::new, |it| number(it.requests)),
        failed: it
            .last_cycle
            .as_ref()
            .map_or_else(String::new, |it| number(it.failed)),
        state: state(it.state),
    });
    let page = Page {
        frame: desk.frame(),
        sentence: format!(
            "{} may provision here.",
            counted(count, "client", "clients")
        ),
        connectors: rows.collect(),
        empty: nothing(),
    };
    Ok(desk.page(&page))
}

/// One of them.
pub(super) async fn one(desk: &Desk<'_>, name: &str) -> Result<Response<Body>, Refused> {
    let connector = desk.administration.connector(&desk.administrator, name);
    let connector = connector.await?;
    let notices = connector.last_error.iter().map(|error| Notice {
        tone: Tone::Bad,
        what: "A request was refused.".to_owned(),
        why: format!("{error}."),
        link: None,
    });
    let page = One {
        frame: desk.frame(),
        sentence: match connector.last_error {
            // The notice says the same.
            Some(_) => kind(&connector),
            None => format!("{} · {}", kind(&connector), connector.says),
        },
        requests: route::requests(&connector.name),
        notices: notices.collect(),
        values: values(&connector),
        steps: steps(&connector),
        cycle: cycle(&connector),
        credentials: connector
            .credentials
            .iter()
            .map(|it| CredentialRow::of(desk, it))
            .collect(),
        name: connector.name,
    };
    Ok(desk.page(&page))
}

/// That there is none, and what makes one.
pub(super) fn nothing() -> Empty {
    Empty {
        sentence: "No connector is declared yet. Apply an AzureConnector that names this ScimTenant.".to_owned(),
        how: Some("apiVersion: usher.dev/v1alpha1\nkind: AzureConnector\nmetadata: {name: entra}\nspec:\n  scimTenantRef: {name: …}\n  entraTenantId: …".to_owned()),
    }
}

/// What it is.
pub(super) fn kind(connector: &Connector) -> String {
    match &connector.entra_tenant_id {
        Some(id) => format!("Entra ID {id}"),
        None => "SCIM client".to_owned(),
    }
}

pub(super) fn state(state: ConnectorState) -> State {
    match state {
        ConnectorState::Good => State::new(Tone::Good, "Good"),
        ConnectorState::Waiting => State::new(Tone::Warn, "Waiting"),
        ConnectorState::Attention => State::new(Tone::Bad, "Look"),
    }
}

/// What is pasted elsewhere, in the order of the guide.
fn values(connector: &Connector) -> Vec<Copy> {
    let mut values = vec![
        ("Tenant URL", connector.scim_url.clone()),
        ("User name", connector.user_name.clone()),
    ];
    if let Some(secret) = &connector.secret_name {
        values.push(("Secret that holds the password", secret.clone()));
    }
    if let Some(url) = &connector.token_url {
        values.push(("Token URL", url.clone()));
    }
    if let Some(sign_in) = &connector.sign_in {
        values.push(("Redirect URI (Web)", sign_in.redirect_uri.clone()));
        values.push(("Front-channel logout URL", sign_in.logout_url.clone()));
        values.push(("Client ID", sign_in.client_id.clone()));
        values.push(("Authority", sign_in.authority.clone()));
        if let Some(secret) = &sign_in.client_secret {
            values.push(("Secret that holds the client secret", secret.clone()));
        }
    }
    let values = values.into_iter().zip(1..);
    let values = values.map(|((label, value), number)| Copy {
        id: format!("value-{number}"),
        label: label.to_owned(),
        value,
    });
    values.collect()
}

fn steps(connector: &Connector) -> Vec<Step> {
    let steps = connector.checklist.iter().map(|it| Step {
        tone: it.done_at.map_or(Tone::Plain, |_| Tone::Good),
        what: match it.step {
            "TestConnection" => "Test Connection".to_owned(),
            "UserProvisioned" => "The first person arrived".to_owned(),
            "GroupProvisioned" => "The first group arrived".to_owned(),
            "FirstSignIn" => "The first sign-in".to_owned(),
            other => other.to_owned(),
        },
        detail: it.done_at.is_none().then(|| it.how.clone()),
        at: it.done_at.map(At::new),
    });
    steps.collect()
}

fn cycle(connector: &Connector) -> Vec<Pair> {
    let Some(cycle) = &connector.last_cycle else {
        return Vec::new();
    };
    let counts = [
        ("Requests", cycle.requests),
        ("Created", cycle.created),
        ("Changed", cycle.updated),
        ("Deactivated", cycle.deactivated),
        ("Deleted", cycle.deleted),
        ("Refused", cycle.failed),
    ];
    let mut pairs = vec![
        Pair::at("Began", At::new(cycle.started_at)),
        Pair::at("Last request", At::new(cycle.last_request_at)),
    ];
    pairs.extend(counts.map(|(name, count)| Pair::new(name, number(count))));
    pairs
}

impl CredentialRow {
    fn of(desk: &Desk<'_>, credential: &Credential) -> Self {
        let from = [&credential.last_used_from, &credential.user_agent];
        let from: Vec<&str> = from.into_iter().flatten().map(String::as_str).collect();
        let is_over = credential.expires_at.is_some_and(|it| it <= desk.visit.now);
        Self {
            id: credential.id.clone(),
            issued: At::new(credential.issued_at),
            used: credential.last_used_at.map(At::new),
            from: from.join(", "),
            state: match credential.expires_at {
                None => State::new(Tone::Good, "Current"),
                Some(_) if is_over => State::new(Tone::Plain, "Expired"),
                Some(_) => State::new(Tone::Warn, "Replaced"),
            },
        }
    }
}
