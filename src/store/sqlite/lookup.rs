//! The table `lookup`: written with the row that it is about, and filled for rows of the version before.

use std::collections::BTreeSet;

use rusqlite::Connection;

use super::write::execute;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::lookup::LookupKey;
use crate::store::write::signed;

/// People whose values are put into the table in one transaction.
const BATCH: usize = 256;

/// The keys that the row `r` has, as JSON.
macro_rules! keys {
    () => {
        "(SELECT json_group_array(json_array(l.attribute, l.value, l.label)) FROM lookup l WHERE l.seq = r.seq)"
    };
}
pub(super) use keys;

/// Reads what [`keys!`] finds; nothing of a damaged row.
pub(super) fn read(found: &str) -> BTreeSet<LookupKey> {
    serde_json::from_str(found).unwrap_or_default()
}

/// Adds the keys of a row that has none.
pub(super) fn insert(
    connection: &Connection,
    seq: i64,
    keys: &BTreeSet<LookupKey>,
) -> Result<(), rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO lookup (seq, attribute, value, label) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for LookupKey(attribute, value, label) in keys {
        statement.execute((seq, attribute, value, label))?;
    }
    Ok(())
}

/// Puts `keys` into the place of those that the row has.
pub(super) fn replace(
    connection: &Connection,
    seq: i64,
    keys: &BTreeSet<LookupKey>,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM lookup WHERE seq = ?1")?
        .execute([seq])?;
    insert(connection, seq, keys)
}

/// The people whose values are not in the table. By this index alone: SQLite takes one that has everybody else as well.
macro_rules! lacking {
    () => {
        " FROM resource INDEXED BY resource_not_looked_up WHERE kind = 0 AND looked_up IS NOT version"
    };
}

const IS_WHOLE: &str = concat!("SELECT NOT EXISTS (SELECT 1", lacking!(), ")");
const LACKING: &str = concat!(
    "SELECT seq, version, body",
    lacking!(),
    " ORDER BY seq LIMIT ?1"
);

/// Whether every person's values are in the table.
pub(super) fn is_whole(connection: &Connection) -> Result<bool, rusqlite::Error> {
    connection.query_row(IS_WHOLE, (), |row| row.get(0))
}

