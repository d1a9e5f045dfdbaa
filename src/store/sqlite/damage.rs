//! Damage of the file: each flipped bit is found or harmless. Loss of power: what was answered is in every image of the disk.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::scim::filter::Filter;
use crate::scim::patch::MemberChange;
use crate::scim::resource::Resource;
use crate::scim::schema::{Rules, Schemas};
use crate::store::Version;
use crate::store::conformance::references;

const PEOPLE: usize = 60;
const GROUPS: usize = 8;

fn soak(few: usize, many: usize) -> usize {
    if option_env!("USHER_SOAK").is_some() {
        many
    } else {
        few
    }
}

/// A generator of numbers that are the same in each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }
}

fn stored(kind: ResourceType, id: String, members: &[String]) -> Stored {
    let schemas = Schemas::new(&Rules::default()).unwrap();
    let body = json!({"userName": format!("{id}@contoso.example"), "displayName": format!("Name of {id}"), "externalId": format!("x-{id}"), "emails": [{"value": format!("{id}@mail.example")}]});
    Stored {
        resource: Resource::parse(schemas.of(kind), &body).unwrap(),
        id: ResourceId::new(id),
        version: Version(1),
        created: Timestamp::from_second(1_700_000_000).unwrap(),
        last_modified: Timestamp::from_second(1_700_000_001).unwrap(),
        related: references(members),
    }
}

async fn filled(path: &Path) {
    let store = SqliteStore::open(path).await.unwrap();
    for number in 0..PEOPLE {
        let user = stored(ResourceType::User, format!("u{number}"), &[]);
        store
            .add(ResourceType::User, user, Terms::default())
            .await
            .unwrap();
    }
    for number in 0..GROUPS {
        let members: Vec<_> = (number..PEOPLE)
            .step_by(3)
            .map(|it| format!("u{it}"))
            .collect();
        let group = stored(ResourceType::Group, format!("g{number}"), &members);
        store
            .add(ResourceType::Group, group, Terms::default())
            .await
            .unwrap();
    }
    for (kind, id) in [(ResourceType::User, "u3"), (ResourceType::Group, "g1")] {
        let left = vec![MemberChange::Remove(vec!["u4".to_owned()])];
        let change = Change {
            id: ResourceId::new(id),
            expected: None,
            resource: Some(stored(kind, id.to_owned(), &[]).resource),
            members: if kind == ResourceType::Group {
                left
            } else {
                Vec::new()
            },
            at: Timestamp::from_second(1_700_000_002).unwrap(),
        };
        store
            .change(kind, change, Terms::default())
            .await
            .unwrap()
            .unwrap();
    }
    let gone = Deletion {
        id: ResourceId::new("u5"),
        expected: None,
        at: Timestamp::from_second(1_700_000_003).unwrap(),
    };
    store
        .delete(ResourceType::User, gone, Terms::default())
        .await
        .unwrap();
    store.close().await;
}

/// What is answered to everything that can be asked.
async fn answers(store: &SqliteStore) -> Vec<Result<String, StoreError>> {
    let mut all = Vec::new();
    let kinds = [
        (ResourceType::User, "u", PEOPLE),
        (ResourceType::Group, "g", GROUPS),
    ];
    let schemas = Schemas::new(&Rules::default()).unwrap();
    let related = Related::Include;
    for (kind, letter, count) in kinds {
        for number in 0..count {
            let id = ResourceId::new(format!("{letter}{number}"));
            let found = store.find(kind, &id, related).await;
            all.push(found.map(|it| format!("{it:?}")));
            let by_name = match kind {
                ResourceType::User => format!("userName eq \"{id}@contoso.example\""),
                ResourceType::Group => format!("displayName eq \"Name of {id}\""),
            };
            let mut filters = vec![by_name, format!("externalId eq \"x-{id}\"")];
            if kind == ResourceType::User {
                filters.push(format!("emails eq \"{id}@mail.example\""));
            }
            for filter in filters {
                let query = ListQuery {
                    filter: Some(Filter::parse(&filter, schemas.of(kind)).unwrap()),
                    related,
                    ..ListQuery::default()
                };
                let found = store.list(kind, &query).await;
                all.push(found.map(|it| format!("{it:?}")));
            }
        }
        let query = ListQuery {
            related,
            ..ListQuery::default()
        };
        let listed = store.list(kind, &query).await;
        all.push(listed.map(|it| format!("{it:?}")));
    }
    let counts = store.counts().await;
    all.push(counts.map(|it| format!("{it:?}")));
    all
}

