//! What every store must do; each check runs against each database.

mod assertions;
pub(super) mod audit;
mod brake;
mod browsing;
mod devices;
mod grants;
mod members;
mod pages;
mod passkeys;
mod passwords;
mod payloads;
mod photos;
mod records;
pub(super) mod search;
mod second_factors;
pub(super) mod server;
mod sessions;

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::scim::filter::Filter;
use crate::scim::list::Page;
use crate::scim::schema::{Rules, Schemas};
use assertions::*;
use audit::*;
use brake::*;
use browsing::*;
use devices::*;
use grants::*;
use members::*;
use pages::*;
use passkeys::*;
use passwords::*;
use payloads::*;
use photos::*;
use records::*;
use search::*;
use second_factors::*;
use sessions::*;

/// Runs every check below against the databases there are.
macro_rules! conformance {
    ($($check:ident),* $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test] async fn $check() {
                let (_folder, store) = super::sqlite().await;
                super::$check(store).await;
            })*
        }
        mod on_postgres {
            $(#[tokio::test] async fn $check() {
                let schema = super::server::Schema::new(stringify!($check)).await;
                super::$check(schema.store().await).await;
            })*
        }
    };
}

conformance!(
    what_was_added_is_found,
    a_name_is_taken_in_any_casing,
    a_stale_version_is_refused,
    a_change_moves_the_keys_with_the_resource,
    names_can_be_freed_and_taken,
    equal_adds_at_once_give_one,
    members_are_changed_by_reference,
    unknown_members_refuse_the_whole_change,
    members_that_are_as_wanted_write_nothing,
    a_deleted_user_leaves_its_groups,
    a_deleted_group_leaves_its_users,
    a_list_is_in_order_and_in_pages,
    a_list_is_sorted_and_walked_from_place_to_place,
    a_walk_by_place_misses_nobody_who_stays,
    a_page_ends_where_memberships_are_too_many,
    a_store_finds_what_the_filter_finds,
    filters_find_by_index_and_without,
    a_membership_is_looked_up,
    a_person_is_found_by_the_emails_and_the_number_that_it_has_at_present,
    counts_follow_what_is_written,
    a_note_is_kept_in_the_place_of_the_one_that_was_read,
    odd_texts_are_kept_and_found,
    the_newest_records_of_each_client_are_kept,
    a_closed_store_says_so,
    what_was_read_holds_while_the_generation_stays,
    a_change_leaves_one_entry_and_what_changes_nothing_none,
    entries_are_found_by_person_client_and_time,
    the_audit_is_bounded_by_count_and_age,
    erasing_a_person_forgets_the_names_and_keeps_that_it_happened,
    who_has_been_deactivated_for_long_is_found,
    too_many_deactivations_are_held_until_the_brake_is_opened,
    the_window_of_the_brake_moves_on,
    too_many_deletions_are_held,
    too_many_removals_of_members_are_held_as_a_whole,
    members_who_are_none_are_not_counted,
    unknown_members_may_be_left_out,
    an_external_id_may_be_one_of_a_kind,
    an_object_id_is_one_of_a_kind_in_any_casing,
    an_external_id_is_found_in_any_casing_where_that_is_asked,
    an_attempt_is_redeemed_once_by_the_browser_that_began_it,
    a_session_is_found_until_it_ends,
    the_sessions_of_a_person_are_listed,
    a_person_ends_all_sessions_but_one,
    a_provider_ends_sessions_by_what_it_calls_them,
    one_asks_the_provider_of_a_session,
    only_a_person_who_is_active_gets_a_session,
    sessions_end_with_who_is_deactivated_or_deleted,
    a_deactivation_that_is_held_ends_no_session,
    who_is_deactivated_while_signing_in_is_out,
    what_is_over_is_forgotten,
    a_link_sets_one_password_once,
    a_link_that_was_asked_for_stands_beside_the_one_of_an_administrator,
    only_a_person_who_is_active_gets_a_link,
    links_and_passwords_are_remembered_by_the_write_that_keeps_them,
    a_password_is_replaced_by_who_knows_it,
    links_end_with_who_is_deactivated_and_passwords_with_who_is_deleted,
    a_password_that_is_set_ends_the_sessions_of_its_person_alone,
    no_session_is_opened_by_a_password_that_was_replaced,
    who_is_linked_to_another_identity_signs_in_anew,
    a_second_factor_is_kept_for_who_knows_the_password,
    a_code_is_taken_once,
    recovery_codes_are_renewed_for_who_knows_the_password,
    a_second_factor_is_removed_by_its_person_or_reset_with_all_sessions,
    what_was_decided_by_another_version_of_a_person_changes_nothing_of_their_sign_in,
    a_second_factor_stays_with_who_is_deactivated_and_goes_with_who_is_deleted,
    a_passkey_is_kept_for_who_knows_the_password,
    of_two_uses_of_a_passkey_at_one_counter_one_counts,
    passkeys_go_with_a_reset_and_with_who_is_deleted,
    the_last_payload_of_each_person_is_kept,
    payloads_go_with_the_person,
    a_stranger_becomes_a_person_or_is_forgotten,
    a_photo_is_kept_of_who_is_active,
    a_photo_goes_with_the_person_and_with_another_identity,
    a_grant_is_turned_by_whoever_holds_its_present_part,
    a_grant_that_is_kept_or_turned_again_stays_as_it_is,
    a_grant_goes_over_to_the_session_that_its_person_opens_instead,
    a_grant_needs_a_session_of_the_person,
    a_person_has_so_many_grants_and_the_oldest_go,
    grants_that_are_over_or_whose_session_is_are_forgotten,
    a_person_learns_which_applications_have_grants_and_ends_them,
    the_end_of_a_session_is_told_to_applications_that_want_it,
    a_device_waits_under_its_key_and_its_user_code,
    a_device_is_let_in_once_by_a_person_who_has_a_session,
    devices_that_waited_for_long_are_forgotten,
    a_person_has_so_many_user_codes_in_a_window,
    an_assertion_is_spent_once,
    assertions_are_kept_until_they_are_over_and_no_more_than_there_is_room_for,
    the_room_of_one_application_is_no_matter_of_another,
    people_are_found_by_the_beginning_of_what_they_are_called,
    a_walk_through_people_passes_each_once_however_short_its_pages_are,
    people_are_found_by_state_and_by_how_they_sign_in,
    people_are_found_by_user_type,
    members_come_a_page_at_a_time_and_are_counted,
    the_groups_of_each_person_are_counted,
    sessions_that_last_are_counted_by_kind,
);

