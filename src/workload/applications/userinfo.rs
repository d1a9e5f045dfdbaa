//! The userinfo endpoint (OpenID Connect Core 1.0, section 5.3).

use std::error::Error;

use axum::http::header::AUTHORIZATION;
use serde_json::{Map, Value};

use super::grant::Alive;
use super::keys::Kind;
use super::refused::Refused;
use super::{Asked, claims};
use crate::config::{ApplicationConfig, Token};
use crate::oidc::authentication_request::Scope;
use crate::store::Stored;
use crate::store::sessions::SecretDigest;
use crate::workload::credentials;

/// An access token whose person is signed in.
pub(super) struct Good<'a> {
    pub(super) claims: Map<String, Value>,
    pub(super) application: &'a ApplicationConfig,
    pub(super) alive: Alive,
}

impl Asked<'_> {
    /// What an access token is worth at present; nothing when it is none of ours, has expired, or its person is not signed in any more.
    pub(super) async fn access_token(&self, token: &str) -> Result<Option<Good<'_>>, Refused> {
        let Some(claims) = self.keys().await?.open(Kind::Access, token) else {
            return Ok(None);
        };
        let text = |name: &str| claims.get(name).and_then(Value::as_str);
        let end = claims.get("exp").and_then(Value::as_i64);
        let is_good =
            text("iss") == Some(self.issuer()) && end.is_some_and(|it| it > self.now.as_second());
        let application = text("client_id").and_then(|it| self.config.application(it));
        let (true, Some(application), Some(key)) = (is_good, application, text("sid")) else {
            return Ok(None);
        };
        match self.alive(&SecretDigest(key.to_owned()), application).await {
            Ok(alive) => Ok(Some(Good {
                claims,
                application,
                alive,
            })),
            Err(Refused::Grant(_)) => Ok(None),
            Err(refused) => Err(refused),
        }
    }
}

impl Asked<'_> {
    /// The person of an access token, if it was issued for one of these applications.
    pub(in crate::workload) async fn person(
        &self,
        token: &Token,
        audiences: &[String],
    ) -> Result<Option<Stored>, Box<dyn Error + Send + Sync>> {
        let good = self.access_token(token.reveal()).await?;
        let is_for = |it: &Good<'_>| {
            let audience = it.claims.get("aud").and_then(Value::as_str);
            audience.is_some_and(|it| audiences.iter().any(|wanted| wanted == it))
        };
        Ok(good.filter(is_for).map(|it| it.alive.person))
    }
}

/// Who it is, as far as the access token goes.
pub(super) async fn userinfo(asked: &Asked<'_>) -> Result<Value, Refused> {
    if !asked.headers.contains_key(AUTHORIZATION) {
        return Err(Refused::NoToken);
    }
    let token = credentials::bearer(asked.headers).ok_or(Refused::Token)?;
    let good = asked.access_token(token.reveal()).await?;
    let good = good.ok_or(Refused::Token)?;
    let scopes = good.claims.get("scope").and_then(Value::as_str);
    let scopes = Scope::parse(scopes.unwrap_or_default());
    let person = &good.alive.person;
    let mut said = Map::from_iter([("sub".to_owned(), person.id.as_str().into())]);
    said.extend(claims::of_scopes(person, &scopes));
    let schemas = asked.scim_tenant.directory.schemas();
    said.extend(claims::declared(person, good.application, schemas));
    Ok(Value::Object(said))
}
