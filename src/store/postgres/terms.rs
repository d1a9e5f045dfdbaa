//! What stands beside a write: the count of the brake, what it held, and the audit.

use jiff::Timestamp;
use sqlx::postgres::PgQueryResult;
use sqlx::{Connection, PgConnection};

use super::text::text;
use super::write::Outcome;
use crate::store::audit::AuditEntry;
use crate::store::brake::{Brake, Removal, minute};
use crate::store::write::{FORGOTTEN_AT_ONCE, Refused, Stopped, Write, audit_texts, signed};
use crate::store::{Forgetting, ResourceId};

/// Counts `count` removals at the time `at`, unless that would be too many. Whoever counts has the lock, also in another process. It is
/// taken by a change of the row: who waited for one does not go on with what it saw before, whatever the isolation of transactions.
pub(super) async fn pass(
    connection: &mut PgConnection,
    brake: Option<&Brake>,
    (what, count): (Removal, u64),
    at: Timestamp,
) -> Outcome<()> {
    let Some(brake) = brake.filter(|it| count > 0 && !it.is_open(at)) else {
        return Ok(Ok(()));
    };
    sqlx::query("UPDATE brake SET what = what WHERE what = $1")
        .bind(what.number())
        .execute(&mut *connection)
        .await?;
    let counted = sqlx::query(
        "INSERT INTO removal (what, minute, count)
         SELECT $1::bigint, $2::bigint, $3::bigint
         WHERE NOT EXISTS (SELECT 1 FROM held WHERE what = $1 AND at >= $4)
           AND $3 + (SELECT coalesce(sum(count), 0) FROM removal WHERE what = $1 AND minute >= $5) <= $6
         ON CONFLICT (what, minute) DO UPDATE SET count = removal.count + excluded.count",
    )
    .bind(what.number())
    .bind(minute(at))
    .bind(signed(count))
    .bind(brake.holds_since().as_millisecond())
    .bind(brake.first_minute(at))
    .bind(i64::from(brake.at_most(what)))
    .execute(connection)
    .await?;
    Ok(if counted.rows_affected() > 0 {
        Ok(())
    } else {
        let brake = *brake;
        Err(Refused::Held(Stopped { what, count, brake }))
    })
}

/// Notes that a write was held, and remembers it when that is news.
pub(super) async fn hold(
    connection: &mut PgConnection,
    write: &Write,
    stopped: &Stopped,
) -> Result<(), sqlx::Error> {
    let Some((id, at, terms)) = write.subject() else {
        return Ok(());
    };
    let mut transaction = connection.begin().await?;
    let noted = sqlx::query(
        "INSERT INTO held (what, resource_id, at, count) VALUES ($1, $2, $3, $4)
         ON CONFLICT (what, resource_id) DO UPDATE SET at = excluded.at, count = excluded.count
         WHERE held.at < $5",
    )
    .bind(stopped.what.number())
    .bind(text(id.as_str()))
    .bind(at.as_millisecond())
    .bind(signed(stopped.count))
    .bind(stopped.brake.holds_since().as_millisecond())
    .execute(&mut *transaction)
    .await?;
    let entry = terms.audit.as_ref();
    if let Some(entry) = entry.filter(|_| noted.rows_affected() > 0) {
        remember(&mut transaction, &entry.held(stopped.removed_members())).await?;
    }
    transaction.commit().await
}

/// Adds an entry to the audit.
pub(super) async fn remember(
    connection: &mut PgConnection,
    entry: &AuditEntry,
) -> Result<(), sqlx::Error> {
    let (entry_text, names) = audit_texts(entry);
    sqlx::query(
        "INSERT INTO audit (at, resource_id, client, entry, names) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(entry.time.as_millisecond())
    .bind(text(entry.id.as_str()))
    .bind(text(&entry.requester.client))
    .bind(entry_text)
    .bind(names)
    .execute(connection)
    .await
    .map(|_| ())
}

/// Forgets the names in what is remembered of a resource.
pub(super) async fn forget_names(
    connection: &mut PgConnection,
    id: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE audit SET names = NULL WHERE resource_id = $1")
        .bind(text(id.as_str()))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Forgets what may be forgotten; says how many rows that were. It takes the tables in the order in which a restoration locks them.
pub(super) async fn forget(
    connection: &mut PgConnection,
    forgetting: &Forgetting,
) -> Result<u64, sqlx::Error> {
    let held = sqlx::query("DELETE FROM held WHERE at < $1")
        .bind(forgetting.held_before.as_millisecond())
        .execute(&mut *connection)
        .await?;
    let aged = sqlx::query(
        "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT $1)
         AND (at < $2 OR seq <= (SELECT max(seq) FROM audit) - $3)",
    )
    .bind(FORGOTTEN_AT_ONCE)
    .bind(forgetting.audit_before.as_millisecond())
    .bind(signed(forgetting.audit_entries))
    .execute(&mut *connection)
    .await?;
    let named = sqlx::query(
        "UPDATE audit SET names = NULL WHERE seq IN
         (SELECT a.seq FROM audit a WHERE a.names IS NOT NULL AND a.at < $1
          AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = a.resource_id) LIMIT $2)",
    )
    .bind(forgetting.names_before.map(Timestamp::as_millisecond))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    let counted = sqlx::query("DELETE FROM removal WHERE minute < $1")
        .bind(minute(forgetting.removals_before))
        .execute(connection)
        .await?;
    let forgotten = [held, aged, named, counted];
    Ok(forgotten.iter().map(PgQueryResult::rows_affected).sum())
}
