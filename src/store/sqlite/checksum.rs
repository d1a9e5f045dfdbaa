//! Tells a row that was changed on the disk from one that was written: SQLite keeps no checksums of its pages.
//!
//! A checksum is CRC-32C of what never changes without the body, plus the numbers that do, so that SQL can move it along with
//! them. Keys and indexes have none: they can be computed from the row, and the check of the whole database does that.

use crc::{CRC_32_ISCSI, Crc, Table};
use sqlx::{Row, SqliteConnection};

use super::write::execute;

static CRC: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);

/// Rows that are given a checksum in one transaction.
const BATCH: usize = 256;

/// The part of a checksum that stays as long as the body does.
pub(super) fn of(kind: i64, id: &str, body: &str) -> i64 {
    let mut digest = CRC.digest();
    digest.update(&kind.to_be_bytes());
    digest.update(id.as_bytes());
    digest.update(&[0]);
    digest.update(body.as_bytes());
    i64::from(digest.finalize())
}

/// Gives a checksum to some of the rows that have none; whether there may be more.
pub(super) async fn fill(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT seq, kind, id, body FROM resource WHERE checksum IS NULL ORDER BY seq LIMIT 256",
    )
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() {
        return Ok(false);
    }
    execute(connection, "BEGIN IMMEDIATE").await?;
    for row in &rows {
        sqlx::query(
            "UPDATE resource SET checksum = ?2 + version + created + modified WHERE seq = ?1",
        )
        .bind(row.try_get::<i64, _>(0)?)
        .bind(of(row.try_get(1)?, row.try_get(2)?, row.try_get(3)?))
        .execute(&mut *connection)
        .await?;
    }
    execute(connection, "COMMIT").await?;
    Ok(rows.len() == BATCH)
}
