//! The schema after each migration, and after one that was killed; the minor version before beside the newest.

use tempfile::TempDir;

use super::super::snapshot::OTHERS;
use super::super::{SqliteStore, connect};
use super::*;
use crate::scim::filter::Filter;
use crate::scim::schema::{ResourceType, sample};
use crate::store::sessions::{Confirmation, KnownAs, SecretDigest, Sessions, SignedInBy};
use crate::store::{ListQuery, Related, ResourceId, Store};

/// What the minor version before says to a database: the newest migration that it knows, and its statements.
const BEFORE: (i64, &str) = (1, include_str!("tests/before.sql"));

fn newest() -> i64 {
    MIGRATIONS.last().unwrap().0
}

/// The statements of a script, without comments; a trigger ends with a line of its own.
fn statements(script: &str) -> Vec<String> {
    let mut all = Vec::new();
    let mut one = String::new();
    for line in script
        .lines()
        .map(|line| line.split("--").next().unwrap().trim_end())
    {
        one.push_str(line);
        one.push('\n');
        if line.ends_with(';') && (line == "END;" || !one.contains("\nBEGIN\n")) {
            all.push(std::mem::take(&mut one).trim().to_owned());
        }
    }
    assert_eq!(one.trim(), "", "a script ends with a statement");
    all
}

fn at_level(path: &Path, level: i64) -> Connection {
    let mut connection = connect(path).unwrap();
    migrate(&mut connection, level).unwrap();
    connection
}

fn schema(connection: &Connection) -> Vec<(String, Option<String>)> {
    let mut schema = connection
        .prepare("SELECT name, sql FROM sqlite_schema ORDER BY name")
        .unwrap();
    let rows = schema.query_map((), |row| Ok((row.get(0)?, row.get(1)?)));
    rows.unwrap().map(Result::unwrap).collect()
}

fn execute(connection: &Connection, statement: &str) {
    connection
        .execute_batch(statement)
        .unwrap_or_else(|error| panic!("{statement}: {error}"));
}

#[test]
fn numbers_follow_each_other_and_a_migration_only_adds() {
    for (position, (number, name, script)) in MIGRATIONS.iter().enumerate() {
        assert_eq!(usize::try_from(*number).unwrap(), position + 1, "{name}");
        for statement in statements(script) {
            let may = [
                "CREATE TABLE ",
                "CREATE INDEX ",
                "CREATE UNIQUE INDEX ",
                "CREATE TRIGGER ",
                "PRAGMA user_version = ",
                "ANALYZE sqlite_schema;",
                "DELETE FROM sqlite_stat1;",
                "INSERT INTO sqlite_stat1 ",
            ];
            let adds = may.iter().any(|it| statement.starts_with(it))
                || (statement.starts_with("ALTER TABLE ")
                    && statement.contains(" ADD COLUMN ")
                    && (statement.contains(" DEFAULT ") || !statement.contains(" NOT NULL")));
            assert!(adds, "migration {number} does more than add: {statement}");
        }
    }
}

/// Else SQLite would guess, and walk everybody where it may look up.
#[test]
fn what_to_expect_of_each_index_of_people_and_groups_is_said() {
    let folder = TempDir::new().unwrap();
    let connection = at_level(&folder.path().join("people.db"), newest());
    let mut silent = connection
        .prepare(
            "SELECT l.name FROM pragma_table_list t, pragma_index_list(t.name) l
             WHERE t.name IN ('resource', 'lookup', 'membership') AND l.name NOT IN (SELECT idx FROM sqlite_stat1)
             AND NOT (l.origin = 'pk' AND t.name IN (SELECT idx FROM sqlite_stat1))",
        )
        .unwrap();
    let silent = silent.query_map((), |row| row.get(0)).unwrap();
    assert_eq!(silent.map(Result::unwrap).collect::<Vec<String>>(), [""; 0]);
}

/// A kill leaves the files as they are, with a transaction that nobody ends.
#[test]
fn a_migration_that_was_killed_at_any_statement_is_done_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let expected = schema(&at_level(&folder.path().join("expected.db"), newest()));
    for (number, name, script) in MIGRATIONS {
        let script = statements(script);
        for killed_at in 0..=script.len() {
            let path = folder.path().join(format!("{number}-{killed_at}.db"));
            let killed = at_level(&path, number - 1);
            execute(&killed, "PRAGMA cache_spill = 1");
            execute(&killed, "BEGIN");
            for statement in &script[..killed_at] {
                execute(&killed, statement);
            }
            let image = folder.path().join(format!("{number}-{killed_at}-image.db"));
            for ending in ["", "-wal"] {
                let name = |it: &Path| format!("{}{ending}", it.display());
                std::fs::copy(name(&path), name(&image)).unwrap();
            }

            let mut resumed = connect(&image).unwrap();
            run(&mut resumed, &image).unwrap();

            assert_eq!(schema(&resumed), expected, "{name} at {killed_at}");
        }
    }
}

