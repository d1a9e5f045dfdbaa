//! How a request ends: its log line, its place in the metrics, and what every answer has.

use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::http::header::{CONNECTION, HeaderValue};
use axum::http::{Method, Response};
use jiff::Timestamp;

use super::http::Shared;

/// What the log line and the metrics say of a request.
pub(super) struct Told<'t> {
    pub(super) began: Timestamp,
    number: u64,
    scim_tenant: Option<&'t str>,
    client: Option<&'t str>,
}

impl<'t> Told<'t> {
    pub(super) fn begin(shared: &Shared) -> Self {
        Self {
            began: shared.clock.now(),
            number: shared.requests.fetch_add(1, Ordering::Relaxed),
            scim_tenant: None,
            client: None,
        }
    }

    /// What was found out of it.
    pub(super) fn about(self, scim_tenant: Option<&'t str>, client: Option<&'t str>) -> Self {
        Self {
            scim_tenant,
            client,
            ..self
        }
    }

    /// It is for this directory.
    pub(super) fn of(self, scim_tenant: &'t str) -> Self {
        Self {
            scim_tenant: Some(scim_tenant),
            ..self
        }
    }

    /// It comes from this client.
    pub(super) fn by(self, client: &'t str) -> Self {
        Self {
            client: Some(client),
            ..self
        }
    }

    /// The name of the request in the log, in its answer and in the records.
    pub(super) fn request_id(&self, shared: &Shared) -> String {
        format!("{:08x}-{:x}", shared.process, self.number)
    }

    /// Seconds since it began.
    pub(super) fn seconds(&self, shared: &Shared) -> f64 {
        shared.clock.now().duration_since(self.began).as_secs_f64()
    }

    /// Counts and logs the request, and gives its answer what every answer has.
    pub(super) fn finish(
        self,
        shared: &Shared,
        method: &Method,
        route: &'static str,
        mut response: Response<Body>,
    ) -> Response<Body> {
        let status = response.status().as_u16();
        let seconds = self.seconds(shared);
        let method = known_method(method);
        shared.metrics.request(route, method, status, seconds);
        let request_id = self.request_id(shared);
        macro_rules! say {
            ($level:ident) => {
                tracing::$level!(
                    method,
                    route,
                    scim_tenant = self.scim_tenant,
                    client = self.client,
                    status,
                    ms = seconds * 1000.0,
                    request_id,
                    "{method} {route} {status}",
                )
            };
        }
        // Entra reads far more than it changes, and nobody looks for what was read without trouble.
        if matches!(method, "GET" | "HEAD") && status < 400 {
            say!(debug);
        } else {
            say!(info);
        }
        let headers = response.headers_mut();
        if let Ok(value) = HeaderValue::from_str(&request_id) {
            headers.insert("x-request-id", value);
        }
        if shared.draining.load(Ordering::Relaxed) {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// A method as a label: those that nobody knows are one.
pub(super) fn known_method(method: &Method) -> &'static str {
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
