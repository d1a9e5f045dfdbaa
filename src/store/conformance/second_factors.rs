//! The second factors of people who have a password.

use super::audit::entry;
use super::passwords::{link, with_password};
use super::sessions::{digest, inactive, is_there, open_session};
use super::*;
use crate::store::audit::{AuditEvent, AuditQuery};
use crate::store::passwords::PasswordHash;
use crate::store::second_factors::{NewRecoveryCodes, Sealed, SecondFactor, Totp};

fn totp(sealed: &str, used: i64) -> Totp {
    Totp {
        sealed: Sealed(sealed.to_owned()),
        added: at(5),
        used,
    }
}

fn codes(person: &str, hash: &str, codes: &[&str], event: AuditEvent) -> NewRecoveryCodes {
    NewRecoveryCodes {
        person: ResourceId::new(person),
        password: PasswordHash::new(hash),
        codes: codes.iter().map(|it| digest(it)).collect(),
        audit: entry(USER, person, event, 2),
    }
}

async fn add(store: &dyn Store, person: &str, hash: &str, totp: Totp) -> bool {
    let event = AuditEvent::SecondFactorAdded;
    let with = codes(person, hash, &["one", "two"], event);
    store.add_totp(totp, with).await.unwrap()
}

async fn of(store: &dyn Store, person: &str) -> SecondFactor {
    let person = ResourceId::new(person);
    store.second_factor(&person).await.unwrap()
}

async fn recover(store: &dyn Store, person: &str, code: &str) -> bool {
    let used = entry(USER, person, AuditEvent::RecoveryCodeUsed, 3);
    let used = store.use_recovery_code(ResourceId::new(person), digest(code), used);
    used.await.unwrap()
}

async fn remove(store: &dyn Store, person: &str, hash: Option<&str>) -> bool {
    let event = match hash {
        Some(_) => AuditEvent::SecondFactorRemoved,
        None => AuditEvent::SecondFactorReset,
    };
    let removed = entry(USER, person, event, 4);
    let person = ResourceId::new(person);
    let removed = match hash.map(PasswordHash::new) {
        Some(hash) => store.remove_second_factor(person, hash, removed).await,
        None => store.reset_second_factor(person, None, removed).await,
    };
    removed.unwrap()
}

pub(super) async fn a_second_factor_is_kept_for_who_knows_the_password(store: Arc<dyn Store>) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    assert_eq!(of(&*store, "a").await, SecondFactor::default());
    for (person, hash) in [("a", "another"), ("b", "hash"), ("nobody", "hash")] {
        assert!(!add(&*store, person, hash, totp("x", 0)).await, "{person}");
        assert_eq!(of(&*store, person).await, SecondFactor::default());
    }

    assert!(add(&*store, "a", "hash", totp("first", 7)).await);
    let kept = of(&*store, "a").await;
    assert_eq!(
        (kept.totp, kept.recovery_codes),
        (Some(totp("first", 7)), 2)
    );
    assert!(recover(&*store, "a", "one").await);

    assert!(add(&*store, "a", "hash", totp("second", 9)).await);
    let kept = of(&*store, "a").await;
    assert_eq!(
        (kept.totp, kept.recovery_codes),
        (Some(totp("second", 9)), 2)
    );
    assert_eq!(of(&*store, "b").await, SecondFactor::default());
}

pub(super) async fn a_code_is_taken_once(store: Arc<dyn Store>) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    add(&*store, "a", "hash", totp("key", 10)).await;
    let take = async |step| {
        let taken = store.use_totp(ResourceId::new("a"), step);
        taken.await.unwrap()
    };
    assert!(!take(10).await);
    let many = futures::future::join_all((0..20).map(|_| take(11))).await;
    assert_eq!(many.iter().filter(|it| **it).count(), 1);
    assert!(take(13).await);
    assert!(!take(12).await, "of an earlier step");

    let many = futures::future::join_all((0..20).map(|_| recover(&*store, "a", "one"))).await;
    assert_eq!(many.iter().filter(|it| **it).count(), 1);
    assert!(!recover(&*store, "b", "two").await, "of another person");
    assert!(recover(&*store, "a", "two").await);
    assert_eq!(of(&*store, "a").await.recovery_codes, 0);
    let nobody = store.use_totp(ResourceId::new("b"), 99);
    assert!(!nobody.await.unwrap());
}

pub(super) async fn recovery_codes_are_renewed_for_who_knows_the_password(store: Arc<dyn Store>) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    let renew = async |hash: &str, all: &[&str]| {
        let codes = codes("a", hash, all, AuditEvent::RecoveryCodesMade);
        store.renew_recovery_codes(codes).await.unwrap()
    };
    assert!(!renew("hash", &["x"]).await, "without a second factor");
    add(&*store, "a", "hash", totp("key", 0)).await;
    assert!(!renew("another", &["x"]).await);
    assert!(renew("hash", &["three", "four", "five"]).await);

    assert_eq!(of(&*store, "a").await.recovery_codes, 3);
    assert!(!recover(&*store, "a", "one").await);
    assert!(recover(&*store, "a", "three").await);
}

