//! Each write as one statement where that is enough, else as a transaction that first locks what it decides by.
//!
//! Locks are taken in one order: groups before people, then the brake, the tally, the sessions. A delete of a person who joined a group
//! just then does not wait for that group but is tried again.

use sqlx::{Connection, PgConnection};

use super::row::{self, Slot};
use super::text::text;
use super::{
    assertions, devices, grants, passkeys, passwords, payloads, photos, records, second_factors,
    sessions, terms,
};
use super::{members, row::Remembered};
use crate::scim::schema::ResourceType;
use crate::store::audit::{AuditEntry, Moved};
use crate::store::brake::{Brake, Removal};
use crate::store::passwords::PasswordWrite;
use crate::store::write::{Refused, Write, Written};
use crate::store::{Change, Changed, Deletion, Note, ResourceId, Stored, Terms, Version};

/// What a write comes to inside its transaction; an error of the database undoes it.
pub(super) type Outcome<T> = Result<Result<T, Refused>, sqlx::Error>;

pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &Write,
    slot: Slot,
) -> Outcome<Written> {
    if let Some(outcome) = by_one_statement(connection, write, slot).await? {
        return Ok(outcome);
    }
    let mut transaction = connection.begin().await?;
    let outcome = within(&mut transaction, write, slot).await?;
    let (written, moved) = match outcome {
        Ok(done) => done,
        Err(refused) => {
            transaction.rollback().await?;
            if let Refused::Held(stopped) = &refused {
                terms::hold(connection, write, stopped).await?;
            }
            return Ok(Err(refused));
        }
    };
    if let Some(entry) = write.audit().filter(|_| written.is_change()) {
        terms::remember(&mut transaction, &entry.with_members(moved)).await?;
    }
    transaction.commit().await?;
    Ok(Ok(written))
}

/// What `write` came to, if an earlier try was cut off and may have been done: what is there already, or gone already, is.
pub(super) async fn settled(
    connection: &mut PgConnection,
    write: &Write,
    outcome: Outcome<Written>,
) -> Outcome<Written> {
    let is_in_the_way = match &outcome {
        Ok(outcome) => outcome.is_err(),
        Err(error) => error
            .as_database_error()
            .is_some_and(sqlx::error::DatabaseError::is_unique_violation),
    };
    let is_done = match write {
        Write::Add { added, .. } => is_in_the_way && row::is_there(connection, &added.id).await?,
        Write::Delete { .. } => matches!(outcome, Ok(Ok(Written::NotFound))),
        Write::Password(PasswordWrite::Set(password))
            if matches!(outcome, Ok(Ok(Written::Rows(0)))) =>
        {
            let kept = passwords::kept(connection, &password.person).await?;
            // No two hashes have the same salt.
            let is_set = kept.as_ref() == Some(&password.hash);
            return Ok(Ok(Written::Rows(is_set.into())));
        }
        Write::Change { .. }
        | Write::Note { .. }
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
        | Write::Assertion(_) => false,
    };
    if is_done {
        return Ok(Ok(Written::Done));
    }
    outcome
}

/// The writes that there are most of, with what is remembered of them.
async fn by_one_statement(
    connection: &mut PgConnection,
    write: &Write,
    slot: Slot,
) -> Result<Option<Result<Written, Refused>>, sqlx::Error> {
    Ok(match write {
        Write::Add { kind, added, terms } if added.related.is_empty() => {
            let remembered = Remembered::of(terms.audit.as_ref());
            let added = row::insert(connection, (*kind, added), terms, remembered, slot).await?;
            Some(added.map(|_| Written::Done))
        }
        Write::Change {
            kind,
            change,
            terms,
        } => match &change.resource {
            // Who waits for the row sees other rows as they were before; only the version tells that they changed meanwhile.
            Some(resource)
                if change.expected.is_some()
                    && change.members.is_empty()
                    && !terms.ends_credentials
                    && !may_be_held(*kind, change, terms) =>
            {
                let remembered = Remembered::of(terms.audit.as_ref());
                let target = (*kind, change, resource);
                Some(row::replace(connection, target, terms, remembered, slot).await?)
            }
            Some(_) | None => None,
        },
        Write::Note { note, before } => Some(keep(connection, note, before.as_deref()).await?),
        Write::Record(entry) => {
            terms::remember(connection, entry).await?;
            Some(Ok(Written::Done))
        }
        Write::Add { .. }
        | Write::Delete { .. }
        | Write::Records(_)
        | Write::Forget(_)
        | Write::Session(_)
        | Write::Password(_)
        | Write::SecondFactor(_)
        | Write::Passkey(_)
        | Write::Payload(_)
        | Write::Photo(_)
        | Write::Grant(_)
        | Write::Device(_)
        | Write::Assertion(_) => None,
    })
}

