//! The last requests of each client.

use rusqlite::Connection;

use crate::store::candidate::time;
use crate::store::{KeptRecord, RECORDS_PER_CLIENT, Record, StoreError};

/// Adds records and forgets those that are too many.
pub(super) fn keep(connection: &Connection, records: &[Record]) -> Result<(), rusqlite::Error> {
    let mut insert =
        connection.prepare_cached("INSERT INTO record (client, at, text) VALUES (?1, ?2, ?3)")?;
    for record in records {
        insert.execute((&record.client, record.at.as_millisecond(), &record.text))?;
    }
    let mut clients: Vec<&str> = records.iter().map(|it| it.client.as_str()).collect();
    clients.sort_unstable();
    clients.dedup();
    let mut forget = connection.prepare_cached(
        "DELETE FROM record WHERE client = ?1 AND seq <=
         (SELECT seq FROM record WHERE client = ?1 ORDER BY seq DESC LIMIT 1 OFFSET ?2)",
    )?;
    for client in clients {
        forget.execute((client, RECORDS_PER_CLIENT))?;
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
