//! Orders and pages, and walks from place to place.

use super::*;
use crate::scim::sort::{Sort, SortKey, SortValue};

pub(super) async fn a_list_is_in_order_and_in_pages(store: Arc<dyn Store>) {
    filled(&*store).await;
    let page = async |start_index, count| {
        let query = ListQuery {
            window: Window::Index(Page { start_index, count }),
            related: Related::Include,
            ..ListQuery::default()
        };
        let listed = store.list(USER, &query).await.unwrap();
        let ids: String = listed.resources.iter().map(|it| it.id.as_str()).collect();
        (listed.total, ids)
    };

    assert_eq!(page(1, 100).await, (4, "abcd".to_owned()));
    assert_eq!(page(2, 2).await, (4, "bc".to_owned()));
    assert_eq!(page(9, 2).await, (4, String::new()));
    assert_eq!(page(1, 0).await, (4, String::new()));
    let query = ListQuery {
        filter: Some(Filter::parse("userName co \"contoso\"", &schemas().user).unwrap()),
        window: Window::Index(Page {
            start_index: 3,
            count: 1,
        }),
        ..ListQuery::default()
    };
    let listed = store.list(USER, &query).await.unwrap();
    assert_eq!((listed.total, listed.resources[0].id.as_str()), (4, "c"));
}

/// The ids of a whole list, walked in parts of `count`.
pub(super) async fn walk(
    store: &dyn Store,
    kind: ResourceType,
    sort: Option<Sort>,
    filter: Option<&str>,
    count: usize,
) -> String {
    let mut query = ListQuery {
        filter: filter.map(|it| Filter::parse(it, schemas().of(kind)).unwrap()),
        sort,
        window: Window::Index(Page {
            start_index: 1,
            count,
        }),
        ..ListQuery::default()
    };
    let mut ids = String::new();
    loop {
        let listed = store.list(kind, &query).await.unwrap();
        ids.extend(listed.resources.iter().map(|it| it.id.as_str()));
        if listed.resources.len() == listed.total {
            return ids;
        }
        query.window = Window::Behind {
            position: listed.end.unwrap(),
            count,
        };
    }
}

pub(super) async fn a_list_is_sorted_and_walked_from_place_to_place(store: Arc<dyn Store>) {
    for (id, name, shown) in [
        ("a", "delta", Some("Éva")),
        ("b", "Alpha", None),
        ("c", "charlie", Some("adam")),
        ("d", "bravo", None),
        ("e", "Echo", Some("ADAM")),
    ] {
        let body = json!({"userName": name, "displayName": shown});
        store
            .add(USER, stored(USER, id, &body), free())
            .await
            .unwrap();
    }
    let later = Change {
        at: at(9),
        ..changed("b", 1, Some(&person("b")))
    };
    store.change(USER, later, free()).await.unwrap();

    // Equal ones are in the order of creation, those without a value come last.
    for (by, expected) in [
        (SortKey::Id, "abcde"),
        (SortKey::Created, "abcde"),
        (SortKey::UserName, "bdcae"),
        (SortKey::DisplayName, "cebad"),
        (SortKey::ExternalId, "bacde"),
        (SortKey::LastModified, "acdeb"),
    ] {
        for descending in [false, true] {
            let mut expected = expected.to_owned();
            if descending {
                expected = expected.chars().rev().collect();
            }
            let sort = Sort {
                by: by.clone(),
                descending,
            };
            for count in [1, 2, 5] {
                let sort = || Some(sort.clone());
                let found = walk(&*store, USER, sort(), None, count).await;
                assert_eq!(found, expected, "{by:?} {descending} {count}");
                let found = walk(&*store, USER, sort(), Some("title pr or active pr"), count).await;
                assert_eq!(found, expected, "{by:?} {descending} {count} filtered");
            }
        }
    }
    assert_eq!(walk(&*store, USER, None, None, 2).await, "abcde");
}

pub(super) async fn a_walk_by_place_misses_nobody_who_stays(store: Arc<dyn Store>) {
    filled(&*store).await;
    let mut query = ListQuery {
        window: Window::Index(Page {
            start_index: 1,
            count: 2,
        }),
        ..ListQuery::default()
    };
    let first = store.list(USER, &query).await.unwrap();
    for id in ["a", "b"] {
        let gone = store.delete(USER, deletion(id, 0, 2), free()).await;
        gone.unwrap().unwrap();
    }
    store.add(USER, person("e"), free()).await.unwrap();

    query.window = Window::Behind {
        position: first.end.unwrap(),
        count: 9,
    };
    let rest = store.list(USER, &query).await.unwrap();

    let ids: String = rest.resources.iter().map(|it| it.id.as_str()).collect();
    assert_eq!((rest.total, ids), (3, "cde".to_owned()));
    assert_eq!(rest.end.unwrap().key, SortValue::Absent);
}

pub(super) async fn a_page_ends_where_memberships_are_too_many(store: Arc<dyn Store>) {
    filled(&*store).await;
    for (id, members) in [
        ("h", &[][..]),
        ("i", &["a"]),
        ("j", &["a", "c"]),
        ("k", &[]),
    ] {
        store.add(GROUP, team(id, members), free()).await.unwrap();
    }
    for (memberships, filter, expected) in [
        (1, None, "t hi j k"),
        (2, None, "t hij k"),
        (3, None, "thi jk"),
        (6, None, "thijk"),
        (
            2,
            Some("displayName sw \"team\" and externalId eq null"),
            "t hij k",
        ),
        (
            2,
            Some("displayName pr or members.type eq \"User\""),
            "t hij k",
        ),
    ] {
        let mut query = ListQuery {
            filter: filter.map(|it| Filter::parse(it, &schemas().group).unwrap()),
            related: Related::Include,
            memberships,
            ..ListQuery::default()
        };
        let mut pages = Vec::new();
        loop {
            let listed = store.list(GROUP, &query).await.unwrap();
            let ids = listed.resources.iter().map(|it| it.id.as_str());
            pages.push(ids.collect::<String>());
            if listed.resources.len() == listed.total {
                break;
            }
            query.window = Window::Behind {
                position: listed.end.unwrap(),
                count: 9,
            };
        }
        assert_eq!(pages.join(" "), expected, "{memberships} {filter:?}");
    }
}
