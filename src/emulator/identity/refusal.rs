//! Why nobody signs in, in the numbers and words of Entra: `AADSTS…`.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};
use uuid::Uuid;

/// A fault of a request, of a registration or of a person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Tenant '{0}' not found. Check to make sure you have the correct tenant ID.")]
    Tenant(String),
    #[error("The request body must contain the following parameter: '{0}'.")]
    Missing(&'static str),
    #[error("Invalid request. Request is malformed or invalid: {0}.")]
    Malformed(String),
    #[error("Application with identifier '{0}' was not found in the directory.")]
    Application(String),
    #[error(
        "The redirect URI '{0}' specified in the request does not match the redirect URIs configured for the application '{1}'."
    )]
    RedirectUri(String, Uuid),
    #[error(
        "The reply address '{0}' does not match the reply address '{1}' provided when requesting Authorization code."
    )]
    OtherRedirectUri(String, String),
    #[error("response_type '{0}' is not enabled for the application.")]
    ResponseType(String),
    #[error(
        "The app returned an unsupported value of response_mode when requesting a token: '{0}'."
    )]
    ResponseMode(String),
    #[error(
        "The provided value for the input parameter 'scope' is not valid: '{0}'. The scope must have openid, or end in /.default where an application signs in by itself."
    )]
    Scope(String),
    #[error("The provided value '{0}' for the input parameter 'prompt' is not valid.")]
    Prompt(String),
    #[error("Proof Key for Code Exchange by S256 is required for this application.")]
    NoChallenge,
    #[error("Invalid size of Code_Challenge parameter.")]
    Challenge,
    #[error("A silent sign-in request was sent but no user is signed in.")]
    NobodySignedIn,
    #[error("User declined to consent to access the app.")]
    Declined,
    #[error(
        "The user account '{0}' does not exist in the tenant '{1}' and cannot sign in to the application '{2}'."
    )]
    Person(String, Uuid, String),
    #[error("The user account is disabled.")]
    Disabled,
    #[error("The signed in user '{0}' is not assigned to a role for the application '{1}'.")]
    NotAssigned(String, Uuid),
    #[error("The app requested an unsupported grant type '{0}'.")]
    GrantType(String),
    #[error(
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
    )]
    NoProof,
    #[error(
        "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
    )]
    PublicClient,
    #[error(
        "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '{0}'."
    )]
    ClientSecret(Uuid),
    #[error(
        "The provided client secret keys for app '{0}' are expired. Visit the portal to create new keys for your app."
    )]
    ExpiredClientSecret(Uuid),
    #[error("Client assertion is not within its valid time range.")]
    AssertionTime,
    #[error("Client assertion failed signature validation: {0}.")]
    AssertionSignature(&'static str),
    #[error("Client assertion audience claim does not match: got '{0}', expected '{1}'.")]
    AssertionAudience(String, String),
    #[error(
        "No matching federated identity record found for presented assertion. Assertion Issuer: '{0}'. Assertion Subject: '{1}'. Assertion Audience: '{2}'."
    )]
    FederatedCredential(String, String, String),
    #[error("Request to External OIDC endpoint failed: {0}.")]
    ExternalIssuer(String),
    #[error(
        "Invalid JWT token. '{0}' is not a supported signature algorithm. Supported signing algorithms are: 'RS256'."
    )]
    FederatedAlgorithm(String),
    #[error("The provided authorization code or refresh token has expired due to inactivity.")]
    ExpiredGrant,
    #[error(
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."
    )]
    RedeemedCode,
    #[error("The provided grant is not valid: it is malformed, or was issued to somebody else.")]
    Grant,
    #[error(
        "The Code_Verifier does not match the code_challenge supplied in the authorization request."
    )]
    Verifier,
    #[error(
        "The provided grant has expired due to it being revoked, a fresh auth token is needed."
    )]
    Revoked,
    #[error("There are too many incoming requests, as a fault asks for; try again later.")]
    Throttled,
    #[error("There is an issue with the sign-in service: its keys do not sign.")]
    Keys,
}

