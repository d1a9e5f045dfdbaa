//! Sessions with their people as they were read last, for as long as nothing was written: so it is never told what does not hold any more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use axum::http::{HeaderName, HeaderValue};

use crate::store::sessions::{SecretDigest, Session};
use crate::store::{Store, Stored};

/// Sessions at most; a person with groups takes some KiB.
const MOST: usize = 1_024;

/// A session and its person.
#[derive(Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Session,
    pub(crate) person: Stored,
    /// What applications are told of the person, once one was.
    pub(crate) headers: OnceLock<Vec<(HeaderName, HeaderValue)>>,
}

impl SignedIn {
    pub(crate) const fn new(session: Session, person: Stored) -> Self {
        Self {
            session,
            person,
            headers: OnceLock::new(),
        }
    }
}

/// The sessions that were read since the last write.
#[derive(Default)]
pub(crate) struct Remembered(Mutex<Memory>);

#[derive(Default)]
struct Memory {
    generation: u64,
    sessions: HashMap<SecretDigest, Arc<SignedIn>>,
}

/// A store at a time, for which something may be remembered.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'r> {
    remembered: &'r Remembered,
    generation: u64,
}

impl Remembered {
    /// The present of `store`; nothing where others write to it as well.
    pub(crate) fn at(&self, store: &dyn Store) -> Option<Moment<'_>> {
        let generation = store.generation()?;
        Some(Moment {
            remembered: self,
            generation,
        })
    }
}

impl Moment<'_> {
    /// What was read of the session of this digest.
    pub(crate) fn recall(self, digest: &SecretDigest) -> Option<Arc<SignedIn>> {
        self.memory()?.sessions.get(digest).map(Arc::clone)
    }

    /// Remembers what was read after this moment began.
    pub(crate) fn keep(self, signed_in: &Arc<SignedIn>) {
        let Some(mut memory) = self.memory() else {
            return;
        };
        if memory.sessions.len() >= MOST {
            memory.sessions.clear();
        }
        let digest = signed_in.session.digest.clone();
        memory.sessions.insert(digest, Arc::clone(signed_in));
    }

    /// The memory without what is older than this moment; nothing if that is over.
    fn memory(&self) -> Option<MutexGuard<'_, Memory>> {
        let memory = self.remembered.0.lock();
        let mut memory = memory.unwrap_or_else(PoisonError::into_inner);
        if memory.generation < self.generation {
            memory.generation = self.generation;
            memory.sessions.clear();
        }
        (memory.generation == self.generation).then_some(memory)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use serde_json::json;
    use tempfile::TempDir;

    use super::*;
    use crate::config::SignInConfig;
    use crate::scim::resource::Resource;
    use crate::scim::schema::ResourceType;
    use crate::store::sessions::SignedInBy;
    use crate::store::{Change, Location, Related, ResourceId, Terms, Version, open};
    use crate::workload::sessions::Sessions;

    fn person(is_active: bool) -> Resource {
        let body = json!({"userName": "lena", "active": is_active});
        Resource::from_json(&body.to_string()).unwrap()
    }

    async fn store() -> (TempDir, Arc<dyn Store>) {
        let folder = TempDir::new().unwrap();
        let location = Location::Sqlite(folder.path().join("people.db"));
        let store = open(&location).await.unwrap();
        let added = Stored {
            id: ResourceId::new("1"),
            version: Version::FIRST,
            created: Timestamp::UNIX_EPOCH,
            last_modified: Timestamp::UNIX_EPOCH,
            resource: person(true),
            related: Vec::new(),
        };
        let terms = Terms::default();
        store.add(ResourceType::User, added, terms).await.unwrap();
        (folder, store)
    }

    fn config() -> SignInConfig {
        let session = json!({"idleMinutes": 60, "absoluteMinutes": 720});
        let config = json!({"session": session, "builtIn": true, "providers": []});
        serde_json::from_value(config).unwrap()
    }

    fn session() -> Session {
        Session {
            digest: SecretDigest("d".to_owned()),
            person: ResourceId::new("1"),
            by: SignedInBy::Password,
            device: None,
            opened: Timestamp::UNIX_EPOCH,
            seen: Timestamp::UNIX_EPOCH,
        }
    }

    #[tokio::test]
    async fn who_is_signed_in_is_read_once_until_something_is_written() {
        let (_folder, store) = store().await;
        let (config, remembered) = (config(), Remembered::default());
        assert!(store.open_session(session(), None, None).await.unwrap());
        let sessions = Sessions::new(&*store, &config, Timestamp::UNIX_EPOCH);
        let find = async || {
            let digest = &session().digest;
            sessions.remembered(digest, &remembered).await.unwrap()
        };

        let first = find().await.unwrap();
        assert!(Arc::ptr_eq(&first, &find().await.unwrap()));

        let change = Change {
            id: ResourceId::new("1"),
            expected: None,
            resource: Some(person(false)),
            members: Vec::new(),
            at: Timestamp::UNIX_EPOCH,
        };
        let changed = store.change(ResourceType::User, change, Terms::default());
        changed.await.unwrap().unwrap();

        assert!(find().await.is_none());
    }

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_kept_after_it() {
        let (_folder, store) = store().await;
        let remembered = Remembered::default();
        let before = remembered.at(&*store).unwrap();
        let id = ResourceId::new("1");
        let person = store.find(ResourceType::User, &id, Related::Skip).await;
        let read = Arc::new(SignedIn::new(session(), person.unwrap().unwrap()));
        assert!(store.open_session(session(), None, None).await.unwrap());
        before.keep(&read);
        assert!(before.recall(&session().digest).is_some());

        let now = remembered.at(&*store).unwrap();
        assert!(now.recall(&session().digest).is_none());
        before.keep(&read);
        assert!(now.recall(&session().digest).is_none());
    }
}
