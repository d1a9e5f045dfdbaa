//! The second factors of people who have a password.

use async_trait::async_trait;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose, passwords, sessions};
use crate::store::candidate::time;
use crate::store::passwords::PasswordHash;
use crate::store::second_factors::{
    NewRecoveryCodes, Sealed, SecondFactor, SecondFactorWrite, SecondFactors, Totp,
};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl SecondFactors for PostgresStore {
    async fn write_second_factor(&self, write: SecondFactorWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::SecondFactor(write)).await?.rows())
    }

    async fn second_factor(&self, person: &ResourceId) -> Result<SecondFactor, StoreError> {
        read!(self, connection => second_factor(&mut connection, person))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &SecondFactorWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        SecondFactorWrite::Add { totp, with } => add(connection, totp, with).await?,
        SecondFactorWrite::Use { person, step } => {
            let used =
                sqlx::query("UPDATE totp SET used = $2 WHERE resource_id = $1 AND used < $2");
            let used = used.bind(text(person.as_str())).bind(step);
            used.execute(connection).await?.rows_affected()
        }
        SecondFactorWrite::Recover { person, code, .. } => {
            let used = "DELETE FROM recovery_code WHERE resource_id = $1 AND digest = $2";
            let used = sqlx::query(used).bind(text(person.as_str())).bind(&code.0);
            used.execute(connection).await?.rows_affected()
        }
        SecondFactorWrite::Renew(codes) => renew(connection, codes).await?,
        SecondFactorWrite::Remove {
            person, password, ..
        } => {
            if knows(connection, person, password).await? {
                forget(connection, person).await?
            } else {
                0
            }
        }
        SecondFactorWrite::Reset { person, .. } => reset(connection, person).await?,
    };
    Ok(Written::Rows(changed))
}

/// Whether the person is active, and `password` still what is kept of the person's. Locks the person.
pub(super) async fn knows(
    connection: &mut PgConnection,
    person: &ResourceId,
    password: &PasswordHash,
) -> Result<bool, sqlx::Error> {
    let is_active = lock(connection, person).await? == Some(true);
    Ok(is_active && passwords::kept(connection, person).await?.as_ref() == Some(password))
}

/// Locks the person against who sets another password, deactivates or deletes; whether the person is active, if there is one.
async fn lock(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Option<bool>, sqlx::Error> {
    let lock = "SELECT active FROM resource WHERE kind = 0 AND id = $1 FOR NO KEY UPDATE";
    let locked = sqlx::query_scalar(lock).bind(text(person.as_str()));
    locked.fetch_optional(connection).await
}

async fn add(
    connection: &mut PgConnection,
    totp: &Totp,
    with: &NewRecoveryCodes,
) -> Result<u64, sqlx::Error> {
    if !knows(connection, &with.person, &with.password).await? {
        return Ok(0);
    }
    let added = sqlx::query(
        "INSERT INTO totp (resource_id, sealed, added, used) VALUES ($1, $2, $3, $4)
         ON CONFLICT (resource_id) DO UPDATE SET sealed = excluded.sealed, added = excluded.added, used = excluded.used",
    );
    let added = added.bind(text(with.person.as_str())).bind(&totp.sealed.0);
    let added = added.bind(totp.added.as_millisecond()).bind(totp.used);
    let added = added.execute(&mut *connection).await?.rows_affected();
    keep_codes(connection, with).await?;
    Ok(added)
}

async fn renew(
    connection: &mut PgConnection,
    codes: &NewRecoveryCodes,
) -> Result<u64, sqlx::Error> {
    let may = knows(connection, &codes.person, &codes.password).await?
        && totp(connection, &codes.person).await?.is_some();
    if may {
        keep_codes(connection, codes).await
    } else {
        Ok(0)
    }
}

async fn reset(connection: &mut PgConnection, person: &ResourceId) -> Result<u64, sqlx::Error> {
    if lock(connection, person).await?.is_none() {
        return Ok(0);
    }
    let removed = forget(connection, person).await?;
    if removed > 0 {
        sessions::end_all(connection, person).await?;
    }
    Ok(removed)
}

/// Keeps these recovery codes and no others.
async fn keep_codes(
    connection: &mut PgConnection,
    codes: &NewRecoveryCodes,
) -> Result<u64, sqlx::Error> {
    let person = codes.person.as_str();
    sqlx::query("DELETE FROM recovery_code WHERE resource_id = $1")
        .bind(text(person))
        .execute(&mut *connection)
        .await?;
    for code in &codes.codes {
        sqlx::query("INSERT INTO recovery_code (resource_id, digest) VALUES ($1, $2)")
            .bind(text(person))
            .bind(&code.0)
            .execute(&mut *connection)
            .await?;
    }
    Ok(codes.codes.len() as u64)
}

/// Forgets the second factors of a person, passkeys as well; says how many rows they were.
pub(super) async fn forget(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<u64, sqlx::Error> {
    let mut forgotten = 0;
    for statement in [
        "DELETE FROM recovery_code WHERE resource_id = $1",
        "DELETE FROM totp WHERE resource_id = $1",
        "DELETE FROM passkey WHERE resource_id = $1",
    ] {
        let deleted = sqlx::query(statement).bind(text(person.as_str()));
        forgotten += deleted.execute(&mut *connection).await?.rows_affected();
    }
    Ok(forgotten)
}

async fn totp(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Option<Totp>, sqlx::Error> {
    let row: Option<(String, i64, i64)> =
        sqlx::query_as("SELECT sealed, added, used FROM totp WHERE resource_id = $1")
            .bind(text(person.as_str()))
            .fetch_optional(connection)
            .await?;
    Ok(row.map(|(sealed, added, used)| Totp {
        sealed: Sealed(sealed),
        added: time(added),
        used,
    }))
}

async fn second_factor(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<SecondFactor, Failure> {
    let totp = totp(connection, person).await?;
    let recovery_codes =
        sqlx::query_scalar("SELECT count(*) FROM recovery_code WHERE resource_id = $1")
            .bind(text(person.as_str()))
            .fetch_one(connection)
            .await?;
    Ok(SecondFactor {
        totp,
        recovery_codes,
    })
}
