//! What applications were given.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};
use serde_json::json;

use super::SqliteStore;
use crate::store::candidate::time;
use crate::store::grants::{
    ENDED_AT_ONCE, Ended, GRANTS_PER_PERSON, Grant, GrantWrite, Grants, Turn,
};
use crate::store::sessions::{SecretDigest, Session};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Grants for SqliteStore {
    async fn write_grant(&self, write: GrantWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Grant(write)).await?.rows())
    }

    async fn grant(&self, key: &SecretDigest) -> Result<Option<Grant>, StoreError> {
        let found = |reader: &Connection| Ok(grant(reader, key)?);
        self.readers.look_up(found).await
    }

    async fn applications_of(
        &self,
        person: &ResourceId,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let found = |reader: &Connection| Ok(applications_of(reader, person, now)?);
        self.readers.look_up(found).await
    }

    async fn ended_grants(
        &self,
        told: &[String],
        now: Timestamp,
    ) -> Result<Vec<Ended>, StoreError> {
        let found = |reader: &Connection| Ok(ended(reader, told, now)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &GrantWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        GrantWrite::Keep(grant) => keep(connection, grant)?,
        GrantWrite::Turn(turn) => self::turn(connection, turn)?,
        GrantWrite::End(key) => connection
            .prepare_cached("DELETE FROM application_grant WHERE key = ?1")?
            .execute([&key.0])?,
        GrantWrite::EndOf {
            person,
            application,
        } => connection
            .prepare_cached(
                "DELETE FROM application_grant WHERE resource_id = ?1 AND application = ?2",
            )?
            .execute((person.as_str(), application))?,
        GrantWrite::Take { key, tries, due } => connection
            .prepare_cached("UPDATE application_grant SET tries = tries + 1, due = ?3 WHERE key = ?1 AND tries = ?2")?
            .execute((&key.0, tries, due.as_millisecond()))?,
        GrantWrite::Forget { now, told } => forget(connection, *now, told)?,
    };
    Ok(Written::Rows(changed as u64))
}

/// Kept a second time, because the first answer was lost, it stays as it is.
pub(super) fn keep(connection: &Connection, grant: &Grant) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "DELETE FROM application_grant WHERE seq IN
             (SELECT seq FROM application_grant WHERE resource_id = ?1 AND key <> ?3 ORDER BY seq DESC LIMIT -1 OFFSET ?2)",
        )?
        .execute((grant.person.as_str(), GRANTS_PER_PERSON - 1, &grant.key.0))?;
    connection
        .prepare_cached(
            "INSERT INTO application_grant (key, resource_id, session, application, terms, current, turn, expires)
             SELECT ?1, resource_id, digest, ?4, ?5, ?6, ?7, ?8 FROM session WHERE digest = ?3 AND resource_id = ?2
             ON CONFLICT (key) DO UPDATE SET expires = excluded.expires",
        )?
        .execute((
            &grant.key.0,
            grant.person.as_str(),
            &grant.session.0,
            &grant.application,
            &grant.terms,
            &grant.current.0,
            grant.turn,
            grant.expires.as_millisecond(),
        ))
}

/// Done a second time, because the first answer was lost, it has been done.
fn turn(connection: &Connection, turn: &Turn) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE application_grant SET current = ?3, expires = ?4, turn = CASE WHEN current = ?3 THEN turn ELSE turn + 1 END
             WHERE key = ?1 AND current IN (?2, ?3)",
        )?
        .execute((
            &turn.key.0,
            &turn.from.0,
            &turn.to.0,
            turn.expires.as_millisecond(),
        ))
}

/// Moves the grants that the person of `session` has by `replaced` to it.
pub(super) fn follow(
    connection: &Connection,
    replaced: &SecretDigest,
    session: &Session,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE application_grant SET session = ?1 WHERE session = ?2 AND resource_id = ?3",
        )?
        .execute((&session.digest.0, &replaced.0, session.person.as_str()))?;
    Ok(())
}

/// What was used is kept for an application that is told of its end.
fn forget(
    connection: &Connection,
    now: Timestamp,
    told: &[String],
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "DELETE FROM application_grant WHERE seq IN (SELECT seq FROM application_grant WHERE (expires < ?1
             OR NOT EXISTS (SELECT 1 FROM session WHERE digest = application_grant.session))
             AND (turn = 0 OR application NOT IN (SELECT value FROM json_each(?3))) LIMIT ?2)",
        )?
        .execute((now.as_millisecond(), FORGOTTEN_AT_ONCE, json!(told).to_string()))
}

fn ended(
    connection: &Connection,
    told: &[String],
    now: Timestamp,
) -> Result<Vec<Ended>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT resource_id, session, application, terms, current, turn, expires, key, tries FROM application_grant
         WHERE application IN (SELECT value FROM json_each(?1)) AND turn > 0 AND due <= ?2
         AND NOT EXISTS (SELECT 1 FROM session WHERE digest = application_grant.session) ORDER BY seq LIMIT ?3",
    )?;
    let parameters = (json!(told).to_string(), now.as_millisecond(), ENDED_AT_ONCE);
    let found = statement.query_map(parameters, |row| {
        let key = SecretDigest(row.get(7)?);
        Ok(Ended {
            grant: of_row(row, key)?,
            tries: row.get(8)?,
        })
    })?;
    found.collect()
}

/// A row that begins with the columns of a grant.
fn of_row(row: &Row<'_>, key: SecretDigest) -> Result<Grant, rusqlite::Error> {
    Ok(Grant {
        key,
        person: ResourceId::new(row.get::<_, String>(0)?),
        session: SecretDigest(row.get(1)?),
        application: row.get(2)?,
        terms: row.get(3)?,
        current: SecretDigest(row.get(4)?),
        turn: row.get(5)?,
        expires: time(row.get(6)?),
    })
}

fn grant(connection: &Connection, key: &SecretDigest) -> Result<Option<Grant>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT resource_id, session, application, terms, current, turn, expires FROM application_grant WHERE key = ?1",
        )?
        .query_row([&key.0], |row| of_row(row, key.clone()))
        .optional()
}

fn applications_of(
    connection: &Connection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Vec<String>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT DISTINCT application FROM application_grant WHERE resource_id = ?1 AND expires > ?2
             AND EXISTS (SELECT 1 FROM session WHERE digest = application_grant.session) ORDER BY application",
        )?
        .query_map((person.as_str(), now.as_millisecond()), |row| row.get(0))?
        .collect()
}
