//! The profile photos of people.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose};
use crate::store::candidate::time;
use crate::store::photos::{Photo, PhotoWrite, Photos};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Photos for PostgresStore {
    async fn write_photo(&self, write: PhotoWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Photo(write)).await?.rows())
    }

    async fn photo(&self, person: &ResourceId) -> Result<Option<Photo>, StoreError> {
        read!(self, connection => photo(&mut connection, person))
    }
}

/// Does one write inside a transaction. The person is locked against who deletes.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &PhotoWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        PhotoWrite::Keep { person, photo } => sqlx::query(
            "WITH person AS (SELECT id FROM resource WHERE kind = 0 AND id = $1 AND active FOR SHARE)
             INSERT INTO photo (resource_id, bytes, at) SELECT id, $2, $3 FROM person
             ON CONFLICT (resource_id) DO UPDATE SET bytes = excluded.bytes, at = excluded.at",
        )
        .bind(text(person.as_str()))
        .bind(photo.bytes())
        .bind(photo.at.as_millisecond())
        .execute(connection)
        .await?
        .rows_affected(),
        PhotoWrite::Remove(person) => forget(connection, person).await?,
    };
    Ok(Written::Rows(changed))
}

/// Forgets the photo of a person; says how many there were.
pub(super) async fn forget(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query("DELETE FROM photo WHERE resource_id = $1")
        .bind(text(person.as_str()))
        .execute(connection)
        .await?;
    Ok(forgotten.rows_affected())
}

async fn photo(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Option<Photo>, Failure> {
    let row: Option<(Vec<u8>, i64)> =
        sqlx::query_as("SELECT bytes, at FROM photo WHERE resource_id = $1")
            .bind(text(person.as_str()))
            .fetch_optional(connection)
            .await?;
    Ok(row.and_then(|(bytes, at)| Photo::read(bytes, time(at))))
}
