//! The authorization endpoint: who somebody is, and where the answer goes (RFC 6749, section 4.1).

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::browsers::{COOKIE, Session};
use super::claims::login_name;
use super::client::{Form, registered};
use super::grant::{Challenge, Code, Grant};
use super::pages::{self, Picker};
use super::refusal::Refusal;
use super::token::admitted;
use super::{cookie, header, redirect, with_query};
use crate::emulator::application::{Application, Kind};
use crate::emulator::tenant::{EntraTenant, ObjectId};
use crate::emulator::world::World;
use crate::oidc::authentication_request::{Parameters, RequestError, is_redirect_uri};

/// How an answer is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Query,
    Fragment,
    FormPost,
}

/// Whether somebody may be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Prompt {
    WhenNeeded,
    None,
    Always,
}

/// Where the answer goes, whatever it is.
#[derive(Clone, Debug)]
pub(super) struct Back {
    uri: String,
    kind: Kind,
    mode: Mode,
    state: Option<String>,
}

/// What is asked for.
struct Wanted {
    scopes: BTreeSet<String>,
    nonce: Option<String>,
    challenge: Option<Challenge>,
    prompt: Prompt,
}

/// Shows who can be picked, or answers for who is signed in already.
pub(super) async fn asked(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response<Body> {
    let parameters = Parameters::parse(query.as_deref().unwrap_or_default());
    answer(&world, &named, &parameters, (cookie(&headers), None))
}

/// Signs in who was picked.
pub(super) async fn picked(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response<Body> {
    let parameters = Parameters::parse(query.as_deref().unwrap_or_default());
    let form = Form::read(&body);
    let person = form.one("person").unwrap_or_default();
    answer(
        &world,
        &named,
        &parameters,
        (cookie(&headers), Some(person)),
    )
}

fn answer(
    world: &World,
    named: &str,
    parameters: &Parameters,
    (cookie, picked): (Option<&str>, Option<&str>),
) -> Response<Body> {
    let tenant = match world.realm(named) {
        Ok(tenant) => tenant,
        Err(refusal) => return pages::refusal(world, &refusal),
    };
    // Until it is known that the address is the application's, nothing is sent there.
    let (application, back) = match client(&tenant, parameters) {
        Ok(known) => known,
        Err(refusal) => return pages::refusal(world, &refusal),
    };
    let wanted = match wanted(application, &back, parameters) {
        Ok(wanted) => wanted,
        Err(refusal) => return back.refuse(world, &refusal),
    };
    let now = world.clock.now();
    if picked == Some("") {
        return back.refuse(world, &Refusal::Declined);
    }
    if let Some(picked) = picked {
        let found = find(&tenant, picked);
        // Refusals of a person are for that person: Entra shows them, and tells the application nothing.
        let person = found
            .ok_or_else(|| Refusal::Person(picked.to_owned(), tenant.id, application.shown()))
            .and_then(|id| admitted(&tenant, application, id).map(|_| id));
        let person = match person {
            Ok(person) => person,
            Err(refusal) => return pages::refusal(world, &refusal),
        };
        if let Some(before) = cookie {
            world.identity.browsers.end(before);
        }
        let (sid, random) = (world.fresh_id(), &*world.random);
        let (cookie, session) = world.identity.browsers.sign_in(person, sid, now, random);
        let mut response = give(world, application, (&back, wanted), &session);
        let line = format!("{COOKIE}={cookie}; Path=/; HttpOnly; SameSite=Lax");
        header(&mut response, SET_COOKIE, &line);
        return response;
    }
    let session = world.identity.browsers.session(cookie, now);
    let hint = parameters.one("login_hint").ok().flatten();
    let fitting = session
        .filter(|it| hint.is_none_or(|hint| find(&tenant, hint).is_none_or(|id| id == it.person)));
    match (wanted.prompt, fitting) {
        (Prompt::WhenNeeded | Prompt::None, Some(session)) => {
            match admitted(&tenant, application, session.person) {
                Ok(_) => give(world, application, (&back, wanted), &session),
                Err(refusal) if wanted.prompt == Prompt::None => back.refuse(world, &refusal),
                Err(refusal) => pages::refusal(world, &refusal),
            }
        }
        (Prompt::None, None) => back.refuse(world, &Refusal::NobodySignedIn),
        _ => pages::picker(&Picker::new(&tenant, application, parameters)),
    }
}

/// The application, and where it wants the answer.
fn client<'t>(
    tenant: &'t EntraTenant,
    parameters: &Parameters,
) -> Result<(&'t Application, Back), Refusal> {
    let id = one(parameters, "client_id")?.ok_or(Refusal::Missing("client_id"))?;
    let application = registered(tenant, id)?;
    let uri = one(parameters, "redirect_uri")?;
    let known: Vec<(&str, Kind)> = application.redirect_uris().collect();
    let found = match (uri, known.as_slice()) {
        // Entra takes the only one.
        (None, [only]) => Some((only.0.to_owned(), only.1)),
        (None, _) => None,
        (Some(uri), known) => known
            .iter()
            .find(|(declared, kind)| {
                *declared == uri || (*kind == Kind::Public && is_loopback(uri, declared))
            })
            .map(|(_, kind)| (uri.to_owned(), *kind)),
    };
    let unknown = || Refusal::RedirectUri(uri.unwrap_or("none").to_owned(), application.app_id);
    let (uri, kind) = found.ok_or_else(unknown)?;
    let mode = match one(parameters, "response_mode")? {
        None | Some("query") => Mode::Query,
        Some("fragment") => Mode::Fragment,
        Some("form_post") => Mode::FormPost,
        Some(other) => return Err(Refusal::ResponseMode(other.to_owned())),
    };
    let back = Back {
        uri,
        kind,
        mode,
        state: one(parameters, "state")?.map(str::to_owned),
    };
    Ok((application, back))
}

/// A loopback address of any port: by number, or by its name as Entra takes it.
fn is_loopback(uri: &str, declared: &str) -> bool {
    let numbered = |it: &str| it.replacen("http://localhost", "http://127.0.0.1", 1);
    is_redirect_uri(uri, declared)
        || (declared.starts_with("http://localhost")
            && uri.starts_with("http://localhost")
            && is_redirect_uri(&numbered(uri), &numbered(declared)))
}

fn wanted(
    application: &Application,
    back: &Back,
    parameters: &Parameters,
) -> Result<Wanted, Refusal> {
    let response_type = one(parameters, "response_type")?;
    let response_type = response_type.ok_or(Refusal::Missing("response_type"))?;
    if response_type != "code" {
        return Err(Refusal::ResponseType(response_type.to_owned()));
    }
    let scope = one(parameters, "scope")?.ok_or(Refusal::Missing("scope"))?;
    let scopes: BTreeSet<String> = scope.split_whitespace().map(str::to_owned).collect();
    if !scopes.contains("openid") {
        return Err(Refusal::Scope(scope.to_owned()));
    }
    let challenge = challenge(parameters)?;
    let must = application.require_pkce || back.kind == Kind::SinglePage;
    if must && !matches!(challenge, Some(Challenge::S256(_))) {
        return Err(Refusal::NoChallenge);
    }
    let prompt = match one(parameters, "prompt")? {
        None | Some("consent") => Prompt::WhenNeeded,
        Some("none") => Prompt::None,
        Some("login" | "select_account") => Prompt::Always,
        Some(other) => return Err(Refusal::Prompt(other.to_owned())),
    };
    Ok(Wanted {
        scopes,
        nonce: one(parameters, "nonce")?.map(str::to_owned),
        challenge,
        prompt,
    })
}

fn challenge(parameters: &Parameters) -> Result<Option<Challenge>, Refusal> {
    let method = one(parameters, "code_challenge_method")?;
    let Some(challenge) = one(parameters, "code_challenge")? else {
        return Ok(None);
    };
    let text = challenge.to_owned();
    match method {
        // RFC 7636, section 4.3.
        None | Some("plain") => Ok(Some(Challenge::Plain(text))),
        Some("S256") => {
            let digest = URL_SAFE_NO_PAD.decode(challenge);
            let is_one = digest.is_ok_and(|it| it.len() == 32);
            is_one
                .then_some(Some(Challenge::S256(text)))
                .ok_or(Refusal::Challenge)
        }
        Some(_) => Err(Refusal::Challenge),
    }
}

fn one<'p>(parameters: &'p Parameters, name: &'static str) -> Result<Option<&'p str>, Refusal> {
    let found = parameters.one(name);
    found.map_err(|error: RequestError| Refusal::Malformed(error.to_string()))
}

/// Who is meant: by object id, user principal name, or what guests sign in by.
pub(in crate::emulator) fn find(tenant: &EntraTenant, name: &str) -> Option<ObjectId> {
    if let Ok(id) = Uuid::parse_str(name) {
        return tenant.users().contains_key(&id).then_some(id);
    }
    let is = |it: Option<&str>| it.is_some_and(|it| it.eq_ignore_ascii_case(name));
    let mut users = tenant.users().iter();
    let found = users.find(|(_, it)| is(it.text("userPrincipalName")) || is(login_name(it)));
    found.map(|(id, _)| *id)
}

/// Sends the browser back with a code.
fn give(
    world: &World,
    application: &Application,
    (back, wanted): (&Back, Wanted),
    session: &Session,
) -> Response<Body> {
    let now = world.clock.now();
    let browsers = &world.identity.browsers;
    browsers.enters(session.sid, application.app_id);
    let code = Code {
        grant: Grant {
            app_id: application.app_id,
            person: session.person,
            scopes: wanted.scopes,
            signed_in_at: session.since,
            sid: session.sid,
            kind: back.kind,
        },
        redirect_uri: back.uri.clone(),
        nonce: wanted.nonce,
        challenge: wanted.challenge,
        given_at: now,
        redeemed: false,
    };
    let code = world.identity.codes.give(code, &*world.random);
    let sid = session.sid.to_string();
    back.bring(&[("code", &code), ("session_state", &sid)])
}

impl Back {
    /// Brings these parameters to the application.
    fn bring(&self, parameters: &[(&str, &str)]) -> Response<Body> {
        let mut all = parameters.to_vec();
        if let Some(state) = &self.state {
            all.insert(1, ("state", state));
        }
        match self.mode {
            Mode::Query => redirect(&with_query(&self.uri, &all)),
            Mode::Fragment => {
                let query = with_query("", &all);
                let query = query.trim_start_matches('?');
                redirect(&format!("{}#{query}", self.uri))
            }
            Mode::FormPost => pages::form_post(&self.uri, &all),
        }
    }

    fn refuse(&self, world: &World, refusal: &Refusal) -> Response<Body> {
        tracing::info!(error = %refusal, "nobody was signed in");
        let description = refusal.description(world.fresh_id(), world.clock.now());
        self.bring(&[
            ("error", refusal.error()),
            ("error_description", &description),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_address_may_have_any_port() {
        let check = |uri: &str, declared: &str, expected: bool| {
            assert_eq!(is_loopback(uri, declared), expected, "{uri} for {declared}");
        };
        check("http://localhost:5000", "http://localhost", true);
        check("http://localhost:5000/cb", "http://localhost/cb", true);
        check("http://127.0.0.1:5000/cb", "http://127.0.0.1/cb", true);
        check("http://127.0.0.1:5000/cb", "http://localhost/cb", false);
        check("http://localhost:5000/other", "http://localhost/cb", false);
        check("https://localhost:5000/cb", "http://localhost/cb", false);
    }
}
