//! The control API below `/_emulator/`: what a test or a demonstration sees, and what it makes happen.

mod answer;
mod applications;
mod faults;
mod groups;
mod jobs;
mod landing;
mod people;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::Response;
use axum::http::header::{HOST, ORIGIN};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use url::{Host, Url};

use self::answer::Wrong;
use super::world::World;

/// What a handler says.
type Said = Result<Response<Body>, Wrong>;

/// Where it is served.
pub(super) fn router() -> Router<Arc<World>> {
    Router::new()
        .route("/", get(landing::page))
        .route("/_emulator/style.css", get(landing::style))
        .route("/_emulator/state", get(state::state))
        .route("/_emulator/log", get(state::log))
        .route("/_emulator/clock", post(state::advance))
        .route("/_emulator/keys", post(state::rotate))
        .route(
            "/_emulator/faults",
            get(faults::read)
                .patch(faults::change)
                .delete(faults::clear),
        )
        .route(
            "/_emulator/applications",
            get(applications::list).post(applications::register),
        )
        .route("/_emulator/people", get(people::list).post(people::add))
        .route(
            "/_emulator/people/{who}",
            get(people::read)
                .patch(people::change)
                .delete(people::delete),
        )
        .route("/_emulator/people/{who}/restore", post(people::restore))
        .route(
            "/_emulator/people/{who}/revoke-sessions",
            post(people::revoke_sessions),
        )
        .route("/_emulator/groups", get(groups::list).post(groups::add))
        .route(
            "/_emulator/groups/{which}",
            get(groups::read)
                .patch(groups::change)
                .delete(groups::delete),
        )
        .route("/_emulator/jobs", get(jobs::list).post(jobs::add))
        .route(
            "/_emulator/jobs/{job}",
            get(jobs::read).delete(jobs::delete),
        )
        .route("/_emulator/jobs/{job}/cycles", post(jobs::cycle))
        .route("/_emulator/jobs/{job}/restart", post(jobs::restart))
        .route("/_emulator/jobs/{job}/test", post(jobs::test))
        .route("/_emulator/jobs/{job}/on-demand", post(jobs::on_demand))
        .route(
            "/_emulator/jobs/{job}/allow-deletions",
            post(jobs::allow_deletions),
        )
        .route("/_emulator/cycles", post(jobs::cycle_all))
        .fallback(answer::nothing)
        .layer(from_fn(no_pages))
}

/// Takes requests under an address, `localhost` or its own name alone: a name of a site may lead here too, and its pages would read all
/// that is here as their own.
pub(super) async fn own_host(
    State(world): State<Arc<World>>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let named = request.headers().get(HOST);
    let named = named.and_then(|it| it.to_str().ok()).unwrap_or_default();
    let url = |authority: &str| Url::parse(&format!("http://{authority}")).ok();
    let own = Url::parse(&world.base).ok();
    let is_own = url(named).is_some_and(|it| match it.host() {
        Some(Host::Domain("localhost") | Host::Ipv4(_) | Host::Ipv6(_)) | None => true,
        Some(name @ Host::Domain(_)) => own.as_ref().and_then(Url::host) == Some(name),
    });
    if is_own {
        next.run(request).await
    } else {
        Wrong::Host(named.to_owned()).into_response()
    }
}

/// Lets no page of any site ask: somebody's browser reaches what listens on this machine alone.
async fn no_pages(request: Request, next: Next) -> Response<Body> {
    if request.headers().contains_key(ORIGIN) {
        return Wrong::Page.into_response();
    }
    next.run(request).await
}
