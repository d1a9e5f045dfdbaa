//! What people see of the platform: who can be picked, why nobody signs in, and that somebody signed out.

use askama::Template;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::claims::login_name;
use super::header;
use super::refusal::Refusal;
use crate::emulator::application::Application;
use crate::emulator::tenant::{EntraTenant, ObjectId, User};
use crate::emulator::world::World;
use crate::oidc::authentication_request::Parameters;

/// People on a page; whoever is not among them is searched for.
const MOST: usize = 20;

/// Sends the form of the page at once.
const SUBMIT: &str = "document.forms[0].submit()";

/// Everybody who can be picked.
#[derive(Template)]
#[template(path = "picker.html", config = "src/emulator/templates/askama.toml")]
pub(super) struct Picker {
    application: String,
    tenant: String,
    /// The request, to be made again by who searches.
    fields: Vec<(String, String)>,
    search: String,
    people: Vec<Shown>,
    more: usize,
}

struct Shown {
    id: ObjectId,
    name: String,
    login: String,
    remark: &'static str,
}

impl Picker {
    pub(super) fn new(
        tenant: &EntraTenant,
        application: &Application,
        parameters: &Parameters,
    ) -> Self {
        let one = |name| parameters.one(name).ok().flatten().unwrap_or_default();
        let hint = one("login_hint");
        let search = match one("search") {
            "" => hint,
            search => search,
        };
        let domain = format!("@{}", one("domain_hint").to_lowercase());
        let live = || {
            let all = tenant.users().iter();
            all.filter(|(_, it)| it.soft_deleted.is_none())
        };
        let ends =
            |it: &User| login_name(it).is_some_and(|it| it.to_lowercase().ends_with(&domain));
        // A hint that fits nobody is none.
        let is_domain = domain.len() > 1 && live().any(|(_, it)| ends(it));
        let fits = |it: &User| matches(it, search) && (!is_domain || ends(it));
        let mut people: Vec<Shown> = live()
            .filter(|(_, it)| fits(it))
            .map(|(id, it)| Shown::new(*id, it, tenant))
            .collect();
        people.sort_by(|one, other| one.name.cmp(&other.name));
        let more = people.len().saturating_sub(MOST);
        people.truncate(MOST);
        let fields = url::form_urlencoded::parse(parameters.query().as_bytes())
            .filter(|(name, _)| name != "search")
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        Self {
            application: application.shown(),
            tenant: tenant.id.to_string(),
            fields,
            search: search.to_owned(),
            people,
            more,
        }
    }
}

impl Shown {
    fn new(id: ObjectId, user: &User, tenant: &EntraTenant) -> Self {
        let login = login_name(user).unwrap_or_default().to_owned();
        let remark = if !user.account_enabled {
            "disabled"
        } else if tenant.is_assigned(id) {
            ""
        } else {
            "not assigned"
        };
        Self {
            id,
            name: user.text("displayName").unwrap_or(&login).to_owned(),
            login,
            remark,
        }
    }
}

fn matches(user: &User, search: &str) -> bool {
    let search = search.to_lowercase();
    let names = [user.text("displayName"), login_name(user)];
    search.is_empty()
        || names
            .into_iter()
            .flatten()
            .any(|it| it.to_lowercase().contains(&search))
}

#[derive(Template)]
#[template(path = "refusal.html", config = "src/emulator/templates/askama.toml")]
struct RefusalPage {
    headline: String,
    request: String,
}

#[derive(Template)]
#[template(
    path = "signed_out.html",
    config = "src/emulator/templates/askama.toml"
)]
struct SignedOut<'p> {
    frames: &'p [String],
    to: Option<&'p str>,
}

#[derive(Template)]
#[template(path = "form_post.html", config = "src/emulator/templates/askama.toml")]
struct FormPost<'p> {
    uri: &'p str,
    fields: &'p [(&'p str, &'p str)],
    script: &'static str,
}

/// Who can be picked.
pub(super) fn picker(picker: &Picker) -> Response<Body> {
    page(StatusCode::OK, picker, "")
}

/// Why nobody signs in, where no application can be told.
pub(super) fn refusal(world: &World, refusal: &Refusal) -> Response<Body> {
    tracing::info!(error = %refusal, "nobody was signed in");
    let page_of = RefusalPage {
        headline: refusal.headline(),
        request: world.fresh_id().to_string(),
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
    page(status, &page_of, "")
}

/// That somebody signed out; the browser opens `frames`, and goes on.
pub(super) fn signed_out(frames: &[String], to: Option<&str>) -> Response<Body> {
    let policy = "; frame-src http: https:";
    page(StatusCode::OK, &SignedOut { frames, to }, policy)
}

/// Brings fields to an application by POST (OAuth 2.0 Form Post Response Mode).
pub(super) fn form_post(uri: &str, fields: &[(&str, &str)]) -> Response<Body> {
    let digest = STANDARD.encode(Sha256::digest(SUBMIT.as_bytes()));
    let policy = format!("; script-src 'sha256-{digest}'");
    let form = FormPost {
        uri,
        fields,
        script: SUBMIT,
    };
    page(StatusCode::OK, &form, &policy)
}

fn page(status: StatusCode, template: &impl Template, policy: &str) -> Response<Body> {
    // Writing to a text does not fail.
    let html = template.render().unwrap_or_default();
    let mut response = Response::new(Body::from(html));
    *response.status_mut() = status;
    header(&mut response, CONTENT_TYPE, "text/html; charset=utf-8");
    header(&mut response, CACHE_CONTROL, "no-store");
    // No form-action: a browser goes by it where a form is answered by sending it on, as every sign-in is.
    let policy = format!(
        "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'{policy}"
    );
    header(&mut response, CONTENT_SECURITY_POLICY, &policy);
    response
}
