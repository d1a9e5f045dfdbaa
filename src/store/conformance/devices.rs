//! Devices that wait until somebody lets them sign in.

use super::grants::{digest, grant, is_there, signed_in, turn};
use super::*;
use crate::store::devices::Device;

fn device(key: &str, user_code: &str) -> Device {
    Device {
        key: digest(key),
        current: digest("code"),
        user_code: digest(user_code),
        application: "tv".to_owned(),
        scopes: "openid".to_owned(),
        denied: false,
        polled: at(10),
        expires: at(70),
    }
}

async fn waiting(store: &dyn Store, key: &str) -> Option<Device> {
    store.device(&digest(key)).await.unwrap()
}

pub(super) async fn a_device_waits_under_its_key_and_its_user_code(store: Arc<dyn Store>) {
    assert!(store.add_device(device("1", "ABC")).await.unwrap());
    assert!(!store.add_device(device("1", "XYZ")).await.unwrap());
    assert!(!store.add_device(device("2", "ABC")).await.unwrap());

    let found = store.device_by_code(&digest("ABC")).await.unwrap();
    assert_eq!(found, Some(device("1", "ABC")));
    assert_eq!(store.device_by_code(&digest("XYZ")).await.unwrap(), None);
    assert_eq!(waiting(&*store, "2").await, None);

    store.poll_device(digest("1"), at(20)).await.unwrap();
    assert!(store.deny_device(digest("1")).await.unwrap());
    assert!(!store.deny_device(digest("2")).await.unwrap());

    let expected = Device {
        polled: at(20),
        denied: true,
        ..device("1", "ABC")
    };
    assert_eq!(waiting(&*store, "1").await, Some(expected));
}

pub(super) async fn a_device_is_let_in_once_by_a_person_who_has_a_session(store: Arc<dyn Store>) {
    filled(&*store).await;
    signed_in(&*store, "s", "a").await;
    signed_in(&*store, "t", "b").await;
    for (key, code) in [("1", "A"), ("2", "B"), ("3", "C")] {
        assert!(store.add_device(device(key, code)).await.unwrap());
    }
    assert!(store.deny_device(digest("2")).await.unwrap());

    // The second time as where the answer to the first was lost.
    for _ in 0..2 {
        assert!(store.allow_device(grant("1", "a", "s")).await.unwrap());
    }
    assert!(!store.allow_device(grant("1", "b", "t")).await.unwrap());
    assert!(!store.allow_device(grant("2", "a", "s")).await.unwrap());
    assert!(!store.allow_device(grant("3", "a", "t")).await.unwrap());
    assert!(!store.allow_device(grant("4", "a", "s")).await.unwrap());

    assert_eq!(waiting(&*store, "1").await, None);
    for (key, expected) in [("1", true), ("2", false), ("3", false), ("4", false)] {
        assert_eq!(is_there(&*store, key).await, expected, "{key}");
    }
    assert!(store.turn_grant(turn("1", "code", "x")).await.unwrap());
    assert!(store.allow_device(grant("1", "a", "s")).await.unwrap());
    let found = store.grant(&digest("1")).await.unwrap().unwrap();
    assert_eq!((found.turn, found.expires), (1, at(100)));
}

pub(super) async fn devices_that_waited_for_long_are_forgotten(store: Arc<dyn Store>) {
    let old = Device {
        expires: at(20),
        ..device("1", "A")
    };
    store.add_device(old).await.unwrap();
    store.add_device(device("2", "B")).await.unwrap();

    assert_eq!(store.forget_devices(at(30)).await.unwrap(), 1);
    assert_eq!(store.forget_devices(at(30)).await.unwrap(), 0);

    assert_eq!(waiting(&*store, "1").await, None);
    assert_eq!(waiting(&*store, "2").await, Some(device("2", "B")));
}

pub(super) async fn a_person_has_so_many_user_codes_in_a_window(store: Arc<dyn Store>) {
    let guess = async |person: &str, second| {
        let person = ResourceId::new(person);
        store.guess_user_code(person, at(second), 3).await.unwrap()
    };
    let all = (0..10).map(|_| guess("a", 600));
    let all = futures::future::join_all(all).await;
    assert_eq!(all.iter().filter(|it| **it).count(), 3);
    assert!(guess("b", 600).await, "each person has its own");
    assert!(
        !guess("a", 0).await,
        "a clock that is behind opens no window"
    );

    store.forgive_user_code(ResourceId::new("a")).await.unwrap();
    assert!(guess("a", 600).await);
    assert!(!guess("a", 600).await);
    assert!(guess("a", 1200).await);

    assert_eq!(store.forget_devices(at(1200)).await.unwrap(), 1);
    assert_eq!(store.forget_devices(at(1200)).await.unwrap(), 0);
    assert!(guess("a", 1200).await && guess("a", 1200).await);
    assert!(!guess("a", 1200).await);
}
