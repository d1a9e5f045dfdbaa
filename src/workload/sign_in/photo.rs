//! The profile photo of who signed in through Entra, read from Microsoft Graph where that is declared. Nobody waits for it, and whatever
//! becomes of it, the person is signed in.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use url::Url;

use super::provider::Providers;
use super::refused::Refused;
use super::{Visit, pages, status};
use crate::config::{ProviderConfig, SignInConfig};
use crate::store::photos::Photo;
use crate::store::{ResourceId, Store, StoreError};
use crate::telemetry::chain;
use crate::workload::outbound::OutboundError;

/// Photos that are read at once; of who comes then the next sign-in brings it.
const AT_ONCE: usize = 16;

/// Below Graph: the photo of who has the token, 96 pixels wide and high.
const PHOTO_PATH: &str = "/v1.0/me/photos/96x96/$value";

/// No other site shows it.
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Who reads photos in the background.
pub(super) struct Photographs(Arc<Semaphore>);

impl Default for Photographs {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Why there is no photo.
#[derive(Debug, thiserror::Error)]
enum NoPhoto {
    #[error("Microsoft Graph gives no photo")]
    Outbound(#[from] OutboundError),
    #[error(
        "Microsoft Graph gives no photo: status {0}; 401 and 403 mean that User.Read was not consented to"
    )]
    Status(u16),
    #[error("what Microsoft Graph gives as a photo is no JPEG or PNG, or too large")]
    NoPicture,
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Has the photo of who just signed in read, where that is declared.
pub(super) fn read_later(
    visit: &Visit<'_>,
    provider: &ProviderConfig,
    person: &ResourceId,
    access_token: String,
) {
    let url = provider.graph.as_ref();
    let url = url.and_then(|it| it.join(PHOTO_PATH).ok());
    let permit = Arc::clone(&visit.shared.providers.photos.0).try_acquire_owned();
    let (Some(url), Ok(permit)) = (url, permit) else {
        return;
    };
    let reading = Reading {
        url,
        access_token,
        person: person.clone(),
        at: Timestamp::from_millisecond(visit.now.as_millisecond()).unwrap_or(visit.now),
        providers: Arc::clone(&visit.shared.providers),
        store: Arc::clone(&visit.scim_tenant.opened.store),
    };
    let connector = provider.connector.clone();
    tokio::spawn(async move {
        let _permit = permit;
        if let Err(error) = reading.run().await {
            let error = chain(&error);
            tracing::info!(connector, error, "a profile photo stays as it was");
        }
    });
}

/// One photo that is read.
struct Reading {
    url: Url,
    access_token: String,
    person: ResourceId,
    at: Timestamp,
    providers: Arc<Providers>,
    store: Arc<dyn Store>,
}

impl Reading {
    /// Keeps the photo that Graph has; where it has none, none is kept. Anything else leaves the one of before.
    async fn run(self) -> Result<(), NoPhoto> {
        let answer = self.providers.get_with(&self.url, &self.access_token);
        let (status, bytes) = answer.await?;
        let photo = match status {
            200 => Some(Photo::read(bytes, self.at).ok_or(NoPhoto::NoPicture)?),
            404 => None,
            status => return Err(NoPhoto::Status(status)),
        };
        let before = self.store.photo(&self.person).await?;
        match (photo, before) {
            (Some(photo), Some(before)) if photo.bytes() == before.bytes() => Ok(()),
            (Some(photo), _) => Ok(self.store.keep_photo(self.person, photo).await.map(drop)?),
            (None, Some(_)) => Ok(self.store.remove_photo(self.person).await.map(drop)?),
            (None, None) => Ok(()),
        }
    }
}

/// The photo of a person, where photos are read.
pub(super) async fn of(
    config: &SignInConfig,
    store: &dyn Store,
    person: &ResourceId,
) -> Result<Option<Photo>, StoreError> {
    if !config.has_photos() {
        return Ok(None);
    }
    store.photo(person).await
}

/// The photo of who is signed in.
pub(super) async fn own(visit: &Visit<'_>) -> Result<Response<Body>, Refused> {
    let store = &*visit.scim_tenant.opened.store;
    let photo = match visit.person().await? {
        Some(person) => of(visit.config, store, &person.id).await?,
        None => None,
    };
    Ok(photo.map_or_else(|| status(StatusCode::NOT_FOUND), |it| response(&it)))
}

/// A photo as an answer; what it is, its first bytes said.
pub(in crate::workload) fn response(photo: &Photo) -> Response<Body> {
    let mut response = Response::new(Body::from(photo.bytes().to_vec()));
    pages::guard(&mut response);
    let headers = response.headers_mut();
    let content_type = HeaderValue::from_static(photo.content_type());
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    response
}
