//! Each write as statements inside the writer's transaction: all of it or nothing.

mod members;
pub(super) mod row;
pub(super) mod terms;

use jiff::Timestamp;
use rusqlite::Connection;

use super::{
    assertions, devices, grants, passkeys, passwords, payloads, photos, records, second_factors,
    sessions,
};
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Moved};
use crate::store::brake::{Brake, Removal};
use crate::store::write::{Refused, Stopped, Write, Written};
use crate::store::{
    Change, Changed, Counts, Deletion, Note, ResourceId, Stored, Terms, UnknownMembers, Version,
};

/// What a write comes to inside its transaction; an error of the database undoes it.
pub(super) type Outcome<T> = Result<Result<T, Refused>, rusqlite::Error>;

/// What a transaction comes to beside its rows.
#[derive(Default)]
pub(super) struct Aside {
    /// What is to be remembered.
    pub(super) audit: Vec<AuditEntry>,
    /// How many more there are; fewer when negative.
    pub(super) more: Counts,
}

/// Does one write, and notes in `aside` what comes of it.
pub(super) fn apply(connection: &Connection, write: &Write, aside: &mut Aside) -> Outcome<Written> {
    let outcome = whole(connection, write, &mut aside.more)?;
    let entry = match &outcome {
        Ok((written, moved)) if written.is_change() => {
            write.audit().map(|it| it.with_members(*moved))
        }
        Err(Refused::Held(stopped)) => held(connection, write, stopped)?,
        Ok(_) | Err(_) => None,
    };
    aside.audit.extend(entry);
    Ok(outcome.map(|(written, _)| written))
}

/// Notes that a write was held; what is remembered of it, where that is news.
fn held(
    connection: &Connection,
    write: &Write,
    stopped: &Stopped,
) -> Result<Option<AuditEntry>, rusqlite::Error> {
    let Some((id, at, terms)) = write.subject() else {
        return Ok(None);
    };
    let news = terms::hold(connection, stopped, id, at)?;
    let entry = terms.audit.as_ref().filter(|_| news);
    Ok(entry.map(|it| it.held(stopped.removed_members())))
}

/// Whether what was done before it is refused undoes itself: a single statement, or counts of the brake, which may be too high.
fn is_single(write: &Write) -> bool {
    match write {
        Write::Add { added, .. } => added.related.is_empty(),
        Write::Change { change, .. } => change.members.is_empty(),
        Write::Delete { kind, terms, .. } => *kind == ResourceType::User || terms.brake.is_none(),
        Write::Note { .. }
        | Write::Records(_)
        | Write::Record(_)
        | Write::Forget(_)
        | Write::Session(_)
        | Write::Password(_)
        | Write::SecondFactor(_)
        | Write::Passkey(_)
        | Write::Payload(_)
        | Write::Photo(_)
        | Write::Grant(_)
        | Write::Device(_)
        | Write::Assertion(_) => true,
    }
}

/// All of a write or nothing: a savepoint stands around more than one statement.
fn whole(connection: &Connection, write: &Write, more: &mut Counts) -> Outcome<(Written, Moved)> {
    if is_single(write) {
        return perform(connection, write, more);
    }
    execute(connection, "SAVEPOINT one")?;
    let outcome = perform(connection, write, more)?;
    if outcome.is_err() {
        execute(connection, "ROLLBACK TO one")?;
    }
    execute(connection, "RELEASE one")?;
    Ok(outcome)
}

/// What is refused counts nobody.
fn perform(connection: &Connection, write: &Write, more: &mut Counts) -> Outcome<(Written, Moved)> {
    let alone = |written| Ok((written, Moved::default()));
    if let Some((person, expected)) = write.expected() {
        let found = row::locate(connection, ResourceType::User, person)?;
        if found.is_none_or(|it| it.version != expected) {
            return Ok(Err(Refused::VersionConflict));
        }
    }
    match write {
        Write::Add { kind, added, terms } => {
            let outcome = add(connection, *kind, added, terms)?;
            if outcome.is_ok() {
                more.count(*kind, added.resource.is_active(), 1);
            }
            Ok(outcome)
        }
        Write::Change {
            kind,
            change,
            terms,
        } => self::change(connection, (*kind, change), terms, more),
        Write::Delete {
            kind,
            deletion,
            terms,
        } => delete(connection, (*kind, deletion), terms, more),
        Write::Note { note, before } => {
            let kept = keep(connection, note, before.as_deref())?;
            Ok(kept.map(|()| (Written::Done, Moved::default())))
        }
        Write::Records(records) => {
            records::keep(connection, records)?;
            Ok(alone(Written::Done))
        }
        Write::Record(_) => Ok(alone(Written::Done)),
        Write::Forget(forgetting) => {
            let forgotten = terms::forget(connection, forgetting)?;
            Ok(alone(Written::Rows(forgotten)))
        }
        Write::Session(write) => Ok(alone(sessions::apply(connection, write)?)),
        Write::Password(write) => Ok(alone(passwords::apply(connection, write)?)),
        Write::Passkey(write) => Ok(alone(passkeys::apply(connection, write)?)),
        Write::Payload(write) => Ok(alone(payloads::apply(connection, write)?)),
        Write::Photo(write) => Ok(alone(photos::apply(connection, write)?)),
        Write::SecondFactor(write) => Ok(alone(second_factors::apply(connection, write)?)),
        Write::Grant(write) => Ok(alone(grants::apply(connection, write)?)),
        Write::Device(write) => Ok(alone(devices::apply(connection, write)?)),
        Write::Assertion(write) => Ok(alone(assertions::apply(connection, write)?)),
    }
}

