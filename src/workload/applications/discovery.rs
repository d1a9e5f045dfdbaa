//! What the provider says of itself (OpenID Connect Discovery 1.0, section 3; RFC 8414, section 2).

use serde_json::{Value, json};

use super::device::DEVICE_CODE;
use crate::config::{ApplicationAuthentication, ApplicationConfig, SigningAlgorithm};
use crate::oidc::authentication_request::Scope;
use crate::workload::oauth::ASSERTION_ALGORITHMS;
use crate::workload::routing::ScimTenant;

/// The metadata of a directory that has applications.
pub(in crate::workload) fn document(scim_tenant: &ScimTenant) -> Value {
    let issuer = scim_tenant.base();
    let at = |path: &str| format!("{issuer}/oauth2/{path}");
    let mut grants = vec!["authorization_code", "refresh_token"];
    let mut methods = vec!["client_secret_basic", "client_secret_post", "none"];
    let declared = scim_tenant.config.applications();
    let has_devices =
        declared.is_some_and(|it| it.applications.iter().any(|it| it.device_authorization));
    if has_devices {
        grants.push(DEVICE_CODE);
    }
    // SCIM clients have the same token endpoint.
    let has_clients = scim_tenant.clients.any_oauth();
    if has_clients {
        grants.push("client_credentials");
    }
    let has_key = |it: &ApplicationConfig| {
        matches!(it.authentication, ApplicationAuthentication::PrivateKey(_))
    };
    let has_keys = declared.is_some_and(|it| it.applications.iter().any(has_key));
    if has_clients || has_keys {
        methods.push("private_key_jwt");
    }
    let mut algorithms = vec!["ES256"];
    if declared.is_some_and(|it| {
        it.applications
            .iter()
            .any(|it| it.signing_algorithm == SigningAlgorithm::Rs256)
    }) {
        algorithms.push("RS256");
    }
    let mut said = json!({
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
        "grant_types_supported": grants,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": algorithms,
        "scopes_supported": Scope::ALL.map(Scope::as_str),
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login", "select_account", "consent"],
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid",
            "name", "given_name", "family_name", "preferred_username", "email"],
        "authorization_response_iss_parameter_supported": true,
        "backchannel_logout_supported": true,
        "backchannel_logout_session_supported": true,
        "claims_parameter_supported": false,
        "request_parameter_supported": false,
        // Discovery, section 3: true when absent.
        "request_uri_parameter_supported": false,
    });
    if has_devices {
        said["device_authorization_endpoint"] = at("device_authorization").into();
    }
    if has_clients || has_keys {
        said["token_endpoint_auth_signing_alg_values_supported"] = ASSERTION_ALGORITHMS.into();
    }
    if has_keys {
        for endpoint in ["introspection", "revocation"] {
            let methods = format!("{endpoint}_endpoint_auth_methods_supported");
            if let Some(methods) = said[&methods].as_array_mut() {
                methods.push("private_key_jwt".into());
            }
            let algorithms = format!("{endpoint}_endpoint_auth_signing_alg_values_supported");
            said[algorithms] = ASSERTION_ALGORITHMS.into();
        }
    }
    said
}
