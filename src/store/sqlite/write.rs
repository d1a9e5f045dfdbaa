//! Each write as statements inside the writer's transaction: all of it or nothing.

mod members;
pub(super) mod terms;

use jiff::Timestamp;
use sqlx::error::ErrorKind;
use sqlx::{Row, SqliteConnection};

use super::number;
use crate::scim::fold_case;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Moved};
use crate::store::brake::{Brake, Removal};
use crate::store::{
    Change, Changed, Deletion, Forgetting, Note, ResourceId, StoreError, Stored, Terms, Version,
};
use terms::Stopped;

/// What can be asked of the writer.
#[derive(Debug)]
pub(super) enum Write {
    Add {
        kind: ResourceType,
        added: Stored,
        terms: Terms,
    },
    Change {
        kind: ResourceType,
        change: Change,
        terms: Terms,
    },
    Delete {
        kind: ResourceType,
        deletion: Deletion,
        terms: Terms,
    },
    Notes(Vec<Note>),
    Record(AuditEntry),
    Forget(Forgetting),
}

impl Write {
    /// What it is about, when, and under which terms; nothing when it is no write of a resource.
    fn subject(&self) -> Option<(&ResourceId, Timestamp, &Terms)> {
        match self {
            Self::Add { added, terms, .. } => Some((&added.id, added.created, terms)),
            Self::Change { change, terms, .. } => Some((&change.id, change.at, terms)),
            Self::Delete {
                deletion, terms, ..
            } => Some((&deletion.id, deletion.at, terms)),
            Self::Notes(_) | Self::Record(_) | Self::Forget(_) => None,
        }
    }

    /// Whether what was done before it is refused undoes itself: a single statement, or counts of the brake, which may be too high.
    fn is_single(&self) -> bool {
        match self {
            Self::Add { added, .. } => added.related.is_empty(),
            Self::Change { change, .. } => change.members.is_empty(),
            Self::Delete { kind, terms, .. } => {
                *kind == ResourceType::User || terms.brake.is_none()
            }
            Self::Notes(_) | Self::Record(_) | Self::Forget(_) => true,
        }
    }
}

/// What became of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Written {
    Done,
    Changed(Changed),
    NotFound,
    Forgotten(u64),
}

impl Written {
    fn is_change(self) -> bool {
        match self {
            Self::Done => true,
            Self::Changed(changed) => changed.written,
            Self::NotFound | Self::Forgotten(_) => false,
        }
    }
}

/// Why it was not done, although the database works.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refused {
    Taken(ResourceType),
    VersionConflict,
    UnknownMembers { count: usize, first: usize },
    Held(Stopped),
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
            Refused::Held(stopped) => stopped.into(),
        }
    }
}

type Outcome<T> = Result<Result<T, Refused>, sqlx::Error>;

/// Does one write, and adds to `audit` what is to be remembered of it.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    write: &Write,
    audit: &mut Vec<AuditEntry>,
) -> Outcome<Written> {
    let outcome = whole(connection, write).await?;
    if let Write::Record(entry) = write {
        audit.push(entry.clone());
    }
    let Some((id, at, terms)) = write.subject() else {
        return Ok(outcome.map(|(written, _)| written));
    };
    match (&outcome, &terms.audit) {
        (Ok((written, moved)), Some(entry)) if written.is_change() => {
            audit.push(entry.with_members(*moved));
        }
        (Err(Refused::Held(stopped)), entry) => {
            let news = terms::hold(connection, stopped, id, at).await?;
            let entry = entry.as_ref().filter(|_| news);
            audit.extend(entry.map(|it| it.held(stopped.removed_members())));
        }
        (Ok(_) | Err(_), _) => {}
    }
    Ok(outcome.map(|(written, _)| written))
}

