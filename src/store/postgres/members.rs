//! Members of a group: each change costs what changes. The caller has locked the group.

use sqlx::PgConnection;

use super::text::text;
use super::write::Outcome;
use crate::scim::patch::MemberChange;
use crate::store::UnknownMembers;
use crate::store::audit::Moved;
use crate::store::write::Refused;

/// Applies one change of members; says how many memberships came and went.
pub(super) async fn change(
    connection: &mut PgConnection,
    group: i64,
    change: &MemberChange,
    unknown: UnknownMembers,
) -> Outcome<Moved> {
    let left = match change {
        MemberChange::Add(_) => None,
        MemberChange::Remove(ids) => Some((
            "DELETE FROM membership WHERE group_seq = $1 AND member_seq IN
             (SELECT u.seq FROM unnest($2::text[]) AS j(id) JOIN resource u ON u.id = j.id)",
            texts(ids),
        )),
        MemberChange::Replace(ids) => Some((
            "DELETE FROM membership WHERE group_seq = $1 AND member_seq NOT IN
             (SELECT u.seq FROM unnest($2::text[]) AS j(id) JOIN resource u ON u.id = j.id)",
            texts(ids),
        )),
        MemberChange::Clear => Some((
            "DELETE FROM membership WHERE group_seq = $1 AND $2::text[] IS NOT NULL",
            Vec::new(),
        )),
    };
    let mut moved = Moved::default();
    if let Some((statement, ids)) = left {
        let left = sqlx::query(statement).bind(group).bind(ids);
        moved.removed = left.execute(&mut *connection).await?.rows_affected();
    }
    if let MemberChange::Add(ids) | MemberChange::Replace(ids) = change {
        match join(connection, group, ids, unknown).await? {
            Ok(added) => moved.added = added,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    Ok(Ok(moved))
}

/// Makes the users with these ids members; says how many were not yet.
pub(super) async fn join<T: AsRef<str> + Sync>(
    connection: &mut PgConnection,
    group: i64,
    ids: &[T],
    unknown: UnknownMembers,
) -> Outcome<u64> {
    let ids = texts(ids);
    if unknown == UnknownMembers::Refuse
        && let Some(refused) = strangers(connection, &ids).await?
    {
        return Ok(Err(refused));
    }
    let joined = sqlx::query(
        "INSERT INTO membership (group_seq, member_seq)
         SELECT DISTINCT $1::bigint, u.seq FROM unnest($2::text[]) AS j(id) JOIN resource u ON u.id = j.id AND u.kind = 0
         ORDER BY u.seq ON CONFLICT (group_seq, member_seq) DO NOTHING",
    )
    .bind(group)
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(Ok(joined.rows_affected()))
}

/// Those in `ids` who are no users.
async fn strangers(
    connection: &mut PgConnection,
    ids: &[String],
) -> Result<Option<Refused>, sqlx::Error> {
    let (count, first): (i64, Option<i64>) = sqlx::query_as(
        "SELECT count(*), min(j.position) FROM unnest($1::text[]) WITH ORDINALITY AS j(id, position)
         LEFT JOIN resource u ON u.id = j.id AND u.kind = 0 WHERE u.seq IS NULL",
    )
    .bind(ids)
    .fetch_one(connection)
    .await?;
    let number = |it: i64| usize::try_from(it).unwrap_or_default();
    Ok(first.map(|first| Refused::UnknownMembers {
        count: number(count),
        first: number(first),
    }))
}

/// How many members a group has.
pub(super) async fn count(connection: &mut PgConnection, group: i64) -> Result<u64, sqlx::Error> {
    let count: i64 = sqlx::query_scalar("SELECT count(*) FROM membership WHERE group_seq = $1")
        .bind(group)
        .fetch_one(connection)
        .await?;
    Ok(u64::try_from(count).unwrap_or_default())
}

fn texts<T: AsRef<str>>(ids: &[T]) -> Vec<String> {
    let texts = ids.iter().map(|id| text(id.as_ref()).into_owned());
    texts.collect()
}
