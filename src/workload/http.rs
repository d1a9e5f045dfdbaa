//! One request from its head to its log line: address, client, bounds, endpoint, answer.

use std::net::{IpAddr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{ALLOW, CONNECTION, HeaderValue, RETRY_AFTER};
use axum::http::{Method, Response};
use futures::FutureExt;
use jiff::Timestamp;
use tokio::sync::Semaphore;

use super::activity::Event;
use super::attempts::Attempts;
use super::credentials::{Denied, Identity};
use super::directory::Effect;
use super::handover::Handover;
use super::metrics::Metrics;
use super::routing::{self, Endpoint, ScimTenant, Table};
use super::scim::{self, Answer, BodyRefused, Call, error_response};
use super::source;
use crate::clock::Clock;
use crate::scim::error::ScimError;

/// Requests in work at once; whoever comes then is asked to come again.
const IN_WORK: usize = 512;

/// Time for one request, its body included.
const REQUEST_TIME: Duration = Duration::from_secs(30);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) table: ArcSwap<Table>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) metrics: Metrics,
    /// Set when the process is about to end: connections are closed after their next answer.
    pub(crate) draining: AtomicBool,
    pub(super) handover: Handover,
    attempts: Attempts,
    slots: Semaphore,
    /// Tells the requests of this process from those of others.
    process: u32,
    requests: AtomicU64,
}

impl Shared {
    pub(crate) fn new(
        table: Table,
        clock: Arc<dyn Clock>,
        process: u32,
        attempts: Attempts,
    ) -> Self {
        Self {
            table: ArcSwap::from_pointee(table),
            clock,
            metrics: Metrics::new(),
            draining: AtomicBool::new(false),
            handover: Handover::default(),
            attempts,
            slots: Semaphore::new(IN_WORK),
            process,
            requests: AtomicU64::new(0),
        }
    }
}

/// The service of the public listener.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

/// What is known of a request before its endpoint does anything.
struct Line {
    scim_tenant: Option<Arc<ScimTenant>>,
    endpoint: Option<Endpoint>,
    identity: Option<Identity>,
    refusal: Option<ScimError>,
    /// Where it comes from.
    from: IpAddr,
    /// Seconds after which it may be tried again.
    retry_after: Option<u32>,
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let began = shared.clock.now();
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let method = request.method().clone();
    let user_agent = source::user_agent(request.headers());
    let is_open = shared.handover.is_open().await;
    let mut line = recognize(&shared, &request, peer, began);
    if !is_open {
        line.refusal = Some(ScimError::unavailable(
            "The directory is not open yet; try again in a second.",
        ));
    }

    let result = match line.refusal.take() {
        Some(refusal) => Err(refusal),
        None => bounded(&shared, &line, request).await,
    };
    record(&line, &method, user_agent.as_deref(), began, &result);

