//! Whether everything in the schema is what was written and goes together.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use sqlx::Row;
use sqlx::postgres::{PgConnection, PgRow};

use super::snapshot::PostgresSnapshot;
use super::text::key;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::backup::Findings;
use crate::store::lookup::LookupKey;
use crate::store::write::{Keys, kind_of};

/// Looks at everything in `snapshot`.
pub(in crate::store) async fn check(
    mut snapshot: PostgresSnapshot,
) -> Result<Findings, sqlx::Error> {
    let mut findings = Findings::default();
    let connection = snapshot.connection();
    resources(connection, &mut findings).await?;
    memberships(connection, &mut findings).await?;
    tally(connection, &mut findings).await?;
    Ok(findings)
}

async fn resources(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(
        "SELECT r.id, r.kind, r.body, r.name_key, r.display_key, r.external_id, r.active,
           (SELECT json_agg(json_build_array(l.attribute, l.value, l.label))::text FROM lookup l WHERE l.seq = r.seq)
         FROM resource r",
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        findings.resources += 1;
        let id: String = row.try_get(0)?;
        let kind = kind_of(row.try_get(1)?);
        let (Some(kind), Ok(resource)) = (kind, Resource::from_json(row.try_get(2)?)) else {
            findings.add(|| format!("resource {id} is not what was written"));
            continue;
        };
        if !is_found_by_its_values(kind, &resource, &row)? {
            findings.add(|| format!("{} {id} is found by other values than it has", kind.name()));
        }
    }
    Ok(())
}

fn is_found_by_its_values(
    kind: ResourceType,
    resource: &Resource,
    row: &PgRow,
) -> Result<bool, sqlx::Error> {
    let keys = Keys::of(kind, resource);
    let display = keys.display.as_deref().map(key);
    let external_id = keys.external_id.map(key);
    Ok(key(&keys.name) == row.try_get::<&str, _>(3)?
        && display.as_deref() == row.try_get::<Option<&str>, _>(4)?
        && external_id.as_deref() == row.try_get::<Option<&str>, _>(5)?
        && resource.is_active() == row.try_get::<bool, _>(6)?
        && looked_up(kind, resource) == found_by(row.try_get(7)?))
}

/// The rows that `lookup` should have.
fn looked_up(kind: ResourceType, resource: &Resource) -> BTreeSet<LookupKey> {
    let keys = LookupKey::all(kind, resource).into_iter();
    keys.map(|LookupKey(attribute, value, label)| {
        LookupKey(
            attribute,
            key(&value).into_owned(),
            key(&label).into_owned(),
        )
    })
    .collect()
}

/// Those that it has.
fn found_by(rows: Option<&str>) -> BTreeSet<LookupKey> {
    rows.and_then(|it| serde_json::from_str(it).ok())
        .unwrap_or_default()
}

async fn memberships(
    connection: &mut PgConnection,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    let (all, loose): (i64, i64) = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE g.seq IS NULL OR u.seq IS NULL) FROM membership m
         LEFT JOIN resource g ON g.seq = m.group_seq AND g.kind = 1
         LEFT JOIN resource u ON u.seq = m.member_seq AND u.kind = 0",
    )
    .fetch_one(connection)
    .await?;
    findings.memberships = all;
    if loose > 0 {
        findings.add(|| format!("{loose} memberships do not join a group and a user"));
    }
    Ok(())
}

/// Whether there are as many people and groups as are counted.
async fn tally(connection: &mut PgConnection, findings: &mut Findings) -> Result<(), sqlx::Error> {
    let is_right: bool = sqlx::query_scalar(
        "SELECT (SELECT sum(users) FROM tally) = (SELECT count(*) FROM resource WHERE kind = 0)
           AND (SELECT sum(active_users) FROM tally) = (SELECT count(*) FROM resource WHERE kind = 0 AND active)
           AND (SELECT sum(user_groups) FROM tally) = (SELECT count(*) FROM resource WHERE kind = 1)",
    )
    .fetch_one(connection)
    .await?;
    if !is_right {
        findings.add(|| "people and groups are not as many as are counted".to_owned());
    }
    Ok(())
}
