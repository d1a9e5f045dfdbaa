//! Which part of the workload a request is for: the pages of people, applications, or SCIM.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;

use super::http::{Shared, serve_scim};
use super::intake;
use super::{api, applications, oauth, portal, sign_in};

/// The service of the public listener.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

/// What waits for the body of a SCIM request is part of this future and small; the other parts have memory of their own.
async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (mut head, body) = request.into_parts();
    if !body.is_end_stream() {
        intake::detach(&mut head);
    }
    if let Some((scim_tenant, route)) = sign_in::find(&shared, &head) {
        let served = sign_in::serve(&shared, peer, (head, body), (&scim_tenant, &route));
        return Box::pin(served).await;
    }
    if let Some((scim_tenant, route)) = portal::find(&shared, &head) {
        let served = portal::serve(&shared, peer, (head, body), (&scim_tenant, &route));
        return Box::pin(served).await;
    }
    if let Some((scim_tenant, route)) = applications::find(&shared, &head) {
        let served = applications::serve(&shared, peer, (head, body), (&scim_tenant, route));
        return Box::pin(served).await;
    }
    if let Some(scim_tenant) = api::find(&shared, &head) {
        return Box::pin(api::serve(&shared, peer, (head, body), &scim_tenant)).await;
    }
    if oauth::is_here(head.uri.path()) {
        return Box::pin(oauth::serve(&shared, peer, head, body)).await;
    }
    serve_scim(&shared, peer, &head, body).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_sent_half_a_request_takes_little_memory() {
        fn size<A, B, C, F: Future>(_: impl Fn(A, B, C) -> F) -> usize {
            size_of::<F>()
        }
        let size = size(serve);
        assert!(size <= 2048, "{size} bytes");
    }
}
