//! The last requests of each client.

use sqlx::PgConnection;

use super::Failure;
use super::text::text;
use crate::store::candidate::time;
use crate::store::{KeptRecord, RECORDS_PER_CLIENT, Record};

/// Adds records and forgets those that are too many.
pub(super) async fn keep(
    connection: &mut PgConnection,
    records: &[Record],
) -> Result<(), sqlx::Error> {
    let column = |of: fn(&Record) -> &str| -> Vec<String> {
        records.iter().map(|it| text(of(it)).into_owned()).collect()
    };
    let mut clients = column(|it| &it.client);
    let times: Vec<i64> = records.iter().map(|it| it.at.as_millisecond()).collect();
    sqlx::query(
        "INSERT INTO record (client, at, text)
         SELECT client, at, text FROM unnest($1::text[], $2::bigint[], $3::text[])
         WITH ORDINALITY AS j(client, at, text, position) ORDER BY position",
    )
    .bind(&clients)
    .bind(times)
    .bind(column(|it| &it.text))
    .execute(&mut *connection)
    .await?;
    clients.sort_unstable();
    clients.dedup();
    for client in clients {
        sqlx::query(
            "DELETE FROM record WHERE client = $1 AND seq <=
             (SELECT seq FROM record WHERE client = $1 ORDER BY seq DESC LIMIT 1 OFFSET $2)",
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
    connection: &mut PgConnection,
    client: &str,
    before: Option<i64>,
    limit: i64,
) -> Result<Vec<KeptRecord>, Failure> {
    let rows: Vec<(i64, i64, String)> = sqlx::query_as(
        "SELECT seq, at, text FROM record WHERE client = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3",
    )
    .bind(text(client))
    .bind(before.unwrap_or(i64::MAX))
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let kept = |(number, at, text)| KeptRecord {
        number,
        record: Record {
            client: client.to_owned(),
            at: time(at),
            text,
        },
    };
    Ok(rows.into_iter().map(kept).collect())
}
