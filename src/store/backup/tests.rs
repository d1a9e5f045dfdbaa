//! What goes out comes in again, from every store into every store; what was cut or changed is refused with its line.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::scim::resource::Resource;
use crate::scim::schema::{Rules, Schemas};
use crate::store::{
    self, Deletion, Note, Reference, Related, ResourceId, Store, Stored, Terms, Version,
};

const MANY: usize = 2_500;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn stored(kind: ResourceType, id: &str, members: Vec<String>) -> Stored {
    let schemas = Schemas::new(&Rules::default()).unwrap();
    let body = json!({"userName": format!("{id}@contoso.example"), "displayName": format!("Näme {id}"), "externalId": id, "emails": [{"value": format!("{id}@mail.example")}]});
    Stored {
        id: ResourceId::new(id),
        version: Version(7),
        created: at(1001),
        last_modified: at(2002),
        resource: Resource::parse(schemas.of(kind), &body).unwrap(),
        related: members
            .into_iter()
            .map(|id| Reference {
                id: ResourceId::new(id),
                display: None,
            })
            .collect(),
    }
}

async fn filled(path: &Path) -> Arc<dyn Store> {
    let store = opened(path).await;
    let people = (0..MANY).map(|number| {
        let id = format!("u{number}");
        store.add(
            ResourceType::User,
            stored(ResourceType::User, &id, Vec::new()),
            Terms::default(),
        )
    });
    for added in futures::future::join_all(people).await {
        added.unwrap();
    }
    let members = (0..MANY).map(|number| format!("u{number}")).collect();
    let group = stored(ResourceType::Group, "g1", members);
    store
        .add(ResourceType::Group, group, Terms::default())
        .await
        .unwrap();
    let empty = stored(ResourceType::Group, "g2", Vec::new());
    store
        .add(ResourceType::Group, empty, Terms::default())
        .await
        .unwrap();
    let note = Note {
        name: "clients".to_owned(),
        text: "{}".to_owned(),
    };
    store.keep_note(note, None).await.unwrap();
    store
}

async fn opened(path: &Path) -> Arc<dyn Store> {
    let location = store::Location::Sqlite(path.to_owned());
    store::open(&location).await.unwrap()
}

async fn backed_up(path: &Path) -> Vec<u8> {
    let mut snapshot = snapshot(path).unwrap();
    let header = Header {
        usher_backup: FORMAT,
        program: "0.0.0".to_owned(),
        made_at: at(0),
        scim_tenant: "identity/contoso".to_owned(),
        contents: snapshot.contents().await.unwrap(),
    };
    let mut writer = BackupWriter::new(Vec::new(), &header).unwrap();
    snapshot.read(&mut writer).await.unwrap();
    writer.finish().unwrap()
}

async fn restored(path: &Path, backup: &[u8]) -> Result<Contents, BackupError> {
    let reader = BackupReader::new(backup)?;
    restore(reader, restoration(path).unwrap()).await
}

fn paths() -> (TempDir, PathBuf, PathBuf) {
    let folder = TempDir::new().unwrap();
    let (from, to) = (folder.path().join("from.db"), folder.path().join("to.db"));
    (folder, from, to)
}

#[tokio::test]
async fn what_went_out_comes_in_again_with_ids_versions_times_and_order() {
    let (_folder, from, to) = paths();
    let before = filled(&from).await;
    let backup = backed_up(&from).await;

    let contents = restored(&to, &backup).await.unwrap();

    let expected = Contents {
        users: MANY as u64,
        groups: 2,
        memberships: MANY as u64,
        notes: 1,
        rows: 0,
    };
    assert_eq!(contents, expected);
    let after = opened(&to).await;
    for (kind, id) in [(ResourceType::User, "u17"), (ResourceType::Group, "g1")] {
        let id = ResourceId::new(id);
        let found = after.find(kind, &id, Related::Include).await.unwrap();
        assert!(found.is_some());
        assert_eq!(
            found,
            before.find(kind, &id, Related::Include).await.unwrap()
        );
    }
    assert_eq!(after.notes().await.unwrap(), before.notes().await.unwrap());
    after.close().await;
    assert_eq!(backed_up(&to).await, backup);
    assert_eq!(check(&to).await.unwrap().count, 0);
}

