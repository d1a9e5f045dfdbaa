//! Walks by `startIndex` that miss nobody: Entra's account discovery goes from page to page while people come and go.
//!
//! A number alone is no place: once somebody of an earlier page is deleted, everybody behind moves up by one, and the next page
//! begins one too late. Who asks for the page behind the one just answered therefore goes on behind the last resource of that
//! page. What is remembered may be lost - by a restart, on another replica - and then the number counts again.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::store::Position;

/// Walks that are remembered; those of who has not gone on for longest are forgotten.
const WALKS: usize = 64;

/// How long a client may take from one page to the next.
const PAUSE: SignedDuration = SignedDuration::from_mins(10);

#[derive(Debug, PartialEq, Eq)]
struct Walk {
    client: String,
    list: [u8; 32],
    /// `startIndex` of the page that comes next.
    next: usize,
    position: Position,
    at: Timestamp,
}

/// The walks of all clients of a directory.
#[derive(Debug, Default)]
pub(crate) struct Walks(Mutex<VecDeque<Walk>>);

impl Walks {
    /// Where the page that begins at `start_index` begins, if it is the next one of a walk.
    pub(super) fn place(
        &self,
        client: &str,
        list: &[u8; 32],
        start_index: usize,
        now: Timestamp,
    ) -> Option<Position> {
        let walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = walks.iter().find(|it| {
            it.client == client
                && it.list == *list
                && it.next == start_index
                && now.duration_since(it.at) < PAUSE
        });
        found.map(|it| it.position.clone())
    }

    /// Remembers that `client` may go on at `next`.
    pub(super) fn remember(
        &self,
        client: &str,
        list: [u8; 32],
        (next, position): (usize, Position),
        at: Timestamp,
    ) {
        let mut walks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        walks.retain(|it| it.client != client || it.list != list || it.next != next);
        walks.truncate(WALKS - 1);
        walks.push_front(Walk {
            client: client.to_owned(),
            list,
            next,
            position,
            at,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scim::sort::SortValue;

    #[test]
    fn the_next_page_of_the_same_client_and_list_has_a_place_for_ten_minutes() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let position = |sequence| Position {
            key: SortValue::Absent,
            sequence,
        };
        let walks = Walks::default();
        walks.remember("entra", [1; 32], (6, position(5)), at(0));

        let place = |client, list, start, second| {
            let found = walks.place(client, &[list; 32], start, at(second));
            found.map(|it| it.sequence)
        };
        assert_eq!(place("entra", 1, 6, 599), Some(5));
        assert_eq!(place("entra", 1, 6, 600), None);
        assert_eq!(place("entra", 1, 7, 0), None);
        assert_eq!(place("entra", 2, 6, 0), None);
        assert_eq!(place("okta", 1, 6, 0), None);
        walks.remember("entra", [1; 32], (6, position(9)), at(1));
        assert_eq!(place("entra", 1, 6, 1), Some(9));
        for next in 0..WALKS {
            walks.remember("okta", [1; 32], (next, position(1)), at(1));
        }
        assert_eq!(place("entra", 1, 6, 1), None);
    }
}
