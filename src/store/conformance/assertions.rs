//! Assertions by which applications showed who they are.

use super::grants::digest;
use super::*;
use crate::store::assertions::{Assertion, AssertionWrite};

fn assertion(name: &str, second: i64) -> Assertion {
    Assertion {
        application: "crm".to_owned(),
        digest: digest(name),
        expires: at(second),
    }
}

pub(super) async fn an_assertion_is_spent_once(store: Arc<dyn Store>) {
    let all = (0..10).map(|_| store.spend_assertion(assertion("1", 60)));
    let all = futures::future::join_all(all).await;
    assert_eq!(all.iter().filter(|it| *it.as_ref().unwrap()).count(), 1);

    assert!(!store.spend_assertion(assertion("1", 90)).await.unwrap());
    assert!(store.spend_assertion(assertion("2", 60)).await.unwrap());
}

pub(super) async fn assertions_are_kept_until_they_are_over_and_no_more_than_there_is_room_for(
    store: Arc<dyn Store>,
) {
    let spend = async |name: &str, second| {
        let write = AssertionWrite::Spend {
            assertion: assertion(name, second),
            at_most: 3,
        };
        store.write_assertion(write).await.unwrap() > 0
    };
    for (name, second) in [("1", 20), ("2", 130), ("3", 140)] {
        assert!(spend(name, second).await, "{name}");
    }
    assert!(!spend("4", 130).await, "there is no room");

    assert_eq!(store.forget_assertions(at(70)).await.unwrap(), 1);
    assert_eq!(store.forget_assertions(at(70)).await.unwrap(), 0);

    assert!(!spend("2", 130).await, "it is kept");
    assert!(spend("4", 200).await);
    assert!(!spend("5", 130).await);
}

pub(super) async fn the_room_of_one_application_is_no_matter_of_another(store: Arc<dyn Store>) {
    let spend = async |application: &str, name: &str, second| {
        let assertion = Assertion {
            application: application.to_owned(),
            ..assertion(name, second)
        };
        let write = AssertionWrite::Spend {
            assertion,
            at_most: 3,
        };
        store.write_assertion(write).await.unwrap() > 0
    };
    assert!(spend("quiet", "first", 3600).await);
    // Most of them are soon over: what is forgotten between two that are kept fills no room.
    for round in 0..4 {
        let second = 60 * (round + 1);
        for number in 0..3 {
            assert!(spend("loud", &format!("{round} {number}"), second).await);
        }
        assert!(!spend("loud", &format!("{round} more"), second).await);
        store.forget_assertions(at(second + 60)).await.unwrap();
    }
    assert!(spend("quiet", "second", 3600).await);
    assert!(spend("quiet", "third", 3600).await);
    assert!(!spend("quiet", "fourth", 3600).await);
    assert!(!spend("quiet", "first", 3600).await, "it is kept");
}
