//! Which application asks the token endpoint, and how it proves that.

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use url::form_urlencoded;
use uuid::Uuid;

use super::assertion;
use super::refusal::Refusal;
use crate::emulator::application::{Application, Kind};
use crate::emulator::tenant::EntraTenant;
use crate::emulator::world::World;

/// The one type of an assertion (RFC 7523, section 2.2).
const JWT_BEARER: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What was sent to the token endpoint.
pub(super) struct Form(Vec<(String, String)>);

impl Form {
    pub(super) fn read(body: &[u8]) -> Self {
        Self(form_urlencoded::parse(body).into_owned().collect())
    }

    /// A field; one without a value counts as absent.
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|it| it.0 == name);
        found.map(|it| it.1.as_str()).filter(|it| !it.is_empty())
    }

    pub(super) fn want(&self, name: &'static str) -> Result<&str, Refusal> {
        self.one(name).ok_or(Refusal::Missing(name))
    }
}

/// How an application proves who it is.
enum Proof {
    Secret(String),
    Assertion(String),
    None,
}

/// Who asks, and the proof of it.
pub(super) struct Asking {
    app_id: String,
    proof: Proof,
}

impl Asking {
    pub(super) fn read(headers: &HeaderMap, form: &Form) -> Result<Self, Refusal> {
        if let Some((app_id, secret)) = basic(headers)? {
            let proof = Proof::Secret(secret);
            return Ok(Self { app_id, proof });
        }
        let proof = if let Some(assertion) = form.one("client_assertion") {
            if form.one("client_assertion_type") != Some(JWT_BEARER) {
                let why = format!("the client_assertion_type must be {JWT_BEARER}");
                return Err(Refusal::Malformed(why));
            }
            Proof::Assertion(assertion.to_owned())
        } else {
            let secret = form.one("client_secret").map(str::to_owned);
            secret.map_or(Proof::None, Proof::Secret)
        };
        let app_id = form.want("client_id")?.to_owned();
        Ok(Self { app_id, proof })
    }

    /// The registration of who says to be asking.
    pub(super) fn application<'t>(
        &self,
        tenant: &'t EntraTenant,
    ) -> Result<&'t Application, Refusal> {
        registered(tenant, &self.app_id)
    }

    /// Checks the proof; whoever asks on a platform without a secret must not have one.
    pub(super) async fn check(
        &self,
        world: &World,
        tenant: &EntraTenant,
        application: &Application,
        kind: Kind,
    ) -> Result<(), Refusal> {
        match (&self.proof, kind) {
            (Proof::None, Kind::Public | Kind::SinglePage) => Ok(()),
            (_, Kind::Public | Kind::SinglePage) => Err(Refusal::PublicClient),
            (Proof::None, Kind::Web) => Err(Refusal::NoProof),
            (Proof::Secret(secret), Kind::Web) => by_secret(world, application, secret),
            (Proof::Assertion(jwt), Kind::Web) => {
                let ids = [tenant.id.to_string(), "common".to_owned()];
                let base = &world.base;
                let endpoints = ids.map(|it| format!("{base}/{it}/oauth2/v2.0/token"));
                let mut audiences = endpoints.to_vec();
                audiences.push(world.issuer(tenant));
                let now = world.clock.now().as_duration().as_secs_f64();
                let http = &world.identity.http;
                assertion::check(http, application, jwt, (&audiences, now)).await
            }
        }
    }
}

fn by_secret(world: &World, application: &Application, secret: &str) -> Result<(), Refusal> {
    let mut known = application.password_credentials.iter();
    let known = known.find(|it| it.secret_text.is(secret));
    let known = known.ok_or(Refusal::ClientSecret(application.app_id))?;
    let now = world.clock.now();
    let is_over = known.end_date_time.is_some_and(|end| end <= now);
    if is_over || world.faults().expired_client_secret {
        return Err(Refusal::ExpiredClientSecret(application.app_id));
    }
    Ok(())
}

/// The application with this client id.
pub(super) fn registered<'t>(
    tenant: &'t EntraTenant,
    app_id: &str,
) -> Result<&'t Application, Refusal> {
    let id = Uuid::parse_str(app_id).ok();
    let found = id.and_then(|id| tenant.applications().get(&id));
    found.ok_or_else(|| Refusal::Application(app_id.to_owned()))
}

/// Client id and secret of HTTP Basic (RFC 6749, section 2.3.1: each encoded as in a form).
fn basic(headers: &HeaderMap) -> Result<Option<(String, String)>, Refusal> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let malformed = || Refusal::Malformed("the header Authorization is not Basic".to_owned());
    let text = value.to_str().ok();
    let text = text.and_then(|it| it.split_once(' '));
    let (scheme, encoded) = text.ok_or_else(malformed)?;
    let decoded = STANDARD.decode(encoded.trim()).ok();
    let decoded = decoded.and_then(|it| String::from_utf8(it).ok());
    let pair = decoded.as_deref().and_then(|it| it.split_once(':'));
    let pair = pair.filter(|_| scheme.eq_ignore_ascii_case("basic"));
    let (id, secret) = pair.ok_or_else(malformed)?;
    let part = |it: &str| {
        let spaced = it.replace('+', " ");
        let decoded = percent_decode_str(&spaced).decode_utf8();
        decoded.map(std::borrow::Cow::into_owned).ok()
    };
    let parts = part(id).zip(part(secret));
    parts.map(Some).ok_or_else(malformed)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn id_and_secret_of_basic_are_encoded_as_in_a_form() {
        let check = |text: &str, expected: Option<(&str, &str)>| {
            let mut headers = HeaderMap::new();
            let value = format!("Basic {}", STANDARD.encode(text));
            headers.insert(AUTHORIZATION, HeaderValue::from_str(&value).unwrap());
            let found = basic(&headers).ok().flatten();
            let found = found.as_ref().map(|it| (it.0.as_str(), it.1.as_str()));
            assert_eq!(found, expected, "{text}");
        };
        check("id:secret", Some(("id", "secret")));
        check("id:a%2Bb+c%3A", Some(("id", "a+b c:")));
        check("id", None);
    }
}
