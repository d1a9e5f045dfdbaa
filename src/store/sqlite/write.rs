//! Each write as statements inside the writer's transaction: all of it or nothing.

use jiff::Timestamp;
use sqlx::error::ErrorKind;
use sqlx::{Row, SqliteConnection};

use super::{number, records};
use crate::scim::fold_case;
use crate::scim::patch::MemberChange;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::{Change, Changed, Note, Record, ResourceId, StoreError, Stored, Version};

/// What can be asked of the writer.
#[derive(Debug)]
pub(super) enum Write {
    Add {
        kind: ResourceType,
        added: Stored,
    },
    Change {
        kind: ResourceType,
        change: Change,
    },
    Delete {
        kind: ResourceType,
        id: ResourceId,
        expected: Option<Version>,
        at: Timestamp,
    },
    Notes(Vec<Note>),
    Records(Vec<Record>),
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written {
    Done,
    Changed(Changed),
    NotFound,
}

/// Why it was not done, although the database works.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Taken(ResourceType),
    VersionConflict,
    UnknownMembers { count: usize, first: usize },
}

impl From<Refused> for StoreError {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Taken(ResourceType::User) => Self::Taken {
                what: "user",
                attribute: "userName",
            },
            Refused::Taken(ResourceType::Group) => Self::Taken {
                what: "group",
                attribute: "displayName",
            },
            Refused::VersionConflict => Self::VersionConflict,
            Refused::UnknownMembers { count, first } => Self::UnknownMembers { count, first },
        }
    }
}

type Outcome = Result<Result<Written, Refused>, sqlx::Error>;

/// Does one write. A single statement undoes itself when it fails; more of them stand in a savepoint.
pub(super) async fn apply(connection: &mut SqliteConnection, write: &Write) -> Outcome {
    let single = match write {
        Write::Add { added, .. } => added.related.is_empty(),
        Write::Change { change, .. } => change.members.is_empty(),
        Write::Delete { .. } | Write::Notes(_) | Write::Records(_) => true,
    };
    if single {
        return perform(connection, write).await;
    }
    execute(connection, "SAVEPOINT one").await?;
    let outcome = perform(connection, write).await?;
    if outcome.is_err() {
        execute(connection, "ROLLBACK TO one").await?;
    }
    execute(connection, "RELEASE one").await?;
    Ok(outcome)
}

async fn perform(connection: &mut SqliteConnection, write: &Write) -> Outcome {
    match write {
        Write::Add { kind, added } => add(connection, *kind, added).await,
        Write::Change { kind, change } => self::change(connection, *kind, change).await,
        Write::Delete {
            kind,
            id,
            expected,
            at,
        } => delete(connection, *kind, id, *expected, *at).await,
        Write::Notes(notes) => keep(connection, notes).await,
        Write::Records(records) => {
            records::keep(connection, records).await?;
            Ok(Ok(Written::Done))
        }
    }
}

pub(super) async fn execute(
    connection: &mut SqliteConnection,
    text: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query(text).execute(connection).await.map(|_| ())
}

/// The columns by which a resource is found.
struct Keys<'r> {
    name: String,
    display: Option<String>,
    external_id: Option<&'r str>,
}

impl<'r> Keys<'r> {
    fn of(kind: ResourceType, resource: &'r Resource) -> Self {
        let (name, display) = match kind {
            ResourceType::User => (resource.user_name(), resource.display_name()),
            ResourceType::Group => (resource.display_name(), None),
        };
        Self {
            name: fold_case(name.unwrap_or_default()),
            display: display.map(fold_case),
            external_id: resource.external_id(),
        }
    }
}

/// The one place that knows that the only unique constraint a client can meet is that of the name.
fn taken<T>(
    kind: ResourceType,
    result: Result<T, sqlx::Error>,
) -> Result<Result<T, Refused>, sqlx::Error> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(sqlx::Error::Database(error))
            if error.kind() == ErrorKind::UniqueViolation
                && error.message().contains("resource.name_key") =>
        {
            Ok(Err(Refused::Taken(kind)))
        }
        Err(other) => Err(other),
    }
}