/// Whether it could be a deactivation, and a brake counts those.
fn may_be_held(kind: ResourceType, change: &Change, terms: &Terms) -> bool {
    let brake = terms.brake.filter(|it| !it.is_open(change.at));
    let removals = change.removals(kind, true, Moved::default());
    brake.is_some() && removals.iter().any(|(_, count)| *count > 0)
}

async fn within(
    connection: &mut PgConnection,
    write: &Write,
    slot: Slot,
) -> Outcome<(Written, Moved)> {
    let alone = |written| (written, Moved::default());
    if let Some((person, expected)) = write.expected() {
        let found = row::lock(connection, ResourceType::User, person).await?;
        if found.is_none_or(|it| it.version != expected) {
            return Ok(Err(Refused::VersionConflict));
        }
    }
    match write {
        Write::Add { kind, added, terms } => add(connection, (*kind, added), terms, slot).await,
        Write::Change {
            kind,
            change,
            terms,
        } => self::change(connection, (*kind, change), terms, slot).await,
        Write::Delete {
            kind,
            deletion,
            terms,
        } => delete(connection, (*kind, deletion), terms, slot).await,
        Write::Forget(forgetting) => {
            let forgotten = terms::forget(connection, forgetting).await?;
            Ok(Ok(alone(Written::Rows(forgotten))))
        }
        Write::Records(records) => {
            records::keep(connection, records).await?;
            Ok(Ok(alone(Written::Done)))
        }
        Write::Session(write) => Ok(Ok(alone(sessions::apply(connection, write).await?))),
        Write::Password(write) => Ok(Ok(alone(passwords::apply(connection, write).await?))),
        Write::Passkey(write) => Ok(Ok(alone(passkeys::apply(connection, write).await?))),
        Write::Payload(write) => Ok(Ok(alone(payloads::apply(connection, write).await?))),
        Write::Photo(write) => Ok(Ok(alone(photos::apply(connection, write).await?))),
        Write::SecondFactor(write) => {
            Ok(Ok(alone(second_factors::apply(connection, write).await?)))
        }
        Write::Grant(write) => Ok(Ok(alone(grants::apply(connection, write).await?))),
        Write::Device(write) => Ok(Ok(alone(devices::apply(connection, write).await?))),
        Write::Assertion(write) => Ok(Ok(alone(assertions::apply(connection, write).await?))),
        Write::Note { .. } | Write::Record(_) => Ok(Ok(alone(Written::Done))),
    }
}

async fn add(
    connection: &mut PgConnection,
    (kind, added): (ResourceType, &Stored),
    terms: &Terms,
    slot: Slot,
) -> Outcome<(Written, Moved)> {
    let inserted = row::insert(connection, (kind, added), terms, Remembered::of(None), slot);
    let seq = match inserted.await? {
        Ok(seq) => seq,
        Err(refused) => return Ok(Err(refused)),
    };
    let ids: Vec<&str> = added.related.iter().map(|it| it.id.as_str()).collect();
    let joined = members::join(connection, seq, &ids, terms.unknown_members).await?;
    Ok(joined.map(|added| (Written::Done, Moved { added, removed: 0 })))
}

