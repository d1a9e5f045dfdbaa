//! What clients sent last of people.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose};
use crate::store::candidate::time;
use crate::store::payloads::{
    ForgottenPayloads, KeptPayload, Payload, PayloadWrite, Payloads, Subject,
};
use crate::store::second_factors::Sealed;
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError, Version};

#[async_trait]
impl Payloads for PostgresStore {
    async fn write_payloads(&self, write: PayloadWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Payload(write)).await?.rows())
    }

    async fn payloads(&self, after: i64, count: usize) -> Result<Vec<KeptPayload>, StoreError> {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        read!(self, connection => find(&mut connection, after, count))
    }

    async fn orphaned_payloads(&self) -> Result<Vec<i64>, StoreError> {
        read!(self, connection => orphaned(&mut connection))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &PayloadWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        PayloadWrite::Keep(payloads) => {
            // In one order, so that two processes do not wait for each other.
            let mut payloads: Vec<&Payload> = payloads.iter().collect();
            payloads.sort_by_key(|it| it.subject.column());
            let mut kept = 0;
            for payload in payloads {
                kept += keep(connection, payload).await?;
            }
            kept
        }
        PayloadWrite::Forget(ForgottenPayloads::OfStrangers(before)) => {
            let forgotten = sqlx::query(
                "DELETE FROM payload WHERE seq IN
                 (SELECT seq FROM payload WHERE subject LIKE 'stranger:%' AND at < $1 LIMIT $2)",
            );
            let forgotten = forgotten
                .bind(before.as_millisecond())
                .bind(FORGOTTEN_AT_ONCE);
            forgotten.execute(connection).await?.rows_affected()
        }
        PayloadWrite::Forget(ForgottenPayloads::All) => {
            let forgotten =
                sqlx::query("DELETE FROM payload WHERE seq IN (SELECT seq FROM payload LIMIT $1)");
            let forgotten = forgotten.bind(FORGOTTEN_AT_ONCE);
            forgotten.execute(connection).await?.rows_affected()
        }
        PayloadWrite::Drop(numbers) => {
            let dropped = sqlx::query("DELETE FROM payload WHERE seq = ANY($1)");
            let dropped = dropped.bind(numbers).execute(connection);
            dropped.await?.rows_affected()
        }
    };
    Ok(Written::Rows(changed))
}

async fn keep(connection: &mut PgConnection, payload: &Payload) -> Result<u64, sqlx::Error> {
    if let Some(stranger) = payload.subject.replaced() {
        sqlx::query("DELETE FROM payload WHERE subject = $1 AND client = $2")
            .bind(stranger)
            .bind(text(&payload.client))
            .execute(&mut *connection)
            .await?;
    }
    let is_person = matches!(payload.subject, Subject::Person { .. });
    let subject = payload.subject.column();
    // Who is about to be deleted is waited for: nothing must be kept of them afterwards.
    let is_there = if is_person {
        sqlx::query("SELECT 1 FROM resource WHERE id = $1 FOR SHARE")
            .bind(text(&subject))
            .fetch_optional(&mut *connection)
            .await?
            .is_some()
    } else {
        true
    };
    if !is_there {
        return Ok(0);
    }
    let kept = sqlx::query(
        "INSERT INTO payload (subject, client, version, at, sealed) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (subject, client) DO UPDATE SET version = excluded.version, at = excluded.at, sealed = excluded.sealed
         WHERE excluded.at >= payload.at",
    )
    .bind(text(&subject))
    .bind(text(&payload.client))
    .bind(payload.version.map(|it| it.0))
    .bind(payload.at.as_millisecond())
    .bind(&payload.sealed.0)
    .execute(connection)
    .await?;
    Ok(kept.rows_affected())
}

/// Forgets what was sent of a person.
pub(super) async fn forget(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    let forgotten = sqlx::query("DELETE FROM payload WHERE subject = $1");
    let forgotten = forgotten.bind(text(person.as_str()));
    forgotten.execute(connection).await.map(|_| ())
}

async fn orphaned(connection: &mut PgConnection) -> Result<Vec<i64>, Failure> {
    let found = sqlx::query_scalar(
        "SELECT seq FROM payload WHERE subject NOT LIKE 'stranger:%'
         AND NOT EXISTS (SELECT 1 FROM resource WHERE id = subject) LIMIT $1",
    );
    let found = found.bind(FORGOTTEN_AT_ONCE).fetch_all(connection);
    Ok(found.await?)
}

async fn find(
    connection: &mut PgConnection,
    after: i64,
    count: i64,
) -> Result<Vec<KeptPayload>, Failure> {
    let rows: Vec<(i64, String, String, Option<i64>, i64, String)> = sqlx::query_as(
        "SELECT seq, subject, client, version, at, sealed FROM payload WHERE seq > $1 ORDER BY seq LIMIT $2",
    )
    .bind(after)
    .bind(count)
    .fetch_all(connection)
    .await?;
    let kept = |(number, subject, client, version, at, sealed): (i64, String, String, _, _, _)| {
        let version: Option<i64> = version;
        KeptPayload {
            number,
            payload: Payload {
                client,
                subject: Subject::of_column(&subject),
                at: time(at),
                version: version.map(Version),
                sealed: Sealed(sealed),
            },
        }
    };
    Ok(rows.into_iter().map(kept).collect())
}