/// Puts the values of some of the people into the table who are not in it; whether there may be more.
pub(super) fn fill(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let mut lacking = connection.prepare_cached(LACKING)?;
    let rows = lacking.query_map([signed(BATCH)], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let rows: Vec<(i64, i64, String)> = rows.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(false);
    }
    execute(connection, "BEGIN IMMEDIATE")?;
    for (seq, version, body) in &rows {
        let resource = Resource::from_json(body).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, error.into())
        })?;
        replace(
            connection,
            *seq,
            &LookupKey::all(ResourceType::User, &resource),
        )?;
        connection
            .prepare_cached("UPDATE resource SET looked_up = ?2 WHERE seq = ?1")?
            .execute((seq, version))?;
    }
    execute(connection, "COMMIT")?;
    Ok(rows.len() == BATCH)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;
    use rusqlite::params_from_iter;
    use serde_json::json;
    use tempfile::TempDir;

    use super::super::write::row::IS_TAKEN;
    use super::super::{SqliteStore, audit, check, connect, migrations};
    use super::*;
    use crate::scim::filter::Filter;
    use crate::scim::schema::sample;
    use crate::scim::sort::Sort;
    use crate::store::conformance::search::external_id;
    use crate::store::filter_sql::{Argument, Database, Search, SqlDialect};
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

    fn executed(path: &Path, statements: &[&'static str]) {
        let connection = connect(path).unwrap();
        for statement in statements {
            execute(&connection, statement).unwrap();
        }
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

    fn plan(connection: &Connection, text: &str, arguments: &[Argument]) -> Vec<String> {
        let mut explained = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {text}"))
            .unwrap();
        let steps = explained.query_map(params_from_iter(arguments), |row| row.get("detail"));
        steps.unwrap().map(Result::unwrap).collect()
    }

    /// Else each batch would pass by all that were filled before it.
    #[test]
    fn who_lacks_a_lookup_is_found_without_passing_by_the_others() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let limit = [Argument::Number(1)];
        for (statement, arguments) in [(IS_WHOLE, &[][..]), (LACKING, &limit)] {
            let steps = plan(&connection, statement, arguments);
            let by_index = "SCAN resource USING INDEX resource_not_looked_up";
            assert!(steps.iter().any(|step| step == by_index), "{steps:#?}");
        }
    }

    /// Filters, whether they find few, and the indexes that do.
    const LOOKED_UP: &[(&str, bool, &[&str])] = &[
        ("id eq \"a\"", true, &["sqlite_autoindex_resource_1"]),
        ("id sw \"a\"", false, &["sqlite_autoindex_resource_1"]),
        ("userName eq \"a\"", true, &["resource_name_key"]),
        ("userName sw \"a\"", false, &["resource_name_key"]),
        ("externalId eq \"a\"", true, &["resource_external_id"]),
        ("displayName eq \"a\"", true, &["resource_display_key"]),
        ("emails.value eq \"a\"", true, &["lookup_of_value"]),
        ("emails.value sw \"a\"", false, &["lookup_of_value"]),
        (
            "emails[type eq \"work\"].value eq \"a\"",
            true,
            &["lookup_of_value"],
        ),
        (
            "emails[type eq \"work\" and value eq \"a\"] and active eq true",
            true,
            &["lookup_of_value"],
        ),
        ("employeeNumber eq \"a\"", true, &["lookup_of_value"]),
        (
            "userName eq \"a\" or externalId eq \"a\" or id eq \"a\"",
            true,
            &[
                "resource_name_key",
                "resource_external_id",
                "sqlite_autoindex_resource_1",
            ],
        ),
        (
            "active eq true and (userName eq \"a\" or emails eq \"a\")",
            true,
            &["resource_name_key", "lookup_of_value"],
        ),
        (
            "groups eq \"a\"",
            false,
            &["sqlite_autoindex_resource_1", "PRIMARY KEY (group_seq=?)"],
        ),
        (
            "groups.display eq \"a\"",
            false,
            &["resource_name_key (kind=? AND name_key=?)"],
        ),
    ];

    #[test]
    fn what_entra_matches_by_is_found_by_an_index() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let database = Database {
            dialect: SqlDialect::Sqlite,
            has_lookup: true,
        };
        let orders = [
            "",
            "id",
            "externalId",
            "userName",
            "displayName",
            "meta.lastModified",
        ];
        for &(filter, few, indexes) in LOOKED_UP {
            for order in orders {
                let schema = &sample::schemas().user;
                let query = ListQuery {
                    sort: Sort::parse(Some(order), None, schema).unwrap(),
                    ..asked(filter)
                };
                let search = Search::new(database, ResourceType::User, 0, &query);
                let rows = search.rows("NULL");
                let steps = plan(&connection, rows.text(), &rows.arguments);
                let told = format!("{filter} by {order}: {steps:#?}");
                assert_eq!((search.scans(), search.finds_few()), (false, few), "{told}");
                for index in indexes {
                    let is_used =
                        |step: &String| step.starts_with("SEARCH") && step.contains(index);
                    assert!(steps.iter().any(is_used), "{told}");
                }
                let scan = steps.iter().find(|step| step.starts_with("SCAN"));
                assert_eq!(scan, None, "{told}");
                // Of a resource its number is looked for, and not its kind alone.
                let all = steps.iter().find(|step| step.ends_with("(kind=?)"));
                assert_eq!(all, None, "{told}");
            }
        }
    }

    #[test]
    fn who_signs_in_is_found_by_an_index_whatever_the_casing_of_the_object_id() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let database = Database {
            dialect: SqlDialect::Sqlite,
            has_lookup: true,
        };
        let query = ListQuery {
            filter: Some(external_id("A", false)),
            ..ListQuery::default()
        };
        let search = Search::new(database, ResourceType::User, 0, &query);
        let rows = search.rows("NULL");
        let taken = [
            Argument::Number(0),
            Argument::Text("A".to_owned()),
            Argument::Number(1),
        ];
        for (text, arguments) in [(rows.text(), &rows.arguments[..]), (IS_TAKEN, &taken)] {
            let steps = plan(&connection, text, arguments);
            let is_used = |it: &String| it.contains("resource_object_id (kind=? AND <expr>=?)");
            assert!(!search.scans() && steps.iter().any(is_used), "{steps:#?}");
        }
    }

    #[test]
    fn who_has_been_deactivated_for_long_is_found_by_an_index() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let arguments = [Argument::Number(1), Argument::Number(1)];
        let steps = plan(&connection, audit::DEACTIVATED, &arguments);
        assert!(
            steps[0].contains("resource_deactivated_at (deactivated<?)"),
            "{steps:#?}"
        );
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
        executed(&path, &before);
        let killed = connect(&path).unwrap();
        assert!(fill(&killed).unwrap());
        assert!(!is_whole(&killed).unwrap());
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
        assert_eq!(check::check(&path).unwrap().count, 0);
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
        executed(&path, &damage);

        let findings = check::check(&path).unwrap();

        let wrong = ["3", "4"].map(|id| format!("User {id} is found by other values than it has"));
        assert_eq!(findings.wrong, wrong);
    }
}
