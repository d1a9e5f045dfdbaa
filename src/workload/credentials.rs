//! Who asks: the clients of a `ScimTenant` by their tokens, which are known by digest only.

use std::borrow::Cow;
use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use subtle::ConstantTimeEq;

use super::jwt::{self, Untrusted};
use super::keys::IssuerKeys;
use crate::config::{
    AcceptedAt, AccessToken, CredentialConfig, CredentialId, ScimClientConfig, Token,
};

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
    /// An access token of this client, past its time.
    TokenExpired(Identity),
    /// The credential of this client, which is accepted at another endpoint or at none.
    Elsewhere(Identity),
    /// A token of an issuer that is trusted, which is not believed.
    Untrusted(Untrusted),
}

impl Denied {
    /// A sentence for the administrator who set up the client.
    pub(crate) fn detail(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Missing(detail) => detail,
            Self::Unknown => {
                "The credential is not known here; paste the present one from the connector's Secret."
            }
            Self::Expired(_) => {
                "The credential has expired; paste the present one from the connector's Secret."
            }
            Self::TokenExpired(_) => {
                "The access token has expired; get another one at the token endpoint."
            }
            Self::Elsewhere(_) => {
                "This password is not accepted here by the declared mode; with mode: OAuth present an access token of the token endpoint, with mode: EntraToken leave the Secret Token blank."
            }
            Self::Untrusted(why) => return Cow::Owned(why.to_string()),
        })
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

    /// All clients.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<ScimClientConfig>> {
        self.0.iter()
    }

    /// Whether any client gets access tokens.
    pub(crate) fn any_oauth(&self) -> bool {
        let mut credentials = self.0.iter().flat_map(|it| &it.credentials);
        credentials.any(|it| it.accepted_at == AcceptedAt::TokenEndpoint)
    }

    /// Recognizes the client that sent `headers` to the SCIM endpoint.
    pub(crate) fn identify(&self, headers: &HeaderMap, now: Timestamp) -> Result<Identity, Denied> {
        let presented = presented(headers)?;
        if presented.user_name.is_none()
            && let Some(token) = AccessToken::parse(&presented.token)
        {
            return self.with_access_token(&token, now);
        }
        let user_name = presented.user_name.as_deref();
        self.with_password(user_name, &presented.token, AcceptedAt::Scim, now)
    }

    /// Recognizes a client by its password, presented `at` an endpoint. Every digest is looked at, so that time tells nothing.
    pub(crate) fn with_password(
        &self,
        user_name: Option<&str>,
        password: &Token,
        at: AcceptedAt,
        now: Timestamp,
    ) -> Result<Identity, Denied> {
        let digest = password.digest();
        let (mut found, mut elsewhere) = (None, None);
        for client in &self.0 {
            let named = user_name
                .is_none_or(|name| name.as_bytes().ct_eq(client.user_name.as_bytes()).into());
            for credential in &client.credentials {
                if credential.digest == digest && named {
                    let place = if credential.accepted_at == at {
                        &mut found
                    } else {
                        &mut elsewhere
                    };
                    *place = Some((client, credential));
                }
            }
        }
        let is_here = found.is_some();
        let (client, credential) = found.or(elsewhere).ok_or(Denied::Unknown)?;
        let identity = identity(client, credential);
        match credential.expires_at {
            Some(end) if end <= now => Err(Denied::Expired(identity)),
            Some(_) | None if is_here => Ok(identity),
            Some(_) | None => Err(Denied::Elsewhere(identity)),
        }
    }

    fn with_access_token(&self, token: &AccessToken, now: Timestamp) -> Result<Identity, Denied> {
        let credentials = self
            .0
            .iter()
            .flat_map(|client| client.credentials.iter().map(move |it| (client, it)));
        let mut good = credentials.filter(|(_, it)| {
            let lives = it.expires_at.is_none_or(|end| end > now);
            lives && it.accepted_at == AcceptedAt::TokenEndpoint && token.is_of(&it.digest)
        });
        let (client, credential) = good.next().ok_or(Denied::Unknown)?;
        let identity = identity(client, credential);
        if token.expires_at() <= now {
            return Err(Denied::TokenExpired(identity));
        }
        Ok(identity)
    }

    /// Recognizes the client that presents a token of an issuer that it declares; for whoever [`Self::identify`] does not know.
    pub(crate) async fn identify_issued(
        &self,
        headers: &HeaderMap,
        keys: &IssuerKeys,
        now: Timestamp,
    ) -> Result<Identity, Denied> {
        let any = self.0.iter().any(|it| it.issuer.is_some());
        let token = if any { bearer(headers) } else { None };
        let Some(token) = token.filter(|it| jwt::looks_like_one(it.reveal())) else {
            return Err(Denied::Unknown);
        };
        let declared = self
            .0
            .iter()
            .filter_map(|it| Some((it, it.issuer.as_ref()?)));
        let mut claimed =
            declared.filter(|(_, issuer)| jwt::claims_issuer(token.reveal(), &issuer.issuer));
        let (client, issuer) = claimed.next().ok_or(Denied::Untrusted(Untrusted::Issuer))?;
        match keys.verify(token.reveal(), issuer, now).await {
            Ok(()) => Ok(Identity {
                client: Arc::clone(client),
                // The token changes every hour, its issuer does not.
                credential: Token::presented(&issuer.issuer).digest().id(),
            }),
            Err(why) => Err(Denied::Untrusted(why)),
        }
    }
}

fn identity(client: &Arc<ScimClientConfig>, credential: &CredentialConfig) -> Identity {
    Identity {
        client: Arc::clone(client),
        credential: credential.digest.id(),
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

/// User name and password of Basic.
pub(crate) fn basic(headers: &HeaderMap) -> Option<(String, Token)> {
    let presented = presented(headers).ok()?;
    Some((presented.user_name?, presented.token))
}

/// The token of Bearer.
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
    use crate::config::Rights;
    use crate::scim::dialect::Dialect;

    fn clients() -> Clients {
        let credential = |token: &str, expires_at| CredentialConfig {
            digest: Token::presented(token).digest(),
            accepted_at: AcceptedAt::Scim,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at,
        };
        let soon = Timestamp::from_second(1000).unwrap();
        Clients::new(vec![ScimClientConfig {
            name: "entra".to_owned(),
            user_name: "contoso".to_owned(),
            dialect: Dialect::default(),
            rights: Rights::default(),
            oauth: None,
            issuer: None,
            declared: None,
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