async fn add(connection: &mut SqliteConnection, kind: ResourceType, added: &Stored) -> Outcome {
    let keys = Keys::of(kind, &added.resource);
    let inserted = sqlx::query(
        "INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )
    .bind(number(kind))
    .bind(added.id.as_str())
    .bind(added.version.0)
    .bind(added.created.as_millisecond())
    .bind(added.last_modified.as_millisecond())
    .bind(keys.name)
    .bind(keys.display)
    .bind(keys.external_id)
    .bind(added.resource.is_active())
    .bind(added.resource.to_json())
    .execute(&mut *connection)
    .await;
    let seq = match taken(kind, inserted)? {
        Ok(inserted) => inserted.last_insert_rowid(),
        Err(refused) => return Ok(Err(refused)),
    };
    if added.related.is_empty() {
        return Ok(Ok(Written::Done));
    }
    let ids: Vec<&str> = added.related.iter().map(|it| it.id.as_str()).collect();
    let joined = join(connection, seq, &as_json(&ids)).await?;
    Ok(joined.map(|_| Written::Done))
}

fn as_json<T: AsRef<str>>(ids: &[T]) -> String {
    let ids = ids.iter().map(|id| id.as_ref().into()).collect();
    serde_json::Value::Array(ids).to_string()
}

/// Makes the users whose ids are in the JSON list members; says how many were not yet.
async fn join(
    connection: &mut SqliteConnection,
    group: i64,
    ids: &str,
) -> Result<Result<u64, Refused>, sqlx::Error> {
    let unknown = sqlx::query(
        "SELECT count(*), min(j.key) FROM json_each(?1) j
         LEFT JOIN resource u ON u.id = j.value AND u.kind = 0 WHERE u.seq IS NULL",
    )
    .bind(ids)
    .fetch_one(&mut *connection)
    .await?;
    let count: i64 = unknown.try_get(0)?;
    if count > 0 {
        let first: i64 = unknown.try_get(1)?;
        let number = |it: i64| usize::try_from(it).unwrap_or_default();
        return Ok(Err(Refused::UnknownMembers {
            count: number(count),
            first: number(first) + 1,
        }));
    }
    let joined = sqlx::query(
        "INSERT OR IGNORE INTO membership (group_seq, member_seq)
         SELECT ?1, u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value",
    )
    .bind(group)
    .bind(ids)
    .execute(connection)
    .await?;
    Ok(Ok(joined.rows_affected()))
}

/// Applies one change of members; says how many memberships came or went.
async fn change_members(
    connection: &mut SqliteConnection,
    group: i64,
    change: &MemberChange,
) -> Result<Result<u64, Refused>, sqlx::Error> {
    match change {
        MemberChange::Add(ids) => join(connection, group, &as_json(ids)).await,
        MemberChange::Remove(ids) => {
            let left = sqlx::query(
                "DELETE FROM membership WHERE group_seq = ?1 AND member_seq IN
                 (SELECT u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value)",
            )
            .bind(group)
            .bind(as_json(ids))
            .execute(connection)
            .await?;
            Ok(Ok(left.rows_affected()))
        }
        MemberChange::Replace(ids) => {
            let ids = as_json(ids);
            let left = sqlx::query(
                "DELETE FROM membership WHERE group_seq = ?1 AND member_seq NOT IN
                 (SELECT u.seq FROM json_each(?2) j JOIN resource u ON u.id = j.value)",
            )
            .bind(group)
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
            let joined = join(connection, group, &ids).await?;
            Ok(joined.map(|joined| joined + left.rows_affected()))
        }
        MemberChange::Clear => {
            let left = sqlx::query("DELETE FROM membership WHERE group_seq = ?1")
                .bind(group)
                .execute(connection)
                .await?;
            Ok(Ok(left.rows_affected()))
        }
    }
}

/// Where a resource is and which version it has.
async fn locate(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<(i64, Version)>, sqlx::Error> {
    let row = sqlx::query("SELECT seq, version FROM resource WHERE kind = ?1 AND id = ?2")
        .bind(number(kind))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| Ok((row.try_get(0)?, Version(row.try_get(1)?))))
        .transpose()
}

async fn change(connection: &mut SqliteConnection, kind: ResourceType, change: &Change) -> Outcome {
    let Some((seq, version)) = locate(connection, kind, &change.id).await? else {
        return Ok(Ok(Written::NotFound));
    };
    if change.expected.is_some_and(|expected| expected != version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = 0;
    for members in &change.members {
        match change_members(connection, seq, members).await? {
            Ok(some) => moved += some,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    let next = Version(version.0 + 1);
    match &change.resource {
        Some(resource) => {
            let updated = replace(connection, kind, (seq, next), change.at, resource).await;
            if let Err(refused) = taken(kind, updated)? {
                return Ok(Err(refused));
            }
        }
        None if moved == 0 => {
            return Ok(Ok(Written::Changed(Changed {
                version,
                written: false,
            })));
        }
        None => touch(connection, seq, next, change.at).await?,
    }
    Ok(Ok(Written::Changed(Changed {
        version: next,
        written: true,
    })))
}

async fn touch(
    connection: &mut SqliteConnection,
    seq: i64,
    version: Version,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE resource SET version = ?2, modified = ?3 WHERE seq = ?1")
        .bind(seq)
        .bind(version.0)
        .bind(at.as_millisecond())
        .execute(connection)
        .await
        .map(|_| ())
}

async fn replace(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    (seq, version): (i64, Version),
    at: Timestamp,
    resource: &Resource,
) -> Result<(), sqlx::Error> {
    let keys = Keys::of(kind, resource);
    sqlx::query(
        "UPDATE resource SET version = ?2, modified = ?3, name_key = ?4, display_key = ?5, external_id = ?6,
         active = ?7, body = ?8 WHERE seq = ?1",
    )
    .bind(seq)
    .bind(version.0)
    .bind(at.as_millisecond())
    .bind(keys.name)
    .bind(keys.display)
    .bind(keys.external_id)
    .bind(resource.is_active())
    .bind(resource.to_json())
    .execute(connection)
    .await
    .map(|_| ())
}

async fn delete(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    id: &ResourceId,
    expected: Option<Version>,
    at: Timestamp,
) -> Outcome {
    let Some((seq, version)) = locate(connection, kind, id).await? else {
        return Ok(Ok(Written::NotFound));
    };
    if expected.is_some_and(|expected| expected != version) {
        return Ok(Err(Refused::VersionConflict));
    }
    sqlx::query(
        "UPDATE resource SET version = version + 1, modified = ?2
         WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = ?1)",
    )
    .bind(seq)
    .bind(at.as_millisecond())
    .execute(&mut *connection)
    .await?;
    sqlx::query("DELETE FROM resource WHERE seq = ?1")
        .bind(seq)
        .execute(connection)
        .await?;
    Ok(Ok(Written::Done))
}

async fn keep(connection: &mut SqliteConnection, notes: &[Note]) -> Outcome {
    for note in notes {
        sqlx::query(
            "INSERT INTO note (name, text) VALUES (?1, ?2)
             ON CONFLICT (name) DO UPDATE SET text = excluded.text",
        )
        .bind(&note.name)
        .bind(&note.text)
        .execute(&mut *connection)
        .await?;
    }
    Ok(Ok(Written::Done))
}
