//! What administrators look through.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, params_from_iter};

use super::SqliteStore;
use super::read::stored;
use crate::store::browsing::{
    Browsing, Gathering, MembersPage, Passed, PeoplePage, PeopleQuery, SessionCounts,
};
use crate::store::filter_sql::{PeopleWalk, SqlDialect};
use crate::store::sessions::PASSKEY;
use crate::store::write::signed;
use crate::store::{ResourceId, StoreError, Stored};

#[async_trait]
impl Browsing for SqliteStore {
    async fn people(&self, query: &PeopleQuery) -> Result<PeoplePage, StoreError> {
        let query = query.clone();
        let found = self.readers.walk(move |reader| people(reader, &query));
        self.health.read(found.await)
    }

    async fn members(
        &self,
        group: &ResourceId,
        behind: Option<i64>,
        count: usize,
    ) -> Result<MembersPage, StoreError> {
        let group = group.clone();
        let found = move |reader: &_| members(reader, &group, behind.unwrap_or_default(), count);
        self.health.read(self.readers.walk(found).await)
    }

    async fn member_counts(
        &self,
        groups: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let groups = groups.to_vec();
        let counted = move |reader: &_| membership_counts(reader, OF_GROUP, &groups, at_most);
        self.health.read(self.readers.walk(counted).await)
    }

    async fn group_counts(
        &self,
        people: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError> {
        let people = people.to_vec();
        let counted = move |reader: &_| membership_counts(reader, OF_PERSON, &people, at_most);
        self.health.read(self.readers.walk(counted).await)
    }

    async fn memberships(&self) -> Result<i64, StoreError> {
        let counted = self.readers.walk(|reader| {
            let mut statement = reader.prepare_cached("SELECT count(*) FROM membership")?;
            Ok(statement.query_row((), |row| row.get(0))?)
        });
        self.health.read(counted.await)
    }

    async fn session_counts(
        &self,
        opened_since: Timestamp,
        seen_since: Timestamp,
    ) -> Result<SessionCounts, StoreError> {
        let since = (opened_since, seen_since);
        let counted = self.readers.walk(move |reader| sessions(reader, since));
        self.health.read(counted.await)
    }
}

fn people(connection: &Connection, query: &PeopleQuery) -> Result<PeoplePage, StoreError> {
    let snapshot = connection.unchecked_transaction()?;
    let mut gathering = Gathering::new(query);
    while let Some((by, behind, at_most)) = gathering.index() {
        let walk = PeopleWalk::new(SqlDialect::Sqlite, query, (by, behind));
        let walk = walk.statement(at_most);
        let mut statement = connection.prepare_cached(walk.text())?;
        let rows = statement.query_map(params_from_iter(&walk.arguments), |row| {
            Ok(Passed {
                sequence: row.get(0)?,
                key: row.get(1)?,
                label: row.get(2)?,
                fits: row.get(3)?,
            })
        })?;
        let rows = rows.collect::<Result<_, _>>()?;
        gathering.take(rows);
    }
    let people = gathering.found.iter();
    let people = people.filter_map(|seq| person(connection, *seq).transpose());
    let people = people.collect::<Result<_, _>>()?;
    let next = gathering.next;
    snapshot.commit()?;
    Ok(PeoplePage { people, next })
}

fn person(connection: &Connection, seq: i64) -> Result<Option<Stored>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL, r.kind, r.checksum FROM resource r WHERE r.seq = ?1",
    )?;
    let mut rows = statement.query([seq])?;
    rows.next()?.map(stored).transpose()
}

fn members(
    connection: &Connection,
    group: &ResourceId,
    behind: i64,
    count: usize,
) -> Result<MembersPage, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL, r.kind, r.checksum, m.member_seq
         FROM membership m JOIN resource r ON r.seq = m.member_seq
         WHERE m.group_seq = (SELECT g.seq FROM resource g WHERE g.kind = 1 AND g.id = ?1) AND m.member_seq > ?2
         ORDER BY m.member_seq LIMIT ?3",
    )?;
    let mut rows = statement.query((group.as_str(), behind, signed(count + 1)))?;
    let mut page = MembersPage::default();
    let mut last = None;
    while let Some(row) = rows.next()? {
        if page.people.len() == count {
            page.next = last;
            break;
        }
        page.people.push(stored(row)?);
        last = Some(row.get(8)?);
    }
    Ok(page)
}

/// Memberships of the group ?1, at most ?2.
const OF_GROUP: &str = "SELECT count(*) FROM (SELECT 1 FROM membership m
     WHERE m.group_seq = (SELECT g.seq FROM resource g WHERE g.kind = 1 AND g.id = ?1) LIMIT ?2)";

/// Memberships of the person ?1, at most ?2.
const OF_PERSON: &str = "SELECT count(*) FROM (SELECT 1 FROM membership m
     WHERE m.member_seq = (SELECT r.seq FROM resource r WHERE r.kind = 0 AND r.id = ?1) LIMIT ?2)";

/// How many memberships `of` finds for each of `ids`.
fn membership_counts(
    connection: &Connection,
    of: &str,
    ids: &[ResourceId],
    at_most: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut statement = connection.prepare_cached(of)?;
    let mut counts = Vec::with_capacity(ids.len());
    for id in ids {
        counts.push(statement.query_row((id.as_str(), at_most), |row| row.get(0))?);
    }
    Ok(counts)
}

