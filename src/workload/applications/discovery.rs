//! What the provider says of itself (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2).

use serde_json::{Value, json};

use super::device::DEVICE_CODE;
use crate::config::{ApplicationAuthentication, ApplicationConfig, SigningAlgorithm};
use crate::oidc::authentication_request::Scope;
use crate::workload::oauth::ASSERTION_ALGORITHMS;
use crate::workload::routing::ScimTenant;

/// The metadata of a directory that has applications.
pub(in crate::workload) fn document(scim_tenant: &ScimTenant) -> Value {
    let mut said = common(scim_tenant.base());
    let declared = scim_tenant.config.applications();
    let any = |has: fn(&ApplicationConfig) -> bool| {
        declared.is_some_and(|it| it.applications.iter().any(has))
    };
    // SCIM clients have the same token endpoint.
    let has_clients = scim_tenant.clients.any_oauth();
    let has_keys = any(|it| matches!(it.authentication, ApplicationAuthentication::PrivateKey(_)));
    let mut grants = vec!["authorization_code", "refresh_token"];
    if any(|it| it.device_authorization) {
        grants.push(DEVICE_CODE);
        let address = format!("{}/oauth2/device_authorization", scim_tenant.base());
        said["device_authorization_endpoint"] = address.into();
    }
    if has_clients {
        grants.push("client_credentials");
    }
    said["grant_types_supported"] = grants.into();
    let mut algorithms = vec!["ES256"];
    if any(|it| it.signing_algorithm == SigningAlgorithm::Rs256) {
        algorithms.push("RS256");
    }
    said["id_token_signing_alg_values_supported"] = algorithms.into();
    for (endpoint, takes_public, takes_keys) in [
        ("token", true, has_clients || has_keys),
        ("revocation", true, has_keys),
        ("introspection", false, has_keys),
    ] {
        let mut methods = vec!["client_secret_basic", "client_secret_post"];
        methods.extend(takes_public.then_some("none"));
        if takes_keys {
            methods.push("private_key_jwt");
            let algorithms = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            said[algorithms] = ASSERTION_ALGORITHMS.into();
        }
        said[format!("{endpoint}_endpoint_auth_methods_supported")] = methods.into();
    }
    said
}

/// What holds for every directory.
fn common(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}/oauth2/{path}");
    json!({
        "issuer": issuer,
        "authorization_endpoint": at("authorize"),
        "token_endpoint": at("token"),
        "jwks_uri": at("keys"),
        "userinfo_endpoint": at("userinfo"),
        "introspection_endpoint": at("introspect"),
        "revocation_endpoint": at("revoke"),
        "end_session_endpoint": at("sign-out"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "subject_types_supported": ["public"],
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "amr", "nonce", "at_hash", "sid",
            "name", "given_name", "family_name", "preferred_username", "email"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        // Discovery, section 3: true when absent.
        "request_uri_parameter_supported": false,
    })
}
