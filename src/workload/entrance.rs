//! Which part of the workload a request is for: the pages of people, applications, or SCIM.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::Response;

use super::http::{Shared, serve_scim};
use super::{api, applications, oauth, portal, sign_in};

/// The service of the public listener.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new().fallback(serve).with_state(shared)
}

async fn serve(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response<Body> {
    let (head, body) = request.into_parts();
    if let Some((scim_tenant, route)) = sign_in::find(&shared, &head) {
        return sign_in::serve(&shared, peer, (head, body), (&scim_tenant, &route)).await;
    }
    if let Some((scim_tenant, route)) = portal::find(&shared, &head) {
        return portal::serve(&shared, peer, (head, body), (&scim_tenant, &route)).await;
    }
    if let Some((scim_tenant, route)) = applications::find(&shared, &head) {
        return applications::serve(&shared, peer, (head, body), (&scim_tenant, route)).await;
    }
    if let Some(scim_tenant) = api::find(&shared, &head) {
        return api::serve(&shared, peer, (head, body), &scim_tenant).await;
    }
    if oauth::is_here(head.uri.path()) {
        return oauth::serve(&shared, peer, head, body).await;
    }
    serve_scim(&shared, peer, head, body).await
}