#[tokio::test]
async fn the_minor_version_before_works_on_the_newest_schema() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    at_level(&path, newest()).close().unwrap();

    let before = at_level(&path, BEFORE.0);
    for statement in statements(BEFORE.1) {
        execute(&before, &statement);
    }
    before.close().unwrap();

    let store = SqliteStore::open(&path).await.unwrap();
    let find = |kind, id| {
        let (id, store) = (ResourceId::new(id), &store);
        async move { store.find(kind, &id, Related::Include).await.unwrap() }
    };
    let person = find(ResourceType::User, "u1").await.unwrap();
    assert_eq!(person.resource.user_name(), Some("anna@contoso.example"));
    assert_eq!(person.related[0].display.as_deref(), Some("Team"));
    let by_email = Filter::parse("emails eq \"ANNA@x\"", &sample::schemas().user).unwrap();
    let by_email = ListQuery {
        filter: Some(by_email),
        ..ListQuery::default()
    };
    let listed = store.list(ResourceType::User, &by_email).await.unwrap();
    assert_eq!(listed.resources[0].id, person.id);
    let team = find(ResourceType::Group, "g1").await.unwrap();
    assert_eq!(team.version.0, 2);
    assert_eq!(find(ResourceType::User, "u2").await, None);
    store.close().await;
}

/// Step 7 is the last one that knows no provider. The digest of none is empty, so that the session does not last.
#[tokio::test]
async fn a_session_that_no_provider_was_noted_of_is_of_no_provider() {
    let folder = TempDir::new().unwrap();
    for known in [7, newest()] {
        let path = folder.path().join(format!("{known}.db"));
        let before = at_level(&path, known);
        let opened = "INSERT INTO session (digest, resource_id, connector, opened, seen) VALUES ('digest', 'u1', 'entra', 5, 6)";
        execute(&before, opened);
        before.close().unwrap();

        let store = SqliteStore::open(&path).await.unwrap();

        let session = store.session(&SecretDigest("digest".to_owned())).await;
        let expected = SignedInBy::Connector {
            name: "entra".to_owned(),
            provider: String::new(),
            known_as: KnownAs::default(),
            confirmation: Confirmation::default(),
        };
        assert_eq!(session.unwrap().unwrap().by, expected);
        store.close().await;
    }
}

/// Else it would go with the database.
#[test]
fn every_table_is_in_a_backup_or_left_out_on_purpose() {
    let folder = TempDir::new().unwrap();
    let connection = at_level(&folder.path().join("people.db"), newest());
    let mut others = connection
        .prepare(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
             AND name NOT IN ('resource', 'membership', 'note', 'lookup', 'migration', 'session', 'sign_in_attempt',
               'password', 'password_link', 'application_grant', 'logout_token', 'totp', 'recovery_code', 'passkey',
               'device_authorization', 'client_assertion', 'user_code_guess', 'payload', 'asked_password_link',
               'client_assertion_count', 'photo') ORDER BY rowid",
        )
        .unwrap();
    let others = others.query_map((), |row| row.get(0)).unwrap();
    assert_eq!(others.map(Result::unwrap).collect::<Vec<String>>(), OTHERS);
}

#[tokio::test]
async fn a_database_that_needs_a_newer_program_is_refused_and_stays_as_it_is() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("people.db");
    let connection = at_level(&path, newest());
    execute(&connection, "PRAGMA user_version = 99");
    connection.close().unwrap();

    let refused = SqliteStore::open(&path).await.err().unwrap().to_string();

    let known = newest();
    assert_eq!(
        refused,
        format!(
            "{} was written by a newer version of Usher: it needs migration 99, and this program knows {known}; start the newer version, or restore a backup made by this one",
            path.display()
        )
    );
    let kept = connect(&path).unwrap();
    let kept = kept.pragma_query_value(None, "user_version", |row| row.get(0));
    assert_eq!(kept, Ok(99));
}
