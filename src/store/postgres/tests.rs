//! What PostgreSQL does to a store that SQLite never does: it goes away, comes back, cuts connections, and lets several processes in.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection};
use tempfile::TempDir;

use super::*;
use crate::scim::filter::Filter;
use crate::scim::patch::MemberChange;
use crate::store::audit::AuditEvent;
use crate::store::backup;
use crate::store::brake::Brake;
use crate::store::conformance::audit::entry;
use crate::store::conformance::search::external_id;
use crate::store::conformance::server::{Schema, Server};
use crate::store::conformance::{
    GROUP, USER, changed, deletion, find, free, ids, moved, person, related, schemas, stored, team,
};
use crate::store::filter_sql::Argument;
use crate::store::passwords::{
    NewPassword, PasswordHash, PasswordLink, PasswordProof, PasswordWrite, Passwords,
};
use crate::store::payloads::{Payload, Subject};
use crate::store::second_factors::Sealed;
use crate::store::sessions::{Confirmation, KnownAs, SecretDigest, Session, SignedInBy};
use crate::store::{Location, Terms, Version};

async fn sql(connection: &mut PgConnection, text: String) {
    sqlx::raw_sql(AssertSqlSafe(text))
        .execute(connection)
        .await
        .unwrap();
}

/// A connection with an open transaction in which `statement` has locked something.
async fn holding(server: &Server, statement: &str) -> PgConnection {
    let mut holder = server.connect().await;
    sql(&mut holder, format!("BEGIN; {statement}")).await;
    holder
}

/// How many wait for `holder`, or for who waits for it.
async fn waiting(server: &Server, holder: &mut PgConnection) -> i64 {
    let pid: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
        .fetch_one(holder)
        .await
        .unwrap();
    sqlx::query_scalar(
        "WITH RECURSIVE waiting (pid) AS (
           SELECT $1 UNION
           SELECT a.pid FROM pg_stat_activity a, waiting w WHERE w.pid = ANY (pg_blocking_pids(a.pid))
         ) SELECT count(*) - 1 FROM waiting",
    )
    .bind(pid)
    .fetch_one(&mut server.connect().await)
    .await
    .unwrap()
}

async fn until_waiting(server: &Server, holder: &mut PgConnection, many: i64) {
    while waiting(server, holder).await < many {}
}

/// An error with all its reasons.
fn why(error: &StoreError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    text
}

/// Adds people under `prefix` until told to stop; says which were acknowledged, and how many were not.
async fn add_until(
    store: Arc<dyn Store>,
    prefix: String,
    stop: Arc<AtomicBool>,
) -> (Vec<String>, usize) {
    let (mut added, mut failed) = (Vec::new(), 0);
    while !stop.load(Ordering::Relaxed) {
        let id = format!("{prefix}-{}", added.len() + failed);
        match store.add(USER, person(&id), free()).await {
            Ok(()) => added.push(id),
            Err(StoreError::Unreachable(_) | StoreError::Database(_) | StoreError::Crowded) => {
                failed += 1;
            }
            Err(other) => panic!("{}", why(&other)),
        }
    }
    (added, failed)
}