/// All of a write or nothing: a savepoint stands around more than one statement.
async fn whole(connection: &mut SqliteConnection, write: &Write) -> Outcome<(Written, Moved)> {
    if write.is_single() {
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

async fn perform(connection: &mut SqliteConnection, write: &Write) -> Outcome<(Written, Moved)> {
    let alone = |written| Ok((written, Moved::default()));
    match write {
        Write::Add { kind, added, terms } => add(connection, *kind, added, terms).await,
        Write::Change {
            kind,
            change,
            terms,
        } => self::change(connection, *kind, change, terms).await,
        Write::Delete {
            kind,
            deletion,
            terms,
        } => delete(connection, *kind, deletion, terms).await,
        Write::Notes(notes) => keep(connection, notes).await.map(|()| alone(Written::Done)),
        Write::Record(_) => Ok(alone(Written::Done)),
        Write::Forget(forgetting) => {
            let forgotten = terms::forget(connection, forgetting).await?;
            Ok(alone(Written::Forgotten(forgotten)))
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

async fn add(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    added: &Stored,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let keys = Keys::of(kind, &added.resource);
    let inserted = sqlx::query(
        "INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body, deactivated)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, iif(?9, NULL, ?4))",
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
    let mut moved = Moved::default();
    if !added.related.is_empty() {
        let ids: Vec<&str> = added.related.iter().map(|it| it.id.as_str()).collect();
        match members::join(connection, seq, &ids, terms.unknown_members).await? {
            Ok(joined) => moved.added = joined,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    Ok(Ok((Written::Done, moved)))
}

/// A resource as it is before a write.
struct Before {
    seq: i64,
    version: Version,
    active: bool,
}

/// Where a resource is and which version it has.
async fn locate(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<Before>, sqlx::Error> {
    let row = sqlx::query("SELECT seq, version, active FROM resource WHERE kind = ?1 AND id = ?2")
        .bind(number(kind))
        .bind(id.as_str())
        .fetch_optional(connection)
        .await?;
    row.map(|row| {
        Ok(Before {
            seq: row.try_get(0)?,
            version: Version(row.try_get(1)?),
            active: row.try_get(2)?,
        })
    })
    .transpose()
}

async fn change(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    change: &Change,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let Some(before) = locate(connection, kind, &change.id).await? else {
        return Ok(Ok((Written::NotFound, Moved::default())));
    };
    if change.expected.is_some_and(|it| it != before.version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = Moved::default();
    for change in &change.members {
        match members::change(connection, before.seq, change, terms.unknown_members).await? {
            Ok(some) => moved += some,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    let leaves = |it: &Resource| kind == ResourceType::User && before.active && !it.is_active();
    let deactivated = change.resource.as_ref().is_some_and(leaves);
    let removals = [
        (Removal::Deactivation, u64::from(deactivated)),
        (Removal::Membership, moved.removed),
    ];
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, change.at).await? {
        return Ok(Err(refused));
    }
    let next = Version(before.version.0 + 1);
    match &change.resource {
        Some(resource) => {
            let updated = replace(connection, kind, (before.seq, next), change.at, resource).await;
            if let Err(refused) = taken(kind, updated)? {
                return Ok(Err(refused));
            }
        }
        None if moved.is_empty() => {
            let unchanged = Changed {
                version: before.version,
                written: false,
            };
            return Ok(Ok((Written::Changed(unchanged), moved)));
        }
        None => touch(connection, before.seq, next, change.at).await?,
    }
    let changed = Changed {
        version: next,
        written: true,
    };
    Ok(Ok((Written::Changed(changed), moved)))
}

/// Counts removals of several kinds, unless one would be too many.
async fn pass(
    connection: &mut SqliteConnection,
    brake: Option<&Brake>,
    removals: &[(Removal, u64)],
    at: Timestamp,
) -> Outcome<()> {
    for removal in removals {
        if let Err(refused) = terms::pass(connection, brake, *removal, at).await? {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(()))
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
         active = ?7, body = ?8, 
         deactivated = iif(?7, NULL, iif(active, ?3, coalesce(deactivated, ?3))) WHERE seq = ?1",
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
    deletion: &Deletion,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let Some(before) = locate(connection, kind, &deletion.id).await? else {
        return Ok(Ok((Written::NotFound, Moved::default())));
    };
    if deletion.expected.is_some_and(|it| it != before.version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = Moved::default();
    if kind == ResourceType::Group {
        moved.removed = members::count(connection, before.seq).await?;
    }
    let removals = [(Removal::Deletion, 1), (Removal::Membership, moved.removed)];
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, deletion.at).await? {
        return Ok(Err(refused));
    }
    if kind == ResourceType::User {
        leave_groups(connection, before.seq, deletion.at).await?;
    }
    sqlx::query("DELETE FROM resource WHERE seq = ?1")
        .bind(before.seq)
        .execute(&mut *connection)
        .await?;
    if terms.audit.as_ref().is_some_and(AuditEntry::erases) {
        terms::forget_names(connection, &deletion.id).await?;
    }
    Ok(Ok((Written::Done, moved)))
}

/// The groups of a user who goes change.
async fn leave_groups(
    connection: &mut SqliteConnection,
    user: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE resource SET version = version + 1, modified = ?2
         WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = ?1)",
    )
    .bind(user)
    .bind(at.as_millisecond())
    .execute(connection)
    .await
    .map(|_| ())
}

async fn keep(connection: &mut SqliteConnection, notes: &[Note]) -> Result<(), sqlx::Error> {
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
    Ok(())
}
