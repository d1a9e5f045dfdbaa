//! The brake: holds what is too much, changes nothing then, and lets go when it is opened.

use std::sync::Arc;

use jiff::SignedDuration;

use super::audit::{entry, noted};
use super::*;
use crate::store::audit::AuditEvent;
use crate::store::brake::Removal;

/// Two of everything within an hour.
fn braked(open_until: Option<i64>) -> Terms {
    Terms {
        brake: Some(Brake {
            deactivations: 2,
            deletions: 2,
            membership_removals: 2,
            window: SignedDuration::from_hours(1),
            open_until: open_until.map(at),
        }),
        ..noted(entry(USER, "x", AuditEvent::Deactivated, 1))
    }
}

async fn people(store: &dyn Store) {
    for id in ["a", "b", "c", "d", "e"] {
        store.add(USER, person(id), free()).await.unwrap();
    }
    let all = ["a", "b", "c", "d", "e"];
    store.add(GROUP, team("t", &all), free()).await.unwrap();
}

async fn deactivate(store: &dyn Store, id: &str, second: i64, terms: Terms) -> bool {
    let gone = stored(USER, id, &json!({"userName": id, "active": false}));
    let change = Change {
        at: at(second),
        ..changed(id, 0, Some(&gone))
    };
    let done = store.change(USER, change, terms).await;
    is_through(done.map(|it| it.is_some()), Removal::Deactivation)
}

async fn delete(store: &dyn Store, kind: ResourceType, id: &str, second: i64) -> bool {
    let done = store
        .delete(kind, deletion(id, 0, second), braked(None))
        .await;
    is_through(done.map(|it| it.is_some()), Removal::Deletion)
}

async fn remove(store: &dyn Store, change: MemberChange, second: i64) -> bool {
    let change = Change {
        at: at(second),
        ..moved("t", vec![change])
    };
    let done = store.change(GROUP, change, braked(None)).await;
    is_through(done.map(|it| it.is_some()), Removal::Membership)
}

fn is_through(done: Result<bool, StoreError>, wanted: Removal) -> bool {
    match done {
        Ok(found) => found,
        Err(StoreError::Held { what, at_most, .. }) => {
            assert_eq!((what, at_most), (wanted, 2));
            false
        }
        Err(other) => panic!("{other}"),
    }
}

pub(super) async fn too_many_deactivations_are_held_until_the_brake_is_opened(
    store: Arc<dyn Store>,
) {
    people(&*store).await;
    let store = &*store;
    assert!(deactivate(store, "a", 60, braked(None)).await);
    assert!(
        deactivate(store, "a", 60, braked(None)).await,
        "no change, no count"
    );
    assert!(deactivate(store, "b", 60, braked(None)).await);
    assert!(!deactivate(store, "c", 70, braked(None)).await);
    assert!(!deactivate(store, "c", 80, braked(None)).await);
    assert!(find(store, USER, "c").await.unwrap().resource.is_active());
    // What was held once holds on, even when the window is over.
    assert!(!deactivate(store, "d", 60 * 120, braked(None)).await);

    let held = store.held(at(0)).await.unwrap();
    assert_eq!((held.since, held.deactivations), (Some(at(70)), 2));
    let examples: Vec<_> = held.examples.iter().map(ResourceId::as_str).collect();
    assert_eq!(examples, ["c", "d"]);
    let query = AuditQuery {
        count: 100,
        ..AuditQuery::default()
    };
    let events: Vec<_> = store.audit(&query).await.unwrap();
    let is_held = |it: &&Audited| it.entry.events == [AuditEvent::Held];
    assert_eq!(events.iter().filter(is_held).count(), 2, "once for each");

    // Opened for what is past, and counted anew.
    let opened = Some(60 * 121);
    assert!(deactivate(store, "c", 60 * 120, braked(opened)).await);
    assert!(deactivate(store, "d", 60 * 122, braked(opened)).await);
    assert_eq!(store.held(at(60 * 121)).await.unwrap(), Held::default());
}

pub(super) async fn the_window_of_the_brake_moves_on(store: Arc<dyn Store>) {
    people(&*store).await;
    let store = &*store;

    assert!(deactivate(store, "a", 60, braked(None)).await);
    assert!(deactivate(store, "b", 120, braked(None)).await);
    assert!(deactivate(store, "c", 60 * 61, braked(None)).await);
    assert!(!deactivate(store, "d", 60 * 61, braked(None)).await);
}

pub(super) async fn too_many_deletions_are_held(store: Arc<dyn Store>) {
    people(&*store).await;
    let store = &*store;

    assert!(delete(store, USER, "a", 60).await);
    assert!(!delete(store, USER, "nobody", 60).await);
    assert!(delete(store, USER, "b", 60).await);
    let before = find(store, GROUP, "t").await;
    assert!(!delete(store, USER, "c", 60).await);
    assert_eq!(find(store, GROUP, "t").await, before);
    assert_eq!(store.held(at(0)).await.unwrap().deletions, 1);
}

pub(super) async fn too_many_removals_of_members_are_held_as_a_whole(store: Arc<dyn Store>) {
    people(&*store).await;
    let store = &*store;
    let before = find(store, GROUP, "t").await;

    let held = [
        MemberChange::Remove(ids(&["a", "b", "c"])),
        MemberChange::Clear,
        MemberChange::Replace(ids(&["a"])),
    ];
    for change in held {
        let opened = Brake {
            open_until: Some(at(100)),
            ..braked(None).brake.unwrap()
        };
        let terms = Terms {
            brake: Some(opened),
            ..Terms::default()
        };
        let change = Change {
            at: at(200),
            ..moved("t", vec![change])
        };
        let refused = store.change(GROUP, change, terms).await;
        assert!(matches!(refused, Err(StoreError::Held { .. })));
        assert_eq!(find(store, GROUP, "t").await, before);
    }
    let group = store
        .delete(GROUP, deletion("t", 0, 200), braked(None))
        .await;
    assert!(matches!(group, Err(StoreError::Held { .. })));
    assert_eq!(find(store, GROUP, "t").await, before);
    let held = store.held(at(0)).await.unwrap();
    assert_eq!((held.membership_removals, held.deletions), (3, 0));
}

pub(super) async fn members_who_are_none_are_not_counted(store: Arc<dyn Store>) {
    people(&*store).await;
    let store = &*store;

    let nobody = MemberChange::Remove(ids(&["x", "y", "z", "a"]));
    assert!(remove(store, nobody, 60).await);
    assert!(remove(store, MemberChange::Remove(ids(&["a"])), 60).await);
    assert!(remove(store, MemberChange::Remove(ids(&["b"])), 60).await);
    assert!(!remove(store, MemberChange::Remove(ids(&["c"])), 60).await);
}

pub(super) async fn unknown_members_may_be_left_out(store: Arc<dyn Store>) {
    filled(&*store).await;
    let lenient = || Terms {
        unknown_members: UnknownMembers::Ignore,
        ..Terms::default()
    };
    let add = moved(
        "t",
        vec![MemberChange::Add(ids(&["c", "nobody", "c", "t"]))],
    );

    store.change(GROUP, add, lenient()).await.unwrap();
    let added = store.add(GROUP, team("u", &["nobody", "a"]), lenient());
    added.await.unwrap();

    assert_eq!(related(&*store, GROUP, "t").await, ["a", "b", "c"]);
    assert_eq!(related(&*store, GROUP, "u").await, ["a"]);
}
