//! Who asks for an access token: by `client_secret_basic`, `client_secret_post` or `private_key_jwt`, and by one of them only.

use std::sync::Arc;

use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use jiff::Timestamp;
use url::form_urlencoded;

use super::JWT_BEARER;
use super::refused::Refused;
use crate::config::{AcceptedAt, Token, TokenDigest};
use crate::workload::credentials::{self, Denied, Identity};
use crate::workload::jwt::{self, Untrusted};
use crate::workload::keys::IssuerKeys;
use crate::workload::routing::ScimTenant;

/// A request for an access token; only how the client shows who it is.
pub(super) enum Form {
    /// RFC 6749, section 2.3.1.
    Password { client_id: String, secret: Token },
    /// RFC 7523, section 2.2.
    Assertion {
        client_id: Option<String>,
        assertion: String,
    },
}

impl Form {
    pub(super) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, Refused> {
        let content_type = headers
            .get(CONTENT_TYPE)
            .map_or(&b""[..], |it| it.as_bytes());
        let form = b"application/x-www-form-urlencoded";
        if !content_type
            .get(..form.len())
            .is_some_and(|it| it.eq_ignore_ascii_case(form))
        {
            return Err(Refused::Request(
                "Send a form: Content-Type application/x-www-form-urlencoded.",
            ));
        }
        let mut fields = Fields::default();
        for (name, value) in form_urlencoded::parse(body) {
            let place = match name.as_ref() {
                "grant_type" => &mut fields.grant_type,
                "client_id" => &mut fields.client_id,
                "client_secret" => &mut fields.client_secret,
                "client_assertion" => &mut fields.assertion,
                "client_assertion_type" => &mut fields.assertion_type,
                _ => continue,
            };
            // RFC 6749, section 3.2: parameters must not be included more than once.
            if place.replace(value.into_owned()).is_some() {
                return Err(Refused::Request("A parameter is there more than once."));
            }
        }
        fields.check(headers)
    }

    /// The client, and the digest of the credential that its access token is bound to.
    pub(super) async fn identify(
        self,
        scim_tenant: &ScimTenant,
        issuers: &IssuerKeys,
        now: Timestamp,
    ) -> Result<(Identity, TokenDigest), Refused> {
        match self {
            Self::Password { client_id, secret } => {
                let found = scim_tenant.clients.with_password(
                    Some(&client_id),
                    &secret,
                    AcceptedAt::TokenEndpoint,
                    now,
                );
                match found {
                    Ok(identity) => Ok((identity, secret.digest())),
                    Err(Denied::Elsewhere(_)) => Err(Refused::UnauthorizedClient),
                    Err(denied) => Err(Refused::Client(denied.detail().into_owned())),
                }
            }
            Self::Assertion {
                client_id,
                assertion,
            } => {
                let candidates = scim_tenant
                    .clients
                    .all()
                    .filter(|client| client_id.as_ref().is_none_or(|it| *it == client.user_name));
                let mut trusted = candidates.filter_map(|client| {
                    let issuer = client.oauth.as_ref()?.assertion.as_ref()?;
                    jwt::claims_issuer(&assertion, &issuer.issuer).then_some((client, issuer))
                });
                let Some((client, issuer)) = trusted.next() else {
                    return Err(Refused::Client(Untrusted::Issuer.to_string()));
                };
                match issuers.verify(&assertion, issuer, now).await {
                    Ok(()) => {}
                    Err(Untrusted::KeysUnavailable) => return Err(Refused::Unavailable),
                    Err(why) => return Err(Refused::Client(why.to_string())),
                }
                let current = client.credentials.iter().find(|it| {
                    it.expires_at.is_none() && it.accepted_at == AcceptedAt::TokenEndpoint
                });
                let current = current.ok_or(Refused::UnauthorizedClient)?;
                let identity = Identity {
                    client: Arc::clone(client),
                    credential: current.digest.id(),
                };
                Ok((identity, current.digest.clone()))
            }
        }
    }
}

#[derive(Default)]
struct Fields {
    grant_type: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
    assertion: Option<String>,
    assertion_type: Option<String>,
}

impl Fields {
    fn check(self, headers: &HeaderMap) -> Result<Form, Refused> {
        match self.grant_type.as_deref() {
            None => return Err(Refused::Request("The parameter grant_type is missing.")),
            Some("client_credentials") => {}
            Some(_) => return Err(Refused::GrantType),
        }
        let has_header = headers.contains_key(AUTHORIZATION);
        // RFC 6749, section 2.3: not more than one method in a request.
        let methods = [
            has_header,
            self.client_secret.is_some(),
            self.assertion.is_some(),
        ];
        if methods.into_iter().filter(|it| *it).count() > 1 {
            return Err(Refused::Request(
                "The client shows who it is in more than one way; use one.",
            ));
        }
        if has_header {
            let Some((client_id, secret)) = credentials::basic(headers) else {
                return Err(Refused::Client(
                    "The Authorization header must be Basic with client id and secret.".to_owned(),
                ));
            };
            return Ok(Form::Password { client_id, secret });
        }
        if let Some(assertion) = self.assertion {
            if self.assertion_type.as_deref() != Some(JWT_BEARER) {
                return Err(Refused::Request(
                    "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
                ));
            }
            return Ok(Form::Assertion {
                client_id: self.client_id,
                assertion,
            });
        }
        match (self.client_id, self.client_secret) {
            (Some(client_id), Some(secret)) => Ok(Form::Password {
                client_id,
                secret: Token::presented(&secret),
            }),
            (_, None) | (None, _) => Err(Refused::Client(
                "The client does not show who it is; send client_id and client_secret.".to_owned(),
            )),
        }
    }
}
