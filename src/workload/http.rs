//! One request from its head to its log line: address, client, bounds, endpoint, answer.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::body::{Body, Bytes};
use axum::http::header::{ALLOW, HeaderValue, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{Method, Response};
use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::applications::KnownKeys;
use super::attempts::{Attempts, BEGUN_SIGN_INS, NAMES_LOOKED_UP, UNKNOWN_CREDENTIALS};
use super::credentials::{Denied, Identity};
use super::directory::Effect;
use super::guesses::{CODES, Guesses, PASSWORDS};
use super::handover::Handover;
use super::intake::Intake;
use super::jwt::Untrusted;
use super::keys::IssuerKeys;
use super::mail::Mail;
use super::metrics::Metrics;
use super::noted;
use super::outbound::Outbound;
use super::passwords::Passwords;
use super::recorder::{Content, Exchange};
use super::routing::{self, Endpoint, ScimTenant, Table};
use super::scim::{self, Answer, Call, error_response};
use super::sign_in::{AskedLinks, Providers};
use super::source;
use super::told::{Told, known_method};
use crate::clock::{Clock, Random};
use crate::config::Token;
use crate::scim::error::ScimError;
use crate::store::audit::Requester;

/// Requests in work at once, their bodies read; whoever comes then is asked to come again.
const IN_WORK: usize = 512;

/// Time for one request, its body included.
pub(super) const REQUEST_TIME: Duration = Duration::from_secs(30);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) table: ArcSwap<Table>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Set when the process is about to end: connections are closed after their next answer.
    pub(crate) draining: AtomicBool,
    pub(super) handover: Handover,
    pub(super) attempts: Attempts,
    pub(super) sign_ins: Attempts,
    pub(super) looked_up: Attempts,
    /// Of passwords.
    pub(super) guesses: Guesses,
    /// Of codes of second factors.
    pub(super) code_guesses: Guesses,
    pub(super) asked_links: Arc<AskedLinks>,
    pub(super) mail: Arc<Mail>,
    pub(super) passwords: Passwords,
    pub(super) issuers: Arc<IssuerKeys>,
    pub(super) providers: Arc<Providers>,
    pub(super) signing_keys: KnownKeys,
    /// The way to applications that are told of the end of sessions.
    pub(super) logouts: Outbound,
    pub(super) random: Arc<dyn Random>,
    slots: Semaphore,
    pub(super) intake: Intake,
    /// Tells the requests of this process from those of others.
    pub(super) process: u32,
    pub(super) requests: AtomicU64,
}

impl Shared {
    pub(crate) fn new(table: Table, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let (mut process, mut key) = ([0; 4], [0; 16]);
        random.fill(&mut process);
        random.fill(&mut key);
        let metrics = Metrics::new();
        let mail = Mail::new(Arc::clone(&clock), metrics.emails());
        Self {
            table: ArcSwap::from_pointee(table),
            metrics,
            draining: AtomicBool::new(false),
            handover: Handover::default(),
            attempts: Attempts::new(key, UNKNOWN_CREDENTIALS),
            sign_ins: Attempts::new(key, BEGUN_SIGN_INS),
            looked_up: Attempts::new(key, NAMES_LOOKED_UP),
            guesses: Guesses::new(key, PASSWORDS),
            code_guesses: Guesses::new(key, CODES),
            asked_links: Arc::new(AskedLinks::new(key)),
            mail: Arc::new(mail),
            clock,
            passwords: Passwords::new(Arc::clone(&random)),
            issuers: Arc::default(),
            providers: Arc::default(),
            signing_keys: KnownKeys::default(),
            logouts: Outbound::default(),
            random,
            slots: Semaphore::new(IN_WORK),
            intake: Intake::default(),
            process: u32::from_be_bytes(process),
            requests: AtomicU64::new(0),
        }
    }

    /// A secret of 256 random bits.
    pub(super) fn secret(&self) -> Token {
        Token::from_random(self.random.secret())
    }
}

/// What is known of a request before its endpoint does anything.
pub(super) struct Line {
    pub(super) scim_tenant: Option<Arc<ScimTenant>>,
    pub(super) endpoint: Option<Endpoint>,
    pub(super) identity: Option<Identity>,
    refusal: Option<ScimError>,
    /// Where it comes from.
    pub(super) from: IpAddr,
    /// Seconds after which it may be tried again.
    retry_after: Option<u32>,
}

