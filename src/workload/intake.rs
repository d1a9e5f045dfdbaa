//! Room for the bodies of requests, in bytes: what all together may take, and one client of it, so that none starves the others.
//! And what else a request keeps while its body is waited for.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::body::{Body, HttpBody};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Uri};
use futures::StreamExt;

use super::http::REQUEST_TIME;

/// Bytes of all bodies at once.
const ALL: usize = 64 * 1024 * 1024;

/// Bytes of the bodies of one client.
const EACH: usize = ALL / 2;

/// Bytes for which a body gets memory before they come.
const FIRST: usize = 8 * 1024;

/// Gives the head of a request memory of its own. As it comes it is a piece of the buffer in which its connection reads, which takes
/// another buffer for the body for as long as somebody has that piece.
pub(crate) fn detach(head: &mut Parts) {
    // What was read once can be read again.
    if let Ok(uri) = head.uri.to_string().parse::<Uri>() {
        head.uri = uri;
    }
    for value in head.headers.values_mut() {
        if let Ok(own) = HeaderValue::from_bytes(value.as_bytes()) {
            *value = own;
        }
    }
}

/// The bodies that are read or in work.
#[derive(Default)]
pub(crate) struct Intake(Mutex<Taken>);

#[derive(Default)]
struct Taken {
    all: usize,
    each: HashMap<String, usize>,
}

/// The room of one body, given back when it is dropped.
pub(crate) struct Room<'i> {
    intake: &'i Intake,
    client: String,
    bytes: usize,
}

impl Intake {
    /// Begins a body of `client`; room is taken as its bytes come, so that what is only announced takes none.
    pub(crate) fn begin(&self, client: String) -> Room<'_> {
        Room {
            intake: self,
            client,
            bytes: 0,
        }
    }

    /// Reads a form of so many bytes at most. Nobody knows yet whose it is, so all forms together have the room of one client.
    pub(crate) async fn read_form(&self, body: Body, at_most: usize) -> Result<Vec<u8>, Unread> {
        let mut room = self.begin(String::new());
        let form = tokio::time::timeout(REQUEST_TIME, room.read(body, at_most)).await;
        form.unwrap_or(Err(Unread::Broken))
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a body is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    TooLarge,
    /// Others take all the room, or others of the same client.
    NoRoom,
    /// The client went away or sends nonsense below HTTP.
    Broken,
}

impl Room<'_> {
    /// Reads a body of at most so many bytes.
    pub(crate) async fn read(&mut self, body: Body, at_most: usize) -> Result<Vec<u8>, Unread> {
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > at_most {
            return Err(Unread::TooLarge);
        }
        let mut read = Vec::with_capacity(announced.min(FIRST));
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Unread::Broken)?;
            if read.len() + chunk.len() > at_most {
                return Err(Unread::TooLarge);
            }
            if !self.take(chunk.len()) {
                return Err(Unread::NoRoom);
            }
            read.extend_from_slice(&chunk);
        }
        Ok(read)
    }

    /// Takes room for more bytes; whether there is so much.
    fn take(&mut self, bytes: usize) -> bool {
        let mut taken = self.intake.taken();
        let each = taken.each.get(&self.client).copied().unwrap_or_default();
        if taken.all + bytes > ALL || each + bytes > EACH {
            return false;
        }
        taken.all += bytes;
        taken.each.insert(self.client.clone(), each + bytes);
        self.bytes += bytes;
        true
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut taken = self.intake.taken();
        taken.all -= self.bytes;
        if let Some(each) = taken.each.get_mut(&self.client) {
            *each -= self.bytes;
            if *each == 0 {
                taken.each.remove(&self.client);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Bytes;
    use axum::extract::Request;

    use super::*;

    #[test]
    fn the_head_of_a_request_that_waits_for_its_body_lets_go_of_what_was_read() {
        let read = Bytes::from(b"/scim/v2/Users?attributes=id|Bearer secret".to_vec());
        let (uri, token) = (read.slice(..28), read.slice(29..));
        let request = Request::builder()
            .uri(Uri::from_maybe_shared(uri).unwrap())
            .header(
                "authorization",
                HeaderValue::from_maybe_shared(token).unwrap(),
            );
        let (mut head, ()) = request.body(()).unwrap().into_parts();
        assert!(!read.is_unique());

        detach(&mut head);
        assert!(read.is_unique());
        assert_eq!(head.uri, "/scim/v2/Users?attributes=id");
        assert_eq!(head.headers["authorization"], "Bearer secret");
    }

    #[test]
    fn a_client_that_takes_all_it_may_leaves_room_for_others() {
        let intake = Intake::default();
        let begin = |client: &str| intake.begin(client.to_owned());
        let (mut first, mut second) = (begin("greedy"), begin("greedy"));
        assert!(first.take(EACH - 1) && second.take(1));
        assert!(!second.take(1));

        let (mut other, mut third) = (begin("other"), begin("third"));
        assert!(other.take(EACH - 1) && third.take(1));
        assert!(!third.take(1), "all is taken");

        drop(first);
        assert!(third.take(1) && second.take(1));
        drop((second, other, third));
        let taken = intake.taken();
        assert_eq!((taken.all, taken.each.len()), (0, 0));
    }
}