/// Runs a statement that gives no rows.
pub(super) fn execute(connection: &Connection, text: &'static str) -> Result<(), rusqlite::Error> {
    connection.prepare_cached(text)?.execute(()).map(|_| ())
}

fn add(
    connection: &Connection,
    kind: ResourceType,
    added: &Stored,
    terms: &Terms,
) -> Outcome<(Written, Moved)> {
    let seq = match row::insert(connection, kind, added, terms)? {
        Ok(seq) => seq,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut moved = Moved::default();
    if !added.related.is_empty() {
        let ids: Vec<&str> = added.related.iter().map(|it| it.id.as_str()).collect();
        match members::join(connection, seq, &ids, terms.unknown_members)? {
            Ok(joined) => moved.added = joined,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    Ok(Ok((Written::Done, moved)))
}

fn change(
    connection: &Connection,
    (kind, change): (ResourceType, &Change),
    terms: &Terms,
    more: &mut Counts,
) -> Outcome<(Written, Moved)> {
    let Some(before) = row::locate(connection, kind, &change.id)? else {
        return Ok(Ok((Written::NotFound, Moved::default())));
    };
    if change.expected.is_some_and(|it| it != before.version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = Moved::default();
    for change in &change.members {
        match members::change(connection, before.seq, change, terms.unknown_members)? {
            Ok(some) => moved += some,
            Err(refused) => return Ok(Err(refused)),
        }
    }
    let removals = change.removals(kind, before.active, moved);
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, change.at)? {
        return Ok(Err(refused));
    }
    if let Some(resource) = &change.resource
        && terms.unique_external_id
        && row::is_external_id_taken(connection, kind, Some(before.seq), resource)?
    {
        return Ok(Err(Refused::ExternalIdTaken(kind)));
    }
    let next = Version(before.version.0 + 1);
    match &change.resource {
        Some(resource) => {
            let updated = row::replace(connection, kind, (&before, next), change, resource);
            if let Err(refused) = updated? {
                return Ok(Err(refused));
            }
            if kind == ResourceType::User && !resource.is_active() {
                sessions::end_all(connection, &change.id)?;
            }
            if terms.ends_credentials {
                end_credentials(connection, &change.id)?;
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
        None => row::touch(connection, before.seq, next, change.at)?,
    }
    let changed = Changed {
        version: next,
        written: true,
    };
    Ok(Ok((Written::Changed(changed), moved)))
}

/// Counts removals of several kinds, unless one would be too many.
fn pass(
    connection: &Connection,
    brake: Option<&Brake>,
    removals: &[(Removal, u64)],
    at: Timestamp,
) -> Outcome<()> {
    for removal in removals {
        if let Err(refused) = terms::pass(connection, brake, *removal, at)? {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(()))
}

/// Ends all by which a person signs in or is signed in, and forgets the photo that came with it.
fn end_credentials(connection: &Connection, person: &ResourceId) -> Result<(), rusqlite::Error> {
    sessions::end_all(connection, person)?;
    passwords::forget(connection, person)?;
    photos::forget(connection, person)?;
    second_factors::forget(connection, person).map(|_| ())
}

fn delete(
    connection: &Connection,
    (kind, deletion): (ResourceType, &Deletion),
    terms: &Terms,
    more: &mut Counts,
) -> Outcome<(Written, Moved)> {
    let Some(before) = row::locate(connection, kind, &deletion.id)? else {
        return Ok(Ok((Written::NotFound, Moved::default())));
    };
    if deletion.expected.is_some_and(|it| it != before.version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = Moved::default();
    if kind == ResourceType::Group {
        moved.removed = members::count(connection, before.seq)?;
    }
    let removals = [(Removal::Deletion, 1), (Removal::Membership, moved.removed)];
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, deletion.at)? {
        return Ok(Err(refused));
    }
    if kind == ResourceType::User {
        row::leave_groups(connection, before.seq, deletion.at)?;
        end_credentials(connection, &deletion.id)?;
        payloads::forget(connection, &deletion.id)?;
    }
    row::remove(connection, before.seq)?;
    if terms.audit.as_ref().is_some_and(AuditEntry::erases) {
        terms::forget_names(connection, &deletion.id)?;
    }
    more.count(kind, before.active, -1);
    Ok(Ok((Written::Done, moved)))
}

/// Makes users members of a group, whose version stays; nothing when there is no such group.
pub(super) fn join(
    connection: &Connection,
    group: &ResourceId,
    ids: &[String],
) -> Outcome<Option<u64>> {
    let Some(before) = row::locate(connection, ResourceType::Group, group)? else {
        return Ok(Ok(None));
    };
    let joined = members::join(connection, before.seq, ids, UnknownMembers::Refuse);
    Ok(joined?.map(Some))
}

fn keep(connection: &Connection, note: &Note, before: Option<&str>) -> Outcome<()> {
    let text = match before {
        None => "INSERT INTO note (name, text) VALUES (?1, ?2) ON CONFLICT (name) DO NOTHING",
        Some(_) => "UPDATE note SET text = ?2 WHERE name = ?1 AND text = ?3",
    };
    let mut statement = connection.prepare_cached(text)?;
    let kept = match before {
        None => statement.execute((&note.name, &note.text))?,
        Some(before) => statement.execute((&note.name, &note.text, before))?,
    };
    let kept = kept > 0;
    Ok(kept.then_some(()).ok_or(Refused::VersionConflict))
}