async fn sqlite() -> (TempDir, Arc<dyn Store>) {
    let folder = TempDir::new().unwrap();
    let store = open(&Location::Sqlite(folder.path().join("people.db")))
        .await
        .unwrap();
    (folder, store)
}

pub(super) const USER: ResourceType = ResourceType::User;
pub(super) const GROUP: ResourceType = ResourceType::Group;

pub(super) fn schemas() -> Schemas {
    Schemas::new(&Rules::default()).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn stored(kind: ResourceType, id: &str, body: &serde_json::Value) -> Stored {
    Stored {
        id: ResourceId::new(id),
        version: Version::FIRST,
        created: at(1),
        last_modified: at(1),
        resource: Resource::parse(schemas().of(kind), body).unwrap(),
        related: Vec::new(),
    }
}

pub(super) fn person(id: &str) -> Stored {
    let body = json!({"userName": format!("{id}@contoso.example"), "externalId": format!("x-{id}"), "displayName": format!("Name {id}")});
    stored(USER, id, &body)
}

/// Members as a group comes with them.
pub(super) fn references<T: AsRef<str>>(ids: &[T]) -> Vec<Reference> {
    ids.iter()
        .map(|id| Reference {
            id: ResourceId::new(id.as_ref()),
            display: None,
        })
        .collect()
}

pub(super) fn team(id: &str, members: &[&str]) -> Stored {
    Stored {
        related: references(members),
        ..stored(GROUP, id, &json!({"displayName": format!("Team {id}")}))
    }
}

pub(super) fn changed(id: &str, expected: i64, body: Option<&Stored>) -> Change {
    Change {
        id: ResourceId::new(id),
        expected: (expected > 0).then_some(Version(expected)),
        resource: body.map(|it| it.resource.clone()),
        members: Vec::new(),
        at: at(2),
    }
}

pub(super) fn deletion(id: &str, expected: i64, second: i64) -> Deletion {
    Deletion {
        id: ResourceId::new(id),
        expected: (expected > 0).then_some(Version(expected)),
        at: at(second),
    }
}

/// No terms: nothing is remembered, nothing is held.
pub(super) fn free() -> Terms {
    Terms::default()
}

pub(super) fn moved(id: &str, members: Vec<MemberChange>) -> Change {
    Change {
        members,
        ..changed(id, 0, None)
    }
}

pub(super) fn ids(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|&id| id.to_owned()).collect()
}

