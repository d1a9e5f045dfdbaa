//! Memberships inside a write: by reference, so that they cost what changes.

use sqlx::{Row, SqliteConnection};

use crate::scim::patch::MemberChange;
use crate::store::UnknownMembers;
use crate::store::audit::Moved;
use crate::store::write::Refused;

const STRANGERS: &str = "SELECT count(*), min(j.key) FROM json_each(?1) j
         LEFT JOIN resource u ON u.id = j.value AND u.kind = 0 WHERE u.seq IS NULL";
const JOIN: &str = "INSERT OR IGNORE INTO membership (group_seq, member_seq)
         SELECT ?1, u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value AND u.kind = 0";
const LEAVE: &str = "DELETE FROM membership WHERE group_seq = ?1 AND member_seq IN
                 (SELECT u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value)";

fn as_json<T: AsRef<str>>(ids: &[T]) -> String {
    let ids = ids.iter().map(|id| id.as_ref().into()).collect();
    serde_json::Value::Array(ids).to_string()
}

/// Makes the users called `ids` members; says how many were not yet.
pub(super) async fn join<T: AsRef<str> + Sync>(
    connection: &mut SqliteConnection,
    group: i64,
    ids: &[T],
    unknown: UnknownMembers,
) -> Result<Result<u64, Refused>, sqlx::Error> {
    let ids = as_json(ids);
    if unknown == UnknownMembers::Refuse
        && let Some(refused) = strangers(connection, &ids).await?
    {
        return Ok(Err(refused));
    }
    let joined = sqlx::query(JOIN).bind(group).bind(&ids);
    let joined = joined.execute(connection).await?;
    Ok(Ok(joined.rows_affected()))
}

/// Those in the JSON list `ids` who are no users.
async fn strangers(
    connection: &mut SqliteConnection,
    ids: &str,
) -> Result<Option<Refused>, sqlx::Error> {
    let unknown = sqlx::query(STRANGERS).bind(ids);
    let unknown = unknown.fetch_one(connection).await?;
    let count: i64 = unknown.try_get(0)?;
    if count == 0 {
        return Ok(None);
    }
    let first: i64 = unknown.try_get(1)?;
    let number = |it: i64| usize::try_from(it).unwrap_or_default();
    Ok(Some(Refused::UnknownMembers {
        count: number(count),
        first: number(first) + 1,
    }))
}

/// How many members a group has.
pub(super) async fn count(
    connection: &mut SqliteConnection,
    group: i64,
) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM membership WHERE group_seq = ?1")
        .bind(group)
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Applies one change of members; says how many memberships came and went.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    group: i64,
    change: &MemberChange,
    unknown: UnknownMembers,
) -> Result<Result<Moved, Refused>, sqlx::Error> {
    let mut moved = Moved::default();
    match change {
        MemberChange::Add(ids) => match join(connection, group, ids, unknown).await? {
            Ok(added) => moved.added = added,
            Err(refused) => return Ok(Err(refused)),
        },
        MemberChange::Remove(ids) => {
            let left = sqlx::query(LEAVE).bind(group).bind(as_json(ids));
            let left = left.execute(connection);
            moved.removed = left.await?.rows_affected();
        }
        MemberChange::Replace(ids) => {
            let left = sqlx::query(
                "DELETE FROM membership WHERE group_seq = ?1 AND member_seq NOT IN
                 (SELECT u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value)",
            );
            let left = left
                .bind(group)
                .bind(as_json(ids))
                .execute(&mut *connection);
            moved.removed = left.await?.rows_affected();
            match join(connection, group, ids, unknown).await? {
                Ok(added) => moved.added = added,
                Err(refused) => return Ok(Err(refused)),
            }
        }
        MemberChange::Clear => {
            let left = sqlx::query("DELETE FROM membership WHERE group_seq = ?1").bind(group);
            moved.removed = left.execute(connection).await?.rows_affected();
        }
    }
    Ok(Ok(moved))
}

#[cfg(test)]
mod tests {
    use sqlx::{AssertSqlSafe, ConnectOptions};

    use super::super::super::{migrations, options};
    use super::*;

    /// What is looked for is found by an index, whatever the size of the group or of the directory.
    #[tokio::test]
    async fn adding_or_removing_a_member_looks_at_no_other_member() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = options(&path).connect().await.unwrap();
        migrations::run(&mut connection, &path).await.unwrap();
        for statement in [STRANGERS, JOIN, LEAVE] {
            let explained = format!("EXPLAIN QUERY PLAN {statement}");
            let steps = sqlx::query(AssertSqlSafe(explained))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            let steps: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
            let scans = steps.iter().filter(|it| it.starts_with("SCAN"));
            let scans: Vec<_> = scans.filter(|it| !it.starts_with("SCAN j ")).collect();
            assert!(scans.is_empty(), "{statement}: {steps:#?}");
            assert!(steps.iter().any(|it| it.contains("SEARCH")), "{steps:#?}");
        }
    }
}
