//! An application that shows who it is by what its private key signs: `private_key_jwt` (RFC 7523, section 3; OpenID Connect Core 1.0,
//! section 9).

use jiff::SignedDuration;
use serde::Deserialize;

use super::Asked;
use super::client::Form;
use super::refused::{Refused, UnknownClient};
use crate::config::oauth::{Keys, TrustedIssuer};
use crate::config::{ApplicationAuthentication, ApplicationConfig};
use crate::workload::jwt::{self, Untrusted};
use crate::workload::oauth::JWT_BEARER;

/// How long an assertion is good at most: whoever finds one later has nothing.
const LONGEST: SignedDuration = SignedDuration::from_hours(1);

#[derive(Deserialize)]
struct Lifetime {
    exp: f64,
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
    match issuers
        .claims::<Lifetime>(assertion, &issuer, asked.now)
        .await
    {
        Ok(Lifetime { exp }) => {
            let latest = asked.now.as_duration() + LONGEST;
            let is_short = exp <= latest.as_secs_f64();
            let too_long = Refused::Client(UnknownClient::LongLived);
            is_short.then_some(application).ok_or(too_long)
        }
        Err(Untrusted::KeysUnavailable) => Err(Refused::KeysOfApplication),
        Err(why) => unknown(UnknownClient::Assertion(why)),
    }
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
