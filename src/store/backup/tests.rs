//! What goes out comes in again, from every store into every store; what was cut or changed is refused with its line.

use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::scim::resource::Resource;
use crate::scim::schema::{Rules, Schemas};
use crate::store::audit::AuditEvent;
use crate::store::brake::Brake;
use crate::store::conformance::audit::entry;
use crate::store::conformance::server::{Schema, Server};
use crate::store::conformance::{changed, deletion, references};
use crate::store::grants::Grant;
use crate::store::passwords::{NewPassword, PasswordHash, PasswordLink, PasswordProof};
use crate::store::sessions::{SecretDigest, Session, SignedInBy};
use crate::store::{self, Deletion, Note, Related, ResourceId, Store, Stored, Terms, Version};

const MANY: usize = 2_500;

fn at(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap()
}

fn stored(kind: ResourceType, id: &str, members: &[String]) -> Stored {
    let schemas = Schemas::new(&Rules::default()).unwrap();
    let body = json!({"userName": format!("{id}@contoso.example"), "displayName": format!("Näme {id}"), "externalId": id, "emails": [{"value": format!("{id}@mail.example")}]});
    Stored {
        id: ResourceId::new(id),
        version: Version(7),
        created: at(1001),
        last_modified: at(2002),
        resource: Resource::parse(schemas.of(kind), &body).unwrap(),
        related: references(members),
    }
}