pub(super) async fn a_second_factor_is_removed_by_its_person_or_reset_with_all_sessions(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    for person in ["a", "b"] {
        with_password(&*store, person, person).await;
        add(&*store, person, person, totp(person, 0)).await;
    }
    open_session(&*store, "of a", "a").await;
    open_session(&*store, "of b", "b").await;

    assert!(!remove(&*store, "a", Some("another")).await);
    assert!(remove(&*store, "a", Some("a")).await);
    assert!(!remove(&*store, "a", Some("a")).await, "there is none");
    assert!(is_there(&*store, "of a").await);
    assert_eq!(of(&*store, "a").await, SecondFactor::default());
    assert!(!recover(&*store, "a", "one").await);

    assert!(!remove(&*store, "nobody", None).await);
    assert!(remove(&*store, "b", None).await);
    assert!(!is_there(&*store, "of b").await);
    assert!(is_there(&*store, "of a").await);

    let query = AuditQuery {
        count: 2,
        ..AuditQuery::default()
    };
    let found = store.audit(&query).await.unwrap();
    let found: Vec<_> = found.iter().map(|it| it.entry.events[0]).collect();
    let (reset, removed) = (
        AuditEvent::SecondFactorReset,
        AuditEvent::SecondFactorRemoved,
    );
    assert_eq!(found, [reset, removed]);
}

pub(super) async fn what_was_decided_by_another_version_of_a_person_changes_nothing_of_their_sign_in(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    with_password(&*store, "a", "hash").await;
    add(&*store, "a", "hash", totp("key", 0)).await;
    for name in ["one", "two", "three"] {
        open_session(&*store, name, "a").await;
    }
    open_session(&*store, "of b", "b").await;
    let promoted = json!({"userName": "a@contoso.example", "roles": [{"value": "Admin"}]});
    let promoted = changed("a", 1, Some(&stored(USER, "a", &promoted)));
    store.change(USER, promoted, free()).await.unwrap();
    let a = || ResourceId::new("a");
    let all = AuditQuery {
        count: 100,
        ..AuditQuery::default()
    };
    let link = async |version| {
        let made = entry(USER, "a", AuditEvent::PasswordLinkMade, 3);
        let link = link("stale", "a");
        store.offer_password_link(link, Some(version), made).await
    };
    let reset = async |version| {
        let reset = entry(USER, "a", AuditEvent::SecondFactorReset, 3);
        store.reset_second_factor(a(), Some(version), reset).await
    };
    let end = async |session: Option<&str>, version| {
        let ended = entry(USER, "a", AuditEvent::SessionsEnded, 3);
        let session = session.map(digest);
        store.end_sessions_of(a(), session, (version, ended)).await
    };
    let conflict = |it: Option<StoreError>| matches!(it, Some(StoreError::VersionConflict));
    let before = store.audit(&all).await.unwrap();

    let stale = Version::FIRST;
    assert!(conflict(link(stale).await.err()));
    assert!(conflict(reset(stale).await.err()));
    assert!(conflict(end(Some("one"), stale).await.err()));
    assert!(conflict(end(None, stale).await.err()));
    assert_eq!(store.audit(&all).await.unwrap().len(), before.len());
    assert!(of(&*store, "a").await.totp.is_some());
    assert!(is_there(&*store, "one").await);

    let present = Version(2);
    assert!(link(present).await.unwrap());
    assert_eq!(end(Some("of b"), present).await.unwrap(), 0, "of another");
    assert_eq!(end(Some("one"), present).await.unwrap(), 1);
    assert_eq!(end(None, present).await.unwrap(), 2);
    assert_eq!(end(None, present).await.unwrap(), 0);
    assert!(is_there(&*store, "of b").await);
    assert!(reset(present).await.unwrap());
    let found = store.audit(&all).await.unwrap();
    let events = found.iter().take(4).map(|it| it.entry.events[0]);
    let expected = [
        AuditEvent::SecondFactorReset,
        AuditEvent::SessionsEnded,
        AuditEvent::SessionsEnded,
        AuditEvent::PasswordLinkMade,
    ];
    assert!(events.eq(expected));
}

pub(super) async fn a_second_factor_stays_with_who_is_deactivated_and_goes_with_who_is_deleted(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    for person in ["a", "b"] {
        with_password(&*store, person, person).await;
        add(&*store, person, person, totp(person, 0)).await;
    }
    let gone = changed("a", 0, Some(&inactive("a")));
    store.change(USER, gone, free()).await.unwrap();
    let gone = store.delete(USER, deletion("b", 0, 3), free());
    gone.await.unwrap();

    assert_eq!(of(&*store, "a").await.recovery_codes, 2);
    assert_eq!(of(&*store, "b").await, SecondFactor::default());
    assert!(!add(&*store, "a", "a", totp("while away", 0)).await);
    assert!(remove(&*store, "a", None).await);
}
