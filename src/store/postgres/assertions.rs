//! Assertions by which applications showed who they are.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::PostgresStore;
use crate::store::StoreError;
use crate::store::assertions::{AssertionWrite, Assertions};
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
        // The ends of an index cost nothing; to count would. One that is there takes no number.
        AssertionWrite::Spend { assertion, at_most } => sqlx::query(
            "INSERT INTO client_assertion (digest, expires) SELECT $1::TEXT, $2::BIGINT
             WHERE coalesce((SELECT max(seq) FROM client_assertion) - (SELECT min(seq) FROM client_assertion) + 1, 0) < $3
             AND NOT EXISTS (SELECT 1 FROM client_assertion WHERE digest = $1::TEXT)
             ON CONFLICT DO NOTHING",
        )
        .bind(&assertion.digest.0)
        .bind(assertion.expires.as_millisecond())
        .bind(at_most),
        AssertionWrite::Forget(before) => sqlx::query(
            "DELETE FROM client_assertion WHERE seq IN (SELECT seq FROM client_assertion WHERE expires < $1 LIMIT $2)",
        )
        .bind(before.as_millisecond())
        .bind(FORGOTTEN_AT_ONCE),
    };
    let changed = changed.execute(connection).await?;
    Ok(Written::Rows(changed.rows_affected()))
}
