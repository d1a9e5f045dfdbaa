//! The row of a resource inside a write: found, written, deleted.

use std::collections::BTreeSet;

use jiff::Timestamp;
use rusqlite::{Connection, Error, OptionalExtension, ffi, params};

use super::Outcome;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::lookup::LookupKey;
use crate::store::sqlite::{checksum, lookup};
use crate::store::write::{Keys, Refused, number};
use crate::store::{Change, ResourceId, Stored, Terms, Version};

/// The one place that knows that the only unique constraint a client can meet is that of the name.
fn taken(kind: ResourceType, result: Result<usize, Error>) -> Outcome<usize> {
    match result {
        Ok(rows) => Ok(Ok(rows)),
        Err(Error::SqliteFailure(failure, Some(message)))
            if failure.extended_code == ffi::SQLITE_CONSTRAINT_UNIQUE
                && message.contains("resource.name_key") =>
        {
            Ok(Err(Refused::Taken(kind)))
        }
        Err(other) => Err(other),
    }
}

/// Writes a new row; says its number.
pub(super) fn insert(
    connection: &Connection,
    kind: ResourceType,
    added: &Stored,
    terms: &Terms,
) -> Outcome<i64> {
    if terms.unique_external_id && is_external_id_taken(connection, kind, None, &added.resource)? {
        return Ok(Err(Refused::ExternalIdTaken(kind)));
    }
    let keys = Keys::of(kind, &added.resource);
    let body = added.resource.to_json();
    let inserted = connection
        .prepare_cached(
            "INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body, deactivated, checksum, looked_up)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, iif(?9, NULL, ?4), ?11 + ?3 + ?4 + ?5, ?3)",
        )?
        .execute(params![
            number(kind),
            added.id.as_str(),
            added.version.0,
            added.created.as_millisecond(),
            added.last_modified.as_millisecond(),
            keys.name,
            keys.display,
            keys.external_id,
            added.resource.is_active(),
            body,
            checksum::of(number(kind), added.id.as_str(), &body),
        ]);
    if let Err(refused) = taken(kind, inserted)? {
        return Ok(Err(refused));
    }
    let seq = connection.last_insert_rowid();
    lookup::insert(connection, seq, &LookupKey::all(kind, &added.resource))?;
    Ok(Ok(seq))
}

pub(in crate::store::sqlite) const IS_TAKEN: &str = "SELECT EXISTS (SELECT 1 FROM resource
 WHERE kind = ?1 AND external_id IS NOT NULL AND lower(external_id) = lower(?2) AND seq IS NOT ?3)";

/// Whether another resource than the one numbered `seq` has the same `externalId`, in any casing.
pub(super) fn is_external_id_taken(
    connection: &Connection,
    kind: ResourceType,
    seq: Option<i64>,
    resource: &Resource,
) -> Result<bool, Error> {
    connection
        .prepare_cached(IS_TAKEN)?
        .query_row((number(kind), resource.external_id(), seq), |row| {
            row.get(0)
        })
}

/// A resource as it is before a write.
pub(super) struct Before {
    pub(super) seq: i64,
    pub(super) version: Version,
    pub(super) active: bool,
    name: String,
    display: Option<String>,
    external_id: Option<String>,
    /// What is in the table `lookup`.
    keys: BTreeSet<LookupKey>,
}

impl Before {
    fn is_called(&self, keys: &Keys<'_>) -> bool {
        self.name == keys.name
            && self.display == keys.display
            && self.external_id.as_deref() == keys.external_id
    }
}

/// Where a resource is and which version it has.
pub(super) fn locate(
    connection: &Connection,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<Before>, Error> {
    connection
        .prepare_cached(concat!(
            "SELECT r.seq, r.version, r.active, r.name_key, r.display_key, r.external_id, ",
            lookup::keys!(),
            " FROM resource r WHERE r.kind = ?1 AND r.id = ?2"
        ))?
        .query_row((number(kind), id.as_str()), |row| {
            Ok(Before {
                seq: row.get(0)?,
                version: Version(row.get(1)?),
                active: row.get(2)?,
                name: row.get(3)?,
                display: row.get(4)?,
                external_id: row.get(5)?,
                keys: lookup::read(row.get_ref(6)?.as_str()?),
            })
        })
        .optional()
}

pub(super) fn touch(
    connection: &Connection,
    seq: i64,
    version: Version,
    at: Timestamp,
) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE resource SET version = ?2, modified = ?3, checksum = checksum + (?2 - version) + (?3 - modified)
             WHERE seq = ?1",
        )?
        .execute((seq, version.0, at.as_millisecond()))
        .map(|_| ())
}

pub(super) fn replace(
    connection: &Connection,
    kind: ResourceType,
    (before, version): (&Before, Version),
    change: &Change,
    resource: &Resource,
) -> Outcome<()> {
    let keys = Keys::of(kind, resource);
    let body = resource.to_json();
    if !before.is_called(&keys)
        && let Err(refused) = taken(kind, rename(connection, before.seq, &keys))?
    {
        return Ok(Err(refused));
    }
    connection
        .prepare_cached(
            "UPDATE resource SET version = ?2, modified = ?3, active = ?4, body = ?5,
             deactivated = iif(?4, NULL, iif(active, ?3, coalesce(deactivated, ?3))),
             checksum = ?6 + ?2 + created + ?3, looked_up = ?2 WHERE seq = ?1",
        )?
        .execute((
            before.seq,
            version.0,
            change.at.as_millisecond(),
            resource.is_active(),
            &body,
            checksum::of(number(kind), change.id.as_str(), &body),
        ))?;
    let keys = LookupKey::all(kind, resource);
    if keys != before.keys {
        lookup::replace(connection, before.seq, &keys)?;
    }
    Ok(Ok(()))
}

/// By a statement of its own: SQLite writes the entry of each index anew whose column a statement names, be it the same.
fn rename(connection: &Connection, seq: i64, keys: &Keys<'_>) -> Result<usize, Error> {
    connection
        .prepare_cached(
            "UPDATE resource SET name_key = ?2, display_key = ?3, external_id = ?4 WHERE seq = ?1",
        )?
        .execute((seq, &keys.name, &keys.display, keys.external_id))
}

/// The groups of a user who goes change.
pub(super) fn leave_groups(connection: &Connection, user: i64, at: Timestamp) -> Result<(), Error> {
    connection
        .prepare_cached(
            "UPDATE resource SET version = version + 1, modified = ?2, checksum = checksum + 1 + (?2 - modified)
             WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = ?1)",
        )?
        .execute((user, at.as_millisecond()))
        .map(|_| ())
}

/// Deletes a row, and with it its memberships.
pub(super) fn remove(connection: &Connection, seq: i64) -> Result<(), Error> {
    connection
        .prepare_cached("DELETE FROM resource WHERE seq = ?1")?
        .execute([seq])
        .map(|_| ())
}
