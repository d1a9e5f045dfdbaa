//! Each write as statements inside the writer's transaction: all of it or nothing.

mod members;
mod row;
pub(super) mod terms;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::records;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Moved};
use crate::store::brake::{Brake, Removal};
use crate::store::{
    Change, Changed, Deletion, Forgetting, Note, Record, ResourceId, StoreError, Stored, Terms,
    UnknownMembers, Version,
};
pub(super) use row::Keys;
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
    Records(Vec<Record>),
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
            Self::Notes(_) | Self::Records(_) | Self::Record(_) | Self::Forget(_) => None,
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
            Self::Notes(_) | Self::Records(_) | Self::Record(_) | Self::Forget(_) => true,
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
    ExternalIdTaken(ResourceType),
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
            Refused::ExternalIdTaken(kind) => Self::Taken {
                what: match kind {
                    ResourceType::User => "user",
                    ResourceType::Group => "group",
                },
                attribute: "externalId",
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
        Write::Records(records) => {
            records::keep(connection, records).await?;
            Ok(alone(Written::Done))
        }
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

async fn add(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    added: &Stored,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let seq = match row::insert(connection, kind, added, terms).await? {
        Ok(seq) => seq,
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

async fn change(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    change: &Change,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let Some(before) = row::locate(connection, kind, &change.id).await? else {
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
    if let Some(resource) = &change.resource
        && terms.unique_external_id
        && row::is_external_id_taken(connection, kind, before.seq, resource).await?
    {
        return Ok(Err(Refused::ExternalIdTaken(kind)));
    }
    let next = Version(before.version.0 + 1);
    match &change.resource {
        Some(resource) => {
            let updated = row::replace(connection, kind, (&before, next), change, resource);
            if let Err(refused) = updated.await? {
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
        None => row::touch(connection, before.seq, next, change.at).await?,
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

async fn delete(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    deletion: &Deletion,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let Some(before) = row::locate(connection, kind, &deletion.id).await? else {
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
        row::leave_groups(connection, before.seq, deletion.at).await?;
    }
    row::remove(connection, before.seq).await?;
    if terms.audit.as_ref().is_some_and(AuditEntry::erases) {
        terms::forget_names(connection, &deletion.id).await?;
    }
    Ok(Ok((Written::Done, moved)))
}

/// Makes users members of a group, whose version stays; nothing when there is no such group.
pub(super) async fn join(
    connection: &mut SqliteConnection,
    group: &ResourceId,
    ids: &[String],
) -> Outcome<Option<u64>> {
    let Some(before) = row::locate(connection, ResourceType::Group, group).await? else {
        return Ok(Ok(None));
    };
    let joined = members::join(connection, before.seq, ids, UnknownMembers::Refuse);
    Ok(joined.await?.map(Some))
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
