//! Assertions by which applications showed who they are.

use super::grants::digest;
use super::*;
use crate::store::assertions::{Assertion, AssertionWrite};

fn assertion(name: &str, second: i64) -> Assertion {
    Assertion {
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
    for (name, second) in [("1", 20), ("2", 60), ("3", 60)] {
        assert!(spend(name, second).await, "{name}");
    }
    assert!(!spend("4", 60).await, "there is no room");

    assert_eq!(store.forget_assertions(at(30)).await.unwrap(), 1);
    assert_eq!(store.forget_assertions(at(30)).await.unwrap(), 0);

    assert!(!spend("2", 60).await, "it is kept");
    assert!(spend("4", 60).await);
    assert!(!spend("5", 60).await);
}