#[tokio::test]
async fn what_follows_from_people_is_not_taken_from_a_backup() {
    let (_folder, _, to) = paths();
    let values = json!({"seq": 1, "attribute": 1, "value": "x", "label": ""});
    let row = Record::Row {
        table: "lookup".to_owned(),
        values: values.as_object().unwrap().clone(),
    };
    let mut restoration = restoration(&to).unwrap();

    restoration.put(row).await.unwrap();

    restoration.finish().await.unwrap();
    let findings = check(&to).await.unwrap();
    assert_eq!((findings.resources, findings.count), (0, 0));
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_others_write() {
    let (_folder, from, to) = paths();
    let store = filled(&from).await;
    let mut snapshot = snapshot(&from).unwrap();
    let contents = snapshot.contents().await.unwrap();

    let gone = Deletion {
        id: ResourceId::new("u1"),
        expected: None,
        at: at(3000),
    };
    store
        .delete(ResourceType::User, gone, Terms::default())
        .await
        .unwrap();

    let mut read = Contents::default();
    snapshot.read(&mut read).await.unwrap();
    assert_eq!(read, contents);
    let later = backed_up(&from).await;
    assert_eq!(
        restored(&to, &later).await.unwrap().users,
        contents.users - 1
    );
}

#[tokio::test]
async fn what_was_cut_or_changed_is_refused_with_its_line_and_nothing_is_restored() {
    let (_folder, from, to) = paths();
    filled(&from).await;
    let backup = backed_up(&from).await;
    let lines: Vec<&str> = str::from_utf8(&backup)
        .unwrap()
        .split_inclusive('\n')
        .collect();
    let last = lines.len();
    let with = |number: usize, line: &str| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        lines.concat()
    };
    let twice = lines[8].replace("\"id\":\"u7\"", "\"id\":\"u6\"");
    let taken = lines[8].replace("u7@", "u6@");
    let newer = lines[0].replace("\"usherBackup\":1", "\"usherBackup\":2");
    let fewer = lines[0].replace("\"groups\":2", "\"groups\":3");
    let changed = lines[8].replace("Näme", "Nome");
    let cut = &lines[last - 1][..20];
    let cases = [
        (String::new(), 1, "the file ends here"),
        (
            "{}\n".to_owned(),
            1,
            "this is not the first line of a backup",
        ),
        (
            newer,
            1,
            "the backup has format 2, this program reads up to 1",
        ),
        (with(9, &taken), 9, "another user already has this userName"),
        (with(9, &twice), 9, "its id is there twice"),
        (with(9, "{\"user\":{\n"), 9, "this is no JSON"),
        (
            with(9, "{\"person\":{}}\n"),
            9,
            "this is no line that a backup",
        ),
        (with(9, &changed), 1002, "the file was changed"),
        (with(1, &fewer), 1002, "the file was changed"),
        (with(last - 1, ""), last - 1, "the file was changed"),
        (with(last, ""), last, "the file ends here"),
        (with(last, cut), last, "the file ends here"),
        (format!("{}more", lines.concat()), last, "something follows"),
    ];
    for (backup, line, why) in cases {
        let refused = restored(&to, backup.as_bytes()).await.unwrap_err();
        let expected = format!("line {line}: {why}");
        let said = refused.to_string();
        assert!(said.starts_with(&expected), "{said}, not {expected}");
        assert!(!to.exists() && !store::is_restored(&to));
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_anywhere_is_refused() {
    let (_folder, from, to) = paths();
    filled(&from).await;
    let backup = backed_up(&from).await;
    for cut in (1..backup.len()).step_by(backup.len() / 50) {
        assert!(restored(&to, &backup[..cut]).await.is_err());
    }
    assert!(!to.exists() && !store::is_restored(&to));
}

/// A kill leaves the database that was being filled, or the one that was not put in its place.
#[tokio::test]
async fn a_restore_that_was_killed_can_be_repeated() {
    let (folder, from, to) = paths();
    filled(&from).await;
    let backup = backed_up(&from).await;
    std::fs::write(folder.path().join("to.db.restoring"), "half of something").unwrap();
    restored(&to, &backup).await.unwrap();

    for ending in ["-wal", "-shm"] {
        std::fs::write(
            folder.path().join(format!("to.db{ending}")),
            "of another database",
        )
        .unwrap();
    }
    std::fs::rename(&to, folder.path().join("to.db.restored")).unwrap();
    std::fs::write(&to, "damaged").unwrap();
    let store = opened(&to).await;

    assert_eq!(store.counts().await.unwrap().groups, 2);
    assert!(!store::is_restored(&to));
}

#[tokio::test]
async fn a_store_in_use_is_replaced_when_its_owner_opens_it_again() {
    let (_folder, from, to) = paths();
    filled(&from).await;
    let backup = backed_up(&from).await;
    let owner = opened(&to).await;

    restored(&to, &backup).await.unwrap();

    assert_eq!(owner.counts().await.unwrap().users, 0);
    assert!(store::is_restored(&to));
    owner.close().await;
    let owner = opened(&to).await;
    assert_eq!(
        owner.counts().await.unwrap().users,
        i64::try_from(MANY).unwrap()
    );
}

impl Sink for Contents {
    fn put(&mut self, record: &Record) -> Result<(), BackupError> {
        self.count(record);
        Ok(())
    }
}
