//! The row of a resource inside a write: locked, written, deleted, and counted.

use std::borrow::Cow;

use jiff::Timestamp;
use sqlx::PgConnection;
use sqlx::error::ErrorKind;

use super::text::{key, text};
use super::write::Outcome;
use crate::scim::resource::Resource;
use crate::scim::schema::ResourceType;
use crate::store::audit::AuditEntry;
use crate::store::lookup::LookupKey;
use crate::store::write::{Keys, Refused, Written, audit_texts, number};
use crate::store::{Change, Changed, ResourceId, Stored, Terms, Version};

/// The row of the tally that a write counts in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot(pub(super) i64);

/// The columns of a resource that follow from what the client sent.
struct Columns<'r> {
    name: String,
    display_key: Option<String>,
    external_id: Option<Cow<'r, str>>,
    display: Option<Cow<'r, str>>,
    body: String,
    lookup: Lookup,
}

/// The rows of the table `lookup`, column by column.
#[derive(Default)]
struct Lookup {
    attributes: Vec<i64>,
    values: Vec<String>,
    labels: Vec<String>,
}

impl Lookup {
    fn of(kind: ResourceType, resource: &Resource) -> Self {
        let mut rows = Self::default();
        for LookupKey(attribute, value, label) in LookupKey::all(kind, resource) {
            rows.attributes.push(attribute);
            rows.values.push(key(&value).into_owned());
            rows.labels.push(key(&label).into_owned());
        }
        rows
    }
}

impl<'r> Columns<'r> {
    fn of(kind: ResourceType, resource: &'r Resource) -> Self {
        let keys = Keys::of(kind, resource);
        let display = match kind {
            ResourceType::User => None,
            ResourceType::Group => resource.display_name().map(text),
        };
        Self {
            name: key(&keys.name).into_owned(),
            display_key: keys.display.map(|it| key(&it).into_owned()),
            external_id: keys.external_id.map(key),
            display,
            body: resource.to_json(),
            lookup: Lookup::of(kind, resource),
        }
    }
}

/// What the audit gets by the same statement.
pub(super) struct Remembered<'e> {
    entry: Option<&'e AuditEntry>,
    text: Option<String>,
    names: Option<String>,
}

impl<'e> Remembered<'e> {
    /// An entry about no memberships, or nothing.
    pub(super) fn of(entry: Option<&'e AuditEntry>) -> Self {
        let (text, names) = entry.map(audit_texts).unzip();
        Self {
            entry,
            text,
            names: names.flatten(),
        }
    }

    fn at(&self) -> Option<i64> {
        self.entry.map(|it| it.time.as_millisecond())
    }

    fn id(&self) -> Option<Cow<'_, str>> {
        self.entry.map(|it| text(it.id.as_str()))
    }

    fn client(&self) -> Option<Cow<'_, str>> {
        self.entry.map(|it| text(&it.requester.client))
    }
}

/// The one place that knows which unique constraints a client can meet.
fn taken<T>(kind: ResourceType, result: Result<T, sqlx::Error>) -> Outcome<T> {
    let error = match result {
        Ok(done) => return Ok(Ok(done)),
        Err(error) => error,
    };
    let constraint = error
        .as_database_error()
        .filter(|it| it.kind() == ErrorKind::UniqueViolation)
        .and_then(|it| it.constraint());
    match constraint {
        Some("resource_name_key") => Ok(Err(Refused::Taken(kind))),
        Some("resource_sole_external_id") => Ok(Err(Refused::ExternalIdTaken(kind))),
        Some(_) | None => Err(error),
    }
}

/// Whether the resource is there that a write that was cut off was to add.
pub(super) async fn is_there(
    connection: &mut PgConnection,
    id: &ResourceId,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT count(*) > 0 FROM resource WHERE id = $1")
        .bind(text(id.as_str()))
        .fetch_one(connection)
        .await
}

