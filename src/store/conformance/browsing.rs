//! What administrators look through: people by the beginning of a name, members a page at a time, figures.

use super::*;
use crate::store::browsing::{PeopleQuery, SessionCounts};

const OBJECT_ID: &str = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa";

/// Adds somebody; `more` are further attributes.
async fn add(store: &dyn Store, id: &str, display: &str, more: &serde_json::Value) {
    let mut body = json!({"userName": format!("{id}@contoso.example"), "displayName": display});
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    let rules = Rules {
        sign_in_method: true,
        ..Rules::default()
    };
    let schemas = Schemas::new(&rules).unwrap();
    let added = Stored {
        resource: Resource::parse(&schemas.user, &body).unwrap(),
        ..person(id)
    };
    store.add(USER, added, free()).await.unwrap();
}

fn emails(all: &[(&str, &str)]) -> serde_json::Value {
    let all = all.iter();
    let all = all.map(|(kind, value)| json!({"type": kind, "value": value}));
    json!({"emails": all.collect::<Vec<_>>()})
}

/// The ids of all pages of a query, and how many pages there were.
async fn walked(store: &dyn Store, query: &PeopleQuery) -> (Vec<String>, usize) {
    let (mut query, mut found, mut pages) = (query.clone(), Vec::new(), 0);
    loop {
        let page = store.people(&query).await.unwrap();
        assert!(page.people.len() <= query.count);
        found.extend(page.people.into_iter().map(|it| it.id.0));
        pages += 1;
        match page.next {
            Some(next) => query.behind = Some(next),
            None => return (found, pages),
        }
    }
}

fn beginning(prefix: &str, count: usize) -> PeopleQuery {
    PeopleQuery {
        prefix: prefix.to_owned(),
        count,
        ..PeopleQuery::default()
    }
}

pub(super) async fn people_are_found_by_the_beginning_of_what_they_are_called(
    store: Arc<dyn Store>,
) {
    let nothing = json!({});
    add(&*store, "zoe", "Ann Zoe", &nothing).await;
    add(&*store, "ann.b", "Beate", &nothing).await;
    add(&*store, "ann.a", "Anna", &emails(&[("work", "Ann@x")])).await;
    let mails = [("work", "ANNE@x"), ("home", "ann@y"), ("other", "ann@y")];
    add(&*store, "tom", "Tom", &emails(&mails)).await;
    add(&*store, "u\u{e9}", "\u{c9}mile", &nothing).await;
    let check = async |prefix: &str, expected: &[&str]| {
        let (found, _) = walked(&*store, &beginning(prefix, 50)).await;
        assert_eq!(found, expected, "{prefix}");
    };

    check("ann", &["ann.a", "ann.b", "zoe", "tom"]).await;
    check("ann.", &["ann.a", "ann.b"]).await;
    check("ann@y", &["tom"]).await;
    check("\u{e9}", &["u\u{e9}"]).await;
    check("nn", &[]).await;
    check("%", &[]).await;
    check("", &["ann.a", "ann.b", "tom", "u\u{e9}", "zoe"]).await;
}

pub(super) async fn a_walk_through_people_passes_each_once_however_short_its_pages_are(
    store: Arc<dyn Store>,
) {
    for number in 0..12 {
        let id = format!("p{:02}", (number * 7) % 12);
        let mails = emails(&[("work", &format!("pa{number}@x")), ("home", "p@x")]);
        let display = if number % 2 == 0 { "Paul" } else { "Other" };
        add(&*store, &id, display, &mails).await;
    }
    add(&*store, "x1", "Paula", &json!({})).await;
    add(
        &*store,
        "x2",
        "Mail",
        &emails(&[("work", "p@y"), ("home", "pb@y")]),
    )
    .await;
    let (whole, pages) = walked(&*store, &beginning("p", 50)).await;
    assert_eq!((whole.len(), pages), (14, 1));
    assert_eq!(whole[12..], ["x1", "x2"]);
    for count in [1, 2, 3, 6, 12, 13, 14] {
        let (found, _) = walked(&*store, &beginning("p", count)).await;
        assert_eq!(found, whole, "{count} a page");
    }
    let mut everybody = walked(&*store, &beginning("", 5)).await.0;
    everybody.sort();
    everybody.dedup();
    assert_eq!(everybody.len(), 14);
}

pub(super) async fn people_are_found_by_state_and_by_how_they_sign_in(store: Arc<dyn Store>) {
    let urn = crate::scim::schema::SIGN_IN_URN;
    let with = |external_id: &str, active: bool, method: Option<&str>| {
        let mut body = json!({"externalId": external_id, "active": active});
        if let Some(method) = method {
            body[urn] = json!({"signInMethod": method});
        }
        body
    };
    let upper = OBJECT_ID.to_uppercase();
    let people = [
        ("a", with(OBJECT_ID, true, None)),
        ("b", with(&upper.replace('A', "B"), false, None)),
        ("c", with("c", true, None)),
        ("d", with("d", false, None)),
        (
            "e",
            with(
                "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7ab",
                true,
                Some("BuiltIn"),
            ),
        ),
        ("f", with("f", true, Some("Entra"))),
        (
            "g",
            with("0c5188e29f3d-4be1-8d21-1d58a1f0b7aa-", true, None),
        ),
        (
            "h",
            with("0g5188e2-9f3d-4be1-8d21-1d58a1f0b7aa", true, None),
        ),
    ];
    for (id, body) in &people {
        add(&*store, id, &format!("Name {id}"), body).await;
    }
    let asked = async |active: Option<bool>, built_in: Option<bool>, prefix: &str| {
        let query = PeopleQuery {
            active,
            built_in,
            ..beginning(prefix, 2)
        };
        walked(&*store, &query).await.0
    };

    assert_eq!(asked(Some(false), None, "").await, ["b", "d"]);
    assert_eq!(
        asked(Some(true), None, "").await,
        ["a", "c", "e", "f", "g", "h"]
    );
    assert_eq!(asked(None, Some(true), "").await, ["c", "d", "e", "g", "h"]);
    assert_eq!(asked(None, Some(false), "").await, ["a", "b", "f"]);
    assert_eq!(asked(Some(false), Some(true), "").await, ["d"]);
    assert_eq!(asked(Some(true), Some(false), "name").await, ["a", "f"]);
    assert_eq!(asked(Some(false), Some(false), "name").await, ["b"]);
}

