//! Where a list goes on: opaque to who holds it, and worth nothing to who may not read the list anyway.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::NotDone;

/// Bytes of a cursor at most: the longest name fits in.
const LONGEST: usize = 16 * 1024;

/// A place as text.
pub(super) fn encode<T: Serialize>(place: &T) -> Option<String> {
    let bytes = serde_json::to_vec(place).ok()?;
    Some(URL_SAFE_NO_PAD.encode(bytes))
}

/// The place that a text is.
pub(super) fn decode<T: DeserializeOwned>(text: Option<&str>) -> Result<Option<T>, NotDone> {
    let Some(text) = text.filter(|it| !it.is_empty()) else {
        return Ok(None);
    };
    let bytes = (text.len() <= LONGEST).then(|| URL_SAFE_NO_PAD.decode(text).ok());
    let place = bytes
        .flatten()
        .and_then(|it| serde_json::from_slice(&it).ok());
    place.map(Some).ok_or_else(|| NotDone::Invalid {
        field: "cursor",
        got: text.chars().take(40).collect(),
        wanted: "leave it out to begin, or take nextCursor of the page before".to_owned(),
    })
}