async fn filled(store: &dyn Store) {
    for id in ["a", "b", "c", "d"] {
        store.add(USER, person(id), free()).await.unwrap();
    }
    store
        .add(GROUP, team("t", &["a", "b"]), free())
        .await
        .unwrap();
}

pub(super) async fn find(store: &dyn Store, kind: ResourceType, id: &str) -> Option<Stored> {
    store
        .find(kind, &ResourceId::new(id), Related::Include)
        .await
        .unwrap()
}

pub(super) async fn related(store: &dyn Store, kind: ResourceType, id: &str) -> Vec<String> {
    let found = find(store, kind, id).await.unwrap();
    found.related.into_iter().map(|it| it.id.0).collect()
}

async fn search(store: &dyn Store, kind: ResourceType, filter: &str) -> Vec<String> {
    let query = ListQuery {
        filter: Some(Filter::parse(filter, schemas().of(kind)).unwrap()),
        ..ListQuery::default()
    };
    let listed = store.list(kind, &query).await.unwrap();
    assert_eq!(listed.total, listed.resources.len());
    listed.resources.into_iter().map(|it| it.id.0).collect()
}

async fn what_was_added_is_found(store: Arc<dyn Store>) {
    store.add(USER, person("a"), free()).await.unwrap();

    assert_eq!(find(&*store, USER, "a").await, Some(person("a")));
    assert_eq!(find(&*store, GROUP, "a").await, None);
    assert_eq!(find(&*store, USER, "b").await, None);
}

async fn a_name_is_taken_in_any_casing(store: Arc<dyn Store>) {
    let named = |id, name: &str| stored(USER, id, &json!({"userName": name}));
    store.add(USER, named("1", "Ünal"), free()).await.unwrap();
    store.add(GROUP, team("t", &[]), free()).await.unwrap();

    let user = store
        .add(USER, named("2", "üNAL"), free())
        .await
        .unwrap_err();
    assert_eq!(user.to_string(), "another user already has this userName");
    let group = store
        .add(
            GROUP,
            stored(GROUP, "u", &json!({"displayName": "TEAM T"})),
            free(),
        )
        .await;
    assert_eq!(
        group.unwrap_err().to_string(),
        "another group already has this displayName"
    );
    store.add(USER, named("3", "Team t"), free()).await.unwrap();
}

async fn an_external_id_may_be_one_of_a_kind(store: Arc<dyn Store>) {
    let named =
        |id: &str, name: &str| stored(USER, id, &json!({"userName": name, "externalId": "x"}));
    let unique = || Terms {
        unique_external_id: true,
        ..Terms::default()
    };
    let taken = "another user already has this externalId";
    store.add(USER, named("1", "a"), unique()).await.unwrap();
    store
        .add(
            GROUP,
            stored(GROUP, "t", &json!({"displayName": "t", "externalId": "x"})),
            unique(),
        )
        .await
        .unwrap();

    let second = store.add(USER, named("2", "b"), unique()).await;
    assert_eq!(second.unwrap_err().to_string(), taken);
    store.add(USER, person("3"), unique()).await.unwrap();
    let change = changed("3", 0, Some(&named("3", "c")));
    let moved = store.change(USER, change.clone(), unique()).await;
    assert_eq!(moved.unwrap_err().to_string(), taken);
    let same = changed("1", 0, Some(&named("1", "d")));
    store.change(USER, same, unique()).await.unwrap();

    store.change(USER, change, free()).await.unwrap();
    store.add(USER, named("4", "e"), free()).await.unwrap();
}

async fn an_object_id_is_one_of_a_kind_in_any_casing(store: Arc<dyn Store>) {
    let id = "0c5188e2-9f3d-4be1-8d21-1d58a1f0b7aa";
    let named = |person: &str, external_id: &str| {
        let body = json!({"userName": person, "externalId": external_id});
        stored(USER, person, &body)
    };
    let unique = || Terms {
        unique_external_id: true,
        ..Terms::default()
    };
    let (upper, mixed) = (id.to_uppercase(), id.replacen("0c", "0C", 1));
    store.add(USER, named("a", &upper), unique()).await.unwrap();
    store.add(USER, person("b"), unique()).await.unwrap();

    let second = store.add(USER, named("c", id), unique()).await;
    let change = changed("b", 0, Some(&named("b", &mixed)));
    let moved = store.change(USER, change, unique()).await;

    for refused in [second, moved.map(drop)] {
        let taken = "another user already has this externalId";
        assert_eq!(refused.unwrap_err().to_string(), taken);
    }
    let same = changed("a", 0, Some(&named("a", id)));
    store.change(USER, same, unique()).await.unwrap();
}

