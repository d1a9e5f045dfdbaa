//! Filters, by an index and without.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

use super::pages::walk;
use super::*;
use crate::scim::filter::{Comparison, Literal, Operator};
use crate::scim::schema::AttributePath;
use crate::scim::sort::Sort;
use crate::store::candidate::holds;

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

/// RFC 7643, section 3.1: `externalId` is case exact, whoever filters by it. Who signs in is another matter.
pub(super) async fn an_external_id_is_found_in_any_casing_where_that_is_asked(
    store: Arc<dyn Store>,
) {
    filled(&*store).await;
    let found = async |text: &str, case_exact| {
        let query = ListQuery {
            filter: Some(external_id(text, case_exact)),
            ..ListQuery::default()
        };
        let listed = store.list(USER, &query).await.unwrap();
        let ids = listed.resources.into_iter().map(|it| it.id.to_string());
        ids.collect::<String>()
    };
    for (text, exact, any) in [
        ("x-b", "b", "b"),
        ("X-b", "", "b"),
        ("X-B", "", "b"),
        ("x-", "", ""),
        ("\u{fc}", "", ""),
    ] {
        assert_eq!(found(text, true).await, exact, "{text}");
        assert_eq!(found(text, false).await, any, "{text}");
    }
}

/// Who has this `externalId`.
pub(in crate::store) fn external_id(text: &str, case_exact: bool) -> Filter {
    Filter::Compare(Comparison {
        attribute: AttributePath::core("externalId"),
        operator: Operator::Equal,
        value: Literal::Text(text.to_owned()),
        case_exact,
    })
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

pub(super) async fn a_person_is_found_by_the_emails_and_the_number_that_it_has_at_present(
    store: Arc<dyn Store>,
) {
    let body = |emails: serde_json::Value, number: Option<&str>| {
        json!({
            "userName": "ana", "emails": emails,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": number},
        })
    };
    let work =
        |value: &str| json!([{"type": "work", "value": value}, {"type": "home", "value": "h@x"}]);
    let ana = |emails, number| stored(USER, "a", &body(emails, number));
    let check = async |filters: &[(&str, &str)]| {
        for (filter, expected) in filters {
            assert_eq!(
                search(&*store, USER, filter).await.concat(),
                *expected,
                "{filter}"
            );
        }
    };
    store
        .add(USER, ana(work("Ana@X"), Some("N1")), free())
        .await
        .unwrap();
    store.add(USER, person("b"), free()).await.unwrap();
    check(&[
        ("emails[type eq \"WORK\"].value eq \"ana@x\"", "a"),
        ("emails[type eq \"home\"].value eq \"ana@x\"", ""),
        ("emails.value eq \"h@x\"", "a"),
        ("emails.value sw \"H\"", "a"),
        ("employeeNumber eq \"n1\"", "a"),
        ("not (emails pr)", "b"),
    ])
    .await;

    let moved = ana(work("moved@x"), None);
    store
        .change(USER, changed("a", 1, Some(&moved)), free())
        .await
        .unwrap();
    check(&[
        ("emails eq \"ana@x\"", ""),
        ("emails eq \"moved@x\" and userName eq \"ana\"", "a"),
        ("employeeNumber pr", ""),
    ])
    .await;

    store
        .delete(USER, deletion("a", 0, 3), free())
        .await
        .unwrap();
    check(&[("emails eq \"moved@x\"", ""), ("emails pr", "")]).await;
    store
        .add(USER, ana(json!([]), Some("N1")), free())
        .await
        .unwrap();
    check(&[("employeeNumber eq \"N1\"", "a"), ("emails pr", "")]).await;
}

/// Texts that are alike but for what folding, prefixes, quoting and patterns make of them.
const WORDS: [&str; 16] = [
    "",
    "a",
    "A",
    "ab",
    "Ab",
    "abc",
    "b",
    "ä",
    "Ä",
    "ss",
    "ß",
    "İ",
    "%",
    "_",
    "a'b",
    "\u{10ffff}",
];

fn word() -> impl Strategy<Value = String> {
    prop::sample::select(WORDS.to_vec()).prop_map(str::to_owned)
}

/// A comparison of one of the attributes, most of which have a column.
fn term() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "id",
        "userName",
        "displayName",
        "externalId",
        "title",
        "emails",
        "emails.type",
        "emails[type eq \"work\"].value",
        "employeeNumber",
        "groups",
        "groups.display",
        "meta.resourceType",
    ]);
    let operator = prop::sample::select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let text = (name.clone(), operator, word()).prop_map(|(name, operator, word)| {
        format!(
            "{name} {operator} {}",
            serde_json::to_string(&word).unwrap()
        )
    });
    let present = name
        .prop_filter("a value path is compared", |name| !name.contains('['))
        .prop_map(|name| format!("{name} pr"));
    let other = prop::sample::select(vec![
        "active eq true",
        "active ne true",
        "active pr",
        "userName eq null",
        "externalId eq null",
        "emails ne null",
        "meta.created ge \"1970-01-01T00:00:01.0005Z\"",
        "meta.lastModified le \"1970-01-01T00:00:01Z\"",
        "emails[not (value eq \"a\") and primary eq true]",
        "emails[value sw \"a\" or type eq \"home\"]",
        "groups[value eq \"g\"]",
    ])
    .prop_map(str::to_owned);
    prop_oneof![4 => text, 1 => present, 2 => other]
}

