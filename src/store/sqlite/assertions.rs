//! Assertions by which applications showed who they are.

use async_trait::async_trait;
use rusqlite::Connection;

use super::SqliteStore;
use crate::store::StoreError;
use crate::store::assertions::{AssertionWrite, Assertions};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};

#[async_trait]
impl Assertions for SqliteStore {
    async fn write_assertion(&self, write: AssertionWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Assertion(write)).await?.rows())
    }
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &AssertionWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        // The ends of an index cost nothing; to count would.
        AssertionWrite::Spend { assertion, at_most } => connection
            .prepare_cached(
                "INSERT INTO client_assertion (digest, expires) SELECT ?1, ?2
                 WHERE coalesce((SELECT max(seq) FROM client_assertion) - (SELECT min(seq) FROM client_assertion) + 1, 0) < ?3
                 ON CONFLICT DO NOTHING",
            )?
            .execute((
                &assertion.digest.0,
                assertion.expires.as_millisecond(),
                at_most,
            ))?,
        AssertionWrite::Forget(before) => connection
            .prepare_cached(
                "DELETE FROM client_assertion WHERE seq IN (SELECT seq FROM client_assertion WHERE expires < ?1 LIMIT ?2)",
            )?
            .execute((before.as_millisecond(), FORGOTTEN_AT_ONCE))?,
    };
    Ok(Written::Rows(changed as u64))
}
