//! Lists and filters: in order, by an index and without.

use std::sync::Arc;

use super::*;

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

pub(super) async fn filters_find_by_index_and_without(store: Arc<dyn Store>) {
    filled(&*store).await;
    for (filter, expected) in [
        ("id eq \"b\"", "b"),
        ("userName eq \"B@CONTOSO.example\"", "b"),
        ("externalId eq \"x-b\"", "b"),
        ("externalId eq \"X-B\"", ""),
        ("displayName eq \"NAME B\"", "b"),
        (
            "displayName eq \"name b\" and externalId eq \"x-b\" and id eq \"b\"",
            "b",
        ),
        ("displayName eq \"name b\" and externalId eq \"x-c\"", ""),
        ("userName sw \"b\"", "b"),
        ("id eq \"b\" and userName sw \"c\"", ""),
        ("id eq \"b\" or id eq \"c\"", "bc"),
        ("groups pr", "ab"),
        ("meta.created lt \"2020-01-01T00:00:00Z\"", "abcd"),
        ("not (userName co \"contoso\")", ""),
    ] {
        assert_eq!(
            search(&*store, USER, filter).await.concat(),
            expected,
            "{filter}"
        );
    }
}

pub(super) async fn a_membership_is_looked_up(store: Arc<dyn Store>) {
    filled(&*store).await;
    store.add(GROUP, team("u", &["b"]), free()).await.unwrap();
    for (filter, expected) in [
        ("id eq \"t\" and members eq \"a\"", "t"),
        ("id eq \"t\" and members eq \"c\"", ""),
        ("members eq \"b\"", "tu"),
        ("members[value eq \"a\"]", "t"),
        ("members eq \"a\" and members eq \"b\"", "t"),
        ("members eq \"b\" and displayName sw \"team u\"", "u"),
        ("members eq \"nobody\"", ""),
    ] {
        assert_eq!(
            search(&*store, GROUP, filter).await.concat(),
            expected,
            "{filter}"
        );
    }
}
