//! Who is signed in with which browser, and to which applications.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::clock::Random;
use crate::emulator::tenant::ObjectId;

/// The cookie by which a browser is known.
pub(super) const COOKIE: &str = "ESTSAUTH";

/// How long somebody stays signed in.
const SESSION_TIME: SignedDuration = SignedDuration::from_hours(24);

/// Somebody who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) person: ObjectId,
    pub(super) sid: Uuid,
    pub(super) since: Timestamp,
    /// Applications that got a code in it.
    pub(super) applications: BTreeSet<Uuid>,
}

/// All sessions, by what the cookies of their browsers hold.
#[derive(Default)]
pub(super) struct Browsers(Mutex<HashMap<String, Session>>);

impl Browsers {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who is signed in with the browser.
    pub(super) fn session(&self, cookie: Option<&str>, now: Timestamp) -> Option<Session> {
        let session = self.lock().get(cookie?).cloned();
        session.filter(|it| now.duration_since(it.since) <= SESSION_TIME)
    }

    /// Signs somebody in with a browser; gives what its cookie is to hold.
    pub(super) fn sign_in(
        &self,
        person: ObjectId,
        sid: Uuid,
        now: Timestamp,
        random: &dyn Random,
    ) -> (String, Session) {
        let cookie = URL_SAFE_NO_PAD.encode(random.secret());
        let session = Session {
            person,
            sid,
            since: now,
            applications: BTreeSet::new(),
        };
        let mut all = self.lock();
        all.retain(|_, it| now.duration_since(it.since) <= SESSION_TIME);
        all.insert(cookie.clone(), session.clone());
        (cookie, session)
    }

    /// Remembers that an application got a code.
    pub(super) fn enters(&self, sid: Uuid, app_id: Uuid) {
        let mut all = self.lock();
        if let Some(session) = all.values_mut().find(|it| it.sid == sid) {
            session.applications.insert(app_id);
        }
    }

    /// Ends the session of the browser.
    pub(super) fn end(&self, cookie: &str) -> Option<Session> {
        self.lock().remove(cookie)
    }

    /// Ends all sessions of somebody.
    pub(super) fn end_all(&self, person: ObjectId) -> Vec<Session> {
        let mut ended = Vec::new();
        self.lock().retain(|_, it| {
            let stays = it.person != person;
            if !stays {
                ended.push(it.clone());
            }
            stays
        });
        ended
    }
}
