//! Memberships: changed by reference, all or nothing, gone with either end.

use std::sync::Arc;

use super::*;

pub(super) async fn members_are_changed_by_reference(store: Arc<dyn Store>) {
    filled(&*store).await;
    let change = |members| moved("t", members);

    assert_eq!(related(&*store, GROUP, "t").await, ["a", "b"]);
    let mixed = vec![
        MemberChange::Add(ids(&["c", "a"])),
        MemberChange::Remove(ids(&["b", "nobody"])),
    ];
    let now = store
        .change(GROUP, change(mixed), free())
        .await
        .unwrap()
        .unwrap();
    assert_eq!((now.version, now.written), (Version(2), true));
    assert_eq!(related(&*store, GROUP, "t").await, ["a", "c"]);
    let replace = vec![MemberChange::Replace(ids(&["d", "c"]))];
    store.change(GROUP, change(replace), free()).await.unwrap();
    assert_eq!(related(&*store, GROUP, "t").await, ["c", "d"]);
    let groups = find(&*store, USER, "d").await.unwrap().related;
    assert_eq!(groups[0].display.as_deref(), Some("Team t"));
    store
        .change(GROUP, change(vec![MemberChange::Clear]), free())
        .await
        .unwrap();
    assert!(related(&*store, GROUP, "t").await.is_empty());
}

pub(super) async fn unknown_members_refuse_the_whole_change(store: Arc<dyn Store>) {
    filled(&*store).await;
    let before = find(&*store, GROUP, "t").await;
    let members = vec![
        MemberChange::Clear,
        MemberChange::Add(ids(&["c", "nobody", "t"])),
    ];

    let refused = store.change(GROUP, moved("t", members), free()).await;

    assert!(matches!(
        refused,
        Err(StoreError::UnknownMembers { count: 2, first: 2 })
    ));
    assert_eq!(find(&*store, GROUP, "t").await, before);
    let added = store.add(GROUP, team("u", &["a", "nobody"]), free()).await;
    assert!(matches!(
        added,
        Err(StoreError::UnknownMembers { count: 1, first: 2 })
    ));
    assert_eq!(find(&*store, GROUP, "u").await, None);
}

pub(super) async fn members_that_are_as_wanted_write_nothing(store: Arc<dyn Store>) {
    filled(&*store).await;
    let members = vec![
        MemberChange::Add(ids(&["a"])),
        MemberChange::Remove(ids(&["c"])),
        MemberChange::Replace(ids(&["b", "a"])),
    ];

    let now = store
        .change(GROUP, moved("t", members), free())
        .await
        .unwrap()
        .unwrap();

    assert_eq!((now.version, now.written), (Version(1), false));
    assert_eq!(
        find(&*store, GROUP, "t").await.unwrap().last_modified,
        at(1)
    );
}

pub(super) async fn a_deleted_user_leaves_its_groups(store: Arc<dyn Store>) {
    filled(&*store).await;
    assert_eq!(
        store
            .delete(USER, deletion("a", 0, 9), free())
            .await
            .unwrap(),
        Some(())
    );

    assert_eq!(related(&*store, GROUP, "t").await, ["b"]);
    let group = find(&*store, GROUP, "t").await.unwrap();
    assert_eq!((group.version, group.last_modified), (Version(2), at(9)));
    assert_eq!(
        store
            .delete(USER, deletion("a", 0, 9), free())
            .await
            .unwrap(),
        None
    );
    store.add(USER, person("a"), free()).await.unwrap();
    assert!(related(&*store, USER, "a").await.is_empty());
}

pub(super) async fn a_deleted_group_leaves_its_users(store: Arc<dyn Store>) {
    filled(&*store).await;

    store
        .delete(GROUP, deletion("t", 0, 9), free())
        .await
        .unwrap();

    assert!(related(&*store, USER, "a").await.is_empty());
    assert_eq!(store.counts().await.unwrap().users, 4);
}
