//! An access token in the place of the session (RFC 6750, section 2.1), where its application is declared for that.

use std::error::Error;

use axum::http::header::AUTHORIZATION;

use super::super::Visit;
use crate::store::Stored;
use crate::workload::applications::Asked;
use crate::workload::credentials;

/// Why nobody can say whose token it is.
pub(super) type Unanswered = Box<dyn Error + Send + Sync>;

/// Whether a token is presented that is to be looked at. Without a declared audience the header is the application's own. One that is there
/// twice is: the application might read the other one.
pub(super) fn is_presented(visit: &Visit<'_>) -> bool {
    let is_bearer = |it: &[u8]| {
        let scheme = it.trim_ascii_start().split(|it| *it == b' ').next();
        scheme.is_some_and(|it| it.eq_ignore_ascii_case(b"bearer"))
    };
    let mut all = visit.head.headers.get_all(AUTHORIZATION).iter();
    !visit.config.forward_auth.audiences.is_empty() && all.any(|it| is_bearer(it.as_bytes()))
}

/// Whose token it is; nobody's when it is not good, has expired, is for another audience, or its person is not signed in any more.
pub(super) async fn person(visit: &Visit<'_>) -> Result<Option<Stored>, Unanswered> {
    let from = (visit.from(), visit.now);
    let asked = Asked::of(visit.shared, visit.scim_tenant, &visit.head.headers, from);
    let Some((asked, token)) = asked.zip(credentials::bearer(&visit.head.headers)) else {
        return Ok(None);
    };
    let audiences = &visit.config.forward_auth.audiences;
    asked.person(&token, audiences).await
}
