//! What clients sent last of people.

use async_trait::async_trait;
use rusqlite::{Connection, Row};

use super::SqliteStore;
use crate::store::candidate::time;
use crate::store::payloads::{
    ForgottenPayloads, KeptPayload, Payload, PayloadWrite, Payloads, Subject,
};
use crate::store::second_factors::Sealed;
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError, Version};

#[async_trait]
impl Payloads for SqliteStore {
    async fn write_payloads(&self, write: PayloadWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Payload(write)).await?.rows())
    }

    async fn payloads(&self, after: i64, count: usize) -> Result<Vec<KeptPayload>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.readers
            .walk(move |reader| Ok(find(reader, after, count)?))
            .await
    }

    async fn orphaned_payloads(&self) -> Result<Vec<i64>, StoreError> {
        self.readers.walk(|reader| Ok(orphaned(reader)?)).await
    }
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &PayloadWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        PayloadWrite::Keep(payloads) => {
            let mut kept = 0;
            for payload in payloads {
                kept += keep(connection, payload)?;
            }
            kept
        }
        PayloadWrite::Forget(ForgottenPayloads::OfStrangers(before)) => connection
            .prepare_cached(
                "DELETE FROM payload WHERE seq IN
                 (SELECT seq FROM payload WHERE subject LIKE 'stranger:%' AND at < ?1 LIMIT ?2)",
            )?
            .execute((before.as_millisecond(), FORGOTTEN_AT_ONCE))?,
        PayloadWrite::Forget(ForgottenPayloads::All) => connection
            .prepare_cached("DELETE FROM payload WHERE seq IN (SELECT seq FROM payload LIMIT ?1)")?
            .execute((FORGOTTEN_AT_ONCE,))?,
        PayloadWrite::Drop(numbers) => {
            let mut statement = connection.prepare_cached("DELETE FROM payload WHERE seq = ?1")?;
            let mut dropped = 0;
            for number in numbers {
                dropped += statement.execute((number,))?;
            }
            dropped
        }
    };
    Ok(Written::Rows(u64::try_from(changed).unwrap_or_default()))
}

fn keep(connection: &Connection, payload: &Payload) -> Result<usize, rusqlite::Error> {
    if let Some(stranger) = payload.subject.replaced() {
        connection
            .prepare_cached("DELETE FROM payload WHERE subject = ?1 AND client = ?2")?
            .execute((stranger, &payload.client))?;
    }
    let is_person = matches!(payload.subject, Subject::Person { .. });
    connection
        .prepare_cached(
            "INSERT INTO payload (subject, client, version, at, sealed)
             SELECT ?1, ?2, ?3, ?4, ?5
             WHERE NOT ?6 OR EXISTS (SELECT 1 FROM resource WHERE id = ?1)
             ON CONFLICT (subject, client) DO UPDATE SET version = excluded.version, at = excluded.at, sealed = excluded.sealed
             WHERE excluded.at >= payload.at",
        )?
        .execute((
            payload.subject.column(),
            &payload.client,
            payload.version.map(|it| it.0),
            payload.at.as_millisecond(),
            &payload.sealed.0,
            is_person,
        ))
}

/// Forgets what was sent of a person.
pub(super) fn forget(connection: &Connection, person: &ResourceId) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM payload WHERE subject = ?1")?
        .execute((person.as_str(),))?;
    Ok(())
}

fn orphaned(connection: &Connection) -> Result<Vec<i64>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT seq FROM payload WHERE subject NOT LIKE 'stranger:%'
         AND NOT EXISTS (SELECT 1 FROM resource WHERE id = subject) LIMIT ?1",
    )?;
    let found = statement.query_map((FORGOTTEN_AT_ONCE,), |row| row.get(0))?;
    found.collect()
}

fn find(
    connection: &Connection,
    after: i64,
    count: i64,
) -> Result<Vec<KeptPayload>, rusqlite::Error> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, subject, client, version, at, sealed FROM payload WHERE seq > ?1 ORDER BY seq LIMIT ?2",
    )?;
    let found = statement.query_map((after, count), kept)?;
    found.collect()
}

fn kept(row: &Row<'_>) -> Result<KeptPayload, rusqlite::Error> {
    let subject: String = row.get(1)?;
    let version: Option<i64> = row.get(3)?;
    Ok(KeptPayload {
        number: row.get(0)?,
        payload: Payload {
            client: row.get(2)?,
            subject: Subject::of_column(&subject),
            at: time(row.get(4)?),
            version: version.map(Version),
            sealed: Sealed(row.get(5)?),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_of_who_is_gone_is_found() {
        let connection = Connection::open_in_memory().unwrap();
        let payload = include_str!("../migrations/sqlite/0020_payload.sql");
        connection.execute_batch(payload).unwrap();
        let rows = "CREATE TABLE resource (id TEXT);
            INSERT INTO resource VALUES ('ana');
            INSERT INTO payload VALUES (1, 'ana', 'entra', 1, 0, ''), (2, 'bo', 'entra', 1, 0, ''), (3, 'stranger:bo', 'entra', 1, 0, '')";
        connection.execute_batch(rows).unwrap();

        let found = orphaned(&connection).unwrap();
        assert_eq!(found, [2]);
        apply(&connection, &PayloadWrite::Drop(found)).unwrap();
        assert_eq!(orphaned(&connection).unwrap(), [0; 0]);
    }
}
