//! Assertions by which applications showed who they are.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::PostgresStore;
use super::text::text;
use crate::store::StoreError;
use crate::store::assertions::{Assertion, AssertionWrite, Assertions, minute};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};

#[async_trait]
impl Assertions for PostgresStore {
    async fn write_assertion(&self, write: AssertionWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Assertion(write)).await?.rows())
    }
}

/// Does one write inside a transaction. Tried again, because the answer was lost, it finds the assertion spent: who presented it makes
/// another one.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &AssertionWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        AssertionWrite::Spend { assertion, at_most } => {
            spend(connection, assertion, *at_most).await?
        }
        AssertionWrite::Forget(before) => forget(connection, *before).await?,
    };
    Ok(Written::Rows(changed))
}

/// An application has a few counts, one for each minute: to add them up costs less than to count what they count. Several that are spent
/// at once may go a few beyond what there is room for.
async fn spend(
    connection: &mut PgConnection,
    assertion: &Assertion,
    at_most: i64,
) -> Result<u64, sqlx::Error> {
    let kept = sqlx::query(
        "INSERT INTO client_assertion (digest, expires) SELECT $1::TEXT, $2::BIGINT
         WHERE coalesce((SELECT sum(count) FROM client_assertion_count WHERE client_id = $3), 0) < $4
         AND NOT EXISTS (SELECT 1 FROM client_assertion WHERE digest = $1::TEXT)
         ON CONFLICT DO NOTHING",
    )
    .bind(&assertion.digest.0)
    .bind(assertion.expires.as_millisecond())
    .bind(text(&assertion.application))
    .bind(at_most)
    .execute(&mut *connection)
    .await?
    .rows_affected();
    if kept > 0 {
        sqlx::query(
            "INSERT INTO client_assertion_count (client_id, minute, count) VALUES ($1, $2, 1)
             ON CONFLICT (client_id, minute) DO UPDATE SET count = client_assertion_count.count + 1",
        )
        .bind(text(&assertion.application))
        .bind(assertion.minute())
        .execute(connection)
        .await?;
    }
    Ok(kept)
}

async fn forget(connection: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    sqlx::query("DELETE FROM client_assertion_count WHERE minute < $1")
        .bind(minute(before))
        .execute(&mut *connection)
        .await?;
    let forgotten = sqlx::query(
        "DELETE FROM client_assertion WHERE seq IN (SELECT seq FROM client_assertion WHERE expires < $1 LIMIT $2)",
    )
    .bind(before.as_millisecond())
    .bind(FORGOTTEN_AT_ONCE)
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}