async fn a_stale_version_is_refused(store: Arc<dyn Store>) {
    store.add(USER, person("a"), free()).await.unwrap();

    let stale = store
        .change(USER, changed("a", 7, Some(&person("b"))), free())
        .await;

    assert!(matches!(stale, Err(StoreError::VersionConflict)));
    assert_eq!(find(&*store, USER, "a").await, Some(person("a")));
    let nobody = store
        .change(USER, changed("z", 7, None), free())
        .await
        .unwrap();
    assert_eq!(nobody, None);
    let stale = store.delete(USER, deletion("a", 7, 3), free()).await;
    assert!(matches!(stale, Err(StoreError::VersionConflict)));
}

async fn a_change_moves_the_keys_with_the_resource(store: Arc<dyn Store>) {
    store.add(USER, person("a"), free()).await.unwrap();

    let now = store
        .change(USER, changed("a", 1, Some(&person("b"))), free())
        .await
        .unwrap();

    let expected = Changed {
        version: Version(2),
        written: true,
    };
    assert_eq!(now, Some(expected));
    let found = find(&*store, USER, "a").await.unwrap();
    assert_eq!((found.created, found.last_modified), (at(1), at(2)));
    assert_eq!(search(&*store, USER, "externalId eq \"x-b\"").await, ["a"]);
    assert!(
        search(&*store, USER, "userName eq \"a@contoso.example\"")
            .await
            .is_empty()
    );
}

async fn names_can_be_freed_and_taken(store: Arc<dyn Store>) {
    filled(&*store).await;

    let taken = store
        .change(USER, changed("a", 1, Some(&person("b"))), free())
        .await;
    assert!(matches!(taken, Err(StoreError::Taken { .. })));
    store
        .change(USER, changed("b", 1, Some(&person("z"))), free())
        .await
        .unwrap();
    store
        .change(USER, changed("a", 1, Some(&person("b"))), free())
        .await
        .unwrap();

    assert_eq!(
        search(&*store, USER, "userName eq \"B@contoso.example\"").await,
        ["a"]
    );
}

async fn equal_adds_at_once_give_one(store: Arc<dyn Store>) {
    let adds = (0..50).map(|number| {
        let store = Arc::clone(&store);
        let added = stored(USER, &number.to_string(), &json!({"userName": "same"}));
        async move { store.add(USER, added, free()).await }
    });
    let results = futures::future::join_all(adds).await;

    assert_eq!(results.iter().filter(|it| it.is_ok()).count(), 1);
    assert_eq!(search(&*store, USER, "userName eq \"same\"").await.len(), 1);
}

async fn counts_follow_what_is_written(store: Arc<dyn Store>) {
    filled(&*store).await;
    let gone = stored(USER, "a", &json!({"userName": "a", "active": false}));
    let back = stored(USER, "a", &json!({"userName": "a", "active": true}));
    let counts = async || {
        let counts = store.counts().await.unwrap();
        (counts.users, counts.active_users, counts.groups)
    };
    let change = async |version, to: &Stored| {
        store
            .change(USER, changed("a", version, Some(to)), free())
            .await
    };

    assert_eq!(counts().await, (4, 4, 1));
    change(1, &gone).await.unwrap();
    change(2, &gone).await.unwrap();
    assert_eq!(counts().await, (4, 3, 1));
    assert!(change(1, &back).await.is_err());
    assert!(store.add(USER, person("b"), free()).await.is_err());
    store
        .add(GROUP, team("v", &["nobody"]), free())
        .await
        .unwrap_err();
    assert_eq!(counts().await, (4, 3, 1));
    change(3, &back).await.unwrap();
    change(4, &gone).await.unwrap();
    for (kind, id) in [(USER, "a"), (USER, "b"), (GROUP, "t")] {
        let gone = deletion(id, 0, 9);
        store.delete(kind, gone, free()).await.unwrap();
    }
    assert_eq!(counts().await, (2, 2, 0));
    store.ready().await.unwrap();
}