/// Answers a request of SCIM, and whatever is for nobody else.
pub(super) async fn serve_scim(
    shared: &Shared,
    peer: SocketAddr,
    head: &Parts,
    body: Body,
) -> Response<Body> {
    let told = Told::begin(shared);
    let user_agent = source::user_agent(&head.headers);
    let is_open = shared.handover.is_open().await;
    let mut line = recognize(shared, head, peer, told.began).await;
    let request_id = told.request_id(shared);
    if !is_open {
        line.refusal = Some(ScimError::unavailable(
            "The directory is not open yet; try again in a second.",
        ));
    }

    let mut content = Content::Absent;
    let result = if let Some(refusal) = line.refusal.take() {
        Err(refusal)
    } else {
        bounded(shared, &line, &request_id, (head, body), &mut content).await
    };
    let agent = user_agent.as_deref();
    noted::activity(&line, &head.method, agent, told.began, (&result, &content));

    let (response, answer, operations, error) = match result {
        Ok((answer, _)) => {
            shared.metrics.answer(&answer);
            let (response, answer, operations) = answer.into_response();
            (response, answer, operations, None)
        }
        Err(error) => (refused(&line, &error), Content::Absent, vec![], Some(error)),
    };
    if let (Some(scim_tenant), Some(identity)) = (&line.scim_tenant, &line.identity) {
        let endpoint = line.endpoint.as_ref();
        let exchange = Exchange {
            at: told.began,
            client: identity.client.name.clone(),
            request_id,
            method: known_method(&head.method),
            target: endpoint.map_or("…", Endpoint::target),
            id: endpoint.and_then(|it| it.id().map(str::to_owned)),
            query: head.uri.query().map(str::to_owned),
            status: response.status().as_u16(),
            ms: told.seconds(shared) * 1000.0,
            error,
            body: content,
            answer,
        };
        noted::exchange(scim_tenant, exchange, operations);
    }
    let route = line.endpoint.as_ref().map_or("other", Endpoint::route);
    let told = told.about(
        line.scim_tenant
            .as_ref()
            .map(|it| it.config.name.0.as_str()),
        line.identity.as_ref().map(|it| it.client.name.as_str()),
    );
    told.finish(shared, &head.method, route, response)
}

/// Finds directory, endpoint and client, in this order; says nothing about endpoints to strangers.
async fn recognize(shared: &Shared, head: &Parts, peer: SocketAddr, now: Timestamp) -> Line {
    let mut line = Line {
        scim_tenant: None,
        endpoint: None,
        identity: None,
        refusal: None,
        from: peer.ip().to_canonical(),
        retry_after: None,
    };
    let host = routing::host(&head.uri, &head.headers);
    let found = {
        let table = shared.table.load();
        let found = table.find(&host, head.uri.path());
        found.map(|(scim_tenant, rest)| (Arc::clone(scim_tenant), Endpoint::parse(rest)))
    };
    let Some((scim_tenant, endpoint)) = found else {
        line.refusal = Some(ScimError::not_found(
            "There is no SCIM endpoint at this address; compare it with the Tenant URL.",
        ));
        return line;
    };
    let trusted = &scim_tenant.config.trusted_proxies;
    line.from = source::address(&head.headers, peer.ip(), trusted);
    line.endpoint = endpoint;
    line.scim_tenant = Some(Arc::clone(&scim_tenant));
    let clients = &scim_tenant.clients;
    let identified = match clients.identify(&head.headers, now) {
        Err(Denied::Unknown) => {
            let issued = clients.identify_issued(&head.headers, &shared.issuers, now);
            Box::pin(issued).await
        }
        known => known,
    };
    match identified {
        Ok(identity) => line.identity = Some(identity),
        Err(denied) => {
            deny(shared, &mut line, denied, now);
            return line;
        }
    }
    line.refusal = match &line.endpoint {
        None => Some(ScimError::not_found("There is no such SCIM endpoint.")),
        Some(endpoint) if !endpoint.allows(&head.method) => Some(ScimError::method_not_allowed(
            format!("Allowed are {}.", endpoint.methods()),
        )),
        Some(endpoint) => {
            let rights = line.identity.as_ref().map(|it| &it.client.rights);
            let writes = endpoint.writes(&head.method);
            rights.and_then(|it| it.check(endpoint.kind(), writes).err())
        }
    };
    line
}

