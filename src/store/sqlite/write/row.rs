//! The row of a resource inside a write: found, written, deleted.

use jiff::Timestamp;
use sqlx::error::ErrorKind;
use sqlx::{Row, SqliteConnection};

use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::sqlite::checksum;
use crate::store::write::{Keys, Outcome, Refused, number};
use crate::store::{Change, ResourceId, Stored, Terms, Version};

/// The one place that knows that the only unique constraint a client can meet is that of the name.
fn taken<T>(kind: ResourceType, result: Result<T, sqlx::Error>) -> Outcome<T> {
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

/// Writes a new row; says its number.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    added: &Stored,
    terms: &Terms,
) -> Outcome<i64> {
    let keys = Keys::of(kind, &added.resource);
    let body = added.resource.to_json();
    let inserted = sqlx::query(
        "INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, body, deactivated, checksum)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, iif(?9, NULL, ?4), ?12 + ?3 + ?4 + ?5
         WHERE NOT ?11 OR NOT EXISTS (SELECT 1 FROM resource WHERE kind = ?1 AND external_id = ?8)",
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
    .bind(&body)
    .bind(terms.unique_external_id)
    .bind(checksum::of(number(kind), added.id.as_str(), &body))
    .execute(&mut *connection)
    .await;
    Ok(match taken(kind, inserted)? {
        Ok(inserted) if inserted.rows_affected() == 0 => Err(Refused::ExternalIdTaken(kind)),
        Ok(inserted) => Ok(inserted.last_insert_rowid()),
        Err(refused) => Err(refused),
    })
}

/// Whether another resource has the same `externalId`.
pub(super) async fn is_external_id_taken(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    seq: i64,
    resource: &Resource,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM resource WHERE kind = ?1 AND external_id = ?2 AND seq <> ?3)",
    )
    .bind(number(kind))
    .bind(resource.external_id())
    .bind(seq)
    .fetch_one(connection)
    .await
}

/// A resource as it is before a write.
pub(super) struct Before {
    pub(super) seq: i64,
    pub(super) version: Version,
    pub(super) active: bool,
}

/// Where a resource is and which version it has.
pub(super) async fn locate(
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

pub(super) async fn touch(
    connection: &mut SqliteConnection,
    seq: i64,
    version: Version,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE resource SET version = ?2, modified = ?3, checksum = checksum + (?2 - version) + (?3 - modified)
         WHERE seq = ?1",
    )
        .bind(seq)
        .bind(version.0)
        .bind(at.as_millisecond())
        .execute(connection)
        .await
        .map(|_| ())
}

pub(super) async fn replace(
    connection: &mut SqliteConnection,
    kind: ResourceType,
    (seq, version): (i64, Version),
    change: &Change,
    resource: &Resource,
) -> Outcome<()> {
    let keys = Keys::of(kind, resource);
    let body = resource.to_json();
    let updated = sqlx::query(
        "UPDATE resource SET version = ?2, modified = ?3, name_key = ?4, display_key = ?5, external_id = ?6,
         active = ?7, body = ?8,
         deactivated = iif(?7, NULL, iif(active, ?3, coalesce(deactivated, ?3))),
         checksum = ?9 + ?2 + created + ?3 WHERE seq = ?1",
    )
    .bind(seq)
    .bind(version.0)
    .bind(change.at.as_millisecond())
    .bind(keys.name)
    .bind(keys.display)
    .bind(keys.external_id)
    .bind(resource.is_active())
    .bind(&body)
    .bind(checksum::of(number(kind), change.id.as_str(), &body))
    .execute(connection)
    .await;
    Ok(taken(kind, updated)?.map(|_| ()))
}

/// The groups of a user who goes change.
pub(super) async fn leave_groups(
    connection: &mut SqliteConnection,
    user: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE resource SET version = version + 1, modified = ?2, checksum = checksum + 1 + (?2 - modified)
         WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = ?1)",
    )
    .bind(user)
    .bind(at.as_millisecond())
    .execute(connection)
    .await
    .map(|_| ())
}

/// Deletes a row, and with it its memberships.
pub(super) async fn remove(connection: &mut SqliteConnection, seq: i64) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM resource WHERE seq = ?1")
        .bind(seq)
        .execute(connection)
        .await
        .map(|_| ())
}
