//! By what people sign in who have a password, and the links by which they set one.

use super::audit::entry;
use super::sessions::{digest, inactive, is_there, open_session, session};
use super::*;
use crate::store::audit::{AuditEvent, AuditQuery};
use crate::store::passwords::{NewPassword, PasswordHash, PasswordLink, PasswordProof};
use crate::store::sessions::{Session, SignedInBy};

pub(super) fn link(name: &str, person: &str) -> PasswordLink {
    PasswordLink {
        digest: digest(name),
        person: ResourceId::new(person),
        expires: at(100),
        asked: false,
    }
}

fn asked(name: &str, person: &str) -> PasswordLink {
    PasswordLink {
        asked: true,
        ..link(name, person)
    }
}

async fn offer(store: &dyn Store, name: &str, person: &str) -> bool {
    offer_link(store, link(name, person)).await
}

async fn offer_link(store: &dyn Store, link: PasswordLink) -> bool {
    let made = entry(USER, link.person.as_str(), AuditEvent::PasswordLinkMade, 1);
    store.offer_password_link(link, None, made).await.unwrap()
}

async fn set_by(store: &dyn Store, person: &str, hash: &str, proof: PasswordProof) -> bool {
    let password = NewPassword {
        person: ResourceId::new(person),
        hash: PasswordHash::new(hash),
        proof,
        audit: entry(USER, person, AuditEvent::PasswordSet, 2),
    };
    store.set_password(password).await.unwrap()
}

async fn set(store: &dyn Store, person: &str, hash: &str, link: &str) -> bool {
    set_by(
        store,
        person,
        hash,
        PasswordProof::Link(digest(link), at(50)),
    )
    .await
}

async fn kept(store: &dyn Store, person: &str) -> Option<String> {
    let kept = store.password(&ResourceId::new(person)).await.unwrap();
    kept.map(|it| it.reveal().to_owned())
}

async fn has_link(store: &dyn Store, name: &str) -> bool {
    store.password_link(&digest(name)).await.unwrap().is_some()
}

/// Gives `person` the password of this hash.
pub(super) async fn with_password(store: &dyn Store, person: &str, hash: &str) {
    assert!(offer(store, person, person).await);
    assert!(set(store, person, hash, person).await);
}

pub(super) async fn a_link_sets_one_password_once(store: Arc<dyn Store>) {
    filled(&*store).await;
    assert!(offer(&*store, "1", "a").await);
    assert!(offer(&*store, "2", "a").await);
    assert!(!has_link(&*store, "1").await, "the newest one counts");
    let found = store.password_link(&digest("2")).await.unwrap();
    assert_eq!(found, Some(link("2", "a")));

    assert!(!set(&*store, "a", "by a replaced link", "1").await);
    assert!(!set(&*store, "b", "by the link of another", "2").await);
    let late = PasswordProof::Link(digest("2"), at(100));
    assert!(!set_by(&*store, "a", "too late", late).await);
    assert_eq!(kept(&*store, "a").await, None);
    let hashes: Vec<String> = (0..20).map(|it| format!("hash {it}")).collect();
    let all = hashes.iter().map(|it| set(&*store, "a", it, "2"));
    let done = futures::future::join_all(all).await;
    assert_eq!(done.iter().filter(|it| **it).count(), 1);
    let winner = done.iter().position(|it| *it).unwrap();

    assert_eq!(kept(&*store, "a").await.as_ref(), Some(&hashes[winner]));
    assert!(!has_link(&*store, "2").await);
    assert!(offer(&*store, "3", "a").await);
    assert!(set(&*store, "a", "reset", "3").await);
    assert_eq!(kept(&*store, "a").await.as_deref(), Some("reset"));
    assert_eq!(kept(&*store, "b").await, None);
}

