//! Whether a token is good (RFC 7662), and its end (RFC 7009).

use serde_json::{Value, json};

use super::Asked;
use super::client::Form;
use super::grant::Secrets;
use super::refused::Refused;
use crate::config::{ApplicationAuthentication, ApplicationConfig};
use crate::oidc::authentication_request::Scope;
use crate::store::sessions::SecretDigest;

/// Says of a token of the application that asks whether it is good; of all others that they are not.
pub(super) async fn introspect(asked: &Asked<'_>, form: &Form) -> Result<Value, Refused> {
    let application = form.application(asked).await?;
    if application.authentication == ApplicationAuthentication::Public {
        // RFC 7662, section 2.1: else anybody could try tokens.
        return Err(Refused::Unauthorized);
    }
    let token = token(form)?;
    if let Some(good) = asked.access_token(token).await? {
        if good.application.client_id != application.client_id {
            return Ok(json!({"active": false}));
        }
        let mut said = good.claims;
        said.insert("active".to_owned(), true.into());
        said.insert("token_type".to_owned(), "Bearer".into());
        return Ok(Value::Object(said));
    }
    let Some(secrets) = Secrets::parse(token) else {
        return Ok(json!({"active": false}));
    };
    match asked.alive(&secrets.key(), application).await {
        Ok(alive) if alive.grant.turn > 0 && alive.grant.current == secrets.current() => {
            Ok(json!({
                "active": true,
                "client_id": application.client_id,
                "scope": Scope::text(&alive.terms.scopes),
                "sub": alive.person.id.as_str(),
                "iss": asked.issuer(),
                "exp": alive.grant.expires.as_second(),
            }))
        }
        Ok(_) | Err(Refused::Grant(_)) => Ok(json!({"active": false})),
        Err(refused) => Err(refused),
    }
}

/// Ends what a token of the application belongs to: the refresh token with its access tokens, whichever is presented.
pub(super) async fn revoke(asked: &Asked<'_>, form: &Form) -> Result<Value, Refused> {
    let application = form.application(asked).await?;
    let token = token(form)?;
    let key = match Secrets::parse(token) {
        // An access token has two dots, so the first part of it is no family of ours.
        Some(secrets) if token.matches('.').count() == 1 => Some(secrets.key()),
        Some(_) | None => own_access_token(asked, token, application).await?,
    };
    if let Some(key) = key {
        match asked.alive(&key, application).await {
            Ok(alive) => asked.end(alive.grant.key).await?,
            // RFC 7009, section 2.2: what is not good needs no end.
            Err(Refused::Grant(_)) => {}
            Err(refused) => return Err(refused),
        }
    }
    Ok(json!({}))
}

async fn own_access_token(
    asked: &Asked<'_>,
    token: &str,
    application: &ApplicationConfig,
) -> Result<Option<SecretDigest>, Refused> {
    let good = asked.access_token(token).await?;
    let own = good.filter(|it| it.application.client_id == application.client_id);
    Ok(own.map(|it| it.alive.grant.key))
}

fn token(form: &Form) -> Result<&str, Refused> {
    let token = form.field("token");
    token.ok_or(Refused::Request("The parameter token is missing."))
}
