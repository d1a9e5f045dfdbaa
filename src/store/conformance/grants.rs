//! What applications were given, and until when.

use super::*;
use crate::store::grants::{Ended, GRANTS_PER_PERSON, Grant, Turn};
use crate::store::sessions::{Over, SecretDigest, Session, SignedInBy};

pub(super) fn digest(text: &str) -> SecretDigest {
    SecretDigest(text.to_owned())
}

pub(super) async fn signed_in(store: &dyn Store, name: &str, person: &str) {
    signed_in_instead(store, name, person, None).await;
}

async fn signed_in_instead(store: &dyn Store, name: &str, person: &str, replaced: Option<&str>) {
    let session = Session {
        digest: digest(name),
        person: ResourceId::new(person),
        by: SignedInBy::Password,
        device: None,
        opened: at(10),
        seen: at(10),
    };
    let opened = store.open_session(session, None, replaced.map(digest));
    assert!(opened.await.unwrap());
}

pub(super) fn grant(key: &str, person: &str, session: &str) -> Grant {
    Grant {
        key: digest(key),
        person: ResourceId::new(person),
        session: digest(session),
        application: "crm".to_owned(),
        terms: "{}".to_owned(),
        current: digest("code"),
        turn: 0,
        expires: at(70),
    }
}

pub(super) fn turn(key: &str, from: &str, to: &str) -> Turn {
    Turn {
        key: digest(key),
        from: digest(from),
        to: digest(to),
        expires: at(100),
    }
}

pub(super) async fn is_there(store: &dyn Store, key: &str) -> bool {
    store.grant(&digest(key)).await.unwrap().is_some()
}

pub(super) async fn a_grant_is_turned_by_whoever_holds_its_present_part(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;
    assert!(store.keep_grant(grant("1", "a", "s")).await.unwrap());
    assert_eq!(
        store.grant(&digest("1")).await.unwrap(),
        Some(grant("1", "a", "s"))
    );

    let turns = (0..20).map(|it| store.turn_grant(turn("1", "code", &format!("refresh {it}"))));
    let turned = futures::future::join_all(turns).await;
    assert_eq!(
        turned
            .into_iter()
            .filter(|it| *it.as_ref().unwrap())
            .count(),
        1
    );

    let found = store.grant(&digest("1")).await.unwrap().unwrap();
    assert_eq!((found.turn, found.expires), (1, at(100)));
    assert!(!store.turn_grant(turn("1", "code", "x")).await.unwrap());
    assert!(!store.turn_grant(turn("2", "code", "x")).await.unwrap());
    let present = found.current.0;
    assert!(store.turn_grant(turn("1", &present, "y")).await.unwrap());
    store.end_grant(digest("1")).await.unwrap();
    store.end_grant(digest("1")).await.unwrap();
    assert!(!is_there(&*store, "1").await);
}

/// As where the answer to the first try was lost.
pub(super) async fn a_grant_that_is_kept_or_turned_again_stays_as_it_is(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;
    for _ in 0..2 {
        assert!(store.keep_grant(grant("1", "a", "s")).await.unwrap());
    }
    let kept = store.grant(&digest("1")).await.unwrap();
    assert_eq!(kept, Some(grant("1", "a", "s")));

    for _ in 0..2 {
        assert!(store.turn_grant(turn("1", "code", "x")).await.unwrap());
    }

    let turned = Grant {
        current: digest("x"),
        turn: 1,
        expires: at(100),
        ..grant("1", "a", "s")
    };
    assert_eq!(store.grant(&digest("1")).await.unwrap(), Some(turned));
}

pub(super) async fn a_grant_goes_over_to_the_session_that_its_person_opens_instead(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    for name in ["s", "other", "shared"] {
        signed_in(&*store, name, "a").await;
        store.keep_grant(grant(name, "a", name)).await.unwrap();
    }

    signed_in_instead(&*store, "t", "a", Some("s")).await;
    signed_in_instead(&*store, "u", "b", Some("shared")).await;

    for (key, expected) in [("s", "t"), ("other", "other"), ("shared", "shared")] {
        let found = store.grant(&digest(key)).await.unwrap().unwrap();
        assert_eq!(found.session, digest(expected), "{key}");
    }
    assert_eq!(store.session(&digest("shared")).await.unwrap(), None);
}

pub(super) async fn a_grant_needs_a_session_of_the_person(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;

    assert!(!store.keep_grant(grant("1", "a", "another")).await.unwrap());
    assert!(!store.keep_grant(grant("1", "b", "s")).await.unwrap());
    assert!(!is_there(&*store, "1").await);
}

