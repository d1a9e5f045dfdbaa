//! Whether everything in the database is what was written and goes together.

use std::path::Path;

use futures::TryStreamExt;
use sqlx::{Row, SqliteConnection};

use super::{kind_of, lookup, read, snapshot};
use crate::store::OpenError;
use crate::store::backup::Findings;
use crate::store::lookup::LookupKey;
use crate::store::write::Keys;

/// Looks at everything in the database at `path`, in a read transaction that no writer waits for.
pub(in crate::store) async fn check(path: &Path) -> Result<Findings, OpenError> {
    let mut connection = snapshot::connect(path).await?;
    let mut findings = Findings::default();
    if let Err(error) = look(&mut connection, &mut findings).await {
        findings.add(|| format!("the database cannot be read to its end: {error}"));
    }
    Ok(findings)
}

/// The same with a connection that is there.
pub(super) async fn look(
    connection: &mut SqliteConnection,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    let pages: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(20)")
        .fetch_all(&mut *connection)
        .await?;
    for page in pages.iter().filter(|it| *it != "ok") {
        findings.add(|| format!("SQLite says: {page}"));
    }
    resources(connection, findings).await?;
    memberships(connection, findings).await
}

async fn resources(
    connection: &mut SqliteConnection,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    let mut rows = sqlx::query(concat!(
        "SELECT r.id, r.version, r.created, r.modified, r.body, NULL, r.kind, r.checksum, r.name_key, r.display_key, r.external_id,
         r.active, r.kind = 0 AND r.looked_up IS NOT r.version, ",
        lookup::keys!(),
        " FROM resource r"
    ))
    .fetch(connection);
    while let Some(row) = rows.try_next().await? {
        findings.resources += 1;
        let id: String = row.try_get(0)?;
        let (Some(kind), Ok(stored)) = (kind_of(row.try_get(6)?), read::stored(&row)) else {
            findings.add(|| format!("resource {id} is not what was written"));
            continue;
        };
        let keys = Keys::of(kind, &stored.resource);
        let same = keys.name == row.try_get::<&str, _>(8)?
            && keys.display.as_deref() == row.try_get::<Option<&str>, _>(9)?
            && keys.external_id == row.try_get::<Option<&str>, _>(10)?
            && stored.resource.is_active() == row.try_get::<bool, _>(11)?
            && (row.try_get::<bool, _>(12)?
                || lookup::read(row.try_get(13)?) == LookupKey::all(kind, &stored.resource));
        if !same {
            findings.add(|| format!("{} {id} is found by other values than it has", kind.name()));
        }
    }
    Ok(())
}

async fn memberships(
    connection: &mut SqliteConnection,
    findings: &mut Findings,
) -> Result<(), sqlx::Error> {
    let row = sqlx::query(
        "SELECT count(*), count(*) FILTER (WHERE g.seq IS NULL OR u.seq IS NULL) FROM membership m
         LEFT JOIN resource g ON g.seq = m.group_seq AND g.kind = 1
         LEFT JOIN resource u ON u.seq = m.member_seq AND u.kind = 0",
    )
    .fetch_one(connection)
    .await?;
    findings.memberships = row.try_get(0)?;
    let loose: i64 = row.try_get(1)?;
    if loose > 0 {
        findings.add(|| format!("{loose} memberships do not join a group and a user"));
    }
    Ok(())
}
