//! The profile photos of people.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::SqliteStore;
use crate::store::candidate::time;
use crate::store::photos::{Photo, PhotoWrite, Photos};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Photos for SqliteStore {
    async fn write_photo(&self, write: PhotoWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Photo(write)).await?.rows())
    }

    async fn photo(&self, person: &ResourceId) -> Result<Option<Photo>, StoreError> {
        let found = |reader: &Connection| Ok(photo(reader, person)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &PhotoWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        PhotoWrite::Keep { person, photo } => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO photo (resource_id, bytes, at)
                 SELECT id, ?2, ?3 FROM resource WHERE kind = 0 AND id = ?1 AND active",
            )?
            .execute((person.as_str(), photo.bytes(), photo.at.as_millisecond()))?,
        PhotoWrite::Remove(person) => forget(connection, person)?,
    };
    Ok(Written::Rows(changed as u64))
}

/// Forgets the photo of a person; says how many there were.
pub(super) fn forget(
    connection: &Connection,
    person: &ResourceId,
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM photo WHERE resource_id = ?1")?
        .execute([person.as_str()])
}

fn photo(connection: &Connection, person: &ResourceId) -> Result<Option<Photo>, rusqlite::Error> {
    let kept = connection
        .prepare_cached("SELECT bytes, at FROM photo WHERE resource_id = ?1")?
        .query_row([person.as_str()], |row| {
            Ok(Photo::read(row.get(0)?, time(row.get(1)?)))
        })
        .optional()?;
    Ok(kept.flatten())
}
