//! Reading what stands beside the people: the audit, what the brake holds, who has been deactivated for long.

use jiff::Timestamp;
use sqlx::PgConnection;

use super::Failure;
use super::text::text;
use crate::store::ResourceId;
use crate::store::audit::{AuditEntry, AuditQuery, Audited};
use crate::store::brake::{EXAMPLES, Held};

/// Entries, the newest first; one that is not understood is left out.
pub(super) async fn find(
    connection: &mut PgConnection,
    query: &AuditQuery,
) -> Result<Vec<Audited>, Failure> {
    let by_resource = "SELECT seq, entry, names FROM audit WHERE resource_id = $1 AND ($2::text IS NULL OR client = $2)
         AND at >= $3 AND at < $4 AND seq < $5 ORDER BY seq DESC LIMIT $6";
    let all = "SELECT seq, entry, names FROM audit WHERE $1::text IS NULL AND ($2::text IS NULL OR client = $2)
         AND at >= $3 AND at < $4 AND seq < $5 ORDER BY seq DESC LIMIT $6";
    let bound = |time: Option<Timestamp>, open| time.map_or(open, Timestamp::as_millisecond);
    let rows: Vec<(i64, String, Option<String>)> =
        sqlx::query_as(if query.id.is_some() { by_resource } else { all })
            .bind(query.id.as_ref().map(|it| text(it.as_str())))
            .bind(query.client.as_deref().map(text))
            .bind(bound(query.from, i64::MIN))
            .bind(bound(query.until, i64::MAX))
            .bind(query.before.unwrap_or(i64::MAX))
            .bind(i64::try_from(query.count).unwrap_or(i64::MAX))
            .fetch_all(connection)
            .await?;
    Ok(rows.into_iter().filter_map(audited).collect())
}

fn audited((position, entry, names): (i64, String, Option<String>)) -> Option<Audited> {
    let mut entry: AuditEntry = serde_json::from_str(&entry).ok()?;
    if let Some(names) = names {
        entry.replaced = serde_json::from_str(&names).ok()?;
    }
    Some(Audited { position, entry })
}

/// What was held since `since`.
pub(super) async fn held(connection: &mut PgConnection, since: Timestamp) -> Result<Held, Failure> {
    let since = since.as_millisecond();
    let rows: Vec<(i64, i64, i64)> = sqlx::query_as(
        "SELECT what, min(at), sum(count)::bigint FROM held WHERE at >= $1 GROUP BY what",
    )
    .bind(since)
    .fetch_all(&mut *connection)
    .await?;
    let examples = sqlx::query_scalar(
        "SELECT resource_id FROM held WHERE at >= $1 GROUP BY resource_id ORDER BY min(at), resource_id LIMIT $2",
    )
    .bind(since)
    .bind(EXAMPLES)
    .fetch_all(connection)
    .await?;
    Ok(Held::of(&rows, examples))
}

/// People who have been deactivated since before `before`.
pub(super) async fn deactivated(
    connection: &mut PgConnection,
    before: Timestamp,
    count: usize,
) -> Result<Vec<ResourceId>, Failure> {
    let ids: Vec<String> = sqlx::query_scalar(
        "SELECT id FROM resource WHERE deactivated < $1 AND NOT active AND kind = 0 ORDER BY deactivated LIMIT $2",
    )
    .bind(before.as_millisecond())
    .bind(i64::try_from(count).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    Ok(ids.into_iter().map(ResourceId::new).collect())
}
