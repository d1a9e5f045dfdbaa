//! The second factors of people who have a password.

use super::audit::entry;
use super::passwords::with_password;
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
    let hash = hash.map(PasswordHash::new);
    let removed = store.remove_second_factor(ResourceId::new(person), hash, removed);
    removed.await.unwrap()
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
