//! What administrators look through.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::{Connection, PgConnection, Row};

use super::read::{SNAPSHOT, bound, stored};
use super::text::text;
use super::{Failure, PostgresStore, Retry, dispose};
use crate::store::browsing::{
    Browsing, Gathering, MembersPage, Passed, PeoplePage, PeopleQuery, SessionCounts,
};
use crate::store::filter_sql::{PeopleWalk, SqlDialect};
use crate::store::sessions::PASSKEY;
use crate::store::write::signed;
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Browsing for PostgresStore {
    async fn people(&self, query: &PeopleQuery) -> Result<PeoplePage, StoreError> {
        read!(self, connection => people(&mut connection, query))
    }

    async fn members(
        &self,
        group: &ResourceId,
        behind: Option<i64>,
        count: usize,
    ) -> Result<MembersPage, StoreError> {
        let behind = behind.unwrap_or_default();
        read!(self, connection => members(&mut connection, group, behind, count))
    }

    async fn member_counts(
        &self,
        groups: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError> {
        read!(self, connection => membership_counts(&mut connection, OF_GROUPS, groups, at_most))
    }

    async fn group_counts(
        &self,
        people: &[ResourceId],
        at_most: i64,
    ) -> Result<Vec<i64>, StoreError> {
        read!(self, connection => membership_counts(&mut connection, OF_PEOPLE, people, at_most))
    }

    async fn memberships(&self) -> Result<i64, StoreError> {
        read!(self, connection => memberships(&mut connection))
    }

    async fn session_counts(
        &self,
        opened_since: Timestamp,
        seen_since: Timestamp,
    ) -> Result<SessionCounts, StoreError> {
        read!(self, connection => sessions(&mut connection, opened_since, seen_since))
    }
}

async fn people(connection: &mut PgConnection, query: &PeopleQuery) -> Result<PeoplePage, Failure> {
    let mut snapshot = connection.begin_with(SNAPSHOT).await?;
    let mut gathering = Gathering::new(query);
    while let Some((by, behind, at_most)) = gathering.index() {
        let walk = PeopleWalk::new(SqlDialect::Postgres, query, (by, behind));
        let walk = walk.statement(at_most);
        let rows = bound(&walk).fetch_all(&mut *snapshot).await?;
        let passed = rows.iter().map(|row| {
            Ok(Passed {
                sequence: row.try_get(0)?,
                key: row.try_get(1)?,
                label: row.try_get(2)?,
                fits: row.try_get::<i32, _>(3)? == 1,
            })
        });
        let passed = passed.collect::<Result<_, sqlx::Error>>()?;
        gathering.take(passed);
    }
    let rows = sqlx::query(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL::text FROM unnest($1::bigint[]) WITH ORDINALITY AS p (seq, place)
         JOIN resource r ON r.seq = p.seq ORDER BY p.place",
    )
    .bind(&gathering.found)
    .fetch_all(&mut *snapshot)
    .await?;
    let people = rows.iter().map(stored).collect::<Result<_, _>>()?;
    let next = gathering.next;
    snapshot.commit().await?;
    Ok(PeoplePage { people, next })
}

async fn members(
    connection: &mut PgConnection,
    group: &ResourceId,
    behind: i64,
    count: usize,
) -> Result<MembersPage, Failure> {
    let rows = sqlx::query(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL::text, m.member_seq
         FROM membership m JOIN resource r ON r.seq = m.member_seq
         WHERE m.group_seq = (SELECT g.seq FROM resource g WHERE g.kind = 1 AND g.id = $1) AND m.member_seq > $2
         ORDER BY m.member_seq LIMIT $3",
    )
    .bind(text(group.as_str()))
    .bind(behind)
    .bind(signed(count + 1))
    .fetch_all(connection)
    .await?;
    let people = rows.iter().take(count).map(stored);
    let people = people.collect::<Result<_, _>>()?;
    let last = rows.get(count.wrapping_sub(1));
    let last = last.filter(|_| rows.len() > count);
    Ok(MembersPage {
        people,
        next: last.map(|it| it.try_get(6)).transpose()?,
    })
}

/// Memberships of each group of $1, at most $2.
const OF_GROUPS: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM membership m WHERE m.group_seq = g.seq LIMIT $2) AS c)
     FROM unnest($1::text[]) WITH ORDINALITY AS j (id, place) LEFT JOIN resource g ON g.id = j.id AND g.kind = 1 ORDER BY j.place";

/// Memberships of each person of $1, at most $2.
const OF_PEOPLE: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM membership m WHERE m.member_seq = r.seq LIMIT $2) AS c)
     FROM unnest($1::text[]) WITH ORDINALITY AS j (id, place) LEFT JOIN resource r ON r.id = j.id AND r.kind = 0 ORDER BY j.place";

/// How many memberships `of` finds for each of `ids`.
async fn membership_counts(
    connection: &mut PgConnection,
    of: &'static str,
    ids: &[ResourceId],
    at_most: i64,
) -> Result<Vec<i64>, Failure> {
    let ids = ids.iter().map(|it| text(it.as_str()).into_owned());
    let ids: Vec<String> = ids.collect();
    let counted = sqlx::query_scalar(of).bind(ids).bind(at_most);
    Ok(counted.fetch_all(connection).await?)
}

async fn memberships(connection: &mut PgConnection) -> Result<i64, Failure> {
    let counted = sqlx::query_scalar("SELECT count(*) FROM membership");
    Ok(counted.fetch_one(connection).await?)
}

async fn sessions(
    connection: &mut PgConnection,
    opened: Timestamp,
    seen: Timestamp,
) -> Result<SessionCounts, Failure> {
    let (connector, password, passkey) = sqlx::query_as(
        "SELECT count(*) FILTER (WHERE connector <> ''),
                count(*) FILTER (WHERE connector = '' AND provider <> $3),
                count(*) FILTER (WHERE connector = '' AND provider = $3)
         FROM session WHERE opened >= $1 AND seen >= $2",
    )
    .bind(opened.as_millisecond())
    .bind(seen.as_millisecond())
    .bind(PASSKEY)
    .fetch_one(connection)
    .await?;
    Ok(SessionCounts {
        connector,
        password,
        passkey,
    })
}
