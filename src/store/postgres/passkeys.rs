//! The passkeys of people.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose, second_factors};
use crate::store::candidate::time;
use crate::store::passkeys::{PASSKEYS_OF_ONE, Passkey, PasskeyWrite, Passkeys};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Passkeys for PostgresStore {
    async fn write_passkey(&self, write: PasskeyWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Passkey(write)).await?.rows())
    }

    async fn passkey(&self, id: &str) -> Result<Option<Passkey>, StoreError> {
        read!(self, connection => passkey(&mut connection, id))
    }

    async fn passkeys_of(&self, person: &ResourceId) -> Result<Vec<Passkey>, StoreError> {
        read!(self, connection => passkeys_of(&mut connection, person))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &PasskeyWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        PasskeyWrite::Add {
            passkey, password, ..
        } => {
            if second_factors::knows(connection, &passkey.person, password).await? {
                add(connection, passkey).await?
            } else {
                0
            }
        }
        PasskeyWrite::Use {
            id,
            before,
            counter,
            at,
        } => {
            let used = "UPDATE passkey SET counter = $3, used = $4 WHERE id = $1 AND counter = $2";
            let used = sqlx::query(used).bind(text(id)).bind(i64::from(*before));
            let used = used.bind(i64::from(*counter)).bind(at.as_millisecond());
            used.execute(connection).await?.rows_affected()
        }
        PasskeyWrite::Remove {
            id,
            person,
            password,
            ..
        } => {
            if second_factors::knows(connection, person, password).await? {
                let removed = "DELETE FROM passkey WHERE id = $1 AND resource_id = $2";
                let removed = sqlx::query(removed)
                    .bind(text(id))
                    .bind(text(person.as_str()));
                removed.execute(connection).await?.rows_affected()
            } else {
                0
            }
        }
    };
    Ok(Written::Rows(changed))
}

/// The row of the person is locked already: none is added beside this one. Added a second time, because the first answer was lost, it stays
/// as it is.
async fn add(connection: &mut PgConnection, passkey: &Passkey) -> Result<u64, sqlx::Error> {
    let added = sqlx::query(
        "INSERT INTO passkey (id, resource_id, public_key, counter, name, added)
         SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT count(*) FROM passkey WHERE resource_id = $2 AND id <> $1) < $7
         ON CONFLICT (id) DO UPDATE SET added = excluded.added
         WHERE passkey.resource_id = excluded.resource_id AND passkey.public_key = excluded.public_key",
    )
    .bind(text(&passkey.id))
    .bind(text(passkey.person.as_str()))
    .bind(text(&passkey.public_key))
    .bind(i64::from(passkey.counter))
    .bind(text(&passkey.name))
    .bind(passkey.added.as_millisecond())
    .bind(PASSKEYS_OF_ONE)
    .execute(connection)
    .await?;
    Ok(added.rows_affected())
}

/// Id, person, public key, counter, name, added and used.
type Row = (String, String, String, i64, String, i64, Option<i64>);

async fn passkey(connection: &mut PgConnection, id: &str) -> Result<Option<Passkey>, Failure> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, resource_id, public_key, counter, name, added, used FROM passkey WHERE id = $1",
    )
    .bind(text(id))
    .fetch_optional(connection)
    .await?;
    Ok(row.map(read))
}

async fn passkeys_of(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Vec<Passkey>, Failure> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, resource_id, public_key, counter, name, added, used FROM passkey WHERE resource_id = $1
         ORDER BY added, id",
    )
    .bind(text(person.as_str()))
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

fn read((id, person, public_key, counter, name, added, used): Row) -> Passkey {
    Passkey {
        id,
        person: ResourceId::new(person),
        public_key,
        counter: u32::try_from(counter).unwrap_or(u32::MAX),
        name,
        added: time(added),
        used: used.map(time),
    }
}
