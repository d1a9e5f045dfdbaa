//! What is declared in YAML, with the line to edit: nothing of it is changed here.

use askama::Template;
use axum::body::Body;
use axum::http::Response;

use super::Desk;
use super::frame::Frame;
use super::refused::Refused;
use crate::workload::administration::Setting;

#[derive(Template)]
#[template(
    path = "settings.html",
    config = "src/workload/portal/templates/askama.toml"
)]
struct Settings {
    frame: Frame,
    settings: Vec<Setting>,
}

/// The page.
pub(super) fn page(desk: &Desk<'_>) -> Result<Response<Body>, Refused> {
    let page = Settings {
        frame: desk.frame(),
        settings: desk.administration.settings(&desk.administrator)?,
    };
    Ok(desk.page(&page))
}
