//! The passkeys of people.

use super::audit::entry;
use super::passwords::with_password;
use super::sessions::{digest, inactive};
use super::*;
use crate::store::audit::AuditEvent;
use crate::store::passkeys::{PASSKEYS_OF_ONE, Passkey};
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{Session, SignedInBy};

fn passkey(id: &str, person: &str) -> Passkey {
    Passkey {
        id: id.to_owned(),
        person: ResourceId::new(person),
        public_key: format!("key of {person}"),
        counter: 3,
        name: "Chrome on Linux".to_owned(),
        added: at(5),
        used: None,
    }
}

async fn add(store: &dyn Store, id: &str, person: &str, hash: &str) -> bool {
    let made = entry(USER, person, AuditEvent::PasskeyAdded, 2);
    let added = store.add_passkey(passkey(id, person), PasswordHash::new(hash), made);
    added.await.unwrap()
}

async fn of(store: &dyn Store, person: &str) -> Vec<String> {
    let person = ResourceId::new(person);
    let found = store.passkeys_of(&person).await.unwrap();
    found.into_iter().map(|it| it.id).collect()
}

pub(super) async fn a_passkey_is_kept_for_who_knows_the_password(store: Arc<dyn Store>) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    with_password(&*store, "b", "other").await;
    assert!(!add(&*store, "1", "a", "another").await);
    assert!(!add(&*store, "1", "nobody", "hash").await);
    assert!(add(&*store, "1", "a", "hash").await);
    assert!(
        !add(&*store, "1", "b", "other").await,
        "an id is one of a kind"
    );

    let kept = store.passkey("1").await.unwrap();
    assert_eq!(kept, Some(passkey("1", "a")));
    assert_eq!(store.passkey("2").await.unwrap(), None);
    for number in 1..PASSKEYS_OF_ONE {
        assert!(add(&*store, &format!("more {number}"), "a", "hash").await);
    }
    assert!(!add(&*store, "too many", "a", "hash").await);
    assert_eq!(of(&*store, "b").await, [""; 0]);

    let remove = async |id: &str, person: &str, hash: &str| {
        let removed = entry(USER, person, AuditEvent::PasskeyRemoved, 3);
        let which = (id.to_owned(), ResourceId::new(person));
        let removed = store.remove_passkey(which, PasswordHash::new(hash), removed);
        removed.await.unwrap()
    };
    assert!(!remove("1", "a", "another").await);
    assert!(!remove("1", "b", "other").await);
    assert!(remove("1", "a", "hash").await);
    assert!(!remove("1", "a", "hash").await);
    assert_eq!(store.passkey("1").await.unwrap(), None);
}

pub(super) async fn of_two_uses_of_a_passkey_at_one_counter_one_counts(store: Arc<dyn Store>) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    add(&*store, "1", "a", "hash").await;
    let before = passkey("1", "a");

    let uses = (0..10).map(|_| store.use_passkey(&before, 4, at(9)));
    let uses = futures::future::join_all(uses).await;

    assert_eq!(uses.iter().filter(|it| *it.as_ref().unwrap()).count(), 1);
    let now = store.passkey("1").await.unwrap().unwrap();
    assert_eq!((now.counter, now.used), (4, Some(at(9))));
    assert!(store.use_passkey(&now, 5, at(10)).await.unwrap());
    let session = Session {
        digest: digest("by passkey"),
        person: ResourceId::new("a"),
        by: SignedInBy::Passkey,
        device: None,
        opened: at(10),
        seen: at(10),
    };
    let opened = store.open_session(session.clone(), None, None);
    assert!(opened.await.unwrap());
    let found = store.session(&session.digest).await.unwrap();
    assert_eq!(found, Some(session));
}

pub(super) async fn passkeys_go_with_a_reset_and_with_who_is_deleted(store: Arc<dyn Store>) {
    filled(&*store).await;
    for person in ["a", "b", "c"] {
        with_password(&*store, person, person).await;
        assert!(add(&*store, person, person, person).await);
    }
    let reset = entry(USER, "a", AuditEvent::SecondFactorReset, 4);
    let reset = store.reset_second_factor(ResourceId::new("a"), None, reset);
    assert!(reset.await.unwrap());
    let gone = store.delete(USER, deletion("b", 0, 3), free());
    gone.await.unwrap();
    let away = changed("c", 0, Some(&inactive("c")));
    store.change(USER, away, free()).await.unwrap();

    assert_eq!(of(&*store, "a").await, [""; 0]);
    assert_eq!(of(&*store, "b").await, [""; 0]);
    assert_eq!(of(&*store, "c").await, ["c"]);
    assert!(!add(&*store, "while away", "c", "c").await);
}
