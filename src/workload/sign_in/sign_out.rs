//! Signing out here, and the way to sign out at the provider as well (RP-Initiated Logout 1.0).

use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Response, StatusCode};
use url::Url;

use super::pages::{self, SignOut, SignedOut};
use super::refused::Refused;
use super::{Visit, redirect};
use crate::config::ProviderConfig;
use crate::store::sessions::SignedInBy;
use crate::workload::sessions::digest;

/// Who is signed in; whoever is not may do so.
pub(super) async fn signed_in(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    Ok(match visit.person().await? {
        Some(person) => pages::signed_in(visit, &person.resource, None),
        None => redirect(&format!("{}/sign-in", visit.base())),
    })
}

/// A link signs nobody out: it may be another's.
pub(super) fn question(visit: &Visit<'_>) -> Response<Body> {
    let page = SignOut {
        frame: pages::frame(visit),
    };
    pages::page(visit, StatusCode::OK, &page)
}

/// Ends the session.
pub(super) async fn sign_out(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let mut connector = None;
    if let Some(token) = visit.presented() {
        let store = &visit.scim_tenant.opened.store;
        let session = store.session(&digest(&token)).await?;
        connector = session.and_then(|it| match it.by {
            SignedInBy::Connector { name, .. } => Some(name),
            SignedInBy::Password | SignedInBy::PasswordAndCode | SignedInBy::Passkey => None,
        });
        visit.sessions().end(&token).await?;
    }
    let mut url = format!("{}/signed-out", visit.base());
    if let Some(connector) = connector {
        url = format!("{url}?connector={connector}");
    }
    let mut response = redirect(&url);
    if let Some(cookie) = visit.cookies().take_session() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// That it is done here, and where to do it at the provider.
pub(super) async fn signed_out(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let connector = visit.form.get("connector");
    let provider = connector.and_then(|it| visit.config.provider(it));
    let further = match provider {
        Some(provider) => end_session(visit, provider).await,
        None => None,
    };
    let page = SignedOut {
        frame: pages::frame(visit),
        provider: provider.map(|it| it.display_name.clone()),
        further: further.map(String::from),
    };
    Ok(pages::page(visit, StatusCode::OK, &page))
}

/// Where the browser signs out at the provider, and comes back from; nothing when the provider does not say.
async fn end_session(visit: &Visit<'_>, provider: &ProviderConfig) -> Option<Url> {
    let metadata = visit.shared.providers.metadata(provider, visit.now).await;
    let mut url = metadata.ok()?.end_session_endpoint.clone()?;
    url.query_pairs_mut()
        .append_pair("client_id", &provider.client_id)
        .append_pair(
            "post_logout_redirect_uri",
            &format!("{}/signed-out", visit.base()),
        );
    Some(url)
}