pub(super) async fn people_are_found_by_user_type(store: Arc<dyn Store>) {
    for (id, more) in [
        ("ann", json!({"userType": "Premium"})),
        ("bea", json!({"userType": "Standard", "active": false})),
        (
            "cleo",
            json!({"title": "\"userType\":\"Premium\"", "userType": "say \"hello\""}),
        ),
        ("dora", json!({"userType": "Premium", "active": false})),
        ("emil", json!({})),
    ] {
        add(&*store, id, &format!("Ms {id}"), &more).await;
    }
    let check = async |user_type: &str, active, expected: &[&str]| {
        for prefix in ["", "ms "] {
            let query = PeopleQuery {
                user_type: Some(user_type.to_owned()),
                active,
                ..beginning(prefix, 1)
            };
            assert_eq!(walked(&*store, &query).await.0, expected, "{user_type}");
        }
    };
    check("Premium", None, &["ann", "dora"]).await;
    check("Premium", Some(true), &["ann"]).await;
    check("Standard", None, &["bea"]).await;
    check("say \"hello\"", None, &["cleo"]).await;
    check("Prem", None, &[]).await;
    check("", None, &[]).await;
}

pub(super) async fn the_groups_of_each_person_are_counted(store: Arc<dyn Store>) {
    filled(&*store).await;
    for group in ["u", "v"] {
        let group = team(group, &["a"]);
        store.add(GROUP, group, free()).await.unwrap();
    }
    let people: Vec<ResourceId> = ["b", "nobody", "t", "a", "c"].map(ResourceId::new).to_vec();
    for (at_most, expected) in [(9, [1, 0, 0, 3, 0]), (2, [1, 0, 0, 2, 0])] {
        let counted = store.group_counts(&people, at_most).await.unwrap();
        assert_eq!(counted, expected);
    }
    assert!(store.group_counts(&[], 9).await.unwrap().is_empty());
}

pub(super) async fn members_come_a_page_at_a_time_and_are_counted(store: Arc<dyn Store>) {
    filled(&*store).await;
    store.add(GROUP, team("e", &[]), free()).await.unwrap();
    let team = ResourceId::new("t");
    let first = store.members(&team, None, 1).await.unwrap();
    assert_eq!(first.people[0].id.as_str(), "a");
    let second = store.members(&team, first.next, 1).await.unwrap();
    assert_eq!((second.people[0].id.as_str(), second.next), ("b", None));
    let nobody = ResourceId::new("nobody");
    let none = store.members(&nobody, None, 5).await.unwrap();
    assert_eq!((none.people.len(), none.next), (0, None));

    let groups = [team, nobody, ResourceId::new("e")];
    let counts = store.member_counts(&groups, 5).await.unwrap();
    assert_eq!(counts, [2, 0, 0]);
    let bounded = store.member_counts(&groups, 1).await.unwrap();
    assert_eq!(bounded, [1, 0, 0]);
    assert_eq!(store.memberships().await.unwrap(), 2);
}

pub(super) async fn sessions_that_last_are_counted_by_kind(store: Arc<dyn Store>) {
    use crate::store::sessions::{SecretDigest, Session, SignedInBy};
    filled(&*store).await;
    let open = async |name: &str, by: SignedInBy, second: i64| {
        let session = Session {
            digest: SecretDigest(name.to_owned()),
            person: ResourceId::new("a"),
            by,
            device: None,
            opened: at(second),
            seen: at(second),
        };
        assert!(store.open_session(session, None, None).await.unwrap());
    };
    let connector = || SignedInBy::Connector {
        name: "entra".to_owned(),
        provider: "p".to_owned(),
        known_as: crate::store::sessions::KnownAs::default(),
        confirmation: crate::store::sessions::Confirmation::default(),
    };
    open("1", connector(), 10).await;
    open("2", connector(), 5).await;
    open("3", SignedInBy::Password, 10).await;
    open("4", SignedInBy::Passkey, 10).await;

    let counted = store.session_counts(at(1), at(1)).await.unwrap();
    let expected = SessionCounts {
        connector: 2,
        password: 1,
        passkey: 1,
    };
    assert_eq!(counted, expected);
    let since = store.session_counts(at(6), at(1)).await.unwrap();
    assert_eq!(since.connector, 1);
    let seen = store.session_counts(at(1), at(11)).await.unwrap();
    assert_eq!(seen, SessionCounts::default());
}
