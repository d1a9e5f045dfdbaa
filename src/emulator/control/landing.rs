//! The page that says what is there.

use std::sync::Arc;

use askama::Template;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderName, Response};
use axum::response::IntoResponse;

use crate::emulator::running_job::JobView;
use crate::emulator::world::World;

/// Nothing from elsewhere, and no script.
const POLICY: &str = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(Template)]
#[template(path = "landing.html", config = "src/emulator/templates/askama.toml")]
struct Landing {
    base: String,
    tenant: String,
    now: String,
    people: usize,
    groups: usize,
    applications: Vec<(String, String)>,
    jobs: Vec<JobView>,
}

/// The page.
pub(super) async fn page(State(world): State<Arc<World>>) -> Response<Body> {
    let tenant = world.directory.read();
    let now = world.job_clock.now();
    let applications = tenant.applications().values();
    let applications = applications.map(|it| (it.shown(), it.app_id.to_string()));
    let page = Landing {
        base: world.base.clone(),
        tenant: tenant.id.to_string(),
        now: now.to_string(),
        people: tenant.users().len(),
        groups: tenant.groups().len(),
        applications: applications.collect(),
        jobs: world.jobs().iter().map(|it| it.view(now)).collect(),
    };
    // Writing to a text does not fail.
    let html = page.render().unwrap_or_default();
    served("text/html; charset=utf-8", html)
}

/// The one style sheet of all pages.
pub(super) async fn style() -> Response<Body> {
    served(
        "text/css; charset=utf-8",
        include_str!("../templates/style.css").to_owned(),
    )
}

fn served(type_: &'static str, text: String) -> Response<Body> {
    let headers: [(HeaderName, &str); 3] = [
        (CONTENT_TYPE, type_),
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
    ];
    (headers, text).into_response()
}