impl Refusal {
    /// The number, the word in `error`, and the HTTP status.
    const fn kind(&self) -> (u32, &'static str, u16) {
        match self {
            Self::Tenant(_) => (90_002, "invalid_request", 400),
            Self::Missing(_) => (900_144, "invalid_request", 400),
            Self::Malformed(_) => (9_002_313, "invalid_request", 400),
            Self::Application(_) => (700_016, "unauthorized_client", 400),
            Self::RedirectUri(..) => (50_011, "invalid_request", 400),
            Self::OtherRedirectUri(..) => (500_112, "invalid_client", 401),
            Self::ResponseType(_) => (700_054, "unsupported_response_type", 400),
            Self::ResponseMode(_) => (70_007, "invalid_request", 400),
            Self::Scope(_) => (70_011, "invalid_scope", 400),
            Self::Prompt(_) => (90_023, "invalid_request", 400),
            Self::NoChallenge => (9_002_325, "invalid_request", 400),
            Self::Challenge => (501_491, "invalid_request", 400),
            Self::NobodySignedIn => (50_058, "login_required", 400),
            Self::Declined => (65_004, "access_denied", 400),
            Self::Person(..) => (50_034, "invalid_grant", 400),
            Self::Disabled => (50_057, "invalid_grant", 400),
            Self::NotAssigned(..) => (50_105, "interaction_required", 400),
            Self::GrantType(_) => (70_003, "unsupported_grant_type", 400),
            Self::NoProof => (7_000_218, "invalid_client", 401),
            Self::PublicClient => (700_025, "invalid_client", 401),
            Self::ClientSecret(_) => (7_000_215, "invalid_client", 401),
            Self::ExpiredClientSecret(_) => (7_000_222, "invalid_client", 401),
            Self::AssertionTime => (700_024, "invalid_client", 401),
            Self::AssertionSignature(_) => (700_027, "invalid_client", 401),
            Self::AssertionAudience(..) => (700_023, "invalid_client", 401),
            Self::FederatedCredential(..) => (70_021, "invalid_request", 400),
            Self::ExternalIssuer(_) => (501_661, "invalid_request", 400),
            Self::FederatedAlgorithm(_) => (5_002_738, "invalid_request", 400),
            Self::ExpiredGrant => (70_008, "invalid_grant", 400),
            Self::RedeemedCode => (54_005, "invalid_grant", 400),
            Self::Grant => (70_000, "invalid_grant", 400),
            Self::Verifier => (501_481, "invalid_grant", 400),
            Self::Revoked => (50_173, "invalid_grant", 400),
            Self::Throttled => (90_055, "temporarily_unavailable", 429),
            Self::Keys => (50_000, "server_error", 500),
        }
    }

    /// The HTTP status.
    pub(super) const fn status(&self) -> u16 {
        self.kind().2
    }

    /// The word in `error`.
    pub(super) const fn error(&self) -> &'static str {
        self.kind().1
    }

    /// The number and what it means.
    pub(super) fn headline(&self) -> String {
        format!("AADSTS{}: {self}", self.kind().0)
    }

    /// `error_description`.
    pub(super) fn description(&self, request: Uuid, now: Timestamp) -> String {
        format!(
            "{} Trace ID: {request} Correlation ID: {request} Timestamp: {}",
            self.headline(),
            time(now)
        )
    }

    /// The answer of a token endpoint.
    pub(super) fn to_json(&self, request: Uuid, now: Timestamp, base: &str) -> Value {
        let number = self.kind().0;
        json!({
            "error": self.error(),
            "error_description": self.description(request, now),
            "error_codes": [number],
            "timestamp": time(now),
            "trace_id": request,
            "correlation_id": request,
            "error_uri": format!("{base}/error?code={number}"),
        })
    }
}

/// Time as Entra writes it.
fn time(now: Timestamp) -> String {
    now.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%SZ")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_the_shape_that_entra_gives_it() {
        let id = Uuid::nil();
        let refusal = Refusal::ClientSecret(id);

        let said = refusal.to_json(id, Timestamp::UNIX_EPOCH, "http://127.0.0.1:1");

        assert_eq!(
            (&said["error"], &said["error_codes"]),
            (&json!("invalid_client"), &json!([7_000_215]))
        );
        let description = said["error_description"].as_str().unwrap();
        assert!(
            description.starts_with("AADSTS7000215: Invalid client secret provided."),
            "{description}"
        );
        assert!(description.ends_with("Timestamp: 1970-01-01 00:00:00Z"));
    }
}
