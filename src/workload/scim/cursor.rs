//! Cursors (RFC 9865): where a walk through a list goes on, and of which list it is.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::scim::error::ScimError;
use crate::scim::schema::ResourceType;
use crate::scim::sort::{Sort, SortKey, SortValue};
use crate::store::{ListQuery, Position};

/// Seconds for which a cursor may be used.
pub(crate) const CURSOR_SECONDS: i64 = 3600;

/// Bytes of a cursor at most: the longest text that a list is sorted by fits in.
const MAX_CURSOR: usize = 128 * 1024;

/// A place in one list, as it travels through the client.
///
/// It carries no secret and grants nothing: a place in a list that the same client may read anyway. Hence a checksum over it
/// and the list finds mistakes, and no key is needed that replicas would have to share.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Cursor {
    /// How many are on the other side of the place.
    pub(super) given: usize,
    /// Whether it leads to those before the place; told by the checksum alone, so that a program that cannot go back refuses it.
    #[serde(skip)]
    pub(super) backward: bool,
    expires: i64,
    sequence: i64,
    key: Option<Key>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum Key {
    Text(String),
    Number(i64),
}

/// What tells lists apart: type, filter and order.
pub(super) fn list_digest(kind: ResourceType, query: &ListQuery) -> [u8; 32] {
    let filter = query.filter.as_ref().map(ToString::to_string);
    let shape = format!("{kind:?} {:?} {filter:?}", query.sort);
    Sha256::digest(shape.as_bytes()).into()
}

impl Cursor {
    /// Behind `position`, with so many on its other side.
    pub(super) fn new(position: &Position, given: usize, now: Timestamp) -> Self {
        Self {
            given,
            backward: false,
            expires: now.as_second() + CURSOR_SECONDS,
            sequence: position.sequence,
            key: match &position.key {
                SortValue::Absent => None,
                SortValue::Text(text) => Some(Key::Text(text.clone())),
                SortValue::Number(number) => Some(Key::Number(*number)),
            },
        }
    }

    /// Before the position.
    pub(super) fn back(self) -> Self {
        Self {
            backward: !self.backward,
            ..self
        }
    }

    pub(super) fn position(&self) -> Position {
        Position {
            key: match &self.key {
                None => SortValue::Absent,
                Some(Key::Text(text)) => SortValue::Text(text.clone()),
                Some(Key::Number(number)) => SortValue::Number(*number),
            },
            sequence: self.sequence,
        }
    }

    /// Whether a list in this order has such a place.
    fn fits(&self, sort: Option<&Sort>) -> bool {
        match sort.map(|it| &it.by) {
            None | Some(SortKey::Created) => self.key.is_none(),
            Some(SortKey::LastModified) => matches!(self.key, Some(Key::Number(_))),
            Some(SortKey::Id | SortKey::UserName) => matches!(self.key, Some(Key::Text(_))),
            Some(SortKey::ExternalId | SortKey::DisplayName) => {
                matches!(self.key, None | Some(Key::Text(_)))
            }
            Some(SortKey::Other(_)) => true,
        }
    }

