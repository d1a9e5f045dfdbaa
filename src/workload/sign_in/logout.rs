//! A provider ends sessions here: by a logout token that it sends (OpenID Connect Back-Channel Logout 1.0), or by a browser that it has ask
//! (Front-Channel Logout 1.0). Both are one address.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use axum::http::{Method, Response, StatusCode};
use serde_json::json;
use url::form_urlencoded;

use super::provider::signing_issuer;
use super::{Visit, status};
use crate::config::{self, ProviderConfig};
use crate::oidc::id_token::identifier;
use crate::oidc::logout_token::{LogoutToken, LogoutTokenError};
use crate::store::StoreError;
use crate::store::sessions::{KnownAs, ProviderSignOut, SecretDigest};
use crate::telemetry::chain;
use crate::workload::jwt::Untrusted;

/// Bytes of a form at most: a token of the greatest length fits.
const LONGEST: usize = 20 * 1024;

/// Why no session is ended.
#[derive(Debug, thiserror::Error)]
enum NotEnded {
    #[error("there is no such connector")]
    NoConnector,
    #[error("the request has no logout_token, has it twice, or did not arrive whole")]
    NoToken,
    #[error("the request must name the issuer of this connector (iss) and a session (sid)")]
    NoSession,
    #[error("the logout token is not believed")]
    Untrusted(#[from] Untrusted),
    #[error("the logout token is not believed")]
    Token(#[from] LogoutTokenError),
    #[error("the logout token was followed before (jti)")]
    Replayed,
    #[error("the provider cannot be asked for its keys at the moment; try again later")]
    ProviderUnavailable,
    #[error("the store failed; try again later")]
    Store(#[from] StoreError),
}

/// Ends the sessions that the provider of `connector` wants to be ended.
pub(super) async fn answer(visit: &Visit<'_>, connector: &str, body: Body) -> Response<Body> {
    let provider = visit.config.provider(connector);
    let ended = match provider {
        None => Err(NotEnded::NoConnector),
        Some(provider) if visit.head.method == Method::POST => {
            back_channel(visit, provider, body).await
        }
        Some(provider) => front_channel(visit, provider).await,
    };
    let mut response = match ended {
        Ok(()) => status(StatusCode::OK),
        Err(why) => refusal(visit, connector, &why),
    };
    let kept_nowhere = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, kept_nowhere);
    response
}

/// Back-Channel Logout 1.0, section 2.8: whatever went wrong, the status is 400.
fn refusal(visit: &Visit<'_>, connector: &str, why: &NotEnded) -> Response<Body> {
    tracing::warn!(
        scim_tenant = visit.scim_tenant.config.name.0,
        connector,
        error = chain(why),
        request_id = visit.request_id,
        "a provider ended no session"
    );
    let code = match why {
        NotEnded::ProviderUnavailable | NotEnded::Store(_) => "temporarily_unavailable",
        _ => "invalid_request",
    };
    let body = json!({"error": code, "error_description": chain(why)});
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = match why {
        NotEnded::NoConnector => StatusCode::NOT_FOUND,
        _ => StatusCode::BAD_REQUEST,
    };
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

async fn back_channel(
    visit: &Visit<'_>,
    provider: &ProviderConfig,
    body: Body,
) -> Result<(), NotEnded> {
    let form = visit.shared.intake.read_form(body, LONGEST).await;
    let form = form.map_err(|_| NotEnded::NoToken)?;
    let mut tokens = form_urlencoded::parse(&form).filter(|(name, _)| name == "logout_token");
    let (Some((_, token)), None) = (tokens.next(), tokens.next()) else {
        return Err(NotEnded::NoToken);
    };
    let metadata = visit.shared.providers.metadata(provider, visit.now).await;
    let metadata = metadata.map_err(|_| NotEnded::ProviderUnavailable)?;
    let issuer = signing_issuer(provider, &metadata);
    let claims = visit.shared.issuers.claims(&token, &issuer, visit.now);
    let claims: LogoutToken = claims.await.map_err(|why| match why {
        Untrusted::KeysUnavailable => NotEnded::ProviderUnavailable,
        why => NotEnded::Untrusted(why),
    })?;
    let logged_out = claims.check(visit.now)?;
    let known_as = KnownAs {
        subject: logged_out.subject.map(str::to_owned),
        session: logged_out.session.map(str::to_owned),
    };
    let token = config::digest(&format!("{} {}", provider.digest(), logged_out.jti));
    end(visit, provider, known_as, Some(SecretDigest(token))).await
}

/// The name of a session at the provider is known to nobody but the provider, the browser and us; a request without it ends nothing, for
/// the browser presents no cookie within a page of another site.
async fn front_channel(visit: &Visit<'_>, provider: &ProviderConfig) -> Result<(), NotEnded> {
    let bare = |it: &str| it.trim_end_matches('/').to_owned();
    let is_its = |it: &&str| bare(it) == bare(provider.issuer.as_str());
    let issuer = visit.form.get("iss").filter(is_its);
    let session = visit.form.get("sid").and_then(identifier);
    let (Some(_), Some(session)) = (issuer, session) else {
        return Err(NotEnded::NoSession);
    };
    let known_as = KnownAs {
        subject: None,
        session: Some(session.to_owned()),
    };
    end(visit, provider, known_as, None).await
}

async fn end(
    visit: &Visit<'_>,
    provider: &ProviderConfig,
    known_as: KnownAs,
    token: Option<SecretDigest>,
) -> Result<(), NotEnded> {
    if !visit.shared.handover.is_open().await {
        return Err(StoreError::Closed.into());
    }
    let sign_out = ProviderSignOut {
        provider: provider.digest(),
        known_as,
        token,
        at: visit.now,
    };
    let store = &visit.scim_tenant.opened.store;
    let followed = store.end_provider_sessions(sign_out).await?;
    followed.then_some(()).ok_or(NotEnded::Replayed)
}
