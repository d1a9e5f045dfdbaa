//! An application that shows who it is by what its private key signs: `private_key_jwt` (RFC 7523, section 3; OpenID Connect Core 1.0,
//! section 9).

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

use super::Asked;
use super::claims::later;
use super::client::Form;
use super::refused::{Refused, UnknownClient};
use crate::config::oauth::{Keys, TrustedIssuer};
use crate::config::{ApplicationAuthentication, ApplicationConfig, Token};
use crate::store::assertions::Assertion;
use crate::store::sessions::SecretDigest;
use crate::workload::jwt::{self, Untrusted};
use crate::workload::oauth::JWT_BEARER;
use crate::workload::sessions::digest;

/// How long an assertion is good at most: whoever finds one later has nothing.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

#[derive(Deserialize)]
struct Claims {
    exp: f64,
    #[serde(default)]
    jti: Option<String>,
}

/// The application whose key signed `assertion`.
pub(super) async fn application<'a>(
    asked: &'a Asked<'_>,
    form: &Form,
    assertion: &str,
) -> Result<&'a ApplicationConfig, Refused> {
    let unknown = |why| Err(Refused::Client(why));
    if form.field("client_assertion_type") != Some(JWT_BEARER) {
        return Err(Refused::Request(
            "The client_assertion_type must be urn:ietf:params:oauth:client-assertion-type:jwt-bearer.",
        ));
    }
    let wanted = form.field("client_id");
    let mut all = asked.config.applications.iter();
    let found = all.find(|it| {
        wanted.is_none_or(|wanted| wanted == it.client_id)
            && jwt::claims_issuer(assertion, &it.client_id)
    });
    let Some(application) = found else {
        return unknown(UnknownClient::Issuer);
    };
    let ApplicationAuthentication::PrivateKey(keys) = &application.authentication else {
        return unknown(UnknownClient::NoKeys);
    };
    let issuer = trusted(asked, &application.client_id, keys);
    let issuers = &asked.shared.issuers;
    let claims = issuers.claims(assertion, &issuer, asked.now).await;
    let claims: Claims = claims.map_err(|why| match why {
        Untrusted::KeysUnavailable => Refused::KeysOfApplication,
        why => Refused::Client(UnknownClient::Assertion(why)),
    })?;
    let latest = asked.now.as_duration() + LONGEST;
    if claims.exp > latest.as_secs_f64() {
        return unknown(UnknownClient::LongLived);
    }
    let spent = Assertion {
        application: application.client_id.clone(),
        digest: identity(&application.client_id, &claims, assertion),
        expires: expiry(&claims).unwrap_or_else(|| later(asked.now, LONGEST)),
    };
    let store = &asked.scim_tenant.opened.store;
    if store.spend_assertion(spent).await? {
        Ok(application)
    } else {
        unknown(UnknownClient::Spent)
    }
}

/// What no other assertion of the application has: its `jti`, else what is signed. The signature is no part of it: whoever has one can make
/// another by ES256.
fn identity(client_id: &str, claims: &Claims, assertion: &str) -> SecretDigest {
    let text = if let Some(jti) = &claims.jti {
        format!("jti {client_id} {jti}")
    } else {
        let signed = assertion.rsplit_once('.').map_or(assertion, |it| it.0);
        format!("signed {client_id} {signed}")
    };
    digest(&Token::presented(&text))
}

fn expiry(claims: &Claims) -> Option<Timestamp> {
    let since = SignedDuration::try_from_secs_f64(claims.exp).ok()?;
    Timestamp::from_second(since.as_secs()).ok()
}

/// Section 3: issuer and subject are the client, the audience is the provider or its token endpoint.
fn trusted(asked: &Asked<'_>, client_id: &str, keys: &Keys) -> TrustedIssuer {
    let issuer = asked.issuer();
    TrustedIssuer {
        issuer: client_id.to_owned(),
        subject: Some(client_id.to_owned()),
        audiences: vec![issuer.to_owned(), format!("{issuer}/oauth2/token")],
        entra_tenant_id: None,
        keys: keys.clone(),
    }
}
