//! What the platform says of itself (OpenID Connect Discovery 1.0), in Entra's words as far as it does the same.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use serde_json::{Value, json};

use super::{json, refused};
use crate::emulator::world::World;

/// The document at `.well-known/openid-configuration`.
pub(super) async fn configuration(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
) -> Response<Body> {
    match world.realm(&named) {
        Ok(tenant) => {
            // Of no tenant in particular: whoever reads it puts the `tid` of a token in the place of the word.
            let of = match named.as_str() {
                "common" | "organizations" => "{tenantid}".to_owned(),
                _ => tenant.id.to_string(),
            };
            json(200, &document(&world.base, &named, &of))
        }
        Err(refusal) => refused(&world, &refusal),
    }
}

fn document(base: &str, named: &str, of: &str) -> Value {
    let endpoint = |name: &str| format!("{base}/{named}/oauth2/v2.0/{name}");
    json!({
        "token_endpoint": endpoint("token"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": format!("{base}/{named}/discovery/v2.0/keys"),
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": format!("{base}/{of}/v2.0"),
        "request_uri_parameter_supported": false,
        "userinfo_endpoint": format!("{base}/oidc/userinfo"),
        "authorization_endpoint": endpoint("authorize"),
        "http_logout_supported": true,
        "frontchannel_logout_supported": true,
        // Entra has none; whoever registers an address for it is told.
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "end_session_endpoint": endpoint("logout"),
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "acct", "nonce", "preferred_username", "name", "tid", "ver", "oid", "email",
        ],
        "tenant_region_scope": null,
        "cloud_instance_name": "microsoftonline.com",
        "cloud_graph_host_name": "graph.windows.net",
        "msgraph_host": "graph.microsoft.com",
    })
}

/// The public keys.
pub(super) async fn keys(
    State(world): State<Arc<World>>,
    Path(named): Path<String>,
) -> Response<Body> {
    match world.realm(&named) {
        Ok(tenant) => {
            let issuer = world.issuer(&tenant);
            json(200, &world.identity.keys.published(&issuer))
        }
        Err(refusal) => refused(&world, &refusal),
    }
}