/// Refuses who was not recognized; whoever presented too many unknown credentials, with the time to wait.
fn deny(shared: &Shared, line: &mut Line, denied: Denied, now: Timestamp) {
    let detail = denied.detail();
    let (reason, identity) = match denied {
        Denied::Missing(_) => ("missing", None),
        Denied::Expired(identity) | Denied::TokenExpired(identity) => ("expired", Some(identity)),
        Denied::Elsewhere(identity) => ("elsewhere", Some(identity)),
        Denied::Untrusted(Untrusted::KeysUnavailable) => ("unchecked", None),
        Denied::Unknown | Denied::Untrusted(_) => {
            line.retry_after = shared.attempts.count(line.from, now);
            let limited = line.retry_after.is_some();
            (if limited { "limited" } else { "unknown" }, None)
        }
    };
    line.identity = identity;
    line.refusal = Some(match line.retry_after {
        None if reason == "unchecked" => ScimError::unavailable(detail),
        None => ScimError::unauthorized(detail),
        Some(seconds) => ScimError::too_many_requests(format!(
            "Too many unknown credentials came from this address; wait {seconds} seconds. A good credential is accepted at once."
        )),
    });
    if let Some(scim_tenant) = &line.scim_tenant {
        shared.metrics.denied(&scim_tenant.config.name.0, reason);
    }
}

/// Does the work within the bounds on number, time and panics.
async fn bounded(
    shared: &Shared,
    line: &Line,
    request_id: &str,
    request: (&Parts, Body),
    content: &mut Content,
) -> Result<(Answer, Effect), ScimError> {
    let requester = requester(line, request_id);
    let work = perform(shared, line, &requester, request, content);
    let work = AssertUnwindSafe(work).catch_unwind();
    match tokio::time::timeout(REQUEST_TIME, work).await {
        Ok(Ok(done)) => done.map_err(scim::refusal),
        Ok(Err(_)) => {
            shared.metrics.panic();
            let route = line.endpoint.as_ref().map(Endpoint::route);
            tracing::error!(route, "a request ended by a panic");
            Err(ScimError::internal("The server failed."))
        }
        Err(_) => Err(ScimError {
            status: 408,
            scim_type: None,
            detail: "The request took too long.".to_owned(),
            retry_after: None,
        }),
    }
}

/// Who asks, as the audit has it.
fn requester(line: &Line, request_id: &str) -> Requester {
    let identity = line.identity.as_ref();
    Requester {
        request_id: request_id.to_owned(),
        client: identity
            .map(|it| it.client.name.clone())
            .unwrap_or_default(),
        credential: identity
            .map(|it| it.credential.as_str().to_owned())
            .unwrap_or_default(),
        person: None,
    }
}

async fn perform(
    shared: &Shared,
    line: &Line,
    requester: &Requester,
    (head, body): (&Parts, Body),
    content: &mut Content,
) -> scim::Done {
    let (Some(scim_tenant), Some(endpoint), Some(identity)) =
        (&line.scim_tenant, &line.endpoint, &line.identity)
    else {
        return Err(ScimError::not_found("There is no such SCIM endpoint.").into());
    };
    let (directory, client) = (&scim_tenant.config.name.0, &identity.client.name);
    let mut room = shared.intake.begin(format!("{directory} {client}"));
    let carries = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    let body = if carries {
        scim::accepts(&head.headers)?;
        scim::read_body(body, &mut room).await?.into()
    } else {
        Bytes::new()
    };
    *content = Content::of(&body);
    // Not before: a client takes as long over a body as it likes.
    let Ok(_slot) = shared.slots.try_acquire() else {
        let detail = "Too many requests at once; try again in a second.";
        return Err(ScimError::unavailable(detail).into());
    };
    let call = Call {
        scim_tenant,
        client: &identity.client,
        now: shared.clock.now(),
        endpoint,
        requester,
        method: &head.method,
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    // A place of its own: whoever waits for a body does not have it yet.
    Box::pin(call.perform()).await
}

fn refused(line: &Line, error: &ScimError) -> Response<Body> {
    let mut response = error_response(error);
    if error.status == 405
        && let Some(endpoint) = &line.endpoint
    {
        let methods = HeaderValue::from_static(endpoint.methods());
        response.headers_mut().insert(ALLOW, methods);
    }
    if let Some(seconds) = line.retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
