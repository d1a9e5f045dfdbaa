//! What is remembered of changes: in the transaction of the write, found again by person, client and time, forgotten in time.

use std::sync::Arc;

use super::*;
use crate::store::audit::{AuditEvent, Moved, Replaced, ReplacedNames, Requester};

pub(in crate::store) fn entry(
    kind: ResourceType,
    id: &str,
    event: AuditEvent,
    second: i64,
) -> AuditEntry {
    AuditEntry {
        time: at(second),
        requester: Requester {
            request_id: "r".to_owned(),
            client: "entra".to_owned(),
            credential: "c".to_owned(),
            ..Requester::default()
        },
        resource_type: kind,
        id: ResourceId::new(id),
        events: vec![event],
        attributes: vec!["title".to_owned()],
        members: Moved::default(),
        replaced: ReplacedNames::default(),
    }
}

pub(super) fn noted(entry: AuditEntry) -> Terms {
    Terms {
        audit: Some(entry),
        ..Terms::default()
    }
}

fn renamed(id: &str, second: i64) -> AuditEntry {
    let name = Replaced {
        before: Some("old".to_owned()),
        after: None,
    };
    AuditEntry {
        replaced: ReplacedNames {
            name: Some(name),
            ..ReplacedNames::default()
        },
        ..entry(USER, id, AuditEvent::Renamed, second)
    }
}

async fn all(store: &dyn Store) -> Vec<AuditEntry> {
    find_entries(store, AuditQuery::default()).await
}

async fn find_entries(store: &dyn Store, query: AuditQuery) -> Vec<AuditEntry> {
    let query = AuditQuery {
        count: 100,
        ..query
    };
    let found = store.audit(&query).await.unwrap();
    assert!(found.is_sorted_by(|a, b| a.position > b.position));
    found.into_iter().map(|it| it.entry).collect()
}

pub(super) async fn a_change_leaves_one_entry_and_what_changes_nothing_none(store: Arc<dyn Store>) {
    let created = entry(USER, "a", AuditEvent::Created, 1);
    let added = store.add(USER, person("a"), noted(created.clone())).await;
    added.unwrap();
    let taken = noted(entry(USER, "b", AuditEvent::Created, 2));
    assert!(store.add(USER, person("a"), taken).await.is_err());
    let team = team("t", &["a"]);
    let made = noted(entry(GROUP, "t", AuditEvent::Created, 3));
    store.add(GROUP, team, made).await.unwrap();
    for (second, members) in [
        (4, MemberChange::Add(ids(&["a"]))),
        (5, MemberChange::Clear),
    ] {
        let mut joined = entry(GROUP, "t", AuditEvent::Updated, second);
        joined.events.clear();
        let change = moved("t", vec![members]);
        store.change(GROUP, change, noted(joined)).await.unwrap();
    }
    let nobody = noted(entry(USER, "z", AuditEvent::Deleted, 6));
    let gone = store.delete(USER, deletion("z", 0, 6), nobody).await;
    assert_eq!(gone.unwrap(), None);

    let found = all(&*store).await;

    let told: Vec<_> = found
        .iter()
        .map(|it| (it.id.as_str(), it.events[0], it.members))
        .collect();
    let members = |added, removed| Moved { added, removed };
    assert_eq!(
        told,
        [
            ("t", AuditEvent::MembersChanged, members(0, 1)),
            ("t", AuditEvent::Created, members(1, 0)),
            ("a", AuditEvent::Created, members(0, 0)),
        ]
    );
    assert_eq!(found[2], created);
}

