//! The form that a browser sends: read within bounds, and taken from this site alone.

use axum::body::Body;
use axum::http::Method;
use axum::http::header::ORIGIN;
use axum::http::request::Parts;
use url::form_urlencoded;

use super::refused::Refused;
use crate::config::ScimTenantConfig;
use crate::workload::http::Shared;

/// Bytes of a form at most: a password of the greatest length fits, percent-encoded, twice.
const LONGEST: usize = 8 * 1024;

/// The fields of a form, or the parameters of a query.
#[derive(Default)]
pub(in crate::workload) struct Form(Vec<(String, String)>);

impl Form {
    /// The form of a POST, else the query. Browsers present the cookie to no form of another site, and say where a form of a sibling
    /// host is from.
    pub(super) async fn read(
        shared: &Shared,
        scim_tenant: &ScimTenantConfig,
        head: &Parts,
        body: Body,
    ) -> Result<Self, Refused> {
        if head.method != Method::POST {
            return Ok(Self::parse(head.uri.query().unwrap_or_default().as_bytes()));
        }
        let own = scim_tenant.url.origin().ascii_serialization();
        let origin = head.headers.get(ORIGIN);
        if origin.is_some_and(|it| it.as_bytes() != own.as_bytes()) {
            return Err(Refused::ForeignForm);
        }
        let form = shared.intake.read_form(body, LONGEST).await;
        form.map(|it| Self::parse(&it)).map_err(|_| Refused::Form)
    }

    fn parse(text: &[u8]) -> Self {
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// A field; nothing when it is there more than once.
    pub(in crate::workload) fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.0.iter().filter(|(it, _)| it == name);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value.as_str())
    }
}