/// A stranger may ask for a link in the name of somebody who was invited.
pub(super) async fn a_link_that_was_asked_for_stands_beside_the_one_of_an_administrator(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    let links = async || {
        let all = ["invitation", "asked", "asked again", "another invitation"];
        let mut there = Vec::new();
        for name in all {
            if has_link(&*store, name).await {
                there.push(name);
            }
        }
        there
    };
    for used in ["invitation", "asked again"] {
        assert!(offer(&*store, "invitation", "a").await);
        assert!(offer_link(&*store, asked("asked", "a")).await);
        assert_eq!(links().await, ["invitation", "asked"]);
        assert!(offer_link(&*store, asked("asked again", "a")).await);
        assert_eq!(links().await, ["invitation", "asked again"]);
        let found = store.password_link(&digest("asked again")).await.unwrap();
        assert_eq!(found, Some(asked("asked again", "a")));

        assert!(!set(&*store, "b", "by the link of another", "asked again").await);
        let late = PasswordProof::Link(digest("asked again"), at(100));
        assert!(!set_by(&*store, "a", "too late", late).await);
        assert!(set(&*store, "a", used, used).await);

        assert_eq!(kept(&*store, "a").await.as_deref(), Some(used));
        assert!(
            links().await.is_empty(),
            "each is worth one password, and both are over"
        );
    }

    // An administrator has the last word.
    assert!(offer_link(&*store, asked("asked", "a")).await);
    assert!(offer(&*store, "another invitation", "a").await);
    assert_eq!(links().await, ["another invitation"]);
    assert!(offer_link(&*store, asked("asked", "a")).await);
    store.add(USER, inactive("away"), free()).await.unwrap();
    assert!(!offer_link(&*store, asked("asked again", "away")).await);
    let gone = changed("a", 0, Some(&inactive("a")));
    store.change(USER, gone, free()).await.unwrap();
    assert!(links().await.is_empty());
}

pub(super) async fn only_a_person_who_is_active_gets_a_link(store: Arc<dyn Store>) {
    filled(&*store).await;
    store.add(USER, inactive("away"), free()).await.unwrap();

    for nobody in ["away", "nobody", "t"] {
        assert!(!offer(&*store, "1", nobody).await, "{nobody}");
        assert!(!has_link(&*store, "1").await, "{nobody}");
    }
}

pub(super) async fn links_and_passwords_are_remembered_by_the_write_that_keeps_them(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    let remembered = async || {
        let query = AuditQuery {
            count: 10,
            ..AuditQuery::default()
        };
        let found = store.audit(&query).await.unwrap();
        let all = found.into_iter().rev().map(|it| it.entry);
        all.map(|it| (it.id.as_str().to_owned(), it.events[0]))
            .collect::<Vec<_>>()
    };
    assert!(!offer(&*store, "1", "nobody").await);
    assert!(!set(&*store, "a", "hash", "1").await);
    assert_eq!(remembered().await, []);

    assert!(offer(&*store, "1", "a").await);
    assert!(set(&*store, "a", "hash", "1").await);
    assert!(!set(&*store, "a", "another hash", "1").await);
    let (before, after) = (PasswordHash::new("hash"), PasswordHash::new("rehashed"));
    let rehashed = store.rehash_password(ResourceId::new("a"), before, after);
    assert!(rehashed.await.unwrap());

    let of_a = |it| ("a".to_owned(), it);
    assert_eq!(
        remembered().await,
        [AuditEvent::PasswordLinkMade, AuditEvent::PasswordSet].map(of_a)
    );
}

pub(super) async fn a_password_is_replaced_by_who_knows_it(store: Arc<dyn Store>) {
    filled(&*store).await;
    offer(&*store, "1", "a").await;
    assert!(set(&*store, "a", "first", "1").await);
    let knows = |hash: &str| PasswordProof::Password(PasswordHash::new(hash));

    assert!(!set_by(&*store, "a", "second", knows("another")).await);
    assert!(!set_by(&*store, "b", "second", knows("first")).await);
    assert!(set_by(&*store, "a", "second", knows("first")).await);
    assert_eq!(kept(&*store, "a").await.as_deref(), Some("second"));

    let a = || ResourceId::new("a");
    for (before, is_kept, expected) in [("first", false, "second"), ("second", true, "third")] {
        let (before, after) = (PasswordHash::new(before), PasswordHash::new("third"));
        let rehashed = store.rehash_password(a(), before, after).await.unwrap();
        assert_eq!(rehashed, is_kept);
        assert_eq!(kept(&*store, "a").await.as_deref(), Some(expected));
    }
}