pub(super) async fn entries_are_found_by_person_client_and_time(store: Arc<dyn Store>) {
    for second in 1..=5 {
        let id = if second % 2 == 0 { "even" } else { "odd" };
        let mut entry = entry(USER, id, AuditEvent::Exported, second);
        entry.requester.client = format!("client-{second}");
        store.record(entry).await.unwrap();
    }
    let seconds = |found: Vec<AuditEntry>| -> Vec<i64> {
        found.iter().map(|it| it.time.as_second()).collect()
    };
    let check = async |query, expected: &[i64]| {
        assert_eq!(seconds(find_entries(&*store, query).await), expected);
    };

    let all = AuditQuery::default();
    let person = AuditQuery {
        id: Some(ResourceId::new("odd")),
        ..all.clone()
    };
    check(person.clone(), &[5, 3, 1]).await;
    let client = AuditQuery {
        client: Some("client-4".to_owned()),
        ..all.clone()
    };
    check(client, &[4]).await;
    let while_ = AuditQuery {
        from: Some(at(2)),
        until: Some(at(4)),
        ..all.clone()
    };
    check(while_, &[3, 2]).await;

    let first = AuditQuery {
        count: 2,
        ..person.clone()
    };
    let first = store.audit(&first).await.unwrap();
    assert_eq!(first.len(), 2);
    let rest = AuditQuery {
        before: Some(first[1].position),
        ..person
    };
    check(rest, &[1]).await;
}

pub(super) async fn the_audit_is_bounded_by_count_and_age(store: Arc<dyn Store>) {
    for second in 1..=10 {
        store.record(renamed("a", second)).await.unwrap();
    }
    let forgetting = Forgetting {
        audit_entries: 4,
        audit_before: at(2),
        names_before: None,
        removals_before: at(0),
        held_before: at(0),
    };

    while store.forget(forgetting).await.unwrap() > 0 {}

    let seconds = |found: Vec<AuditEntry>| -> Vec<i64> {
        found.iter().map(|it| it.time.as_second()).collect()
    };
    assert_eq!(seconds(all(&*store).await), [10, 9, 8, 7]);
    let older = Forgetting {
        audit_before: at(9),
        ..forgetting
    };
    while store.forget(older).await.unwrap() > 0 {}
    assert_eq!(seconds(all(&*store).await), [10, 9]);
}

pub(super) async fn erasing_a_person_forgets_the_names_and_keeps_that_it_happened(
    store: Arc<dyn Store>,
) {
    for id in ["a", "b", "c"] {
        store.add(USER, person(id), free()).await.unwrap();
        store.record(renamed(id, 1)).await.unwrap();
    }
    let erased = noted(entry(USER, "a", AuditEvent::Erased, 5));
    store
        .delete(USER, deletion("a", 0, 5), erased)
        .await
        .unwrap();
    let deleted = noted(entry(USER, "b", AuditEvent::Deleted, 5));
    store
        .delete(USER, deletion("b", 0, 5), deleted)
        .await
        .unwrap();
    let named = async || -> Vec<String> {
        let found = all(&*store).await;
        let named = found.iter().filter(|it| !it.replaced.is_empty());
        named.map(|it| it.id.as_str().to_owned()).collect()
    };
    assert_eq!(named().await, ["c", "b"]);

    let forgetting = Forgetting {
        audit_entries: 100,
        audit_before: at(0),
        names_before: Some(at(3)),
        removals_before: at(0),
        held_before: at(0),
    };
    store.forget(forgetting).await.unwrap();

    assert_eq!(named().await, ["c"]);
    assert_eq!(all(&*store).await.len(), 5);
}

pub(super) async fn who_has_been_deactivated_for_long_is_found(store: Arc<dyn Store>) {
    let inactive = |id: &str| stored(USER, id, &json!({"userName": id, "active": false}));
    let write = async |id: &str, second, body: &Stored| {
        let change = Change {
            at: at(second),
            ..changed(id, 0, Some(body))
        };
        store.change(USER, change, free()).await.unwrap();
    };
    store.add(USER, inactive("a"), free()).await.unwrap();
    store.add(USER, person("b"), free()).await.unwrap();
    store.add(USER, person("c"), free()).await.unwrap();
    write("b", 5, &inactive("b")).await;
    write("b", 9, &inactive("b2")).await;
    write("c", 5, &inactive("c")).await;
    write("c", 6, &person("c")).await;

    let check = async |before, expected: &[&str]| {
        let found = store.deactivated(at(before), 10).await.unwrap();
        let found: Vec<_> = found.iter().map(ResourceId::as_str).collect();
        assert_eq!(found, expected);
    };
    check(1, &[]).await;
    check(5, &["a"]).await;
    check(6, &["a", "b"]).await;
}
