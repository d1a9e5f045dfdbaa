//! Assertions by which applications showed who they are.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::Connection;

use super::SqliteStore;
use crate::store::StoreError;
use crate::store::assertions::{Assertion, AssertionWrite, Assertions, minute};
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
        AssertionWrite::Spend { assertion, at_most } => spend(connection, assertion, *at_most)?,
        AssertionWrite::Forget(before) => forget(connection, *before)?,
    };
    Ok(Written::Rows(changed as u64))
}

/// An application has a few counts, one for each minute: to add them up costs less than to count what they count.
fn spend(
    connection: &Connection,
    assertion: &Assertion,
    at_most: i64,
) -> Result<usize, rusqlite::Error> {
    let kept = connection
        .prepare_cached(
            "INSERT INTO client_assertion (digest, expires) SELECT ?1, ?2
             WHERE coalesce((SELECT sum(count) FROM client_assertion_count WHERE client_id = ?3), 0) < ?4
             ON CONFLICT DO NOTHING",
        )?
        .execute((
            &assertion.digest.0,
            assertion.expires.as_millisecond(),
            &assertion.application,
            at_most,
        ))?;
    if kept > 0 {
        connection
            .prepare_cached(
                "INSERT INTO client_assertion_count (client_id, minute, count) VALUES (?1, ?2, 1)
                 ON CONFLICT (client_id, minute) DO UPDATE SET count = count + 1",
            )?
            .execute((&assertion.application, assertion.minute()))?;
    }
    Ok(kept)
}

fn forget(connection: &Connection, before: Timestamp) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM client_assertion_count WHERE minute < ?1")?
        .execute([minute(before)])?;
    connection
        .prepare_cached(
            "DELETE FROM client_assertion WHERE seq IN (SELECT seq FROM client_assertion WHERE expires < ?1 LIMIT ?2)",
        )?
        .execute((before.as_millisecond(), FORGOTTEN_AT_ONCE))
}
