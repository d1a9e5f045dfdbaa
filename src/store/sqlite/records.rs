//! The last requests of each client.

use jiff::Timestamp;
use sqlx::sqlite::SqlitePool;
use sqlx::{Row, SqliteConnection};

use super::read;
use crate::store::{KeptRecord, RECORDS_PER_CLIENT, Record, StoreError};

/// Adds records and forgets those that are too many.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    records: &[Record],
) -> Result<(), sqlx::Error> {
    for record in records {
        sqlx::query("INSERT INTO record (client, at, text) VALUES (?1, ?2, ?3)")
            .bind(&record.client)
            .bind(record.at.as_millisecond())
            .bind(&record.text)
            .execute(&mut *connection)
            .await?;
    }
    let mut clients: Vec<&str> = records.iter().map(|it| it.client.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    for client in clients {
        sqlx::query(
            "DELETE FROM record WHERE client = ?1 AND seq <=
             (SELECT seq FROM record WHERE client = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
        )
        .bind(client)
        .bind(RECORDS_PER_CLIENT)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The newest `limit` records of `client` with a number below `before`.
pub(super) async fn find(
    readers: &SqlitePool,
    client: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<KeptRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT seq, at, text FROM record WHERE client = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )
    .bind(client)
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(readers)
    .await
    .map_err(read::failed)?;
    rows.iter()
        .map(|row| {
            Ok(KeptRecord {
                number: row.try_get(0)?,
                record: Record {
                    client: client.to_owned(),
                    at: Timestamp::from_millisecond(row.try_get(1)?).unwrap_or_default(),
                    text: row.try_get(2)?,
                },
            })
        })
        .collect()
}
