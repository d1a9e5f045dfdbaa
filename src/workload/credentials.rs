//! Who asks: the clients of a `ScimTenant` by their tokens, which are known by digest only.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use crate::config::{CredentialId, ScimClientConfig, Token};

/// The clients of one `ScimTenant`.
pub(crate) struct Clients(Vec<Arc<ScimClientConfig>>);

/// Who asks, and by which credential.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Identity {
    /// The client.
    pub(crate) client: Arc<ScimClientConfig>,
    /// The credential that was presented.
    pub(crate) credential: CredentialId,
}

/// Why nobody was recognized.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Denied {
    /// No `Authorization` header, more than one, or one of another form.
    Missing(&'static str),
    /// A credential that no client has.
    Unknown,
    /// The credential of this client, past its time.
    Expired(Identity),
}

impl Denied {
    /// A sentence for the administrator who set up the client.
    pub(crate) fn detail(&self) -> &'static str {
        match self {
            Self::Missing(detail) => detail,
            Self::Unknown => {
                "The credential is not known here; paste the present one from the connector's Secret."
            }
            Self::Expired(_) => {
                "The credential has expired; paste the present one from the connector's Secret."
            }
        }
    }
}

/// What a client presented.
struct Presented {
    /// Given with Basic only.
    user_name: Option<String>,
    token: Token,
}

impl Clients {
    pub(crate) fn new(clients: Vec<ScimClientConfig>) -> Self {
        Self(clients.into_iter().map(Arc::new).collect())
    }

    /// Names of all clients.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|client| client.name.as_str())
    }

    /// Recognizes the client that sent `headers`. Every digest is looked at, so that time tells nothing.
    pub(crate) fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Identity, Denied> {
        let presented = presented(headers)?;
        let digest = presented.token.digest();
        let mut found = None;
        for client in &self.0 {
            let named = presented
                .user_name
                .as_ref()
                .is_none_or(|name| name.as_bytes().ct_eq(client.user_name.as_bytes()).into());
            for credential in &client.credentials {
                if credential.digest == digest && named {
                    found = Some((client, credential));
                }
            }
        }
        let (client, credential) = found.ok_or(Denied::Unknown)?;
        let identity = Identity {
            client: Arc::clone(client),
            credential: credential.digest.id(),
        };
        match credential.expires_at {
            Some(end) if end <= now => Err(Denied::Expired(identity)),
            Some(_) | None => Ok(identity),
        }
    }
}

/// Reads `Authorization`: Bearer (RFC 6750) or Basic (RFC 7617), the scheme in any casing.
fn presented(headers: &HeaderMap) -> Result<Presented, Denied> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Err(Denied::Missing(
            "The Authorization header is missing; send the token as Bearer.",
        ));
    };
    if all.next().is_some() {
        return Err(Denied::Missing(
            "There is more than one Authorization header; send one.",
        ));
    }
    let malformed = Denied::Missing(
        "The Authorization header must be Bearer with the token, or Basic with user name and password.",
    );
    let Some((scheme, rest)) = value
        .to_str()
        .ok()
        .and_then(|text| text.trim().split_once(' '))
    else {
        return Err(malformed);
    };
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") && !rest.is_empty() {
        return Ok(Presented {
            user_name: None,
            token: Token::presented(rest),
        });
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(malformed);
    }
    let decoded = STANDARD
        .decode(rest)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    match decoded.as_deref().and_then(|text| text.split_once(':')) {
        Some((user_name, password)) => Ok(Presented {
            user_name: Some(user_name.to_owned()),
            token: Token::presented(password),
        }),
        None => Err(malformed),
    }
}

/// Recognizes the operator at the report endpoint.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<Token> {
    presented(headers)
        .ok()
        .filter(|presented| presented.user_name.is_none())
        .map(|presented| presented.token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::config::{CredentialConfig, Rights};
    use crate::scim::dialect::Dialect;

    fn clients() -> Clients {
        let credential = |token: &str, expires_at| CredentialConfig {
            digest: Token::presented(token).digest(),
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at,
        };
        let soon = Timestamp::from_second(1000).unwrap();
        Clients::new(vec![ScimClientConfig {
            name: "entra".to_owned(),
            user_name: "contoso".to_owned(),
            dialect: Dialect::default(),
            rights: Rights::default(),
            credentials: vec![credential("new", None), credential("old", Some(soon))],
        }])
    }

    fn check(headers: &[&str], second: i64, expected: Result<&str, &Denied>) {
        let mut map = HeaderMap::new();
        for header in headers {
            map.append(AUTHORIZATION, HeaderValue::from_str(header).unwrap());
        }
        let now = Timestamp::from_second(second).unwrap();
        let found = clients().identify(&map, now);
        match expected {
            Ok(client) => assert_eq!(found.unwrap().client.name, client, "{headers:?}"),
            Err(denied) => assert_eq!(
                std::mem::discriminant(&found.unwrap_err()),
                std::mem::discriminant(denied),
                "{headers:?}"
            ),
        }
    }

    #[test]
    fn a_client_is_known_by_bearer_and_by_basic() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));

        check(&["Bearer new"], 0, Ok("entra"));
        check(&["bearer  new"], 0, Ok("entra"));
        check(&["Bearer old"], 999, Ok("entra"));
        check(&[&basic("contoso:new")], 0, Ok("entra"));
        check(&[&basic("fabrikam:new")], 0, Err(&Denied::Unknown));
    }

    #[test]
    fn what_is_not_a_credential_is_refused() {
        check(&[], 0, Err(&Denied::Missing("")));
        check(&["new"], 0, Err(&Denied::Missing("")));
        check(&["Bearer "], 0, Err(&Denied::Missing("")));
        check(&["Digest new"], 0, Err(&Denied::Missing("")));
        check(&["Basic !!!"], 0, Err(&Denied::Missing("")));
        check(&["Bearer new", "Bearer new"], 0, Err(&Denied::Missing("")));
        check(&["Bearer wrong"], 0, Err(&Denied::Unknown));
    }

    #[test]
    fn a_credential_past_its_time_is_refused_and_its_client_known() {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer old"));

        let denied = clients().identify(&headers, Timestamp::from_second(1000).unwrap());

        assert!(
            matches!(denied, Err(Denied::Expired(identity)) if identity.client.name == "entra")
        );
    }
}