async fn filled(at: &Location) -> Arc<dyn Store> {
    let store = opened(at).await;
    let people = (0..MANY).map(|number| {
        let id = format!("u{number}");
        store.add(
            ResourceType::User,
            stored(ResourceType::User, &id, &[]),
            Terms::default(),
        )
    });
    for added in futures::future::join_all(people).await {
        added.unwrap();
    }
    let members: Vec<_> = (0..MANY).map(|number| format!("u{number}")).collect();
    let group = stored(ResourceType::Group, "g1", &members);
    store
        .add(ResourceType::Group, group, Terms::default())
        .await
        .unwrap();
    let empty = stored(ResourceType::Group, "g2", &[]);
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

async fn opened(at: &Location) -> Arc<dyn Store> {
    store::open(at).await.unwrap()
}

async fn backed_up(at: &Location) -> Vec<u8> {
    let mut snapshot = snapshot(at).await.unwrap();
    let header = Header {
        usher_backup: FORMAT,
        program: "0.0.0".to_owned(),
        made_at: self::at(0),
        scim_tenant: "identity/contoso".to_owned(),
        contents: snapshot.contents().await.unwrap(),
    };
    let mut writer = BackupWriter::new(Vec::new(), &header).unwrap();
    snapshot.read(&mut writer).await.unwrap();
    writer.finish().unwrap()
}

async fn restored(to: &Location, backup: &[u8]) -> Result<Contents, BackupError> {
    let reader = BackupReader::new(backup)?;
    restore(reader, restoration(to).await.unwrap()).await
}

fn file(folder: &TempDir, name: &str) -> Location {
    Location::Sqlite(folder.path().join(name))
}

fn files() -> (TempDir, Location, Location) {
    let folder = TempDir::new().unwrap();
    let (from, to) = (file(&folder, "from.db"), file(&folder, "to.db"));
    (folder, from, to)
}

fn is_there(folder: &TempDir, name: &str) -> bool {
    folder.path().join(name).exists()
}

#[tokio::test]
async fn what_went_out_comes_in_again_with_ids_versions_times_and_order() {
    let (_folder, from, to) = files();
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
    let (_folder, _, file) = files();
    let schema = Schema::new("follows").await;
    for to in [file, Location::Postgres(schema.location.clone())] {
        let values = json!({"seq": 1, "attribute": 1, "value": "x", "label": ""});
        let row = Record::Row {
            table: "lookup".to_owned(),
            values: values.as_object().unwrap().clone(),
        };
        let mut restoration = restoration(&to).await.unwrap();

        restoration.put(row).await.unwrap();

        restoration.finish().await.unwrap();
        let findings = check(&to).await.unwrap();
        assert_eq!((findings.resources, findings.count), (0, 0));
    }
}

#[tokio::test]
async fn a_backup_is_of_one_moment_while_others_write() {
    let (_folder, from, to) = files();
    let store = filled(&from).await;
    let mut snapshot = snapshot(&from).await.unwrap();
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
    let (folder, from, to) = files();
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
        assert!(!is_there(&folder, "to.db") && !store::is_restored(&to));
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_anywhere_is_refused() {
    let (folder, from, to) = files();
    filled(&from).await;
    let backup = backed_up(&from).await;
    for cut in (1..backup.len()).step_by(backup.len() / 50) {
        assert!(restored(&to, &backup[..cut]).await.is_err());
    }
    assert!(!is_there(&folder, "to.db") && !store::is_restored(&to));
}

/// A kill leaves the database that was being filled, or the one that was not put in its place.
#[tokio::test]
async fn a_restore_that_was_killed_can_be_repeated() {
    let (folder, from, to) = files();
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
    let path = folder.path().join("to.db");
    std::fs::rename(&path, folder.path().join("to.db.restored")).unwrap();
    std::fs::write(&path, "damaged").unwrap();
    let store = opened(&to).await;

    assert_eq!(store.counts().await.unwrap().groups, 2);
    assert!(!store::is_restored(&to));
}

#[tokio::test]
async fn a_store_in_use_is_replaced_when_its_owner_opens_it_again() {
    let (_folder, from, to) = files();
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

/// A little of everything that a store has: members, a person who is deactivated and changed since, and rows of each table.
async fn varied(at: &Location) -> Arc<dyn Store> {
    let (user, group) = (ResourceType::User, ResourceType::Group);
    let store = opened(at).await;
    let terms = |id: &str| Terms {
        audit: Some(entry(user, id, AuditEvent::Deleted, 1)),
        brake: Some(Brake {
            deactivations: 9,
            deletions: 1,
            membership_removals: 9,
            window: jiff::SignedDuration::from_hours(1),
            open_until: None,
        }),
        ..Terms::default()
    };
    for id in ["u1", "u2", "u3", "u4"] {
        let added = store.add(user, stored(user, id, &[]), terms(id));
        added.await.unwrap();
    }
    let members = vec!["u1".to_owned(), "u2".to_owned()];
    let added = store.add(group, stored(group, "g1", &members), Terms::default());
    added.await.unwrap();
    let schemas = Schemas::new(&Rules::default()).unwrap();
    for (version, title) in [(7, "one"), (8, "two")] {
        let body = json!({"userName": "U1", "active": false, "title": title});
        let mut change = changed("u1", version, None);
        change.resource = Some(Resource::parse(schemas.of(user), &body).unwrap());
        change.at = self::at(version * 1000);
        store.change(user, change, terms("u1")).await.unwrap();
    }
    let gone = store.delete(user, deletion("u3", 0, 9), terms("u3"));
    gone.await.unwrap();
    let held = store.delete(user, deletion("u4", 0, 9), terms("u4")).await;
    assert!(matches!(held, Err(StoreError::Held { .. })));
    let note = Note {
        name: "entra".to_owned(),
        text: "{\"ü\":\"\\u0000\"}".to_owned(),
    };
    store.keep_note(note, None).await.unwrap();
    let record = store::Record {
        client: "entra".to_owned(),
        at: self::at(5),
        text: "{}".to_owned(),
    };
    store.keep_records(vec![record; 3]).await.unwrap();
    store
}

#[tokio::test]
async fn a_directory_moves_from_store_to_store_and_comes_back_the_same() {
    let (_folder, from, to) = files();
    let schema = Schema::new("moves").await;
    let between = Location::Postgres(schema.location.clone());
    let before = varied(&from).await;
    let backup = backed_up(&from).await;
    assert_eq!(contents(&between).await.unwrap(), None);

    for place in [&between, &to] {
        let contents = restored(place, &backup).await.unwrap();
        assert_eq!((contents.users, contents.memberships), (3, 2));
        // Entries, what the brake counted and held, records.
        assert!(contents.rows > 10, "{contents:?}");
        let again = backed_up(place).await;
        assert_eq!(str::from_utf8(&again), str::from_utf8(&backup));
        assert_eq!(check(place).await.unwrap(), check(&from).await.unwrap());
    }
    // The same once more, in the place of what is there.
    let contents = restored(&between, &backup).await.unwrap();
    assert_eq!(self::contents(&between).await.unwrap(), Some(contents));
    assert_eq!(check(&between).await.unwrap(), check(&from).await.unwrap());
    let after = opened(&between).await;
    assert_eq!(
        after.counts().await.unwrap(),
        before.counts().await.unwrap()
    );
    assert_eq!(
        after.held(Timestamp::UNIX_EPOCH).await.unwrap(),
        before.held(Timestamp::UNIX_EPOCH).await.unwrap()
    );
    // Numbers go on behind what was restored.
    let entry = entry(ResourceType::User, "u1", AuditEvent::Updated, 3);
    after.record(entry).await.unwrap();
}

#[tokio::test]
async fn who_is_signed_in_and_by_what_is_in_no_backup_and_ended_by_a_restore() {
    let (_folder, file, _) = files();
    let schema = Schema::new("signed_out_by_a_restore").await;
    for place in [file, Location::Postgres(schema.location.clone())] {
        let store = varied(&place).await;
        let digest = SecretDigest("digest-of-a-session".to_owned());
        let session = Session {
            digest: digest.clone(),
            person: ResourceId::new("u2"),
            by: SignedInBy::Password,
            device: None,
            opened: at(5),
            seen: at(5),
        };
        let link = PasswordLink {
            digest: SecretDigest("digest-of-a-link".to_owned()),
            person: ResourceId::new("u2"),
            expires: at(9),
            asked: false,
        };
        let password = NewPassword {
            person: ResourceId::new("u2"),
            hash: PasswordHash::new("hash-of-a-password"),
            proof: PasswordProof::Link(link.digest.clone(), at(5)),
            audit: entry(ResourceType::User, "u2", AuditEvent::Updated, 3),
        };
        let made = || entry(ResourceType::User, "u2", AuditEvent::Updated, 3);
        let offered = store.offer_password_link(link.clone(), None, made());
        assert!(offered.await.unwrap());
        assert!(store.set_password(password).await.unwrap());
        let offered = store.offer_password_link(link.clone(), None, made());
        assert!(offered.await.unwrap());
        assert!(store.open_session(session, None, None).await.unwrap());
        let grant = Grant {
            key: SecretDigest("digest-of-a-grant".to_owned()),
            person: ResourceId::new("u2"),
            session: digest.clone(),
            application: "crm".to_owned(),
            terms: "{}".to_owned(),
            current: SecretDigest("digest-of-a-code".to_owned()),
            turn: 0,
            expires: at(9),
        };
        let key = grant.key.clone();
        assert!(store.keep_grant(grant).await.unwrap());
        let backup = backed_up(&place).await;
        let text = str::from_utf8(&backup).unwrap();
        for secret in ["digest-of-a", "hash-of-a", "sign_in", "password", "grant"] {
            assert!(!text.contains(secret), "{secret}");
        }
        store.close().await;

        restored(&place, &backup).await.unwrap();

        let after = opened(&place).await;
        assert_eq!(after.session(&digest).await.unwrap(), None);
        assert_eq!(after.grant(&key).await.unwrap(), None);
        assert_eq!(after.password(&link.person).await.unwrap(), None);
        assert_eq!(after.password_link(&link.digest).await.unwrap(), None);
        assert_eq!(after.counts().await.unwrap().users, 3);
    }
}

#[tokio::test]
async fn a_backup_that_was_cut_changes_nothing_in_a_schema() {
    let schema = Schema::new("cut_backup").await;
    let place = Location::Postgres(schema.location.clone());
    varied(&place).await;
    let sound = backed_up(&place).await;
    let lines: Vec<&str> = str::from_utf8(&sound)
        .unwrap()
        .split_inclusive('\n')
        .collect();
    let twice = lines[2].replace("\"id\":\"u2\"", "\"id\":\"u1\"");
    let taken = lines[2].replace("u2@contoso.example", "U1");
    for (line, why) in [
        (twice.as_str(), "line 3: its id is there twice"),
        (&taken, "line 3: another user already has this userName"),
        ("{\"person\":{}}\n", "line 3: this is no line"),
        ("", "line "),
    ] {
        let mut lines = lines.clone();
        lines[2] = line;
        let backup = lines.concat();

        let refused = restored(&place, backup.as_bytes()).await;

        let said = refused.unwrap_err().to_string();
        assert!(said.starts_with(why), "{said}, not {why}");
        assert_eq!(backed_up(&place).await, sound);
    }
}

#[tokio::test]
async fn a_schema_is_read_while_it_is_restored_and_written_afterwards() {
    let schema = Schema::new("restored_beside").await;
    let place = Location::Postgres(schema.location.clone());
    let store = varied(&place).await;
    let backup = backed_up(&place).await;
    let user = ResourceType::User;
    let gone = store.delete(user, deletion("u1", 0, 9), Terms::default());
    gone.await.unwrap();
    let mut target = restoration(&place).await.unwrap();
    let mut reader = BackupReader::new(backup.as_slice()).unwrap();
    target.put(reader.record().unwrap().unwrap()).await.unwrap();

    let beside = Arc::clone(&store);
    let writer = tokio::spawn(async move {
        let added = stored(user, "u9", &[]);
        beside.add(user, added, Terms::default()).await
    });
    assert_eq!(store.counts().await.unwrap().users, 2);
    while let Some(record) = reader.record().unwrap() {
        target.put(record).await.unwrap();
    }
    target.finish().await.unwrap();

    writer.await.unwrap().unwrap();
    assert_eq!(store.counts().await.unwrap().users, 4);
    let back = ResourceId::new("u1");
    let back = store.find(user, &back, Related::Skip).await.unwrap();
    assert!(back.is_some());
}

#[tokio::test]
async fn what_does_not_go_together_in_a_schema_is_found() {
    let schema = Schema::new("unsound").await;
    let place = Location::Postgres(schema.location.clone());
    let missing = check(&place).await.unwrap_err().to_string();
    assert!(
        missing.contains("no directory in schema unsound"),
        "{missing}"
    );
    varied(&place).await;
    assert_eq!(check(&place).await.unwrap().count, 0);
    for (damage, expected) in [
        (
            "UPDATE unsound.resource SET name_key = 'x' WHERE id = 'u2'",
            "User u2 is found by other values than it has",
        ),
        (
            "DELETE FROM unsound.lookup WHERE value = 'u4@mail.example'",
            "User u4 is found by other values than it has",
        ),
        (
            "UPDATE unsound.resource SET body = '{' WHERE id = 'u2'",
            "resource u2 is not what was written",
        ),
        (
            "UPDATE unsound.tally SET users = users + 1 WHERE shard = 3",
            "people and groups are not as many as are counted",
        ),
    ] {
        let mut administrator = Server::shared().connect().await;
        sqlx::query(damage)
            .execute(&mut administrator)
            .await
            .unwrap();
        let wrong = check(&place).await.unwrap().wrong;
        assert!(wrong.iter().any(|it| it == expected), "{wrong:?}");
    }
    let refused = backed_up_or_not(&place).await.unwrap_err().to_string();
    assert!(refused.starts_with("User u2 cannot be read"), "{refused}");
}

async fn backed_up_or_not(at: &Location) -> Result<(), BackupError> {
    let mut read = Contents::default();
    snapshot(at).await?.read(&mut read).await
}

impl Sink for Contents {
    fn put(&mut self, record: &Record) -> Result<(), BackupError> {
        self.count(record);
        Ok(())
    }
}