#[tokio::test]
async fn each_flipped_bit_is_found_or_harmless() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sound.db");
    filled(&path).await;
    let sound = std::fs::read(&path).unwrap();
    let store = SqliteStore::open(&path).await.unwrap();
    let expected: Vec<String> = answers(&store)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(store.fault(), None);
    store.close().await;
    let mut numbers = Numbers(1);
    let (mut found, mut at_open) = (0, 0);
    for flip in 0..soak(40, 1000) {
        let position = numbers.below(sound.len() * 8);
        let mut bytes = sound.clone();
        bytes[position / 8] ^= 1 << (position % 8);
        let path = folder.path().join(format!("{flip}.db"));
        std::fs::write(&path, bytes).unwrap();

        let Ok(store) = SqliteStore::open(&path).await else {
            at_open += 1;
            continue;
        };
        let known = store.fault();
        let now = answers(&store).await;
        let wrong = now
            .iter()
            .zip(&expected)
            .position(|(now, expected)| now.as_ref().is_ok_and(|now| now != expected));
        assert!(
            known == Some(Fault::Damaged) || wrong.is_none(),
            "bit {position} was not found: {:?}",
            wrong.map(|it| (&now[it], &expected[it]))
        );
        if store.fault() == Some(Fault::Damaged) {
            found += 1;
            let user = stored(ResourceType::User, "new".to_owned(), &[]);
            let refused = store.add(ResourceType::User, user, Terms::default()).await;
            assert!(matches!(refused, Err(StoreError::ReadOnly)));
        }
        store.close().await;
    }
    assert!(found > 0, "{at_open} were found at once, and none later");
}

#[tokio::test]
async fn a_file_that_was_cut_is_found() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    filled(&path).await;
    let sound = std::fs::read(&path).unwrap();
    for parts in 1..8 {
        let path = folder.path().join(format!("{parts}.db"));
        std::fs::write(&path, &sound[..sound.len() * parts / 8]).unwrap();

        let opened = SqliteStore::open(&path).await;

        assert!(opened.is_err() || opened.is_ok_and(|it| it.fault() == Some(Fault::Damaged)));
    }
}

#[tokio::test]
async fn a_damaged_row_fails_alone_and_stops_the_writing() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    filled(&path).await;
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.fault(), None);
    let disk = connect(&path).unwrap();
    for statement in [
        "DROP TRIGGER resource_changed",
        "UPDATE resource SET body = replace(body, 'Name of', 'Nome of') WHERE id = 'u7'",
    ] {
        write::execute(&disk, statement).unwrap();
    }
    disk.close().unwrap();
    let find = |id| {
        let (id, store) = (ResourceId::new(id), &store);
        async move { store.find(ResourceType::User, &id, Related::Skip).await }
    };

    let damaged = find("u7").await.unwrap_err();

    assert_eq!(damaged.to_string(), "resource u7 was changed on the disk");
    assert!(find("u8").await.unwrap().is_some());
    assert_eq!(store.fault(), Some(Fault::Damaged));
    let findings = check::check(&path).unwrap();
    assert_eq!(findings.wrong, ["resource u7 is not what was written"]);
    store.close().await;
}

#[tokio::test]
async fn rows_of_the_version_before_get_their_checksum_while_it_serves() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    filled(&path).await;
    let before = connect(&path).unwrap();
    write::execute(&before, "UPDATE resource SET checksum = NULL").unwrap();
    let store = SqliteStore::open(&path).await.unwrap();

    loop {
        let query = "SELECT count(*) FROM resource WHERE checksum IS NULL";
        let left: i64 = before.query_row(query, (), |row| row.get(0)).unwrap();
        if left == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    assert_eq!(check::check(&path).unwrap().count, 0);
    // And the version before goes on to write.
    write::execute(
        &before,
        "UPDATE resource SET version = version + 1 WHERE id = 'u1'",
    )
    .unwrap();
    let one = ResourceId::new("u1");
    let found = store
        .find(ResourceType::User, &one, Related::Skip)
        .await
        .unwrap();
    assert_eq!(found.unwrap().version, Version(2));
}

/// What a loss of power leaves: the database and then its log. A reader keeps the log from being begun anew in between.
fn image(path: &Path, to: PathBuf) -> PathBuf {
    let _reader = snapshot::SqliteSnapshot::open(path).unwrap();
    for ending in ["", "-wal"] {
        let name = |it: &Path| format!("{}{ending}", it.display());
        std::fs::copy(name(path), name(&to)).unwrap();
    }
    to
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_is_in_an_image_of_the_disk_at_any_moment() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    let store = Arc::new(SqliteStore::open(&path).await.unwrap());
    let answered = Arc::new(AtomicUsize::new(0));
    let writing = {
        let (store, answered) = (Arc::clone(&store), Arc::clone(&answered));
        tokio::spawn(async move {
            for number in 0.. {
                let user = stored(ResourceType::User, format!("u{number}"), &[]);
                let added = store.add(ResourceType::User, user, Terms::default()).await;
                if added.is_err() {
                    break;
                }
                answered.store(number + 1, Ordering::SeqCst);
            }
        })
    };
    let mut numbers = Numbers(2);
    for number in 0..soak(10, 200) {
        let enough = answered.load(Ordering::SeqCst) + 1 + numbers.below(20);
        while answered.load(Ordering::SeqCst) < enough {
            tokio::task::yield_now().await;
        }
        let before = answered.load(Ordering::SeqCst);

        let image = image(&path, folder.path().join(format!("{number}.db")));

        let opened = SqliteStore::open(&image).await.unwrap();
        assert_eq!(opened.fault(), None);
        for id in [0, before / 2, before - 1] {
            let id = ResourceId::new(format!("u{id}"));
            let found = opened.find(ResourceType::User, &id, Related::Skip).await;
            assert!(
                found.unwrap().is_some(),
                "image {number} lacks {id} of {before}"
            );
        }
        opened.close().await;
    }
    store.close().await;
    writing.await.unwrap();
}
