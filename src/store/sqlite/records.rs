//! The last requests of each client.

use rusqlite::Connection;
use sqlx::SqliteConnection;

use crate::store::candidate::time;
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
pub(super) fn find(
    connection: &Connection,
    client: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<KeptRecord>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT seq, at, text FROM record WHERE client = ?1 AND seq < ?2 ORDER BY seq DESC LIMIT ?3",
    )?;
    let records = statement.query_map((client, before.unwrap_or(i64::MAX), limit), |row| {
        Ok(KeptRecord {
            number: row.get(0)?,
            record: Record {
                client: client.to_owned(),
                at: time(row.get(1)?),
                text: row.get(2)?,
            },
        })
    })?;
    Ok(records.collect::<Result<_, _>>()?)
}