/// Names may be longer than an index takes, and an id that no database could have is looked for in vain.
async fn odd_texts_are_kept_and_found(store: Arc<dyn Store>) {
    let long = "ü".repeat(3_000);
    for (id, name) in [("1", "a\u{fffd}b"), ("2", &long)] {
        let body = json!({"userName": name, "externalId": name, "displayName": name});
        let added = stored(USER, id, &body);
        store.add(USER, added.clone(), free()).await.unwrap();
        assert_eq!(find(&*store, USER, id).await, Some(added));
        for attribute in ["userName", "externalId", "displayName"] {
            let filter = format!("{attribute} eq {}", json!(name));
            assert_eq!(search(&*store, USER, &filter).await, [id]);
        }
    }
    let taken = stored(USER, "3", &json!({"userName": "Ü".repeat(3_000)}));
    assert!(matches!(
        store.add(USER, taken, free()).await,
        Err(StoreError::Taken { .. })
    ));
    assert_eq!(find(&*store, USER, "1\0").await, None);
    let unknown = store.add(GROUP, team("t", &["1\0"]), free()).await;
    assert!(matches!(unknown, Err(StoreError::UnknownMembers { .. })));
}

async fn a_note_is_kept_in_the_place_of_the_one_that_was_read(store: Arc<dyn Store>) {
    let note = |name: &str, text: &str| Note {
        name: name.to_owned(),
        text: text.to_owned(),
    };
    let keep = async |name: &str, text: &str, before: Option<&str>| {
        store
            .keep_note(note(name, text), before.map(str::to_owned))
            .await
    };
    keep("b", "1", None).await.unwrap();
    keep("a", "2", None).await.unwrap();
    keep("b", "3", Some("1")).await.unwrap();
    for (name, before) in [("b", None), ("b", Some("1")), ("c", Some("1"))] {
        let refused = keep(name, "4", before).await;
        assert!(matches!(refused, Err(StoreError::VersionConflict)));
    }

    assert_eq!(
        store.notes().await.unwrap(),
        [note("a", "2"), note("b", "3")]
    );
}

#[tokio::test]
async fn many_writes_share_a_transaction() {
    let (_folder, store) = sqlite().await;
    let adds = (0..200).map(|number| store.add(USER, person(&number.to_string()), free()));

    let results = futures::future::join_all(adds).await;

    assert!(results.iter().all(Result::is_ok));
    let commits = store.commits();
    assert_eq!(commits.writes, 200);
    assert!(commits.transactions < 100, "{commits:?}");
}

async fn what_was_read_holds_while_the_generation_stays(store: Arc<dyn Store>) {
    let Some(mut before) = store.generation() else {
        return;
    };
    let mut is_another = || {
        let now = store.generation().unwrap();
        std::mem::replace(&mut before, now) != now
    };

    store.add(USER, person("a"), free()).await.unwrap();
    assert!(is_another());
    store.counts().await.unwrap();
    assert!(!is_another());
    assert!(open_session(&*store, "1", "a").await);
    assert!(is_another());
    store.end_session(sessions::digest("1")).await.unwrap();
    assert!(is_another());

    store.close().await;
    assert_eq!(store.generation(), None);
}

async fn a_closed_store_says_so(store: Arc<dyn Store>) {
    store.add(USER, person("a"), free()).await.unwrap();

    store.close().await;
    store.close().await;

    assert!(matches!(
        store.add(USER, person("b"), free()).await,
        Err(StoreError::Closed)
    ));
    assert!(matches!(store.counts().await, Err(StoreError::Closed)));
}

#[tokio::test]
async fn a_second_owner_of_the_file_is_refused_until_the_first_is_gone() {
    let (folder, store) = sqlite().await;
    let path = folder.path().join("people.db");
    store.add(USER, person("a"), free()).await.unwrap();

    let second = open(&Location::Sqlite(path.clone()))
        .await
        .err()
        .map(|error| error.to_string());
    assert!(
        second
            .unwrap()
            .ends_with("is in use by another process; a SQLite store has one owner at a time")
    );

    store.close().await;
    let again = open(&Location::Sqlite(path.clone())).await.unwrap();
    assert_eq!(find(&*again, USER, "a").await, Some(person("a")));
}

#[tokio::test]
async fn what_is_no_database_is_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    std::fs::write(&path, "this is not a database, whatever its name says").unwrap();

    assert!(matches!(
        open(&Location::Sqlite(path.clone())).await.err(),
        Some(OpenError::Database { .. })
    ));
    let missing = folder.path().join("no/people.db");
    assert!(matches!(
        open(&Location::Sqlite(missing)).await.err(),
        Some(OpenError::File { .. })
    ));
}