pub(super) async fn links_end_with_who_is_deactivated_and_passwords_with_who_is_deleted(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    for (person, name) in [("a", "1"), ("b", "2")] {
        offer(&*store, name, person).await;
        assert!(set(&*store, person, person, name).await);
        offer(&*store, name, person).await;
    }

    let gone = changed("a", 0, Some(&inactive("a")));
    store.change(USER, gone, free()).await.unwrap();
    let gone = store.delete(USER, deletion("b", 0, 3), free());
    gone.await.unwrap();

    for (person, name, expected) in [("a", "1", Some("a")), ("b", "2", None)] {
        assert!(!has_link(&*store, name).await, "{person}");
        assert_eq!(kept(&*store, person).await.as_deref(), expected);
    }
    let knows = PasswordProof::Password(PasswordHash::new("a"));
    assert!(!set_by(&*store, "a", "while away", knows).await);
    assert!(!open_by(&*store, "session", "a", "a").await);
}

pub(super) async fn a_password_that_is_set_ends_the_sessions_of_its_person_alone(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    for (name, person) in [("one", "a"), ("two", "a"), ("other", "b")] {
        assert!(open_session(&*store, name, person).await);
    }
    offer(&*store, "1", "a").await;
    assert!(!set(&*store, "a", "hash", "another link").await);
    assert!(is_there(&*store, "one").await);

    assert!(set(&*store, "a", "hash", "1").await);

    for (name, expected) in [("one", false), ("two", false), ("other", true)] {
        assert_eq!(is_there(&*store, name).await, expected, "{name}");
    }
}

async fn open_by(store: &dyn Store, name: &str, person: &str, hash: &str) -> bool {
    let session = Session {
        by: SignedInBy::PasswordAndCode,
        ..session(name, person)
    };
    let opened = store.open_session(session, Some(PasswordHash::new(hash)), None);
    opened.await.unwrap()
}

/// Whoever of the two is first: afterwards nobody is signed in by the password before.
pub(super) async fn no_session_is_opened_by_a_password_that_was_replaced(store: Arc<dyn Store>) {
    filled(&*store).await;
    assert!(!open_by(&*store, "none", "a", "hash").await);
    for round in 0..20 {
        let (before, after) = (format!("hash {round}"), format!("hash {}", round + 1));
        offer(&*store, &before, "a").await;
        assert!(set(&*store, "a", &before, &before).await);
        let names: Vec<String> = (0..4).map(|tab| format!("{round} {tab}")).collect();
        let tabs = names.iter().map(|it| open_by(&*store, it, "a", &before));
        let knows = PasswordProof::Password(PasswordHash::new(before.clone()));
        let (_, replaced) = tokio::join!(
            futures::future::join_all(tabs),
            set_by(&*store, "a", &after, knows)
        );
        assert!(replaced);
        for name in &names {
            assert!(!is_there(&*store, name).await, "{name}");
        }
        assert!(open_by(&*store, &after, "a", &after).await);
        let opened = store.session(&digest(&after)).await.unwrap().unwrap();
        assert_eq!(opened.by, SignedInBy::PasswordAndCode);
    }
}

pub(super) async fn who_is_linked_to_another_identity_signs_in_anew(store: Arc<dyn Store>) {
    filled(&*store).await;
    for person in ["a", "b"] {
        with_password(&*store, person, person).await;
        assert!(open_session(&*store, person, person).await);
        assert!(offer(&*store, person, person).await);
    }
    let terms = |ends_credentials| Terms {
        ends_credentials,
        ..free()
    };
    let renamed = |id: &str| {
        let body = json!({"userName": format!("{id}@contoso.example"), "externalId": "another"});
        stored(USER, id, &body)
    };
    let stale = changed("a", 7, Some(&renamed("a")));
    assert!(store.change(USER, stale, terms(true)).await.is_err());
    assert!(is_there(&*store, "a").await);

    for (id, ends) in [("a", true), ("b", false)] {
        let change = changed(id, 1, Some(&renamed(id)));
        store.change(USER, change, terms(ends)).await.unwrap();

        assert_eq!(is_there(&*store, id).await, !ends, "{id}");
        assert_eq!(has_link(&*store, id).await, !ends, "{id}");
        assert_eq!(kept(&*store, id).await.is_some(), !ends, "{id}");
    }
    assert!(!open_by(&*store, "new", "a", "a").await);
}