fn sessions(
    connection: &Connection,
    (opened, seen): (Timestamp, Timestamp),
) -> Result<SessionCounts, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT count(*) FILTER (WHERE connector <> ''),
                count(*) FILTER (WHERE connector = '' AND provider <> ?3),
                count(*) FILTER (WHERE connector = '' AND provider = ?3)
         FROM session WHERE opened >= ?1 AND seen >= ?2",
    )?;
    let since = (opened.as_millisecond(), seen.as_millisecond(), PASSKEY);
    Ok(statement.query_row(since, |row| {
        Ok(SessionCounts {
            connector: row.get(0)?,
            password: row.get(1)?,
            passkey: row.get(2)?,
        })
    })?)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;
    use tempfile::TempDir;

    use super::super::{connect, migrations};
    use super::*;
    use crate::store::browsing::{FoundBy, PeoplePlace};

    /// Queries, and what the walk along each index must do.
    const WALKS: &[(FoundBy, Option<bool>, Option<bool>, &str)] = &[
        (
            FoundBy::UserName,
            None,
            None,
            "resource_name_key (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            Some(true),
            None,
            "resource_name_key (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            Some(false),
            None,
            "resource_inactive (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            None,
            Some(true),
            "resource_built_in (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            Some(true),
            Some(true),
            "resource_built_in (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            Some(false),
            Some(true),
            "resource_inactive (kind=? AND name_key>",
        ),
        (
            FoundBy::UserName,
            None,
            Some(false),
            "resource_name_key (kind=? AND name_key>",
        ),
        (
            FoundBy::DisplayName,
            None,
            None,
            "resource_display_key (kind=? AND display_key>",
        ),
        (
            FoundBy::DisplayName,
            Some(false),
            Some(true),
            "resource_display_key (kind=? AND display_key>",
        ),
        (
            FoundBy::Email,
            None,
            None,
            "lookup_of_value (attribute=? AND ",
        ),
        (
            FoundBy::Email,
            Some(false),
            Some(false),
            "lookup_of_value (attribute=? AND ",
        ),
    ];

    #[test]
    fn people_are_walked_through_by_an_index_in_its_order() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        for &(by, active, built_in, index) in WALKS {
            for prefix in ["an", ""] {
                for behind in [None, Some("anna")] {
                    let query = PeopleQuery {
                        prefix: prefix.to_owned(),
                        active,
                        built_in,
                        user_type: active.map(|_| "Premium".to_owned()),
                        behind: None,
                        count: 50,
                    };
                    let behind = behind.map(|key| PeoplePlace {
                        by,
                        key: key.to_owned(),
                        ..PeoplePlace::default()
                    });
                    let walk = (by, behind.as_ref());
                    let walk = PeopleWalk::new(SqlDialect::Sqlite, &query, walk);
                    let walk = walk.statement(50);
                    let text = format!("EXPLAIN QUERY PLAN {}", walk.text());
                    let mut explained = connection.prepare(text.as_str()).unwrap();
                    let steps = explained
                        .query_map(params_from_iter(&walk.arguments), |row| row.get("detail"))
                        .unwrap();
                    let steps: Vec<String> = steps.map(Result::unwrap).collect();
                    let told = format!("{query:?} {by:?}: {steps:#?}");
                    assert!(steps.iter().any(|it| it.contains(index)), "{told}");
                    let is_slow =
                        |it: &String| it.starts_with("SCAN") || it.contains("TEMP B-TREE");
                    assert!(!steps.iter().any(is_slow), "{told}");
                }
            }
        }
    }
    /// The steps of SQLite's machine for a page behind the last but ten of so many people.
    fn steps(people: i64, by: FoundBy, prefix: &str) -> i32 {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        let fill = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?1)
            INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, active, body)
            SELECT 0, 'id' || n, 1, 1, 1, printf('anna%06d', n), printf('anna%06d', n), 1, '{}' FROM number";
        connection.execute(fill, [people]).unwrap();
        let mails = "INSERT INTO lookup (seq, attribute, value, label) SELECT seq, 1, name_key, 'work' FROM resource";
        connection.execute(mails, ()).unwrap();
        let query = PeopleQuery {
            prefix: prefix.to_owned(),
            count: 50,
            ..PeopleQuery::default()
        };
        let behind = PeoplePlace {
            by,
            key: format!("anna{:06}", people - 10),
            label: "work".to_owned(),
            sequence: people - 10,
        };
        let walk = PeopleWalk::new(SqlDialect::Sqlite, &query, (by, Some(&behind)));
        let walk = walk.statement(50);
        let mut statement = connection.prepare(walk.text()).unwrap();
        let rows = statement.query_map(params_from_iter(&walk.arguments), |row| {
            row.get::<_, i64>(0)
        });
        assert_eq!(rows.unwrap().count(), 10, "{by:?}");
        statement.get_status(StatementStatus::VmStep)
    }

    #[test]
    fn a_page_far_behind_takes_no_more_steps_than_a_near_one() {
        for by in [FoundBy::UserName, FoundBy::DisplayName, FoundBy::Email] {
            for prefix in ["", "an"] {
                let (near, far) = (steps(100, by, prefix), steps(3_000, by, prefix));
                assert!(far <= near + 100, "{by:?} {prefix:?}: {near} and {far}");
            }
        }
    }
}
