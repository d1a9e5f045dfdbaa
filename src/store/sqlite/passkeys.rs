//! The passkeys of people.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, second_factors};
use crate::store::candidate::time;
use crate::store::passkeys::{PASSKEYS_OF_ONE, Passkey, PasskeyWrite, Passkeys};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Passkeys for SqliteStore {
    async fn write_passkey(&self, write: PasskeyWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Passkey(write)).await?.rows())
    }

    async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        let found = |reader: &Connection| Ok(passkey(reader, id)?);
        self.readers.look_up(found).await
    }

    async fn passkeys_of(&self, person: &ResourceId) -> Result<Vec<Passkey>, StoreError> {
        let found = |reader: &Connection| Ok(passkeys_of(reader, person)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction. What refuses it comes before anything is changed.
pub(super) fn apply(
    connection: &Connection,
    write: &PasskeyWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        PasskeyWrite::Add {
            passkey, password, ..
        } => {
            if second_factors::knows(connection, &passkey.person, password)? {
                add(connection, passkey)?
            } else {
                0
            }
        }
        PasskeyWrite::Use {
            id,
            before,
            counter,
            at,
        } => connection
            .prepare_cached(
                "UPDATE passkey SET counter = ?3, used = ?4 WHERE id = ?1 AND counter = ?2",
            )?
            .execute((id, before, counter, at.as_millisecond()))?,
        PasskeyWrite::Remove {
            id,
            person,
            password,
            ..
        } => {
            if second_factors::knows(connection, person, password)? {
                connection
                    .prepare_cached("DELETE FROM passkey WHERE id = ?1 AND resource_id = ?2")?
                    .execute((id, person.as_str()))?
            } else {
                0
            }
        }
    };
    Ok(Written::Rows(changed as u64))
}

fn add(connection: &Connection, passkey: &Passkey) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO passkey (id, resource_id, public_key, counter, name, added)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE (SELECT count(*) FROM passkey WHERE resource_id = ?2 AND id <> ?1) < ?7
             ON CONFLICT (id) DO UPDATE SET added = excluded.added
             WHERE resource_id = excluded.resource_id AND public_key = excluded.public_key",
        )?
        .execute((
            &passkey.id,
            passkey.person.as_str(),
            &passkey.public_key,
            passkey.counter,
            &passkey.name,
            passkey.added.as_millisecond(),
            PASSKEYS_OF_ONE,
        ))
}

fn passkey(connection: &Connection, id: &str) -> Result<Option<Passkey>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT id, resource_id, public_key, counter, name, added, used FROM passkey WHERE id = ?1",
        )?
        .query_row([id], read)
        .optional()
}

fn passkeys_of(
    connection: &Connection,
    person: &ResourceId,
) -> Result<Vec<Passkey>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT id, resource_id, public_key, counter, name, added, used FROM passkey WHERE resource_id = ?1
             ORDER BY added, id",
        )?
        .query_map([person.as_str()], read)?
        .collect()
}

fn read(row: &Row<'_>) -> Result<Passkey, rusqlite::Error> {
    Ok(Passkey {
        id: row.get(0)?,
        person: ResourceId::new(row.get::<_, String>(1)?),
        public_key: row.get(2)?,
        counter: row.get(3)?,
        name: row.get(4)?,
        added: time(row.get(5)?),
        used: row.get::<_, Option<i64>>(6)?.map(time),
    })
}
