//! What applications were given.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose};
use crate::store::candidate::time;
use crate::store::grants::{
    ENDED_AT_ONCE, Ended, GRANTS_PER_PERSON, Grant, GrantWrite, Grants, Turn,
};
use crate::store::sessions::{SecretDigest, Session};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Grants for PostgresStore {
    async fn write_grant(&self, write: GrantWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Grant(write)).await?.rows())
    }

    async fn grant(&self, key: &SecretDigest) -> Result<Option<Grant>, StoreError> {
        read!(self, connection => grant(&mut connection, key))
    }

    async fn applications_of(
        &self,
        person: &ResourceId,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        read!(self, connection => applications_of(&mut connection, person, now))
    }

    async fn ended_grants(
        &self,
        told: &[String],
        now: Timestamp,
    ) -> Result<Vec<Ended>, StoreError> {
        read!(self, connection => ended(&mut connection, told, now))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &GrantWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        GrantWrite::Keep(grant) => keep(connection, grant).await?,
        GrantWrite::Turn(turn) => self::turn(connection, turn).await?,
        GrantWrite::End(key) => sqlx::query("DELETE FROM application_grant WHERE key = $1")
            .bind(&key.0)
            .execute(connection)
            .await?
            .rows_affected(),
        GrantWrite::EndOf {
            person,
            application,
        } => {
            sqlx::query("DELETE FROM application_grant WHERE resource_id = $1 AND application = $2")
                .bind(text(person.as_str()))
                .bind(text(application))
                .execute(connection)
                .await?
                .rows_affected()
        }
        GrantWrite::Take { key, tries, due } => {
            sqlx::query("UPDATE application_grant SET tries = tries + 1, due = $3 WHERE key = $1 AND tries = $2")
                .bind(&key.0)
                .bind(tries)
                .bind(due.as_millisecond())
                .execute(connection)
                .await?
                .rows_affected()
        }
        GrantWrite::Forget { now, told } => forget(connection, *now, told).await?,
    };
    Ok(Written::Rows(changed))
}

/// Kept a second time, because the first answer was lost, it stays as it is.
pub(super) async fn keep(connection: &mut PgConnection, grant: &Grant) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "DELETE FROM application_grant WHERE seq IN
         (SELECT seq FROM application_grant WHERE resource_id = $1 AND key <> $3 ORDER BY seq DESC OFFSET $2)",
    )
    .bind(text(grant.person.as_str()))
    .bind(GRANTS_PER_PERSON - 1)
    .bind(&grant.key.0)
    .execute(&mut *connection)
    .await?;
    let inserted = sqlx::query(
        "INSERT INTO application_grant (key, resource_id, session, application, terms, current, turn, expires)
         SELECT $1, resource_id, digest, $4, $5, $6, $7, $8 FROM session WHERE digest = $3 AND resource_id = $2
         ON CONFLICT (key) DO UPDATE SET expires = excluded.expires",
    )
    .bind(&grant.key.0)
    .bind(text(grant.person.as_str()))
    .bind(&grant.session.0)
    .bind(text(&grant.application))
    .bind(text(&grant.terms))
    .bind(&grant.current.0)
    .bind(grant.turn)
    .bind(grant.expires.as_millisecond())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

/// Done a second time, because the first answer was lost, it has been done.
async fn turn(connection: &mut PgConnection, turn: &Turn) -> Result<u64, sqlx::Error> {
    let turned = sqlx::query(
        "UPDATE application_grant SET current = $3, expires = $4, turn = CASE WHEN current = $3 THEN turn ELSE turn + 1 END
         WHERE key = $1 AND current IN ($2, $3)",
    )
    .bind(&turn.key.0)
    .bind(&turn.from.0)
    .bind(&turn.to.0)
    .bind(turn.expires.as_millisecond())
    .execute(connection)
    .await?;
    Ok(turned.rows_affected())
}

/// Moves the grants that the person of `session` has by `replaced` to it.
pub(super) async fn follow(
    connection: &mut PgConnection,
    replaced: &SecretDigest,
    session: &Session,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE application_grant SET session = $1 WHERE session = $2 AND resource_id = $3",
    )
    .bind(&session.digest.0)
    .bind(&replaced.0)
    .bind(text(session.person.as_str()))
    .execute(connection)
    .await?;
    Ok(())
}

/// What was used is kept for an application that is told of its end.
async fn forget(
    connection: &mut PgConnection,
    now: Timestamp,
    told: &[String],
) -> Result<u64, sqlx::Error> {
    let forgotten = sqlx::query(
        "DELETE FROM application_grant WHERE seq IN (SELECT seq FROM application_grant WHERE (expires < $1
         OR NOT EXISTS (SELECT 1 FROM session WHERE digest = application_grant.session))
         AND (turn = 0 OR application <> ALL($3)) LIMIT $2)",
    )
    .bind(now.as_millisecond())
    .bind(FORGOTTEN_AT_ONCE)
    .bind(told)
    .execute(connection)
    .await?;
    Ok(forgotten.rows_affected())
}

/// The columns of [`Row`].
macro_rules! columns {
    () => {
        "SELECT key, resource_id, session, application, terms, current, turn, expires, tries FROM application_grant"
    };
}

async fn ended(
    connection: &mut PgConnection,
    told: &[String],
    now: Timestamp,
) -> Result<Vec<Ended>, Failure> {
    let rows: Vec<Row> = sqlx::query_as(concat!(
        columns!(),
        " WHERE application = ANY($1) AND turn > 0 AND due <= $2
         AND NOT EXISTS (SELECT 1 FROM session WHERE digest = application_grant.session) ORDER BY seq LIMIT $3",
    ))
    .bind(told)
    .bind(now.as_millisecond())
    .bind(ENDED_AT_ONCE)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(of_row).collect())
}

type Row = (
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    i64,
    i64,
);

/// A grant, and how often its application was told that it has ended.
fn of_row((key, person, session, application, terms, current, turn, expires, tries): Row) -> Ended {
    Ended {
        grant: Grant {
            key: SecretDigest(key),
            person: ResourceId::new(person),
            session: SecretDigest(session),
            application,
            terms,
            current: SecretDigest(current),
            turn,
            expires: time(expires),
        },
        tries,
    }
}

async fn grant(
    connection: &mut PgConnection,
    key: &SecretDigest,
) -> Result<Option<Grant>, Failure> {
    let row: Option<Row> = sqlx::query_as(concat!(columns!(), " WHERE key = $1"))
        .bind(&key.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(|row| of_row(row).grant))
}

async fn applications_of(
    connection: &mut PgConnection,
    person: &ResourceId,
    now: Timestamp,
) -> Result<Vec<String>, Failure> {
    let found = sqlx::query_scalar(
        "SELECT DISTINCT g.application FROM application_grant g JOIN session s ON s.digest = g.session
         JOIN resource r ON r.id = s.resource_id AND r.sign_outs = s.sign_outs
         WHERE g.resource_id = $1 AND g.expires > $2 ORDER BY g.application",
    )
    .bind(text(person.as_str()))
    .bind(now.as_millisecond())
    .fetch_all(connection)
    .await?;
    Ok(found)
}
