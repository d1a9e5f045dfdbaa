//! What a provider says of itself (OpenID Connect Discovery 1.0).

use serde::Deserialize;
use url::{Host, Url};

/// The metadata of a provider, as far as they are needed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ProviderMetadata {
    /// `iss` of its tokens.
    pub issuer: String,
    /// Where the browser is sent.
    pub authorization_endpoint: Url,
    /// Where a code becomes tokens.
    pub token_endpoint: Url,
    /// Where its keys are.
    pub jwks_uri: Url,
    /// Where the browser signs out (RP-Initiated Logout 1.0).
    #[serde(default)]
    pub end_session_endpoint: Option<Url>,
    /// Whether its answers name it (RFC 9207).
    #[serde(default)]
    pub authorization_response_iss_parameter_supported: bool,
}

/// Why the metadata are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MetadataError {
    /// OpenID Connect Discovery 1.0, section 4.3: the issuer must be the one that was asked.
    #[error("the metadata are those of another issuer")]
    Issuer,
    /// What goes there is secret.
    #[error("{0} is not an HTTPS address")]
    Plain(&'static str),
}

impl ProviderMetadata {
    /// Where `issuer` publishes its metadata (section 4).
    pub fn url(issuer: &Url) -> Option<Url> {
        let base = issuer.as_str().trim_end_matches('/');
        Url::parse(&format!("{base}/.well-known/openid-configuration")).ok()
    }

    /// Whether they are those of `issuer`, and send nobody over plain HTTP.
    ///
    /// # Errors
    /// When they are not believed.
    pub fn check(&self, issuer: &Url) -> Result<(), MetadataError> {
        let bare = |it: &str| it.trim_end_matches('/').to_owned();
        if bare(&self.issuer) != bare(issuer.as_str()) {
            return Err(MetadataError::Issuer);
        }
        let endpoints = [
            ("authorization_endpoint", Some(&self.authorization_endpoint)),
            ("token_endpoint", Some(&self.token_endpoint)),
            ("jwks_uri", Some(&self.jwks_uri)),
            ("end_session_endpoint", self.end_session_endpoint.as_ref()),
        ];
        for (name, url) in endpoints {
            if url.is_some_and(|it| !is_private(it)) {
                return Err(MetadataError::Plain(name));
            }
        }
        Ok(())
    }
}

/// Whether nobody on the way can read what is sent to `url`: over TLS, or within this machine, where an emulated provider may be.
pub fn is_private(url: &Url) -> bool {
    let is_here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(it)) => it.is_loopback(),
        Some(Host::Ipv6(it)) => it.is_loopback(),
        None => false,
    };
    url.scheme() == "https" || (url.scheme() == "http" && is_here)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Looks at good metadata with one member changed.
    fn check(member: &str, value: &str, expected: Result<(), MetadataError>) {
        let mut metadata = json!({
            "issuer": "https://entra.example/t/v2.0",
            "authorization_endpoint": "https://entra.example/authorize",
            "token_endpoint": "https://entra.example/token",
            "jwks_uri": "https://entra.example/keys",
            "end_session_endpoint": "https://entra.example/logout",
            "unknown": ["is", "ignored"],
        });
        metadata[member] = Value::from(value);
        let metadata: ProviderMetadata = serde_json::from_value(metadata).unwrap();
        let issuer = "https://entra.example/t/v2.0".parse().unwrap();

        assert_eq!(metadata.check(&issuer), expected, "{member} {value}");
    }

    #[test]
    fn metadata_of_another_issuer_are_refused() {
        check("issuer", "https://entra.example/t/v2.0", Ok(()));
        for other in [
            "https://entra.example/u/v2.0",
            "https://entra.example/{tenantid}/v2.0",
            "http://entra.example/t/v2.0",
            "",
        ] {
            check("issuer", other, Err(MetadataError::Issuer));
        }
    }

    #[test]
    fn an_endpoint_over_plain_http_is_refused_except_on_this_machine() {
        for name in [
            "authorization_endpoint",
            "token_endpoint",
            "jwks_uri",
            "end_session_endpoint",
        ] {
            let plain = || Err(MetadataError::Plain(name));
            check(name, "http://entra.example/x", plain());
            check(name, "javascript:alert(1)", plain());
            check(name, "http://127.0.0.1:9/x", Ok(()));
            check(name, "http://localhost/x", Ok(()));
        }
    }
}
