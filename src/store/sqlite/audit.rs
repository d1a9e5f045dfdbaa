//! Reading what stands beside the people: the audit, what the brake holds, who has been deactivated for long.

use jiff::Timestamp;
use sqlx::Row;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::read::failed;
use crate::store::audit::{AuditEntry, AuditQuery, Audited};
use crate::store::brake::{EXAMPLES, Held};
use crate::store::{ResourceId, StoreError};

/// Entries, the newest first; one that is not understood is left out.
pub(super) async fn find(
    readers: &SqlitePool,
    query: &AuditQuery,
) -> Result<Vec<Audited>, StoreError> {
    let by_resource =
        "SELECT seq, entry, names FROM audit WHERE resource_id = ?1 AND (?2 IS NULL OR client = ?2)
         AND at >= ?3 AND at < ?4 AND seq < ?5 ORDER BY seq DESC LIMIT ?6";
    let all = "SELECT seq, entry, names FROM audit WHERE ?1 IS NULL AND (?2 IS NULL OR client = ?2)
         AND at >= ?3 AND at < ?4 AND seq < ?5 ORDER BY seq DESC LIMIT ?6";
    let bound = |time: Option<Timestamp>, open| time.map_or(open, Timestamp::as_millisecond);
    let rows = sqlx::query(if query.id.is_some() { by_resource } else { all })
        .bind(query.id.as_ref().map(ResourceId::as_str))
        .bind(query.client.as_deref())
        .bind(bound(query.from, i64::MIN))
        .bind(bound(query.until, i64::MAX))
        .bind(query.before.unwrap_or(i64::MAX))
        .bind(signed(query.count))
        .fetch_all(readers)
        .await
        .map_err(failed)?;
    Ok(rows.iter().filter_map(audited).collect())
}

fn audited(row: &SqliteRow) -> Option<Audited> {
    let mut entry: AuditEntry = serde_json::from_str(row.try_get(1).ok()?).ok()?;
    let names: Option<&str> = row.try_get(2).ok()?;
    if let Some(names) = names {
        entry.replaced = serde_json::from_str(names).ok()?;
    }
    Some(Audited {
        position: row.try_get(0).ok()?,
        entry,
    })
}

/// What was held since `since`.
pub(super) async fn held(readers: &SqlitePool, since: Timestamp) -> Result<Held, StoreError> {
    let since = since.as_millisecond();
    let rows: Vec<(i64, i64, i64)> =
        sqlx::query_as("SELECT what, min(at), sum(count) FROM held WHERE at >= ?1 GROUP BY what")
            .bind(since)
            .fetch_all(readers)
            .await
            .map_err(failed)?;
    let examples = sqlx::query_scalar(
        "SELECT resource_id FROM held WHERE at >= ?1 GROUP BY resource_id ORDER BY min(at) LIMIT ?2",
    )
    .bind(since)
    .bind(EXAMPLES)
    .fetch_all(readers)
    .await
    .map_err(failed)?;
    Ok(Held::of(&rows, examples))
}

/// People who have been deactivated since before `before`.
pub(super) async fn deactivated(
    readers: &SqlitePool,
    before: Timestamp,
    count: usize,
) -> Result<Vec<ResourceId>, StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM resource WHERE deactivated < ?1 AND active = 0 AND kind = 0 ORDER BY deactivated LIMIT ?2",
    )
    .bind(before.as_millisecond())
    .bind(signed(count))
    .fetch_all(readers)
    .await
    .map_err(failed)?;
    Ok(ids.into_iter().map(ResourceId::new).collect())
}

fn signed(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
