//! Reading what stands beside the people: the audit, what the brake holds, who has been deactivated for long.

use jiff::Timestamp;
use rusqlite::{Connection, Row};

use crate::store::audit::{AuditEntry, AuditQuery, Audited};
use crate::store::brake::{EXAMPLES, Held};
use crate::store::write::signed;
use crate::store::{ResourceId, StoreError};

/// Entries, the newest first; one that is not understood is left out.
pub(super) fn find(
    connection: &Connection,
    query: &AuditQuery,
) -> Result<Vec<Audited>, StoreError> {
    let by_resource =
        "SELECT seq, entry, names FROM audit WHERE resource_id = ?1 AND (?2 IS NULL OR client = ?2)
         AND at >= ?3 AND at < ?4 AND seq < ?5 ORDER BY seq DESC LIMIT ?6";
    let all = "SELECT seq, entry, names FROM audit WHERE ?1 IS NULL AND (?2 IS NULL OR client = ?2)
         AND at >= ?3 AND at < ?4 AND seq < ?5 ORDER BY seq DESC LIMIT ?6";
    let bound = |time: Option<Timestamp>, open| time.map_or(open, Timestamp::as_millisecond);
    let text = if query.id.is_some() { by_resource } else { all };
    let mut statement = connection.prepare_cached(text)?;
    let mut rows = statement.query((
        query.id.as_ref().map(ResourceId::as_str),
        query.client.as_deref(),
        bound(query.from, i64::MIN),
        bound(query.until, i64::MAX),
        query.before.unwrap_or(i64::MAX),
        signed(query.count),
    ))?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        found.extend(audited(row));
    }
    Ok(found)
}

fn audited(row: &Row<'_>) -> Option<Audited> {
    let text = |column| row.get_ref(column).ok()?.as_str_or_null().ok();
    let mut entry: AuditEntry = serde_json::from_str(text(1)??).ok()?;
    if let Some(names) = text(2)? {
        entry.replaced = serde_json::from_str(names).ok()?;
    }
    Some(Audited {
        position: row.get(0).ok()?,
        entry,
    })
}

/// What was held since `since`.
pub(super) fn held(connection: &Connection, since: Timestamp) -> Result<Held, StoreError> {
    let since = since.as_millisecond();
    let mut counted = connection.prepare_cached(
        "SELECT what, min(at), sum(count) FROM held WHERE at >= ?1 GROUP BY what",
    )?;
    let counted = counted.query_map([since], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let counted: Vec<(i64, i64, i64)> = counted.collect::<Result<_, _>>()?;
    let mut examples = connection.prepare_cached(
        "SELECT resource_id FROM held WHERE at >= ?1 GROUP BY resource_id ORDER BY min(at) LIMIT ?2",
    )?;
    let examples = examples.query_map((since, EXAMPLES), |row| row.get(0))?;
    Ok(Held::of(&counted, examples.collect::<Result<_, _>>()?))
}

pub(super) const DEACTIVATED: &str = "SELECT id FROM resource
    WHERE deactivated < ?1 AND active = 0 AND kind = 0 ORDER BY deactivated LIMIT ?2";

/// People who have been deactivated since before `before`.
pub(super) fn deactivated(
    connection: &Connection,
    before: Timestamp,
    count: usize,
) -> Result<Vec<ResourceId>, StoreError> {
    let mut statement = connection.prepare_cached(DEACTIVATED)?;
    let ids = statement.query_map((before.as_millisecond(), signed(count)), |row| {
        row.get::<_, String>(0)
    })?;
    Ok(ids
        .map(|it| it.map(ResourceId::new))
        .collect::<Result<_, _>>()?)
}
