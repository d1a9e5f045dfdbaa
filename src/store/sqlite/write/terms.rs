//! What stands beside a write in its transaction: the count of the brake, what it held, and the audit.

use jiff::Timestamp;
use serde_json::json;
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteQueryResult;

use crate::store::audit::AuditEntry;
use crate::store::brake::{Brake, Removal, minute};
use crate::store::write::{Refused, Stopped, audit_texts, signed};
use crate::store::{Forgetting, ResourceId};

/// Rows that are forgotten at a time.
const FORGOTTEN_AT_ONCE: i64 = 1000;

/// Counts `count` removals at the time `at`, unless that would be too many.
pub(super) async fn pass(
    connection: &mut SqliteConnection,
    brake: Option<&Brake>,
    (what, count): (Removal, u64),
    at: Timestamp,
) -> Result<Result<(), Refused>, sqlx::Error> {
    let Some(brake) = brake.filter(|it| count > 0 && !it.is_open(at)) else {
        return Ok(Ok(()));
    };
    let counted = sqlx::query(
        "INSERT INTO removal (what, minute, count)
         SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM held WHERE what = ?1 AND at >= ?4)
           AND ?3 + (SELECT coalesce(sum(count), 0) FROM removal WHERE what = ?1 AND minute >= ?5) <= ?6
         ON CONFLICT (what, minute) DO UPDATE SET count = count + excluded.count",
    )
    .bind(what.number())
    .bind(minute(at))
    .bind(signed(count))
    .bind(brake.holds_since().as_millisecond())
    .bind(brake.first_minute(at))
    .bind(brake.at_most(what))
    .execute(connection)
    .await?;
    Ok(if counted.rows_affected() > 0 {
        Ok(())
    } else {
        let brake = *brake;
        Err(Refused::Held(Stopped { what, count, brake }))
    })
}

/// Notes that a write was held; true when that is news.
pub(super) async fn hold(
    connection: &mut SqliteConnection,
    stopped: &Stopped,
    id: &ResourceId,
    at: Timestamp,
) -> Result<bool, sqlx::Error> {
    let noted = sqlx::query(
        "INSERT INTO held (what, resource_id, at, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (what, resource_id) DO UPDATE SET at = excluded.at, count = excluded.count
         WHERE held.at < ?5",
    )
    .bind(stopped.what.number())
    .bind(id.as_str())
    .bind(at.as_millisecond())
    .bind(signed(stopped.count))
    .bind(stopped.brake.holds_since().as_millisecond())
    .execute(connection)
    .await?;
    Ok(noted.rows_affected() > 0)
}

/// Writes the audit of a whole transaction by one statement.
pub(in crate::store::sqlite) async fn write_audit(
    connection: &mut SqliteConnection,
    entries: &[AuditEntry],
) -> Result<(), sqlx::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: serde_json::Value = entries.iter().map(audit_row).collect();
    sqlx::query(
        "INSERT INTO audit (at, resource_id, client, entry, names)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)",
    )
    .bind(rows.to_string())
    .execute(connection)
    .await
    .map(|_| ())
}

/// The columns of an entry.
fn audit_row(entry: &AuditEntry) -> serde_json::Value {
    let (text, names) = audit_texts(entry);
    json!([
        entry.time.as_millisecond(),
        entry.id.as_str(),
        entry.requester.client,
        text,
        names
    ])
}

/// Forgets the names in what is remembered of a resource.
pub(super) async fn forget_names(
    connection: &mut SqliteConnection,
    id: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE audit SET names = NULL WHERE resource_id = ?1")
        .bind(id.as_str())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Gives a time to people whom an older version deactivated, which knew no such column.
async fn date_deactivations(connection: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let dated = sqlx::query(
        "UPDATE resource SET deactivated = modified WHERE seq IN (SELECT seq FROM resource
         WHERE kind = 0 AND active = 0 AND deactivated IS NULL LIMIT ?1)",
    );
    let dated = dated.bind(FORGOTTEN_AT_ONCE).execute(connection).await?;
    Ok(dated.rows_affected())
}

/// Forgets what may be forgotten; says how many rows that were.
pub(super) async fn forget(
    connection: &mut SqliteConnection,
    forgetting: &Forgetting,
) -> Result<u64, sqlx::Error> {
    let aged = sqlx::query(
        "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?1)
         AND (at < ?2 OR seq <= (SELECT max(seq) FROM audit) - ?3)",
    )
    .bind(FORGOTTEN_AT_ONCE)
    .bind(forgetting.audit_before.as_millisecond())
    .bind(signed(forgetting.audit_entries))
    .execute(&mut *connection)
    .await?;
    let named = sqlx::query(
        "UPDATE audit SET names = NULL WHERE seq IN
         (SELECT a.seq FROM audit a WHERE a.names IS NOT NULL AND a.at < ?1
          AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = a.resource_id) LIMIT ?2)",
    )
    .bind(forgetting.names_before.map(Timestamp::as_millisecond))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    let counted = sqlx::query("DELETE FROM removal WHERE minute < ?1")
        .bind(minute(forgetting.removals_before))
        .execute(&mut *connection)
        .await?;
    let held = sqlx::query("DELETE FROM held WHERE at < ?1")
        .bind(forgetting.held_before.as_millisecond())
        .execute(&mut *connection)
        .await?;
    let forgotten = [aged, named, counted, held];
    let forgotten: u64 = forgotten.iter().map(SqliteQueryResult::rows_affected).sum();
    Ok(forgotten + date_deactivations(connection).await?)
}
