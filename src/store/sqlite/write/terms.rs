//! What stands beside a write in its transaction: the count of the brake, what it held, and the audit.

use jiff::Timestamp;
use rusqlite::Connection;
use serde_json::json;

use crate::store::audit::AuditEntry;
use crate::store::brake::{Brake, Removal, minute};
use crate::store::write::{FORGOTTEN_AT_ONCE, Refused, Stopped, audit_texts, signed};
use crate::store::{Forgetting, ResourceId};

/// Counts `count` removals at the time `at`, unless that would be too many.
pub(super) fn pass(
    connection: &Connection,
    brake: Option<&Brake>,
    (what, count): (Removal, u64),
    at: Timestamp,
) -> Result<Result<(), Refused>, rusqlite::Error> {
    let Some(brake) = brake.filter(|it| count > 0 && !it.is_open(at)) else {
        return Ok(Ok(()));
    };
    let counted = connection.prepare_cached("INSERT INTO removal (what, minute, count)
         SELECT ?1, ?2, ?3
         WHERE NOT EXISTS (SELECT 1 FROM held WHERE what = ?1 AND at >= ?4)
           AND ?3 + (SELECT coalesce(sum(count), 0) FROM removal WHERE what = ?1 AND minute >= ?5) <= ?6
         ON CONFLICT (what, minute) DO UPDATE SET count = count + excluded.count")?.execute((what.number(), minute(at), signed(count), brake.holds_since().as_millisecond(), brake.first_minute(at), brake.at_most(what)))
    ?;
    Ok(if counted > 0 {
        Ok(())
    } else {
        let brake = *brake;
        Err(Refused::Held(Stopped { what, count, brake }))
    })
}

/// Notes that a write was held; true when that is news.
pub(super) fn hold(
    connection: &Connection,
    stopped: &Stopped,
    id: &ResourceId,
    at: Timestamp,
) -> Result<bool, rusqlite::Error> {
    let noted = connection
        .prepare_cached(
            "INSERT INTO held (what, resource_id, at, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (what, resource_id) DO UPDATE SET at = excluded.at, count = excluded.count
         WHERE held.at < ?5",
        )?
        .execute((
            stopped.what.number(),
            id.as_str(),
            at.as_millisecond(),
            signed(stopped.count),
            stopped.brake.holds_since().as_millisecond(),
        ))?;
    Ok(noted > 0)
}

/// Writes the audit of a whole transaction by one statement.
pub(in crate::store::sqlite) fn write_audit(
    connection: &Connection,
    entries: &[AuditEntry],
) -> Result<(), rusqlite::Error> {
    if entries.is_empty() {
        return Ok(());
    }
    let rows: serde_json::Value = entries.iter().map(audit_row).collect();
    connection
        .prepare_cached(
            "INSERT INTO audit (at, resource_id, client, entry, names)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?1)",
        )?
        .execute([rows.to_string()])
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
pub(super) fn forget_names(
    connection: &Connection,
    id: &ResourceId,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("UPDATE audit SET names = NULL WHERE resource_id = ?1")?
        .execute([id.as_str()])
        .map(|_| ())
}

/// Gives a time to people whom an older version deactivated, which knew no such column.
fn date_deactivations(connection: &Connection) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "UPDATE resource SET deactivated = modified WHERE seq IN (SELECT seq FROM resource
         WHERE kind = 0 AND active = 0 AND deactivated IS NULL LIMIT ?1)",
        )?
        .execute([FORGOTTEN_AT_ONCE])
}

/// Forgets what may be forgotten; says how many rows that were.
pub(super) fn forget(
    connection: &Connection,
    forgetting: &Forgetting,
) -> Result<u64, rusqlite::Error> {
    let aged = connection
        .prepare_cached(
            "DELETE FROM audit WHERE seq IN (SELECT seq FROM audit ORDER BY seq LIMIT ?1)
         AND (at < ?2 OR seq <= (SELECT max(seq) FROM audit) - ?3)",
        )?
        .execute((
            FORGOTTEN_AT_ONCE,
            forgetting.audit_before.as_millisecond(),
            signed(forgetting.audit_entries),
        ))?;
    let named = connection
        .prepare_cached(
            "UPDATE audit SET names = NULL WHERE seq IN
         (SELECT a.seq FROM audit a WHERE a.names IS NOT NULL AND a.at < ?1
          AND NOT EXISTS (SELECT 1 FROM resource r WHERE r.id = a.resource_id) LIMIT ?2)",
        )?
        .execute((
            forgetting.names_before.map(Timestamp::as_millisecond),
            FORGOTTEN_AT_ONCE,
        ))?;
    let counted = connection
        .prepare_cached("DELETE FROM removal WHERE minute < ?1")?
        .execute([minute(forgetting.removals_before)])?;
    let held = connection
        .prepare_cached("DELETE FROM held WHERE at < ?1")?
        .execute([forgetting.held_before.as_millisecond()])?;
    let dated = date_deactivations(connection)?;
    Ok((aged + named + counted + held + dated) as u64)
}
