//! An application signs somebody out (OpenID Connect RP-Initiated Logout 1.0).

use axum::body::Body;
use axum::http::Response;
use axum::http::header::SET_COOKIE;
use serde_json::Value;
use url::form_urlencoded;

use super::refused::Refused;
use super::{Visit, redirect, sign_out};
use crate::config::ApplicationConfig;
use crate::oidc::authentication_request::Parameters;
use crate::workload::applications::Kind;

/// Ends the session of the person whom the ID token of the application is about. Without such a token, or when somebody else is signed
/// in, the person is asked: a link signs nobody out.
pub(super) async fn end_session(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let parameters = Parameters::parse(visit.head.uri.query().unwrap_or_default());
    let Some((application, subject)) = hinted(visit, &parameters).await? else {
        return Ok(sign_out::question(visit));
    };
    let found = visit.signed_in().await?;
    if found
        .as_ref()
        .is_some_and(|(_, person)| person.id.as_str() != subject)
    {
        return Ok(sign_out::question(visit));
    }
    if let Some(token) = visit.presented() {
        visit.sessions().end(&token).await?;
    }
    let one = |name| parameters.one(name).ok().flatten();
    let wanted = one("post_logout_redirect_uri");
    let declared = &application.post_logout_redirect_uris;
    let wanted = wanted.filter(|it| declared.iter().any(|declared| declared == it));
    let to = match (wanted, one("state")) {
        (None, _) => format!("{}/signed-out", visit.base()),
        (Some(uri), None) => uri.to_owned(),
        (Some(uri), Some(state)) => {
            let separator = if uri.contains('?') { '&' } else { '?' };
            let state = form_urlencoded::byte_serialize(state.as_bytes()).collect::<String>();
            format!("{uri}{separator}state={state}")
        }
    };
    let mut response = redirect(&to);
    if let Some(cookie) = visit.cookies().take_session() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// The application and the person of the ID token that is presented; an old one says as much as a new one.
async fn hinted<'v>(
    visit: &'v Visit<'_>,
    parameters: &Parameters,
) -> Result<Option<(&'v ApplicationConfig, String)>, Refused> {
    let one = |name| parameters.one(name).ok().flatten();
    let (Some(hint), Some(applications)) = (one("id_token_hint"), &visit.config.applications)
    else {
        return Ok(None);
    };
    let file = &applications.signing_keys_file;
    let keys = visit.shared.signing_keys.read(file).await;
    let claims = keys.map_err(Refused::SigningKeys)?.open(Kind::Id, hint);
    let Some(claims) = claims else {
        return Ok(None);
    };
    let claim = |name: &str| claims.get(name).and_then(Value::as_str);
    let is_ours = claim("iss") == Some(visit.base());
    let client_id =
        claim("aud").filter(|it| is_ours && one("client_id").is_none_or(|wanted| wanted == *it));
    let application = client_id.and_then(|it| applications.application(it));
    Ok(application.zip(claim("sub").map(str::to_owned)))
}
