//! JSON Web Tokens of trusted issuers: signature, issuer, audience, subject, tenant and times (RFC 7519, RFC 7523, RFC 8725).

mod signature;

use jiff::Timestamp;
use jsonwebtoken::jwk::{AlgorithmParameters, Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::oauth::TrustedIssuer;
use crate::oidc::id_token::LEEWAY;

/// Bytes of a token at most.
const MAX_TOKEN: usize = 16 * 1024;

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Untrusted {
    #[error("The token is no JWT.")]
    Malformed,
    #[error("The token is not signed by RS256, PS256 or ES256.")]
    Algorithm,
    #[error("The token is signed by a key that its issuer does not have.")]
    UnknownKey,
    #[error("The signature of the token is wrong.")]
    Signature,
    #[error(
        "The token comes from another issuer; its iss must be that of the Entra tenant of the connector."
    )]
    Issuer,
    #[error("The token is for another audience (aud).")]
    Audience,
    #[error("The token is for another subject (sub).")]
    Subject,
    #[error("The token belongs to another Entra tenant (tid).")]
    EntraTenant,
    #[error("The token has expired.")]
    Expired,
    #[error("The token is not valid yet; compare the clocks.")]
    NotYetValid,
    #[error("The keys of the issuer cannot be fetched at the moment; try again later.")]
    KeysUnavailable,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    iss: String,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    aud: Audience,
    #[serde(default)]
    tid: Option<String>,
    exp: Option<f64>,
    nbf: Option<f64>,
}

/// RFC 7519, section 4.1.3: one text, or a list of them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

impl Default for Audience {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Audience {
    fn names(&self, wanted: &[String]) -> bool {
        match self {
            Self::One(it) => wanted.contains(it),
            Self::Many(all) => all.iter().any(|it| wanted.contains(it)),
        }
    }
}

/// Whether a token may be a JWT: three parts, the first of which is a JSON object in Base64.
pub(crate) fn looks_like_one(token: &str) -> bool {
    token.starts_with("ey") && token.split('.').count() == 3
}

/// Whether `token` claims to come from `issuer`. Nothing is believed yet; it only chooses whose keys are asked for.
pub(crate) fn claims_issuer(token: &str, issuer: &str) -> bool {
    token.len() <= MAX_TOKEN
        && jsonwebtoken::dangerous::insecure_decode_claims::<Claims>(token)
            .is_ok_and(|claims| claims.iss == issuer)
}

/// Checks `token` by `keys` and by what `issuer` wants to stand in it; gives what else is of interest in it.
pub(crate) fn verify<T: DeserializeOwned>(
    token: &str,
    issuer: &TrustedIssuer,
    keys: &JwkSet,
    now: Timestamp,
) -> Result<T, Untrusted> {
    if token.len() > MAX_TOKEN || token.split('.').count() != 3 {
        return Err(Untrusted::Malformed);
    }
    // RFC 8725, section 3.1: the algorithm is one that the key is for, and never what the token wishes.
    let header = jsonwebtoken::decode_header(token).map_err(|_| Untrusted::Algorithm)?;
    if !matches!(
        header.alg,
        Algorithm::RS256 | Algorithm::PS256 | Algorithm::ES256
    ) {
        return Err(Untrusted::Algorithm);
    }
    let key = key(&header, keys)?;
    let signed = signed_claims(token, header.alg, key)?;
    let claims = Claims::deserialize(&signed).map_err(|_| Untrusted::Malformed)?;
    check(&claims, issuer, now)?;
    serde_json::from_value(signed).map_err(|_| Untrusted::Malformed)
}

fn key<'k>(header: &Header, keys: &'k JwkSet) -> Result<&'k Jwk, Untrusted> {
    let named = match &header.kid {
        Some(kid) => keys.find(kid),
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    };
    named.ok_or(Untrusted::UnknownKey)
}

fn signed_claims(token: &str, algorithm: Algorithm, key: &Jwk) -> Result<Value, Untrusted> {
    let fits = match key.algorithm {
        AlgorithmParameters::RSA(_) => matches!(algorithm, Algorithm::RS256 | Algorithm::PS256),
        AlgorithmParameters::EllipticCurve(_) => algorithm == Algorithm::ES256,
        _ => false,
    };
    if !fits {
        return Err(Untrusted::Algorithm);
    }
    signature::install();
    let key = DecodingKey::from_jwk(key).map_err(|_| Untrusted::UnknownKey)?;
    // Times and names are compared by `check`, with our clock.
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match jsonwebtoken::decode::<Value>(token, &key, &validation) {
        Ok(decoded) => Ok(decoded.claims),
        Err(error) => Err(match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => Untrusted::Signature,
            _ => Untrusted::Malformed,
        }),
    }
}

fn check(claims: &Claims, issuer: &TrustedIssuer, now: Timestamp) -> Result<(), Untrusted> {
    if claims.iss != issuer.issuer {
        return Err(Untrusted::Issuer);
    }
    if !claims.aud.names(&issuer.audiences) {
        return Err(Untrusted::Audience);
    }
    if issuer.subject.is_some() && claims.sub != issuer.subject {
        return Err(Untrusted::Subject);
    }
    let of_tenant = issuer.entra_tenant_id.as_ref().is_none_or(|wanted| {
        let tid = claims.tid.as_ref();
        tid.is_some_and(|it| it.eq_ignore_ascii_case(wanted))
    });
    if !of_tenant {
        return Err(Untrusted::EntraTenant);
    }
    let (now, leeway) = (now.as_duration().as_secs_f64(), LEEWAY.as_secs_f64());
    if claims.exp.is_none_or(|end| end + leeway <= now) {
        return Err(Untrusted::Expired);
    }
    if claims.nbf.is_some_and(|start| start - leeway > now) {
        return Err(Untrusted::NotYetValid);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
