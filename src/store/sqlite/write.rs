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
use crate::store::write::{Outcome, Refused, Write, Written};
use crate::store::{
    Change, Changed, Counts, Deletion, Note, ResourceId, Stored, Terms, UnknownMembers, Version,
};

/// What a transaction comes to beside its rows.
#[derive(Default)]
pub(super) struct Aside {
    /// What is to be remembered.
    pub(super) audit: Vec<AuditEntry>,
    /// How many more there are; fewer when negative.
    pub(super) more: Counts,
}

/// Does one write, and notes in `aside` what comes of it.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    write: &Write,
    aside: &mut Aside,
) -> Outcome<Written> {
    let outcome = whole(connection, write, &mut aside.more).await?;
    let audit = &mut aside.audit;
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

/// Whether what was done before it is refused undoes itself: a single statement, or counts of the brake, which may be too high.
fn is_single(write: &Write) -> bool {
    match write {
        Write::Add { added, .. } => added.related.is_empty(),
        Write::Change { change, .. } => change.members.is_empty(),
        Write::Delete { kind, terms, .. } => *kind == ResourceType::User || terms.brake.is_none(),
        Write::Note { .. } | Write::Records(_) | Write::Record(_) | Write::Forget(_) => true,
    }
}

/// All of a write or nothing: a savepoint stands around more than one statement.
async fn whole(
    connection: &mut SqliteConnection,
    write: &Write,
    more: &mut Counts,
) -> Outcome<(Written, Moved)> {
    if is_single(write) {
        return perform(connection, write, more).await;
    }
    execute(connection, "SAVEPOINT one").await?;
    let outcome = perform(connection, write, more).await?;
    if outcome.is_err() {
        execute(connection, "ROLLBACK TO one").await?;
    }
    execute(connection, "RELEASE one").await?;
    Ok(outcome)
}

/// What is refused counts nobody.
async fn perform(
    connection: &mut SqliteConnection,
    write: &Write,
    more: &mut Counts,
) -> Outcome<(Written, Moved)> {
    let alone = |written| Ok((written, Moved::default()));
    match write {
        Write::Add { kind, added, terms } => {
            let outcome = add(connection, *kind, added, terms).await?;
            if outcome.is_ok() {
                more.count(*kind, added.resource.is_active(), 1);
            }
            Ok(outcome)
        }
        Write::Change {
            kind,
            change,
            terms,
        } => self::change(connection, (*kind, change), terms, more).await,
        Write::Delete {
            kind,
            deletion,
            terms,
        } => delete(connection, (*kind, deletion), terms, more).await,
        Write::Note { note, before } => {
            let kept = keep(connection, note, before.as_deref()).await?;
            Ok(kept.map(|()| (Written::Done, Moved::default())))
        }
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
    (kind, change): (ResourceType, &Change),
    terms: &Terms,
    more: &mut Counts,
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
            let updated = row::replace(connection, kind, (before.seq, next), change, resource);
            if let Err(refused) = updated.await? {
                return Ok(Err(refused));
            }
            more.count(kind, before.active, -1);
            more.count(kind, resource.is_active(), 1);
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
    (kind, deletion): (ResourceType, &Deletion),
    terms: &Terms,
    more: &mut Counts,
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
    more.count(kind, before.active, -1);
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

async fn keep(connection: &mut SqliteConnection, note: &Note, before: Option<&str>) -> Outcome<()> {
    let text = match before {
        None => "INSERT INTO note (name, text) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        Some(_) => "UPDATE note SET text = ?2 WHERE name = ?1 AND text = ?3",
    };
    let query = sqlx::query(text).bind(&note.name).bind(&note.text);
    let query = match before {
        None => query,
        Some(before) => query.bind(before),
    };
    let kept = query.execute(connection).await?.rows_affected() > 0;
    Ok(kept.then_some(()).ok_or(Refused::VersionConflict))
}