/// Eight writers while `disturb` runs: nothing acknowledged is lost, and the tally is right. Says how many writes failed.
async fn disturbed(schema: &Schema, disturb: impl Future<Output = ()>) -> usize {
    let store = schema.store().await;
    let stop = Arc::new(AtomicBool::new(false));
    let writers = (0..8).map(|number| {
        let (store, stop) = (Arc::clone(&store), Arc::clone(&stop));
        tokio::spawn(add_until(store, format!("w{number}"), stop))
    });
    let writers: Vec<_> = writers.collect();
    disturb.await;
    stop.store(true, Ordering::Relaxed);
    let (mut total, mut failed) = (0, 0);
    for writer in writers {
        let (added, not_added) = writer.await.unwrap();
        for id in added {
            assert!(find(&*store, USER, &id).await.is_some(), "{id} is lost");
            total += 1;
        }
        failed += not_added;
    }
    assert!(total > 0);
    let everybody = Filter::parse("id pr and not (id eq \"\")", &schemas().user).unwrap();
    let query = ListQuery {
        filter: Some(everybody),
        ..ListQuery::default()
    };
    let listed = store.list(USER, &query).await.unwrap();
    let counted = store.counts().await.unwrap().users;
    assert_eq!(i64::try_from(listed.total).unwrap(), counted);
    assert!(counted >= total, "{counted} of {total}");
    failed
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_acknowledged_is_lost_when_the_server_is_killed() {
    let folder = TempDir::new().unwrap();
    let server = Server::in_folder(folder.path());
    let schema = Schema::on(&server, "killed").await;
    let store = schema.store().await;
    disturbed(&schema, async {
        for round in 0..3 {
            // It writes, is killed, and writes again.
            let mut tries = 0;
            while store
                .add(USER, person(&format!("{round}-{tries}")), free())
                .await
                .is_err()
            {
                tries += 1;
            }
            server.kill();
        }
        while store.counts().await.is_err() {}
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_are_not_seen_by_clients() {
    let folder = TempDir::new().unwrap();
    let server = Server::in_folder(folder.path());
    let schema = Schema::on(&server, "cut").await;
    schema.store().await.counts().await.unwrap();
    let failed = disturbed(&schema, async {
        let mut administrator = server.connect().await;
        let mut cut = 0;
        while cut < 100 {
            // One that is cut while it is being made would be made for ever.
            let now: i64 = sqlx::query_scalar(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                 WHERE application_name = 'usher' AND state <> 'idle'
                   AND backend_start < clock_timestamp() - interval '100 ms'",
            )
            .fetch_one(&mut administrator)
            .await
            .unwrap();
            cut += now;
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(failed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_writers_on_one_group_in_three_processes_see_no_error() {
    let schema = Schema::new("fifty_writers").await;
    write_one_group(&schema, 50).await;
}

/// Where each writer fails whom another was faster than, they are tried again.
#[tokio::test(flavor = "multi_thread")]
async fn writers_on_one_group_see_no_error_where_transactions_are_serializable() {
    let schema = Schema::new("serializable").await;
    let url = &Server::shared().url;
    schema.set_url(&format!(
        "{url}&options[default_transaction_isolation]=serializable"
    ));
    write_one_group(&schema, 10).await;
}

/// Each of `many` people joins one group, leaves it and joins it again.
async fn write_one_group(schema: &Schema, many: usize) {
    let stores = [
        schema.store().await,
        schema.store().await,
        schema.store().await,
    ];
    for number in 0..many {
        let id = format!("p{number}");
        stores[0].add(USER, person(&id), free()).await.unwrap();
    }
    stores[0].add(GROUP, team("t", &[]), free()).await.unwrap();

    let writers = (0..many).map(|number| {
        let store = Arc::clone(&stores[number % 3]);
        let member = format!("p{number}");
        tokio::spawn(async move {
            for change in [MemberChange::Add, MemberChange::Remove, MemberChange::Add] {
                let members = vec![change(ids(&[&member]))];
                let changed = store.change(GROUP, moved("t", members), free()).await;
                assert!(changed.unwrap().unwrap().written);
            }
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer.unwrap();
    }

    let group = find(&*stores[1], GROUP, "t").await.unwrap();
    let version = Version(i64::try_from(3 * many + 1).unwrap());
    assert_eq!((group.related.len(), group.version), (many, version));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_deleted_meanwhile_disturb_nobody() {
    let schema = Schema::new("deleted_meanwhile").await;
    let stores = [schema.store().await, schema.store().await];
    for group in ["t", "u"] {
        stores[0]
            .add(GROUP, team(group, &[]), free())
            .await
            .unwrap();
    }
    let people = (0..16).map(|number| {
        let stores = stores.clone();
        tokio::spawn(async move {
            let id = format!("p{number}");
            stores[0].add(USER, person(&id), free()).await.unwrap();
            let join = async |group: &'static str| {
                let members = vec![MemberChange::Add(ids(&[&id]))];
                let joined = stores[0].change(GROUP, moved(group, members), free()).await;
                let ok = matches!(joined, Ok(_) | Err(StoreError::UnknownMembers { .. }));
                assert!(ok, "{joined:?}");
            };
            let leave = stores[1].delete(USER, deletion(&id, 0, 1), free());
            let ((), (), left) = tokio::join!(join("t"), join("u"), leave);
            assert_eq!(left.unwrap(), Some(()));
        })
    });
    for person in futures::future::join_all(people).await {
        person.unwrap();
    }

    for group in ["t", "u"] {
        assert!(related(&*stores[0], GROUP, group).await.is_empty());
    }
    assert_eq!(stores[0].counts().await.unwrap().users, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_create_one_name_one_is_refused() {
    let schema = Schema::new("one_name").await;
    let (one, other) = (schema.store().await, schema.store().await);
    for number in 0..20 {
        let body = json!({"userName": format!("n{number}")});
        let named = |id: &str| stored(USER, &format!("{id}{number}"), &body);

        let (one, other) = tokio::join!(
            one.add(USER, named("a"), free()),
            other.add(USER, named("b"), free())
        );

        let taken = |it: &Result<(), StoreError>| matches!(it, Err(StoreError::Taken { .. }));
        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
        assert!(taken(&one) ^ taken(&other), "{one:?} {other:?}");
    }
    assert_eq!(one.counts().await.unwrap().users, 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_processes_that_give_one_external_id_one_is_refused() {
    let schema = Schema::new("one_external_id").await;
    let (one, other) = (schema.store().await, schema.store().await);
    let sole = || Terms {
        unique_external_id: true,
        ..free()
    };
    for number in 0..20 {
        let named = |id: &str| {
            let body =
                json!({"userName": format!("{id}{number}"), "externalId": number.to_string()});
            stored(USER, &format!("{id}{number}"), &body)
        };

        let (one, other) = tokio::join!(
            one.add(USER, named("a"), sole()),
            other.add(USER, named("b"), sole())
        );

        assert!(one.is_ok() ^ other.is_ok(), "{one:?} {other:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_brake_counts_what_two_processes_take_away_at_once() {
    let schema = Schema::new("two_brakes").await;
    take_away_at_once(&schema).await;
}

/// Who waited for the brake has to see what was counted meanwhile, in whichever minute.
#[tokio::test(flavor = "multi_thread")]
async fn a_brake_counts_where_transactions_see_one_moment() {
    let schema = Schema::new("repeatable_brakes").await;
    let url = &Server::shared().url;
    schema.set_url(&format!(
        "{url}&options[default_transaction_isolation]=repeatable%20read"
    ));
    take_away_at_once(&schema).await;
}

/// Two processes delete forty people, each in a minute of its own, of whom a brake lets ten pass.
async fn take_away_at_once(schema: &Schema) {
    let stores = [schema.store().await, schema.store().await];
    let braked = Terms {
        brake: Some(Brake {
            deactivations: 10,
            deletions: 10,
            membership_removals: 10,
            window: jiff::SignedDuration::from_hours(1),
            open_until: None,
        }),
        ..free()
    };
    for number in 0..40 {
        let id = format!("p{number}");
        stores[0].add(USER, person(&id), free()).await.unwrap();
    }
    let deletions = (0..40).map(|number| {
        let store = Arc::clone(&stores[number % 2]);
        let (id, braked) = (format!("p{number}"), braked.clone());
        let deletion = deletion(&id, 0, 60 * i64::try_from(number).unwrap());
        tokio::spawn(async move { store.delete(USER, deletion, braked).await })
    });
    let mut gone = 0;
    for deletion in futures::future::join_all(deletions).await {
        match deletion.unwrap() {
            Ok(done) => gone += i64::from(done.is_some()),
            Err(StoreError::Held { .. }) => {}
            Err(other) => panic!("{}", why(&other)),
        }
    }

    assert_eq!(gone, 10);
    assert_eq!(stores[1].counts().await.unwrap().users, 30);
    assert_eq!(
        stores[1]
            .held(Timestamp::UNIX_EPOCH)
            .await
            .unwrap()
            .deletions,
        30
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_start_at_once_do_not_disturb_each_other() {
    let schema = Schema::new("start_at_once").await;
    let starts = (0..8).map(async |number| {
        let store = schema.store().await;
        let id = number.to_string();
        store.add(USER, person(&id), free()).await.unwrap();
        store
    });
    let stores = futures::future::join_all(starts).await;

    assert_eq!(stores[7].counts().await.unwrap().users, 8);
}

#[tokio::test]
async fn a_migration_that_was_interrupted_is_finished() {
    let schema = Schema::new("interrupted").await;
    let name = &schema.location.schema;
    let all = migrations::statements_until(i64::MAX);
    let mut administrator = Server::shared().connect().await;
    for done in 0..=all.len() {
        let begin = format!(
            "DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}; SET search_path TO {name}"
        );
        sql(&mut administrator, begin).await;
        for statement in &all[..done] {
            sql(&mut administrator, (*statement).to_owned()).await;
        }

        let store = schema.store().await;

        store.add(USER, person("a"), free()).await.unwrap();
        assert_eq!(store.counts().await.unwrap().users, 1, "after {done}");
        store.close().await;
    }
}

#[tokio::test]
async fn what_entra_matches_by_is_found_by_an_index() {
    let schema = Schema::new("lookup").await;
    schema.store().await.counts().await.unwrap();
    let mut administrator = Server::shared().connect().await;
    // A few rows are read faster without an index.
    let begin = "SET search_path TO lookup; SET enable_seqscan = off";
    sql(&mut administrator, begin.to_owned()).await;
    let database = Database {
        dialect: SqlDialect::Postgres,
        has_lookup: true,
    };
    let parsed = |text| Filter::parse(text, schemas().of(USER)).unwrap();
    let many = "INSERT INTO resource (kind, id, version, created, modified, name_key, external_id, active, body)
                SELECT 0, n::TEXT, 1, 0, 0, n::TEXT, 'x' || n, TRUE, '{}' FROM generate_series(1, 5000) AS n";
    for (filter, index) in [
        (parsed("emails.value eq \"a\""), "lookup_of_value"),
        (
            parsed("emails[type eq \"work\"].value eq \"a\""),
            "lookup_of_value",
        ),
        (parsed("employeeNumber eq \"a\""), "lookup_of_value"),
        (external_id("X7", true), "resource_external_id"),
        (external_id("X7", false), "resource_object_id"),
    ] {
        // Of people who are not there one index is as good as another.
        if index == "resource_external_id" {
            sql(&mut administrator, many.to_owned()).await;
            sql(&mut administrator, "ANALYZE resource".to_owned()).await;
        }
        let query = ListQuery {
            filter: Some(filter.clone()),
            ..ListQuery::default()
        };
        let search = Search::new(database, USER, number(USER), &query);
        let statement = search.rows("NULL::text");
        let explained = format!("EXPLAIN {}", statement.sql().as_str());
        let mut explain = sqlx::query_scalar(AssertSqlSafe(explained));
        for argument in &statement.arguments {
            explain = match argument {
                Argument::Text(text) | Argument::Key(text) => explain.bind(text.as_str()),
                Argument::Number(number) => explain.bind(*number),
            };
        }
        let steps: Vec<String> = explain.fetch_all(&mut administrator).await.unwrap();
        let is_used = |step: &String| step.contains(index);
        assert!(
            !search.scans() && steps.iter().any(is_used),
            "{filter}: {steps:#?}"
        );
    }
}

#[test]
fn a_migration_only_adds_and_can_be_repeated() {
    for statement in migrations::statements_until(i64::MAX) {
        let lines = statement
            .lines()
            .filter(|it| !it.trim_start().starts_with("--"));
        let text = lines.collect::<Vec<_>>().join("\n");
        let begins = |with: &str| text.starts_with(with);
        let adds = begins("CREATE TABLE IF NOT EXISTS ")
            || begins("CREATE INDEX IF NOT EXISTS ")
            || begins("CREATE UNIQUE INDEX IF NOT EXISTS ")
            || (begins("INSERT INTO ") && text.ends_with(" DO NOTHING"))
            || (begins("ALTER TABLE ")
                && text.contains(" ADD COLUMN IF NOT EXISTS ")
                && (text.contains(" DEFAULT ") || !text.contains(" NOT NULL")));
        assert!(adds, "a migration does more than add: {text}");
    }
}

/// While a roll-out replaces the pods one after the other. Its connections hold statements that were prepared before.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_serves_beside_one_that_migrated_further() {
    let schema = Schema::new("beside").await;
    let before = schema.store().await;
    let mut administrator = Server::shared().connect().await;
    for step in 0..3 {
        if step == 1 {
            // All that a migration may do.
            let later = "SET search_path TO beside;
                ALTER TABLE resource ADD COLUMN IF NOT EXISTS shoe_size BIGINT;
                ALTER TABLE membership ADD COLUMN IF NOT EXISTS since BIGINT NOT NULL DEFAULT 0;
                CREATE TABLE IF NOT EXISTS shoe (seq BIGINT NOT NULL PRIMARY KEY, size BIGINT NOT NULL);
                CREATE INDEX IF NOT EXISTS resource_shoe ON resource (shoe_size) WHERE shoe_size IS NOT NULL;
                INSERT INTO shoe (seq, size) VALUES (1, 42) ON CONFLICT (seq) DO NOTHING;
                INSERT INTO migration (number, needed) VALUES (90, 0)";
            sql(&mut administrator, later.to_owned()).await;
        }
        // The last one starts beside it.
        let store = if step < 2 {
            Arc::clone(&before)
        } else {
            schema.store().await
        };
        let (one, two, group) = (format!("{step}a"), format!("{step}b"), format!("{step}g"));
        for id in [&one, &two] {
            store.add(USER, person(id), free()).await.unwrap();
        }
        let team = team(&group, &[&one]);
        store.add(GROUP, team, free()).await.unwrap();
        let joins = moved(&group, vec![MemberChange::Add(vec![two.clone()])]);
        assert!(
            store
                .change(GROUP, joins, free())
                .await
                .unwrap()
                .unwrap()
                .written
        );
        assert_eq!(related(&*store, GROUP, &group).await.len(), 2);
        let gone = store.delete(USER, deletion(&two, 0, 3), free()).await;
        assert_eq!(gone.unwrap(), Some(()));
        assert_eq!(store.counts().await.unwrap().users, step + 1);
    }
}

/// What the program says that knows three steps, with values in the place of parameters: two people are added and sign in, and one of
/// them is deactivated.
const BEFORE: &str = "
    INSERT INTO resource (kind, id, version, created, modified, name_key, active, body) VALUES
        (0, 'a', 1, 0, 0, 'a', TRUE, '{\"userName\": \"a\"}'), (0, 'b', 1, 0, 0, 'b', TRUE, '{\"userName\": \"b\"}');
    UPDATE tally SET users = users + 2, active_users = active_users + 2 WHERE shard = 3;
    INSERT INTO session (digest, resource_id, connector, opened, seen) SELECT 'of a', id, 'entra', 5, 6 FROM resource WHERE id = 'a';
    INSERT INTO session (digest, resource_id, connector, opened, seen) SELECT 'of b', id, 'entra', 5, 6 FROM resource WHERE id = 'b';
    UPDATE session SET seen = greatest(seen, 7) WHERE digest = 'of a';
    UPDATE resource SET version = version + 1, modified = 8, active = FALSE, deactivated = 8,
        body = '{\"userName\": \"b\", \"active\": false}' WHERE id = 'b';
    UPDATE tally SET active_users = active_users - 1 WHERE shard = 3;
    DELETE FROM session WHERE resource_id = 'b'";

#[tokio::test]
async fn what_was_sent_of_whom_an_earlier_program_deletes_is_forgotten() {
    let schema = Schema::new("orphaned").await;
    let store = schema.store().await;
    let sent = |subject| Payload {
        client: "entra".to_owned(),
        subject,
        at: Timestamp::UNIX_EPOCH,
        version: Some(Version(1)),
        sealed: Sealed("sealed".to_owned()),
    };
    let of = |id: &str| {
        let id = ResourceId::new(id);
        sent(Subject::Person { id, stranger: None })
    };
    for name in ["ana", "bo"] {
        let added = store.add(ResourceType::User, person(name), free());
        added.await.unwrap();
    }
    let stranger = sent(Subject::Stranger("cy".to_owned()));
    let all = vec![of("ana"), of("bo"), stranger.clone()];
    store.keep_payloads(all).await.unwrap();
    assert_eq!(store.forget_orphaned_payloads().await.unwrap(), 0);
    let delete = "SET search_path TO orphaned; DELETE FROM resource WHERE id = 'bo'";
    let mut earlier = Server::shared().connect().await;
    sql(&mut earlier, delete.to_owned()).await;

    assert_eq!(store.forget_orphaned_payloads().await.unwrap(), 1);

    let left = store.payloads(0, 10).await.unwrap();
    let left: Vec<Payload> = left.into_iter().map(|it| it.payload).collect();
    assert_eq!(left, [of("ana"), stranger]);
    assert_eq!(store.forget_orphaned_payloads().await.unwrap(), 0);
}

#[tokio::test]
async fn what_an_earlier_program_writes_before_and_beside_a_migration_is_understood() {
    for (name, known) in [("earlier", 3), ("earlier_beside", i64::MAX)] {
        let schema = Schema::new(name).await;
        let mut administrator = Server::shared().connect().await;
        let begin = format!("CREATE SCHEMA {name}; SET search_path TO {name}");
        sql(&mut administrator, begin).await;
        for statement in migrations::statements_until(known) {
            sql(&mut administrator, statement.to_owned()).await;
        }
        sql(&mut administrator, BEFORE.to_owned()).await;

        let store = schema.store().await;

        let digest = |of: &str| SecretDigest(format!("of {of}"));
        let session = store.session(&digest("a")).await.unwrap().unwrap();
        // None whose digest is empty, so that the session does not last.
        let by = SignedInBy::Connector {
            name: "entra".to_owned(),
            provider: String::new(),
            known_as: KnownAs::default(),
            confirmation: Confirmation::default(),
        };
        let seen = Timestamp::from_millisecond(7).unwrap();
        assert_eq!((session.by, session.seen), (by, seen));
        assert_eq!(store.session(&digest("b")).await.unwrap(), None);
        let counts = store.counts().await.unwrap();
        assert_eq!((counts.users, counts.active_users), (2, 1));
        let inactive = json!({"userName": "a", "active": false});
        let gone = changed("a", 1, Some(&stored(USER, "a", &inactive)));
        store.change(USER, gone, free()).await.unwrap().unwrap();
        assert_eq!(store.session(&digest("a")).await.unwrap(), None);
    }
}

#[tokio::test]
async fn a_schema_that_needs_a_later_program_is_left_alone() {
    let schema = Schema::new("later").await;
    schema.store().await.counts().await.unwrap();
    let record =
        |number, needed| format!("INSERT INTO later.migration VALUES ({number}, {needed})");
    let mut administrator = Server::shared().connect().await;
    sql(&mut administrator, record(90, 0)).await;
    schema
        .store()
        .await
        .add(USER, person("a"), free())
        .await
        .unwrap();

    sql(&mut administrator, record(99, 99)).await;

    let refused = schema.store().await.add(USER, person("b"), free()).await;
    let said = why(&refused.unwrap_err());
    assert!(said.contains("install a later version"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_connections_are_busy_the_wait_is_bounded() {
    let folder = TempDir::new().unwrap();
    let server = Server::in_folder(folder.path());
    let schema = Schema::on(&server, "busy").await;
    let store = schema.store().await;
    store.add(USER, person("a"), free()).await.unwrap();
    let mut holder = holding(&server, "SELECT 1 FROM busy.resource FOR UPDATE").await;
    let blocked = (0..16).map(|_| {
        let store = Arc::clone(&store);
        let change = changed("a", 0, Some(&person("a")));
        tokio::spawn(async move { store.change(USER, change, free()).await })
    });
    let blocked: Vec<_> = blocked.collect();
    until_waiting(&server, &mut holder, 16).await;

    let began = Instant::now();
    let said = why(&store.counts().await.unwrap_err());

    assert!(began.elapsed() < Duration::from_secs(6));
    assert!(
        said.contains("all connections to the database are in use"),
        "{said}"
    );
    store.ready().await.unwrap();
    sql(&mut holder, "ROLLBACK".to_owned()).await;
    for write in blocked {
        write.await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn another_password_is_taken_up() {
    let schema = Schema::new("password").await;
    let server = Server::shared();
    let mut administrator = server.connect().await;
    let before = "DROP OWNED BY usher_rotated CASCADE; DROP ROLE usher_rotated";
    sqlx::raw_sql(before).execute(&mut administrator).await.ok();
    let role = "CREATE ROLE usher_rotated LOGIN PASSWORD 'first';
                GRANT CREATE ON DATABASE postgres TO usher_rotated";
    sql(&mut administrator, role.to_owned()).await;
    let url = |password: &str| {
        let user = format!("usher_rotated:{password}@");
        server.url.replace("postgres@", &user)
    };
    schema.set_url(&url("first"));
    let store = schema.store().await;
    store.add(USER, person("a"), free()).await.unwrap();

    // What works is not given up for what does not.
    schema.set_url("postgres://nobody:secret-word@localhost/?host=/nowhere");
    store.add(USER, person("b"), free()).await.unwrap();
    let change = "ALTER ROLE usher_rotated PASSWORD 'second'".to_owned();
    sql(&mut administrator, change).await;
    schema.set_url(&url("second"));
    let end =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'usher_rotated'";
    sql(&mut administrator, end.to_owned()).await;

    store.add(USER, person("c"), free()).await.unwrap();
    assert_eq!(store.counts().await.unwrap().users, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_encrypted_and_its_server_known_as_the_url_asks() {
    let folder = TempDir::new().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    std::fs::write(folder.path().join("port"), port.to_string()).unwrap();
    let server = Server::in_folder(folder.path());
    let schema = Schema::on(&server, "tls").await;
    let authority = folder.path().join("ca.crt");
    let known = format!("sslmode=verify-full&sslrootcert={}", authority.display());
    for (host, how, encrypted) in [
        ("localhost", "sslmode=disable", false),
        ("localhost", "sslmode=prefer", true),
        ("localhost", "sslmode=require", true),
        ("localhost", "sslmode=verify-full", false),
        ("127.0.0.1", &known, false),
        ("localhost", &known, true),
    ] {
        let url = format!("postgres://postgres@{host}:{port}/postgres?{how}");
        schema.set_url(&url);
        let store = schema.store().await;
        let looked = store.ready().await;
        assert_eq!(looked.is_ok(), encrypted, "{url}: {looked:?}");
        if encrypted {
            store.counts().await.unwrap();
        }
        let mut administrator = server.connect().await;
        let in_the_open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE application_name = 'usher' AND NOT ssl",
        )
        .fetch_one(&mut administrator)
        .await
        .unwrap();
        assert_eq!(in_the_open, 0, "{url}");
        store.close().await;
    }
}

#[tokio::test]
async fn a_database_that_cannot_be_reached_says_why_and_not_the_password() {
    let schema = Schema::new("unreachable").await;
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let file = Arc::new(std::fs::File::create(&log).unwrap());
    let subscriber = tracing_subscriber::fmt().with_writer(file).finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let nowhere = "postgres://usher:secret-word@localhost/?host=/nowhere";
    for (url, expected) in [
        (Some(nowhere), "does not take a connection"),
        (
            Some("mysql://usher:secret-word@localhost/"),
            "has no connection URL",
        ),
        (
            Some("postgres://usher:secret-word@localhost:port/"),
            "has no connection URL",
        ),
        (Some("secret-word"), "has no connection URL"),
        (
            Some("postgres://usher@localhost/?sslpassword=secret-word"),
            "sslpassword, which Usher does not know",
        ),
        (
            Some("postgres://usher:12?3@localhost/?secret-word@localhost/"),
            "has no connection URL",
        ),
        (None, "connection URL cannot be read"),
    ] {
        match url {
            Some(url) => schema.set_url(url),
            None => std::fs::remove_file(&schema.location.url_file).unwrap(),
        }
        let store = schema.store().await;

        let said = why(&store.ready().await.unwrap_err());

        assert!(said.contains(expected), "{url:?}: {said}");
        assert!(!said.contains("secret-word"), "{said}");
        store.close().await;
        assert!(matches!(store.counts().await, Err(StoreError::Closed)));
    }
    tracing::info!("the end");
    let logged = std::fs::read_to_string(&log).unwrap();
    assert!(logged.contains("the end"));
    assert!(!logged.contains("secret-word"), "{logged}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_url_that_leads_to_silence_disturbs_nobody() {
    let schema = Schema::new("silence").await;
    let store = schema.store().await;
    store.counts().await.unwrap();
    // The system accepts a connection, and nobody says a word on it.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    silent.set_nonblocking(true).unwrap();
    let address = silent.local_addr().unwrap();

    schema.set_url(&format!("postgres://usher@{address}/usher"));

    let mut came = None;
    for _ in 0..100 {
        while came.is_none() {
            came = silent.accept().ok();
            store.ready().await.unwrap();
            store.counts().await.unwrap();
        }
        store.ready().await.unwrap();
        store.counts().await.unwrap();
    }
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let schema = Schema::new("without_right").await;
    let server = Server::shared();
    let mut administrator = server.connect().await;
    let role = "DROP ROLE IF EXISTS usher_without_right; CREATE ROLE usher_without_right LOGIN PASSWORD 'word'";
    sql(&mut administrator, role.to_owned()).await;
    schema.set_url(&server.url.replace("postgres@", "usher_without_right:word@"));

    let said = why(&schema.store().await.ready().await.unwrap_err());

    assert!(said.contains("permission denied for database"), "{said}");
}

#[tokio::test]
async fn a_schema_holds_the_people_of_one_scim_tenant() {
    let schema = Schema::new("one_owner").await;
    schema.store().await.counts().await.unwrap();
    let other = PostgresLocation {
        scim_tenant: "identity/fabrikam".to_owned(),
        ..schema.location.clone()
    };

    let said = why(&PostgresStore::new(other.clone()).ready().await.unwrap_err());
    let restored = backup::restoration(&Location::Postgres(other)).await;

    let expected = "schema one_owner holds the people of ScimTenant identity/contoso";
    assert!(said.contains(expected), "{said}");
    assert!(matches!(restored, Err(backup::BackupError::Store(_))));
    schema.store().await.ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_goes_on_when_nobody_waits_for_it_any_more() {
    let schema = Schema::new("long_migration").await;
    let server = Server::shared();
    let store = schema.store().await;
    let mut holder = holding(server, "CREATE SCHEMA long_migration").await;
    for _ in 0..2 {
        let said = why(&store.ready().await.unwrap_err());
        assert!(said.contains("did not answer in time"), "{said}");
        until_waiting(server, &mut holder, 1).await;
    }

    assert_eq!(waiting(server, &mut holder).await, 1);
    sql(&mut holder, "ROLLBACK".to_owned()).await;
    store.counts().await.unwrap();
}

#[tokio::test]
async fn a_deletion_whose_answer_was_lost_is_remembered_once() {
    let schema = Schema::new("lost_deletion").await;
    let store = PostgresStore::new(schema.location.clone());
    store.add(USER, person("a"), free()).await.unwrap();
    let terms = Terms {
        audit: Some(entry(USER, "a", AuditEvent::Deleted, 1)),
        ..free()
    };
    let write = Write::Delete {
        kind: USER,
        deletion: deletion("a", 0, 1),
        terms,
    };

    for maybe_done in [false, true] {
        let outcome = store.attempt(&write, maybe_done).await.unwrap();
        assert!(matches!(outcome, Ok(Written::Done)), "{outcome:?}");
    }

    let query = AuditQuery {
        count: 10,
        ..AuditQuery::default()
    };
    assert_eq!(store.audit(&query).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_password_whose_answer_was_lost_is_set_and_remembered_once() {
    let schema = Schema::new("lost_password").await;
    let store = PostgresStore::new(schema.location.clone());
    store.add(USER, person("a"), free()).await.unwrap();
    let link = PasswordLink {
        digest: SecretDigest("digest".to_owned()),
        person: ResourceId::new("a"),
        expires: Timestamp::MAX,
        asked: false,
    };
    let made = entry(USER, "a", AuditEvent::PasswordLinkMade, 1);
    let offered = store.offer_password_link(link.clone(), None, made);
    assert!(offered.await.unwrap());
    let set = |hash: &str| {
        Write::Password(PasswordWrite::Set(NewPassword {
            person: ResourceId::new("a"),
            hash: PasswordHash::new(hash),
            proof: PasswordProof::Link(link.digest.clone(), Timestamp::UNIX_EPOCH),
            audit: entry(USER, "a", AuditEvent::PasswordSet, 2),
        }))
    };

    for (hash, maybe_done, expected) in [("one", false, 1), ("one", true, 1), ("two", true, 0)] {
        let outcome = store.attempt(&set(hash), maybe_done).await.unwrap();
        assert_eq!(outcome.unwrap().rows(), expected, "{hash}");
    }

    let query = AuditQuery {
        count: 10,
        ..AuditQuery::default()
    };
    assert_eq!(store.audit(&query).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_addition_that_is_tried_again_while_it_goes_on_is_done() {
    let schema = Schema::new("still_adding").await;
    let server = Server::shared();
    let store = Arc::new(PostgresStore::new(schema.location.clone()));
    store.counts().await.unwrap();
    let first = "INSERT INTO still_adding.resource (kind, id, version, created, modified, name_key, active, body)
                 VALUES (0, 'a', 1, 0, 0, 'a@contoso.example', TRUE, '{}')";
    let mut holder = holding(server, first).await;
    let again = tokio::spawn(async move {
        let write = Write::Add {
            kind: USER,
            added: person("a"),
            terms: free(),
        };
        store.attempt(&write, true).await
    });
    until_waiting(server, &mut holder, 1).await;

    sql(&mut holder, "COMMIT".to_owned()).await;

    let outcome = again.await.unwrap().unwrap();
    assert!(matches!(outcome, Ok(Written::Done)), "{outcome:?}");
}

/// The deactivation waits for a lock; by the time it has it, a session is there that was not when it began.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_a_deactivation_does_not_see_counts_no_more() {
    let schema = Schema::new("unseen_session").await;
    let server = Server::shared();
    let store = schema.store().await;
    store.add(USER, person("a"), free()).await.unwrap();
    let digest = SecretDigest("digest".to_owned());
    let session = Session {
        digest: digest.clone(),
        person: ResourceId::new("a"),
        by: SignedInBy::Password,
        device: None,
        opened: Timestamp::UNIX_EPOCH,
        seen: Timestamp::UNIX_EPOCH,
    };
    let mut holder = holding(server, "SELECT 1 FROM unseen_session.resource FOR SHARE").await;
    let with = |active: bool| stored(USER, "a", &json!({"userName": "a", "active": active}));
    let gone = {
        let (store, change) = (Arc::clone(&store), changed("a", 1, Some(&with(false))));
        tokio::spawn(async move { store.change(USER, change, free()).await })
    };
    until_waiting(server, &mut holder, 1).await;
    assert!(store.open_session(session, None, None).await.unwrap());

    sql(&mut holder, "ROLLBACK".to_owned()).await;

    gone.await.unwrap().unwrap();
    assert_eq!(store.session(&digest).await.unwrap(), None);
    let back = changed("a", 2, Some(&with(true)));
    store.change(USER, back, free()).await.unwrap();
    assert_eq!(store.session(&digest).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_at_once_leave_the_keys_of_the_last_one() {
    let schema = Schema::new("changes_at_once").await;
    let server = Server::shared();
    let store = schema.store().await;
    let with = |address: &str| {
        let body = json!({"userName": "a", "emails": [{"value": address, "type": "work"}]});
        stored(USER, "a", &body)
    };
    store.add(USER, with("first"), free()).await.unwrap();
    let mut holder = holding(server, "SELECT 1 FROM changes_at_once.resource FOR UPDATE").await;
    let changes = ["second", "third"].map(|address| {
        let (store, change) = (Arc::clone(&store), changed("a", 0, Some(&with(address))));
        tokio::spawn(async move { store.change(USER, change, free()).await })
    });
    until_waiting(server, &mut holder, 2).await;

    sql(&mut holder, "ROLLBACK".to_owned()).await;

    for change in changes {
        change.await.unwrap().unwrap();
    }
    let location = Location::Postgres(schema.location.clone());
    let findings = backup::check(&location).await.unwrap();
    assert_eq!(findings.wrong, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn forgetting_and_restoring_do_not_wait_for_each_other() {
    let schema = Schema::new("forget_and_restore").await;
    let server = Server::shared();
    let store = PostgresStore::new(schema.location.clone());
    store.counts().await.unwrap();
    let mut administrator = server.connect().await;
    let row = "INSERT INTO forget_and_restore.removal VALUES (0, 0, 1)";
    sql(&mut administrator, row.to_owned()).await;
    let lock = "SELECT 1 FROM forget_and_restore.removal FOR UPDATE";
    let mut holder = holding(server, lock).await;
    let later = Timestamp::from_second(3600).unwrap();
    let forgetting = tokio::spawn(async move {
        let all = Forgetting {
            audit_entries: 0,
            audit_before: later,
            names_before: Some(later),
            removals_before: later,
            held_before: later,
        };
        // Once: a second try would hide a deadlock.
        store.attempt(&Write::Forget(all), false).await
    });
    until_waiting(server, &mut holder, 1).await;
    let location = schema.location.clone();
    let restoring = tokio::spawn(async move {
        let begun = restore::PostgresRestoration::begin(&location).await;
        begun.map(drop)
    });
    until_waiting(server, &mut holder, 2).await;

    sql(&mut holder, "ROLLBACK".to_owned()).await;

    let outcome = forgetting.await.unwrap().unwrap();
    assert!(matches!(outcome, Ok(Written::Rows(1))), "{outcome:?}");
    restoring.await.unwrap().unwrap();
}