async fn change(
    connection: &mut PgConnection,
    (kind, change): (ResourceType, &Change),
    terms: &Terms,
    slot: Slot,
) -> Outcome<(Written, Moved)> {
    let Some(before) = row::lock(connection, kind, &change.id).await? else {
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
    let removals = change.removals(kind, before.active, moved);
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, change.at).await? {
        return Ok(Err(refused));
    }
    if let Some(resource) = &change.resource {
        let target = (kind, change, resource);
        let replaced = row::replace(connection, target, terms, Remembered::of(None), slot).await?;
        if replaced.is_ok() && terms.ends_credentials {
            end_credentials(connection, &change.id).await?;
        }
        return Ok(replaced.map(|written| (written, moved)));
    }
    let written = !moved.is_empty();
    if written {
        row::touch(connection, before.seq, change.at).await?;
    }
    let changed = Changed {
        version: Version(before.version.0 + i64::from(written)),
        written,
    };
    Ok(Ok((Written::Changed(changed), moved)))
}

/// Ends all by which a person signs in or is signed in, and forgets the photo that came with it.
async fn end_credentials(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    sessions::end_all(connection, person).await?;
    passwords::forget(connection, person).await?;
    photos::forget(connection, person).await?;
    second_factors::forget(connection, person).await.map(|_| ())
}

/// Counts removals of several kinds, unless one would be too many.
async fn pass(
    connection: &mut PgConnection,
    brake: Option<&Brake>,
    removals: &[(Removal, u64)],
    at: jiff::Timestamp,
) -> Outcome<()> {
    for removal in removals {
        if let Err(refused) = terms::pass(connection, brake, *removal, at).await? {
            return Ok(Err(refused));
        }
    }
    Ok(Ok(()))
}

/// Nobody can join the one that is locked; its groups change, and it goes with its memberships.
async fn delete(
    connection: &mut PgConnection,
    (kind, deletion): (ResourceType, &Deletion),
    terms: &Terms,
    slot: Slot,
) -> Outcome<(Written, Moved)> {
    if kind == ResourceType::User {
        row::lock_groups_of(connection, &deletion.id).await?;
    }
    let Some(before) = row::lock_whole(connection, kind, &deletion.id).await? else {
        return Ok(Ok((Written::NotFound, Moved::default())));
    };
    if deletion.expected.is_some_and(|it| it != before.version) {
        return Ok(Err(Refused::VersionConflict));
    }
    let mut moved = Moved::default();
    match kind {
        ResourceType::User => {
            row::leave_groups(connection, before.seq, deletion.at).await?;
            end_credentials(connection, &deletion.id).await?;
            payloads::forget(connection, &deletion.id).await?;
        }
        ResourceType::Group => moved.removed = members::count(connection, before.seq).await?,
    }
    let removals = [(Removal::Deletion, 1), (Removal::Membership, moved.removed)];
    if let Err(refused) = pass(connection, terms.brake.as_ref(), &removals, deletion.at).await? {
        return Ok(Err(refused));
    }
    row::remove(connection, before.seq, slot).await?;
    if terms.audit.as_ref().is_some_and(AuditEntry::erases) {
        terms::forget_names(connection, &deletion.id).await?;
    }
    Ok(Ok((Written::Done, moved)))
}

async fn keep(
    connection: &mut PgConnection,
    note: &Note,
    before: Option<&str>,
) -> Outcome<Written> {
    let statement = match before {
        None => "INSERT INTO note (name, text) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        Some(_) => "UPDATE note SET text = $2 WHERE name = $1 AND text = $3",
    };
    let query = sqlx::query(statement)
        .bind(text(&note.name))
        .bind(text(&note.text));
    let query = match before {
        None => query,
        Some(before) => query.bind(text(before)),
    };
    let kept = query.execute(connection).await?.rows_affected() > 0;
    Ok(kept
        .then_some(Written::Done)
        .ok_or(Refused::VersionConflict))
}
