//! The table `lookup`: written with the row that it is about, and filled for rows of the version before.

use std::collections::BTreeSet;

use sqlx::{Row, SqliteConnection};

use super::write::execute;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::lookup::LookupKey;

/// People whose values are put into the table in one transaction.
const BATCH: usize = 256;

/// The keys that the row `r` has, as JSON.
macro_rules! keys {
    () => {
        "(SELECT json_group_array(json_array(l.attribute, l.value, l.label)) FROM lookup l WHERE l.seq = r.seq)"
    };
}
pub(super) use keys;

/// The keys as a statement gets them.
pub(super) fn as_json(keys: &BTreeSet<LookupKey>) -> String {
    serde_json::json!(keys).to_string()
}

/// Reads what [`keys!`] finds; nothing of a damaged row.
pub(super) fn read(found: &str) -> BTreeSet<LookupKey> {
    serde_json::from_str(found).unwrap_or_default()
}

/// Puts `keys` into the place of those that the row has.
pub(super) async fn replace(
    connection: &mut SqliteConnection,
    seq: i64,
    keys: &BTreeSet<LookupKey>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM lookup WHERE seq = ?1;
         INSERT INTO lookup (seq, attribute, value, label)
         SELECT ?1, value ->> 0, value ->> 1, value ->> 2 FROM json_each(?2)",
    )
    .bind(seq)
    .bind(as_json(keys))
    .execute(connection)
    .await
    .map(|_| ())
}

/// Whether every person's values are in the table.
pub(super) async fn is_whole(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT NOT EXISTS (SELECT 1 FROM resource WHERE kind = 0 AND looked_up IS NOT version)",
    )
    .fetch_one(connection)
    .await
}