    let mut response = match result {
        Ok((answer, _)) => answer.into_response(),
        Err(error) => refused(&line, &error),
    };
    let status = response.status().as_u16();
    let seconds = shared.clock.now().duration_since(began).as_secs_f64();
    let route = line.endpoint.as_ref().map_or("other", Endpoint::route);
    shared
        .metrics
        .request(route, known_method(&method), status, seconds);
    let request_id = format!("{:08x}-{number:x}", shared.process);
    tracing::info!(
        method = known_method(&method),
        route,
        scim_tenant = line
            .scim_tenant
            .as_ref()
            .map(|it| it.config.name.0.as_str()),
        client = line.identity.as_ref().map(|it| it.client.name.as_str()),
        status,
        ms = seconds * 1000.0,
        request_id,
        "{} {route} {status}",
        known_method(&method),
    );
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        headers.insert("x-request-id", value);
    }
    if shared.draining.load(Ordering::Relaxed) {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Finds directory, endpoint and client, in this order; says nothing about endpoints to strangers.
fn recognize(shared: &Shared, request: &Request, peer: SocketAddr, now: Timestamp) -> Line {
    let mut line = Line {
        scim_tenant: None,
        endpoint: None,
        identity: None,
        refusal: None,
        from: peer.ip().to_canonical(),
        retry_after: None,
    };
    let table = shared.table.load();
    let host = routing::host(request.uri(), request.headers());
    let Some((scim_tenant, rest)) = table.find(&host, request.uri().path()) else {
        line.refusal = Some(ScimError::not_found(
            "There is no SCIM endpoint at this address; compare it with the Tenant URL.",
        ));
        return line;
    };
    line.scim_tenant = Some(Arc::clone(scim_tenant));
    line.endpoint = Endpoint::parse(rest);
    line.from = source::address(
        request.headers(),
        peer.ip(),
        &scim_tenant.config.trusted_proxies,
    );
    match scim_tenant.clients.identify(request.headers(), now) {
        Ok(identity) => line.identity = Some(identity),
        Err(denied) => {
            deny(shared, &mut line, denied, now);
            return line;
        }
    }
    line.refusal = match &line.endpoint {
        None => Some(ScimError::not_found("There is no such SCIM endpoint.")),
        Some(endpoint) if !endpoint.allows(request.method()) => Some(
            ScimError::method_not_allowed(format!("Allowed are {}.", endpoint.methods())),
        ),
        Some(endpoint) => {
            let rights = line.identity.as_ref().map(|it| &it.client.rights);
            let writes = !matches!(*request.method(), Method::GET | Method::HEAD);
            rights.and_then(|it| it.check(endpoint.kind(), writes).err())
        }
    };
    line
}

/// Refuses who was not recognized; whoever presented too many unknown credentials, with the time to wait.
fn deny(shared: &Shared, line: &mut Line, denied: Denied, now: Timestamp) {
    let detail = denied.detail();
    let (outcome, identity) = match denied {
        Denied::Missing(_) => ("missing", None),
        Denied::Expired(identity) => ("expired", Some(identity)),
        Denied::Unknown => {
            line.retry_after = shared.attempts.fail(line.from, now);
            let outcome = if line.retry_after.is_some() {
                "limited"
            } else {
                "unknown"
            };
            (outcome, None)
        }
    };
    line.identity = identity;
    line.refusal = Some(match line.retry_after {
        None => ScimError::unauthorized(detail),
        Some(seconds) => ScimError::too_many_requests(format!(
            "Too many unknown credentials came from this address; wait {seconds} seconds. A good credential is accepted at once."
        )),
    });
    if let Some(scim_tenant) = &line.scim_tenant {
        shared.metrics.denied(&scim_tenant.config.name.0, outcome);
    }
}

/// Does the work within the bounds on number, time and panics.
async fn bounded(
    shared: &Shared,
    line: &Line,
    request: Request,
) -> Result<(Answer, Effect), ScimError> {
    let (Some(scim_tenant), Some(endpoint)) = (&line.scim_tenant, &line.endpoint) else {
        return Err(ScimError::not_found("There is no such SCIM endpoint."));
    };
    let Ok(_slot) = shared.slots.try_acquire() else {
        return Err(ScimError::unavailable(
            "Too many requests at once; try again in a second.",
        ));
    };
    let work = AssertUnwindSafe(perform(scim_tenant, endpoint, request)).catch_unwind();
    match tokio::time::timeout(REQUEST_TIME, work).await {
        Ok(Ok(done)) => done.map_err(scim::refusal),
        Ok(Err(_)) => {
            shared.metrics.panic();
            tracing::error!(route = endpoint.route(), "a request ended by a panic");
            Err(ScimError::internal("The server failed."))
        }
        Err(_) => Err(ScimError {
            status: 408,
            scim_type: None,
            detail: "The request took too long.".to_owned(),
        }),
    }
}

async fn perform(scim_tenant: &ScimTenant, endpoint: &Endpoint, request: Request) -> scim::Done {
    let (head, body) = request.into_parts();
    let carries = matches!(head.method, Method::POST | Method::PUT | Method::PATCH);
    let body = if carries {
        scim::accepts(&head.headers)?;
        match scim::read_body(&head.headers, body).await {
            Ok(body) => body,
            Err(BodyRefused::Scim(error)) => return Err(error.into()),
            Err(BodyRefused::Broken) => {
                return Err(ScimError::invalid_syntax("The body ended too early.").into());
            }
        }
    } else {
        Vec::new()
    };
    let call = Call {
        scim_tenant,
        endpoint,
        method: &head.method,
        query: head.uri.query().unwrap_or_default(),
        headers: &head.headers,
        body: &body,
    };
    call.perform().await
}

/// Adds the request to what is known of its client.
fn record(
    line: &Line,
    method: &Method,
    user_agent: Option<&str>,
    time: Timestamp,
    result: &Result<(Answer, Effect), ScimError>,
) {
    let (Some(scim_tenant), Some(identity)) = (&line.scim_tenant, &line.identity) else {
        return;
    };
    let event = Event {
        time,
        client: &identity.client.name,
        credential: &identity.credential,
        from: line.from,
        user_agent,
        method: known_method(method),
        target: line.endpoint.as_ref().map_or("…", Endpoint::target),
        kind: line.endpoint.as_ref().and_then(Endpoint::kind),
        outcome: result.as_ref().map(|(_, effect)| *effect),
    };
    scim_tenant
        .opened
        .with_activity(|activity| activity.record(&event));
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

/// A method as a label: those that nobody knows are one.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