pub(super) async fn a_person_has_so_many_grants_and_the_oldest_go(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;
    signed_in(&*store, "t", "b").await;
    store
        .keep_grant(grant("of another", "b", "t"))
        .await
        .unwrap();

    for number in 0..=GRANTS_PER_PERSON {
        let kept = store.keep_grant(grant(&number.to_string(), "a", "s"));
        assert!(kept.await.unwrap());
    }

    let last = GRANTS_PER_PERSON.to_string();
    for (key, expected) in [
        ("0", false),
        ("1", true),
        (&last, true),
        ("of another", true),
    ] {
        assert_eq!(is_there(&*store, key).await, expected, "{key}");
    }
}

pub(super) async fn grants_that_are_over_or_whose_session_is_are_forgotten(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "ends", "a").await;
    signed_in(&*store, "stays", "a").await;
    store.keep_grant(grant("1", "a", "ends")).await.unwrap();
    store.keep_grant(grant("2", "a", "stays")).await.unwrap();
    let old = Grant {
        expires: at(20),
        ..grant("3", "a", "stays")
    };
    store.keep_grant(old).await.unwrap();
    store.end_session(digest("ends")).await.unwrap();
    let over = Over {
        opened_before: at(0),
        seen_before: at(0),
        began_before: at(0),
    };
    store.forget_sessions(over).await.unwrap();

    assert_eq!(store.forget_grants(at(30), &[]).await.unwrap(), 2);
    assert_eq!(store.forget_grants(at(30), &[]).await.unwrap(), 0);

    for (key, expected) in [("1", false), ("2", true), ("3", false)] {
        assert_eq!(is_there(&*store, key).await, expected, "{key}");
    }
}

pub(super) async fn the_end_of_a_session_is_told_to_applications_that_want_it(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    signed_in(&*store, "ends", "a").await;
    signed_in(&*store, "stays", "a").await;
    let told = ["crm".to_owned()];
    for (key, session, application) in [
        ("1", "ends", "crm"),
        ("2", "stays", "crm"),
        ("3", "ends", "other"),
        ("unused", "ends", "crm"),
    ] {
        let grant = Grant {
            application: application.to_owned(),
            ..grant(key, "a", session)
        };
        assert!(store.keep_grant(grant).await.unwrap());
        if key != "unused" {
            assert!(store.turn_grant(turn(key, "code", "x")).await.unwrap());
        }
    }
    let ended = async |second| store.ended_grants(&told, at(second)).await.unwrap();
    assert_eq!(ended(20).await, []);
    store.end_session(digest("ends")).await.unwrap();

    let expected = Grant {
        current: digest("x"),
        turn: 1,
        expires: at(100),
        ..grant("1", "a", "ends")
    };
    let expected = Ended {
        grant: expected,
        tries: 0,
    };
    assert_eq!(ended(20).await, std::slice::from_ref(&expected));
    assert_eq!(store.ended_grants(&[], at(20)).await.unwrap(), []);
    // Of several who saw it one tells the application, and nobody does so again at once.
    let takes = (0..20).map(|_| store.take_ended_grant(&expected, at(50)));
    let all = futures::future::join_all(takes).await;
    assert_eq!(all.iter().filter(|it| matches!(it, Ok(true))).count(), 1);
    assert_eq!(ended(49).await, []);
    assert_eq!(ended(50).await[0].tries, 1);
    // Meanwhile it is kept, however long it has been over.
    store.forget_grants(at(500), &told).await.unwrap();
    for (key, expected) in [("1", true), ("2", true), ("3", false), ("unused", false)] {
        assert_eq!(is_there(&*store, key).await, expected, "{key}");
    }
    store.end_grant(digest("1")).await.unwrap();
    assert_eq!(ended(50).await, []);
    store.forget_grants(at(500), &[]).await.unwrap();
    assert!(!is_there(&*store, "2").await);
}

pub(super) async fn a_person_learns_which_applications_have_grants_and_ends_them(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;
    signed_in(&*store, "t", "a").await;
    signed_in(&*store, "u", "b").await;
    for (key, person, session, application) in [
        ("1", "a", "s", "wiki"),
        ("2", "a", "s", "crm"),
        ("3", "a", "t", "crm"),
        ("4", "a", "t", "mail"),
        ("5", "b", "u", "crm"),
    ] {
        let kept = Grant {
            application: application.to_owned(),
            ..grant(key, person, session)
        };
        assert!(store.keep_grant(kept).await.unwrap());
    }
    let of = async |person: &str, second| {
        let person = ResourceId::new(person);
        store.applications_of(&person, at(second)).await.unwrap()
    };

    assert_eq!(of("a", 60).await, ["crm", "mail", "wiki"]);
    assert_eq!(of("a", 70).await, [""; 0], "they are over");
    store.end_session(digest("t")).await.unwrap();
    assert_eq!(of("a", 60).await, ["crm", "wiki"]);
    let ended = store.end_grants_of(ResourceId::new("a"), "crm".to_owned());
    ended.await.unwrap();
    assert_eq!(of("a", 60).await, ["wiki"]);
    assert_eq!(of("b", 60).await, ["crm"]);
}