/// Adds a row, counts and remembers it; says its number. The unique index refuses an `externalId` that must be one of a kind; what was
/// written before it had to be is looked at as well.
pub(super) async fn insert(
    connection: &mut PgConnection,
    (kind, added): (ResourceType, &Stored),
    terms: &Terms,
    remembered: Remembered<'_>,
    slot: Slot,
) -> Outcome<i64> {
    let columns = Columns::of(kind, &added.resource);
    let (is_user, active) = (kind == ResourceType::User, added.resource.is_active());
    let inserted = sqlx::query_scalar(
        "WITH added AS (
           INSERT INTO resource (kind, id, version, created, modified, name_key, display_key, external_id, active, display, body,
             deactivated, sole_external_id)
           SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, CASE WHEN $9 THEN NULL ELSE $4 END, CASE WHEN $12 THEN lower($8) END
           WHERE NOT $12 OR NOT EXISTS (
             SELECT 1 FROM resource WHERE kind = $1 AND external_id IS NOT NULL AND lower(external_id) = lower($8))
           RETURNING seq
         ), remembered AS (
           INSERT INTO audit (at, resource_id, client, entry, names)
           SELECT $17::bigint, $18::text, $19::text, $20::text, $21::text FROM added WHERE $20::text IS NOT NULL
         ), counted AS (
           UPDATE tally SET users = users + $13, active_users = active_users + $14, user_groups = user_groups + $15
           WHERE shard = $16 AND EXISTS (SELECT 1 FROM added)
         ), looked_up AS (
           INSERT INTO lookup (seq, attribute, value, label)
           SELECT a.seq, l.attribute, l.value, l.label
           FROM added a CROSS JOIN unnest($22::bigint[], $23::text[], $24::text[]) AS l (attribute, value, label)
         )
         SELECT seq FROM added",
    )
    .bind(number(kind))
    .bind(text(added.id.as_str()))
    .bind(added.version.0)
    .bind(added.created.as_millisecond())
    .bind(added.last_modified.as_millisecond())
    .bind(columns.name)
    .bind(columns.display_key)
    .bind(columns.external_id)
    .bind(active)
    .bind(columns.display)
    .bind(columns.body)
    .bind(terms.unique_external_id)
    .bind(i64::from(is_user))
    .bind(i64::from(is_user && active))
    .bind(i64::from(!is_user))
    .bind(slot.0)
    .bind(remembered.at())
    .bind(remembered.id())
    .bind(remembered.client())
    .bind(remembered.text.as_deref())
    .bind(remembered.names.as_deref())
    .bind(columns.lookup.attributes)
    .bind(columns.lookup.values)
    .bind(columns.lookup.labels)
    .fetch_optional(connection)
    .await;
    Ok(taken(kind, inserted)?.and_then(|seq| seq.ok_or(Refused::ExternalIdTaken(kind))))
}

const REPLACE: &str = "WITH before AS (
   SELECT seq, version, active,
     $12 AND EXISTS (SELECT 1 FROM resource o WHERE o.kind = $1 AND o.external_id IS NOT NULL AND lower(o.external_id) = lower($7)
       AND o.id <> $2) AS is_taken
   FROM resource WHERE kind = $1 AND id = $2 FOR NO KEY UPDATE
 ), changed AS (
   UPDATE resource r SET version = r.version + 1, modified = $4, name_key = $5, display_key = $6, external_id = $7,
     active = $8, display = $9, body = $10, sole_external_id = CASE WHEN $12 THEN lower($7) END,
     deactivated = CASE WHEN $8 THEN NULL WHEN r.active THEN $4 ELSE coalesce(r.deactivated, $4) END,
     sign_outs = r.sign_outs + CASE WHEN $8 THEN 0 ELSE 1 END
   FROM before b WHERE r.seq = b.seq AND ($3::bigint IS NULL OR b.version = $3) AND NOT b.is_taken
   RETURNING r.seq, r.version, b.active AS was_active
 ), remembered AS (
   INSERT INTO audit (at, resource_id, client, entry, names)
   SELECT $13::bigint, $14::text, $15::text, $16::text, $17::text FROM changed WHERE $16::text IS NOT NULL
 ), counted AS (
   UPDATE tally SET active_users = active_users + CASE WHEN $8 THEN 1 ELSE -1 END
   WHERE shard = $11 AND $1 = 0 AND EXISTS (SELECT 1 FROM changed WHERE was_active <> $8)
 ), ended AS (
   DELETE FROM session s USING changed c WHERE NOT $8 AND s.resource_id = $2
 ), withdrawn AS (
   DELETE FROM password_link l USING changed c WHERE NOT $8 AND l.resource_id = $2
 ), asked_withdrawn AS (
   DELETE FROM asked_password_link l USING changed c WHERE NOT $8 AND l.resource_id = $2
 ), wanted AS (
   SELECT c.seq, l.attribute, l.value, l.label
   FROM changed c CROSS JOIN unnest($18::bigint[], $19::text[], $20::text[]) AS l (attribute, value, label)
 ), outdated AS (
   DELETE FROM lookup l USING changed c WHERE l.seq = c.seq AND (l.seq, l.attribute, l.value, l.label) NOT IN (SELECT * FROM wanted)
 ), looked_up AS (
   INSERT INTO lookup (seq, attribute, value, label) SELECT * FROM wanted ON CONFLICT DO NOTHING
 )
 SELECT b.version, c.version, b.is_taken FROM before b LEFT JOIN changed c ON TRUE";