/// Puts the values of some of the people into the table who are not in it; whether there may be more.
pub(super) async fn fill(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, version, body FROM resource WHERE kind = 0 AND looked_up IS NOT version ORDER BY seq LIMIT 256",
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    execute(connection, "BEGIN IMMEDIATE").await?;
    for row in &rows {
        let seq = row.try_get(0)?;
        let resource = Resource::from_json(row.try_get(2)?)
            .map_err(|error| sqlx::Error::Decode(error.into()))?;
        replace(
            connection,
            seq,
            &LookupKey::all(ResourceType::User, &resource),
        )
        .await?;
        sqlx::query("UPDATE resource SET looked_up = ?2 WHERE seq = ?1")
            .bind(seq)
            .bind(row.try_get::<i64, _>(1)?)
            .execute(&mut *connection)
            .await?;
    }
    execute(connection, "COMMIT").await?;
    Ok(rows.len() == BATCH)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;
    use serde_json::json;
    use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
    use tempfile::TempDir;

    use super::super::{SqliteStore, check, migrations, options};
    use super::*;
    use crate::scim::filter::Filter;
    use crate::scim::schema::sample;
    use crate::store::filter_sql::{Argument, Database, Search, SqlDialect, Statement};
    use crate::store::{ListQuery, ResourceId, Store, Stored, Terms, Version};

    const PEOPLE: usize = 2 * BATCH + 10;

    fn asked(filter: &str) -> ListQuery {
        ListQuery {
            filter: Some(Filter::parse(filter, &sample::schemas().user).unwrap()),
            ..ListQuery::default()
        }
    }

    async fn filled(path: &Path) {
        let store = SqliteStore::open(path).await.unwrap();
        let people = (0..PEOPLE).map(|number| {
            let body = json!({"userName": format!("u{number}"), "emails": [{"type": "work", "value": format!("U{number}@x")}]});
            let added = Stored {
                id: ResourceId::new(number.to_string()),
                version: Version::FIRST,
                created: Timestamp::UNIX_EPOCH,
                last_modified: Timestamp::UNIX_EPOCH,
                resource: Resource::parse(&sample::schemas().user, &body).unwrap(),
                related: Vec::new(),
            };
            store.add(ResourceType::User, added, Terms::default())
        });
        for added in futures::future::join_all(people).await {
            added.unwrap();
        }
        store.close().await;
    }

    async fn executed(path: &Path, statements: &[&'static str]) {
        let mut connection = options(path).connect().await.unwrap();
        for statement in statements {
            execute(&mut connection, statement).await.unwrap();
        }
        connection.close().await.unwrap();
    }

    async fn found(store: &SqliteStore, filter: &str) -> Vec<String> {
        let listed = store
            .list(ResourceType::User, &asked(filter))
            .await
            .unwrap();
        listed
            .resources
            .iter()
            .map(|it| it.id.to_string())
            .collect()
    }

    async fn plan(connection: &mut SqliteConnection, statement: &Statement) -> Vec<String> {
        let explained = format!("EXPLAIN QUERY PLAN {}", statement.sql().as_str());
        let mut query = sqlx::query(AssertSqlSafe(explained));
        for argument in &statement.arguments {
            query = match argument {
                Argument::Text(text) | Argument::Key(text) => query.bind(text.as_str()),
                Argument::Number(number) => query.bind(*number),
            };
        }
        let steps = query.fetch_all(connection).await.unwrap();
        steps.iter().map(|step| step.get("detail")).collect()
    }

    #[tokio::test]
    async fn what_entra_matches_by_is_found_by_an_index() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = options(&path).connect().await.unwrap();
        migrations::run(&mut connection, &path).await.unwrap();
        let database = Database {
            dialect: SqlDialect::Sqlite,
            has_lookup: true,
        };
        for (filter, index) in [
            ("userName eq \"a\"", "resource_name_key"),
            ("externalId eq \"a\"", "resource_external_id"),
            ("emails.value eq \"a\"", "lookup_of_value"),
            ("emails[type eq \"work\"].value eq \"a\"", "lookup_of_value"),
            (
                "emails[type eq \"work\" and value eq \"a\"] and active eq true",
                "lookup_of_value",
            ),
            ("employeeNumber eq \"a\"", "lookup_of_value"),
        ] {
            let search = Search::new(database, ResourceType::User, 0, &asked(filter));
            let steps = plan(&mut connection, &search.rows("NULL")).await;
            let is_used = |step: &String| step.starts_with("SEARCH") && step.contains(index);
            assert!(!search.scans() && search.finds_few(), "{filter}");
            assert!(steps.iter().any(is_used), "{filter}: {steps:#?}");
            let scan = steps.iter().find(|step| step.starts_with("SCAN"));
            assert_eq!(scan, None, "{filter}: {steps:#?}");
            // Of a resource its number is looked for, and not its kind alone.
            let all = steps.iter().find(|step| step.ends_with("(kind=?)"));
            assert_eq!(all, None, "{filter}: {steps:#?}");
        }
    }

    #[tokio::test]
    async fn people_of_the_version_before_are_looked_up_after_a_kill_in_between() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        filled(&path).await;
        let before = [
            "DELETE FROM lookup WHERE seq % 2 = 0",
            "UPDATE resource SET looked_up = NULL",
            "UPDATE resource SET version = 2, body = replace(body, 'U7@x', 'seven@x') WHERE id = '7'",
        ];
        executed(&path, &before).await;
        let mut killed = options(&path).connect().await.unwrap();
        assert!(fill(&mut killed).await.unwrap());
        assert!(!is_whole(&mut killed).await.unwrap());
        drop(killed);

        let store = SqliteStore::open(&path).await.unwrap();

        // It answers all the while.
        assert_eq!(found(&store, "emails eq \"u511@X\"").await, ["511"]);
        while !store.writer.has_lookup() {
            tokio::task::yield_now().await;
        }
        for (filter, expected) in [
            ("emails eq \"u2@x\"", &["2"][..]),
            ("emails eq \"u515@x\"", &["515"]),
            ("emails eq \"seven@x\"", &["7"]),
            ("emails eq \"u7@x\"", &[]),
        ] {
            assert_eq!(found(&store, filter).await, expected, "{filter}");
        }
        store.close().await;
        assert_eq!(check::check(&path).await.unwrap().count, 0);
    }

    #[tokio::test]
    async fn a_lookup_that_is_not_what_the_person_has_is_damage() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        filled(&path).await;
        let damage = [
            "UPDATE lookup SET value = 'x' WHERE value = 'u3@x'",
            "DELETE FROM lookup WHERE value = 'u4@x'",
        ];
        executed(&path, &damage).await;

        let findings = check::check(&path).await.unwrap();

        let wrong = ["3", "4"].map(|id| format!("User {id} is found by other values than it has"));
        assert_eq!(findings.wrong, wrong);
    }
}
