//! Tells a row that was changed on the disk from one that was written: SQLite keeps no checksums of its pages.
//!
//! A checksum is CRC-32C of what never changes without the body, plus the numbers that do, so that SQL can move it along with
//! them. Keys and indexes have none: they can be computed from the row, and the check of the whole database does that.

use crc::{CRC_32_ISCSI, Crc, Table};
use rusqlite::Connection;

use super::write::execute;
use crate::store::write::signed;

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
pub(super) fn fill(connection: &Connection) -> Result<bool, rusqlite::Error> {
    let mut lacking = connection.prepare_cached(
        "SELECT seq, kind, id, body FROM resource WHERE checksum IS NULL ORDER BY seq LIMIT ?1",
    )?;
    let rows = lacking.query_map([signed(BATCH)], |row| {
        let (id, body) = (row.get_ref(2)?.as_str()?, row.get_ref(3)?.as_str()?);
        Ok((row.get(0)?, of(row.get(1)?, id, body)))
    })?;
    let rows: Vec<(i64, i64)> = rows.collect::<Result<_, _>>()?;
    if rows.is_empty() {
        return Ok(false);
    }
    execute(connection, "BEGIN IMMEDIATE")?;
    for row in &rows {
        connection
            .prepare_cached(
                "UPDATE resource SET checksum = ?2 + version + created + modified WHERE seq = ?1",
            )?
            .execute(*row)?;
    }
    execute(connection, "COMMIT")?;
    Ok(rows.len() == BATCH)
}
