//! Memberships inside a write: by reference, so that they cost what changes.

use rusqlite::Connection;

use crate::scim::patch::MemberChange;
use crate::store::UnknownMembers;
use crate::store::audit::Moved;
use crate::store::write::Refused;

// SQLite takes a CROSS JOIN in the order in which it is written.
const STRANGERS: &str = "SELECT count(*), min(j.key) FROM json_each(?1) j
         LEFT JOIN resource u ON u.id = j.value AND u.kind = 0 WHERE u.seq IS NULL";
const JOIN: &str = "INSERT OR IGNORE INTO membership (group_seq, member_seq)
         SELECT ?1, u.seq FROM json_each(?2) j CROSS JOIN resource u ON u.id = j.value AND u.kind = 0";
const LEAVE: &str = "DELETE FROM membership WHERE group_seq = ?1 AND member_seq IN
                 (SELECT u.seq FROM json_each(?2) j CROSS JOIN resource u ON u.id = j.value)";
const KEEP: &str = "DELETE FROM membership WHERE group_seq = ?1 AND member_seq NOT IN
                 (SELECT u.seq FROM json_each(?2) j CROSS JOIN resource u ON u.id = j.value)";

fn as_json<T: AsRef<str>>(ids: &[T]) -> String {
    let ids = ids.iter().map(|id| id.as_ref().into()).collect();
    serde_json::Value::Array(ids).to_string()
}

/// Makes the users called `ids` members; says how many were not yet.
pub(super) fn join<T: AsRef<str> + Sync>(
    connection: &Connection,
    group: i64,
    ids: &[T],
    unknown: UnknownMembers,
) -> Result<Result<u64, Refused>, rusqlite::Error> {
    let ids = as_json(ids);
    if unknown == UnknownMembers::Refuse
        && let Some(refused) = strangers(connection, &ids)?
    {
        return Ok(Err(refused));
    }
    let joined = connection.prepare_cached(JOIN)?.execute((group, &ids))?;
    Ok(Ok(joined as u64))
}

/// Those in the JSON list `ids` who are no users.
fn strangers(connection: &Connection, ids: &str) -> Result<Option<Refused>, rusqlite::Error> {
    let (count, first): (i64, Option<i64>) = connection
        .prepare_cached(STRANGERS)?
        .query_row([ids], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let number = |it: i64| usize::try_from(it).unwrap_or_default();
    Ok(first.map(|first| Refused::UnknownMembers {
        count: number(count),
        first: number(first) + 1,
    }))
}

/// How many members a group has.
pub(super) fn count(connection: &Connection, group: i64) -> Result<u64, rusqlite::Error> {
    let count: i64 = connection
        .prepare_cached("SELECT count(*) FROM membership WHERE group_seq = ?1")?
        .query_row([group], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Applies one change of members; says how many memberships came and went.
pub(super) fn change(
    connection: &Connection,
    group: i64,
    change: &MemberChange,
    unknown: UnknownMembers,
) -> Result<Result<Moved, Refused>, rusqlite::Error> {
    let mut moved = Moved::default();
    match change {
        MemberChange::Add(ids) => match join(connection, group, ids, unknown)? {
            Ok(added) => moved.added = added,
            Err(refused) => return Ok(Err(refused)),
        },
        MemberChange::Remove(ids) => {
            let mut left = connection.prepare_cached(LEAVE)?;
            moved.removed = left.execute((group, as_json(ids)))? as u64;
        }
        MemberChange::Replace(ids) => {
            let mut left = connection.prepare_cached(KEEP)?;
            moved.removed = left.execute((group, as_json(ids)))? as u64;
            match join(connection, group, ids, unknown)? {
                Ok(added) => moved.added = added,
                Err(refused) => return Ok(Err(refused)),
            }
        }
        MemberChange::Clear => {
            let mut left =
                connection.prepare_cached("DELETE FROM membership WHERE group_seq = ?1")?;
            moved.removed = left.execute([group])? as u64;
        }
    }
    Ok(Ok(moved))
}

#[cfg(test)]
mod tests {
    use super::super::super::{connect, migrations};
    use super::*;

    /// What is looked for is found by an index, whatever the size of the group or of the directory.
    #[test]
    fn adding_or_removing_a_member_looks_at_no_other_member() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let mut connection = connect(&path).unwrap();
        migrations::run(&mut connection, &path).unwrap();
        for statement in [STRANGERS, JOIN, LEAVE, KEEP] {
            let explained = format!("EXPLAIN QUERY PLAN {statement}");
            let mut steps = connection.prepare(&explained).unwrap();
            let steps = steps.raw_query().mapped(|row| row.get("detail"));
            let steps: Vec<String> = steps.map(Result::unwrap).collect();
            let people = steps.iter().filter(|it| it.contains(" u "));
            let people: Vec<_> = people.collect();
            assert!(!people.is_empty(), "{steps:#?}");
            for step in people {
                assert!(step.contains("(id=?)"), "{statement}: {steps:#?}");
            }
            let members = steps.iter().filter(|it| it.contains(" membership "));
            for step in members {
                assert!(step.contains("group_seq=?"), "{statement}: {steps:#?}");
            }
        }
    }
}