fn filter() -> impl Strategy<Value = String> {
    term().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) or ({b})")),
            inner.prop_map(|it| format!("not ({it})")),
        ]
    })
}

/// What to sort by, whether descending, and the number of one part of the walk.
fn order() -> impl Strategy<Value = (&'static str, bool, usize)> {
    let by = prop::sample::select(vec![
        "emails.value",
        "emails.type",
        "emails.display",
        "title",
        "active",
        "displayName",
    ]);
    (by, any::<bool>(), 1..9_usize)
}

/// A person of a few words, each of whom may be absent.
fn body(number: usize) -> impl Strategy<Value = serde_json::Value> {
    let optional = || prop::option::of(word());
    let texts = (word(), optional(), optional(), optional(), optional());
    let email = (
        optional(),
        prop::sample::select(vec!["work", "Work", "home"]),
        any::<bool>(),
    );
    let emails = prop::collection::vec(email, 0..3);
    let active = prop::option::of(any::<bool>());
    (texts, emails, active).prop_map(move |(texts, emails, active)| {
        let (name, shown, external, title, employee) = texts;
        let emails: Vec<_> = emails
            .into_iter()
            .map(|(value, kind, primary)| json!({"value": value, "type": kind, "primary": primary, "display": "x"}))
            .collect();
        json!({
            "userName": format!("{name}{number}"), "displayName": shown, "externalId": external, "title": title,
            "emails": emails, "active": active,
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"employeeNumber": employee},
        })
    })
}

/// What people are sorted by, as text and in the order of texts; nothing comes last.
fn sorted_by(name: &str, found: &Stored) -> Option<String> {
    let attributes = found.resource.attributes();
    let text =
        |value: Option<&serde_json::Value>| value.and_then(|it| it.as_str()).map(str::to_lowercase);
    match name {
        "title" | "displayName" => text(attributes.get(name)),
        "active" => Some(attributes.get(name).is_none_or(|it| it == true).to_string()),
        name => {
            let emails = attributes.get("emails")?.as_array()?;
            let primary = emails.iter().find(|it| it["primary"] == true);
            let email = primary.unwrap_or(&emails[0]);
            text(email.get(name.trim_start_matches("emails.")))
        }
    }
}

/// Random filters on random people: the store finds what the filter holds for, and no more; in random orders, in parts.
pub(super) async fn a_store_finds_what_the_filter_finds(store: Arc<dyn Store>) {
    let mut runner = TestRunner::deterministic();
    let mut members = Vec::new();
    for number in 0..24 {
        let body = body(number).new_tree(&mut runner).unwrap().current();
        let id = format!("{}{number}", WORDS[number % WORDS.len()]);
        store
            .add(USER, stored(USER, &id, &body), free())
            .await
            .unwrap();
        if number % 3 == 0 {
            members.push(id);
        }
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    for (group, name) in [("g", "Ab"), ("A", "ß")] {
        let group = stored(GROUP, group, &json!({"displayName": name}));
        let related = team("t", &members).related;
        let group = Stored { related, ..group };
        store.add(GROUP, group, free()).await.unwrap();
    }
    let query = ListQuery {
        related: Related::Include,
        ..ListQuery::default()
    };
    let everybody = store.list(USER, &query).await.unwrap().resources;

    for _ in 0..400 {
        let text = filter().new_tree(&mut runner).unwrap().current();
        let filter = Filter::parse(&text, &schemas().user).unwrap();
        let matching = everybody.iter().filter(|it| holds(USER, &filter, it));
        let expected: Vec<&str> = matching.map(|it| it.id.as_str()).collect();

        assert_eq!(search(&*store, USER, &text).await, expected, "{text}");

        let (by, descending, count) = order().new_tree(&mut runner).unwrap().current();
        let mut sorted: Vec<&Stored> = everybody
            .iter()
            .filter(|it| holds(USER, &filter, it))
            .collect();
        // Equal ones stay in the order of creation.
        sorted.sort_by_key(|it| sorted_by(by, it).map_or((true, String::new()), |it| (false, it)));
        if descending {
            sorted.reverse();
        }
        let sorted: Vec<&str> = sorted.iter().map(|it| it.id.as_str()).collect();
        is_in_order(&*store, &text, (by, descending), count, &sorted).await;
    }
}

/// What `filter` finds is in the order `sorted`, in a walk of `count` at a time as on the page behind the first `count`.
async fn is_in_order(
    store: &dyn Store,
    filter: &str,
    (by, descending): (&str, bool),
    count: usize,
    sorted: &[&str],
) {
    let order = if descending {
        "descending"
    } else {
        "ascending"
    };
    let sort = Sort::parse(Some(by), Some(order), &schemas().user).unwrap();
    let told = format!("{filter} by {by} {order}, {count}");
    let found = walk(store, USER, sort.clone(), Some(filter), count).await;
    assert_eq!(found, sorted.concat(), "{told}");
    let query = ListQuery {
        filter: Some(Filter::parse(filter, &schemas().user).unwrap()),
        sort,
        window: Window::Index(Page {
            start_index: count + 1,
            count: 3,
        }),
        ..ListQuery::default()
    };
    let page = store.list(USER, &query).await.unwrap();
    let ids: Vec<&str> = page.resources.iter().map(|it| it.id.as_str()).collect();
    let wanted: Vec<&str> = sorted.iter().skip(count).take(3).copied().collect();
    assert_eq!((page.total, ids), (sorted.len(), wanted), "{told}");
}
