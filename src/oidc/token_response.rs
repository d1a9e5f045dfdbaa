//! The answer of a token endpoint (RFC 6749, section 5; OpenID Connect Core 1.0, section 3.1.3.3).

use std::fmt;

use serde::Deserialize;

use super::authorization::ProviderError;

/// What a code was exchanged for.
#[derive(Clone, Deserialize)]
pub struct TokenResponse {
    /// Says who signed in.
    pub id_token: String,
    /// Opens nothing here; the ID token may say that it belongs to it. At Entra it opens Microsoft Graph.
    #[serde(default)]
    pub access_token: Option<String>,
    /// By it the provider is asked whether it still knows the person.
    #[serde(default)]
    pub refresh_token: Option<String>,
}

/// What a refresh token was exchanged for (OpenID Connect Core 1.0, section 12.2).
#[derive(Clone, Deserialize)]
pub struct RefreshResponse {
    /// Who it is, where the provider says it again.
    #[serde(default)]
    pub id_token: Option<String>,
    /// The refresh token in the place of the one before.
    #[serde(default)]
    pub refresh_token: Option<String>,
}

impl fmt::Debug for RefreshResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshResponse(…)")
    }
}

impl fmt::Debug for TokenResponse {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("TokenResponse(…)")
    }
}

/// Why there are no tokens.
#[derive(Clone, Debug, Deserialize)]
pub struct TokenRefusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

impl TokenRefusal {
    /// The error, without what it says of people.
    pub fn error(&self) -> ProviderError {
        ProviderError::new(&self.error, &self.error_description)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_hide_themselves() {
        let text = r#"{"id_token": "secret", "access_token": "secret", "token_type": "Bearer"}"#;
        let response: TokenResponse = serde_json::from_str(text).unwrap();

        assert_eq!(response.id_token, "secret");
        assert_eq!(format!("{response:?}"), "TokenResponse(…)");
    }

    #[test]
    fn a_refusal_says_its_number() {
        let text = r#"{"error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys for app are expired."}"#;
        let refusal: TokenRefusal = serde_json::from_str(text).unwrap();

        assert_eq!(
            refusal.error().to_string(),
            "the provider says invalid_client (AADSTS7000222)"
        );
    }
}