/// Writes the attributes of a resource if it has the expected version, remembers that, and counts who comes or goes as active.
///
/// The sessions of who is deactivated and the link to set a password end: those that are seen are deleted, and by `sign_outs` no other
/// counts any more. That nobody else wrote to `lookup` in between is known by the version, else by a lock on the row that was there
/// before.
pub(super) async fn replace(
    connection: &mut PgConnection,
    (kind, change, resource): (ResourceType, &Change, &Resource),
    terms: &Terms,
    remembered: Remembered<'_>,
    slot: Slot,
) -> Outcome<Written> {
    let columns = Columns::of(kind, resource);
    let row: Result<Option<(i64, Option<i64>, bool)>, sqlx::Error> = sqlx::query_as(REPLACE)
        .bind(number(kind))
        .bind(text(change.id.as_str()))
        .bind(change.expected.map(|it| it.0))
        .bind(change.at.as_millisecond())
        .bind(columns.name)
        .bind(columns.display_key)
        .bind(columns.external_id)
        .bind(resource.is_active())
        .bind(columns.display)
        .bind(columns.body)
        .bind(slot.0)
        .bind(terms.unique_external_id)
        .bind(remembered.at())
        .bind(remembered.id())
        .bind(remembered.client())
        .bind(remembered.text.as_deref())
        .bind(remembered.names.as_deref())
        .bind(columns.lookup.attributes)
        .bind(columns.lookup.values)
        .bind(columns.lookup.labels)
        .fetch_optional(connection)
        .await;
    let is_expected = |version| change.expected.is_none_or(|it| it.0 == version);
    Ok(taken(kind, row)?.and_then(|row| match row {
        None => Ok(Written::NotFound),
        Some((_, Some(version), _)) => Ok(Written::Changed(Changed {
            version: Version(version),
            written: true,
        })),
        Some((version, None, true)) if is_expected(version) => Err(Refused::ExternalIdTaken(kind)),
        Some((_, None, _)) => Err(Refused::VersionConflict),
    }))
}

/// A resource as it is before a write.
pub(super) struct Before {
    pub(super) seq: i64,
    pub(super) version: Version,
    pub(super) active: bool,
}

macro_rules! locked {
    ($lock:literal) => {
        concat!(
            "SELECT seq, version, active FROM resource WHERE kind = $1 AND id = $2 ",
            $lock
        )
    };
}

/// The row of a resource, locked against other writers and not against memberships.
pub(super) async fn lock(
    connection: &mut PgConnection,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<Before>, sqlx::Error> {
    located(connection, locked!("FOR NO KEY UPDATE"), kind, id).await
}

/// The row of a resource, locked against memberships as well.
pub(super) async fn lock_whole(
    connection: &mut PgConnection,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<Before>, sqlx::Error> {
    located(connection, locked!("FOR UPDATE"), kind, id).await
}

async fn located(
    connection: &mut PgConnection,
    statement: &'static str,
    kind: ResourceType,
    id: &ResourceId,
) -> Result<Option<Before>, sqlx::Error> {
    let row: Option<(i64, i64, bool)> = sqlx::query_as(statement)
        .bind(number(kind))
        .bind(text(id.as_str()))
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|(seq, version, active)| Before {
        seq,
        version: Version(version),
        active,
    }))
}

/// A group whose members are others.
pub(super) async fn touch(
    connection: &mut PgConnection,
    seq: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE resource SET version = version + 1, modified = $2 WHERE seq = $1")
        .bind(seq)
        .bind(at.as_millisecond())
        .execute(connection)
        .await
        .map(|_| ())
}

/// Locks the groups of a user, in one order: before the user, as whoever joins a group does.
pub(super) async fn lock_groups_of(
    connection: &mut PgConnection,
    user: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "SELECT 1 FROM resource WHERE seq IN (
           SELECT m.group_seq FROM membership m JOIN resource u ON u.seq = m.member_seq WHERE u.kind = 0 AND u.id = $1)
         ORDER BY seq FOR NO KEY UPDATE",
    )
    .bind(text(user.as_str()))
    .execute(connection)
    .await
    .map(|_| ())
}

/// The groups of a user who goes change. One that the user joined just then, so that it is not locked yet, is not waited for.
pub(super) async fn leave_groups(
    connection: &mut PgConnection,
    user: i64,
    at: Timestamp,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE resource SET version = version + 1, modified = $2 WHERE seq IN (
           SELECT seq FROM resource WHERE seq IN (SELECT group_seq FROM membership WHERE member_seq = $1)
           FOR NO KEY UPDATE NOWAIT)",
    )
    .bind(user)
    .bind(at.as_millisecond())
    .execute(connection)
    .await
    .map(|_| ())
}

/// Deletes a row, and with it its memberships.
pub(super) async fn remove(
    connection: &mut PgConnection,
    seq: i64,
    slot: Slot,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH gone AS (DELETE FROM resource WHERE seq = $1 RETURNING kind, active)
         UPDATE tally SET users = users - CASE WHEN kind = 0 THEN 1 ELSE 0 END,
           active_users = active_users - CASE WHEN kind = 0 AND active THEN 1 ELSE 0 END,
           user_groups = user_groups - CASE WHEN kind = 1 THEN 1 ELSE 0 END
         FROM gone WHERE shard = $2",
    )
    .bind(seq)
    .bind(slot.0)
    .execute(connection)
    .await
    .map(|_| ())
}
