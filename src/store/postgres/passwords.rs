//! By what people sign in who have a password, and the links by which they set one.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose, sessions};
use crate::store::candidate::time;
use crate::store::passwords::{
    NewPassword, PasswordHash, PasswordLink, PasswordProof, PasswordWrite, Passwords,
};
use crate::store::sessions::SecretDigest;
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Passwords for PostgresStore {
    async fn write_password(&self, write: PasswordWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Password(write)).await?.rows())
    }

    async fn password(&self, person: &ResourceId) -> Result<Option<PasswordHash>, StoreError> {
        read!(self, connection => password(&mut connection, person))
    }

    async fn password_link(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<PasswordLink>, StoreError> {
        read!(self, connection => link(&mut connection, digest))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &PasswordWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        PasswordWrite::Offer { link, .. } => offer(connection, link).await?,
        PasswordWrite::Set(password) => set(connection, password).await?,
        PasswordWrite::Rehash {
            person,
            before,
            after,
        } => replace(connection, person, before, after).await?,
    };
    Ok(Written::Rows(changed))
}

/// Locks the person against who deactivates or deletes.
async fn offer(connection: &mut PgConnection, link: &PasswordLink) -> Result<u64, sqlx::Error> {
    let statement = if link.asked {
        "WITH person AS (SELECT id, sign_outs FROM resource WHERE kind = 0 AND id = $1 AND active FOR SHARE)
         INSERT INTO asked_password_link (resource_id, digest, expires, sign_outs) SELECT id, $2, $3, sign_outs FROM person
         ON CONFLICT (resource_id) DO UPDATE
         SET digest = excluded.digest, expires = excluded.expires, sign_outs = excluded.sign_outs"
    } else {
        "WITH person AS (SELECT id, sign_outs FROM resource WHERE kind = 0 AND id = $1 AND active FOR SHARE)
         INSERT INTO password_link (resource_id, digest, expires, sign_outs) SELECT id, $2, $3, sign_outs FROM person
         ON CONFLICT (resource_id) DO UPDATE
         SET digest = excluded.digest, expires = excluded.expires, sign_outs = excluded.sign_outs"
    };
    let offered = sqlx::query(statement)
        .bind(text(link.person.as_str()))
        .bind(&link.digest.0)
        .bind(link.expires.as_millisecond())
        .execute(&mut *connection)
        .await?
        .rows_affected();
    if offered > 0 && !link.asked {
        withdraw_asked(connection, &link.person).await?;
    }
    Ok(offered)
}

/// Locks the person also against who opens a session by the password before, who then sees this one.
async fn set(connection: &mut PgConnection, password: &NewPassword) -> Result<u64, sqlx::Error> {
    let NewPassword {
        person,
        hash,
        proof,
        ..
    } = password;
    let lock = "SELECT 1 FROM resource WHERE kind = 0 AND id = $1 AND active FOR NO KEY UPDATE";
    let locked = sqlx::query(lock).bind(text(person.as_str()));
    if locked.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(0);
    }
    let set = match proof {
        PasswordProof::Link(digest, at) => {
            let set = sqlx::query(
                "WITH spent AS (
                   DELETE FROM password_link l USING resource r
                   WHERE l.resource_id = $1 AND l.digest = $3 AND l.expires > $4 AND r.id = $1 AND r.sign_outs = l.sign_outs
                   RETURNING l.resource_id),
                 asked AS (
                   DELETE FROM asked_password_link l USING resource r
                   WHERE l.resource_id = $1 AND l.digest = $3 AND l.expires > $4 AND r.id = $1 AND r.sign_outs = l.sign_outs
                   RETURNING l.resource_id)
                 INSERT INTO password (resource_id, hash)
                 SELECT resource_id, $2 FROM (SELECT resource_id FROM spent UNION SELECT resource_id FROM asked) AS one
                 ON CONFLICT (resource_id) DO UPDATE SET hash = excluded.hash",
            );
            let set = set.bind(text(person.as_str())).bind(hash.reveal());
            let set = set.bind(&digest.0).bind(at.as_millisecond());
            set.execute(&mut *connection).await?.rows_affected()
        }
        PasswordProof::Password(before) => replace(connection, person, before, hash).await?,
    };
    if set > 0 {
        sessions::end_all(connection, person).await?;
    }
    Ok(set)
}

async fn replace(
    connection: &mut PgConnection,
    person: &ResourceId,
    before: &PasswordHash,
    after: &PasswordHash,
) -> Result<u64, sqlx::Error> {
    let replaced =
        sqlx::query("UPDATE password SET hash = $3 WHERE resource_id = $1 AND hash = $2")
            .bind(text(person.as_str()))
            .bind(before.reveal())
            .bind(after.reveal())
            .execute(connection)
            .await?;
    Ok(replaced.rows_affected())
}

/// Takes the links of a person who is deleted or has set a password.
pub(super) async fn withdraw(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM password_link WHERE resource_id = $1")
        .bind(text(person.as_str()))
        .execute(&mut *connection)
        .await?;
    withdraw_asked(connection, person).await
}

async fn withdraw_asked(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM asked_password_link WHERE resource_id = $1")
        .bind(text(person.as_str()))
        .execute(connection)
        .await
        .map(|_| ())
}

/// Forgets the password of a person who is deleted.
pub(super) async fn forget(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM password WHERE resource_id = $1")
        .bind(text(person.as_str()))
        .execute(connection)
        .await
        .map(|_| ())
}

async fn password(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Option<PasswordHash>, Failure> {
    Ok(kept(connection, person).await?)
}

pub(super) async fn kept(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Option<PasswordHash>, sqlx::Error> {
    let hash: Option<String> =
        sqlx::query_scalar("SELECT hash FROM password WHERE resource_id = $1")
            .bind(text(person.as_str()))
            .fetch_optional(connection)
            .await?;
    Ok(hash.map(PasswordHash::new))
}

async fn link(
    connection: &mut PgConnection,
    digest: &SecretDigest,
) -> Result<Option<PasswordLink>, Failure> {
    let row: Option<(String, i64, bool)> = sqlx::query_as(
        "SELECT l.resource_id, l.expires, FALSE FROM password_link l
         JOIN resource r ON r.id = l.resource_id AND r.sign_outs = l.sign_outs WHERE l.digest = $1
         UNION ALL SELECT l.resource_id, l.expires, TRUE FROM asked_password_link l
         JOIN resource r ON r.id = l.resource_id AND r.sign_outs = l.sign_outs WHERE l.digest = $1",
    )
    .bind(text(&digest.0))
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|(person, expires, asked)| PasswordLink {
        digest: digest.clone(),
        person: ResourceId::new(person),
        expires: time(expires),
        asked,
    }))
}