    pub(super) fn encode(&self, list: &[u8; 32]) -> String {
        let mut bytes = serde_json::to_vec(self).unwrap_or_default();
        let sum = checksum(list, self.backward, &bytes);
        bytes.extend_from_slice(&sum);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads what [`Cursor::encode`] wrote for the same list.
    pub(super) fn decode(
        text: &str,
        list: &[u8; 32],
        sort: Option<&Sort>,
        now: Timestamp,
    ) -> Result<Self, ScimError> {
        let invalid = || {
            ScimError::invalid_cursor(
                "The cursor was not given for this list; begin again with an empty cursor, and keep filter and sortBy while you \
                 go on.",
            )
        };
        let bytes = (text.len() <= MAX_CURSOR)
            .then(|| URL_SAFE_NO_PAD.decode(text).ok())
            .flatten()
            .ok_or_else(invalid)?;
        let (payload, sum) = bytes.split_last_chunk::<8>().ok_or_else(invalid)?;
        let leads = |backward: &bool| checksum(list, *backward, payload) == *sum;
        let backward = [false, true].into_iter().find(leads).ok_or_else(invalid)?;
        let cursor: Self = serde_json::from_slice(payload).map_err(|_| invalid())?;
        let cursor = Self { backward, ..cursor };
        if !cursor.fits(sort) {
            return Err(invalid());
        }
        if cursor.expires < now.as_second() {
            return Err(ScimError::expired_cursor(format!(
                "The cursor is older than {CURSOR_SECONDS} seconds; begin again with an empty cursor."
            )));
        }
        Ok(cursor)
    }
}

fn checksum(list: &[u8; 32], backward: bool, payload: &[u8]) -> [u8; 8] {
    let way: &[u8] = if backward { b"backward" } else { b"" };
    let digest = Sha256::new()
        .chain_update(list)
        .chain_update(way)
        .chain_update(payload)
        .finalize();
    let mut sum = [0; 8];
    sum.copy_from_slice(&digest[..8]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::error::ScimType::{ExpiredCursor, InvalidCursor};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sorted(by: Option<SortKey>) -> Option<Sort> {
        by.map(|by| Sort {
            by,
            descending: false,
        })
    }

    fn list(by: Option<SortKey>) -> [u8; 32] {
        let query = ListQuery {
            sort: sorted(by),
            ..ListQuery::default()
        };
        list_digest(ResourceType::User, &query)
    }

    #[test]
    fn a_cursor_leads_back_to_its_place_in_its_list_for_an_hour() {
        let key = SortValue::Text("ünal".to_owned());
        let position = Position { key, sequence: 7 };
        let text = Cursor::new(&position, 10, at(0)).encode(&list(Some(SortKey::UserName)));
        let read = |text: &str, by: Option<SortKey>, second| {
            let cursor = Cursor::decode(text, &list(by.clone()), sorted(by).as_ref(), at(second));
            cursor.map_err(|error| error.scim_type)
        };

        let cursor = read(&text, Some(SortKey::UserName), CURSOR_SECONDS).unwrap();
        assert_eq!((cursor.position(), cursor.given), (position.clone(), 10));
        assert!(!cursor.backward);
        let back = Cursor::new(&position, 10, at(0)).back();
        let back = back.encode(&list(Some(SortKey::UserName)));
        assert!(read(&back, Some(SortKey::UserName), 0).unwrap().backward);

        let late = read(&text, Some(SortKey::UserName), CURSOR_SECONDS + 1);
        assert_eq!(late.unwrap_err(), Some(ExpiredCursor));
        for (text, by) in [
            (text.as_str(), None),
            (&text[1..], Some(SortKey::UserName)),
            ("", Some(SortKey::UserName)),
            ("!", Some(SortKey::UserName)),
        ] {
            assert_eq!(
                read(text, by, 0).unwrap_err(),
                Some(InvalidCursor),
                "{text}"
            );
        }
    }

    #[test]
    fn a_place_that_the_order_does_not_have_is_refused() {
        use SortKey::{Created, DisplayName, ExternalId, Id, LastModified, UserName};
        let text = || SortValue::Text("a".to_owned());
        for (key, expected) in [
            (
                SortValue::Absent,
                vec![None, Some(Created), Some(ExternalId), Some(DisplayName)],
            ),
            (SortValue::Number(1), vec![Some(LastModified)]),
            (
                text(),
                vec![
                    Some(Id),
                    Some(ExternalId),
                    Some(UserName),
                    Some(DisplayName),
                ],
            ),
        ] {
            let position = Position { key, sequence: 7 };
            let all = [
                None,
                Some(Id),
                Some(ExternalId),
                Some(UserName),
                Some(DisplayName),
                Some(Created),
                Some(LastModified),
            ];
            for by in all {
                let cursor = Cursor::new(&position, 10, at(0)).encode(&list(by.clone()));
                let read = Cursor::decode(
                    &cursor,
                    &list(by.clone()),
                    sorted(by.clone()).as_ref(),
                    at(0),
                );
                assert_eq!(read.is_ok(), expected.contains(&by), "{position:?} {by:?}");
            }
        }
    }
}
