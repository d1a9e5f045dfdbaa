//! Devices that wait until somebody lets them sign in.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose, grants};
use crate::store::candidate::time;
use crate::store::devices::{DEVICES, Device, DeviceWrite, Devices};
use crate::store::grants::Grant;
use crate::store::sessions::SecretDigest;
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Devices for PostgresStore {
    async fn write_device(&self, write: DeviceWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Device(write)).await?.rows())
    }

    async fn device(&self, key: &SecretDigest) -> Result<Option<Device>, StoreError> {
        let by = "SELECT key, current, user_code, application, scopes, denied, polled, expires FROM device_authorization WHERE key = $1";
        read!(self, connection => device(&mut connection, by, key))
    }

    async fn device_by_code(&self, user_code: &SecretDigest) -> Result<Option<Device>, StoreError> {
        let by = "SELECT key, current, user_code, application, scopes, denied, polled, expires FROM device_authorization WHERE user_code = $1";
        read!(self, connection => device(&mut connection, by, user_code))
    }
}

/// A row of the table.
type Row = (String, String, String, String, String, i64, i64, i64);

async fn device(
    connection: &mut PgConnection,
    by: &'static str,
    digest: &SecretDigest,
) -> Result<Option<Device>, Failure> {
    let row: Option<Row> = sqlx::query_as(by)
        .bind(&digest.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(
        |(key, current, user_code, application, scopes, denied, polled, expires)| Device {
            key: SecretDigest(key),
            current: SecretDigest(current),
            user_code: SecretDigest(user_code),
            application,
            scopes,
            denied: denied != 0,
            polled: time(polled),
            expires: time(expires),
        },
    ))
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &DeviceWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        DeviceWrite::Add(device) => add(connection, device).await?,
        DeviceWrite::Poll { key, at } => {
            sqlx::query("UPDATE device_authorization SET polled = $2 WHERE key = $1")
                .bind(&key.0)
                .bind(at.as_millisecond())
                .execute(connection)
                .await?
                .rows_affected()
        }
        DeviceWrite::Allow(grant) => allow(connection, grant).await?,
        DeviceWrite::Deny(key) => {
            sqlx::query("UPDATE device_authorization SET denied = 1 WHERE key = $1")
                .bind(&key.0)
                .execute(connection)
                .await?
                .rows_affected()
        }
        DeviceWrite::Guess {
            person,
            since,
            at_most,
        } => guess(connection, person, (*since, *at_most)).await?,
        DeviceWrite::Forgive(person) => {
            sqlx::query(
                "UPDATE user_code_guess SET guesses = guesses - 1 WHERE resource_id = $1 AND guesses > 0",
            )
            .bind(text(person.as_str()))
            .execute(connection)
            .await?
            .rows_affected()
        }
        DeviceWrite::Forget(before) => forget(connection, *before).await?,
    };
    Ok(Written::Rows(changed))
}

async fn add(connection: &mut PgConnection, device: &Device) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "DELETE FROM device_authorization WHERE seq IN
         (SELECT seq FROM device_authorization ORDER BY seq DESC OFFSET $1)",
    )
    .bind(DEVICES - 1)
    .execute(&mut *connection)
    .await?;
    let inserted = sqlx::query(
        "INSERT INTO device_authorization (key, current, user_code, application, scopes, denied, polled, expires)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
    )
    .bind(&device.key.0)
    .bind(&device.current.0)
    .bind(&device.user_code.0)
    .bind(text(&device.application))
    .bind(text(&device.scopes))
    .bind(i64::from(device.denied))
    .bind(device.polled.as_millisecond())
    .bind(device.expires.as_millisecond())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

/// Done a second time, because the first answer was lost, it has been done.
async fn allow(connection: &mut PgConnection, grant: &Grant) -> Result<u64, sqlx::Error> {
    let waited = sqlx::query("DELETE FROM device_authorization WHERE key = $1 AND denied = 0")
        .bind(&grant.key.0)
        .execute(&mut *connection)
        .await?;
    if waited.rows_affected() > 0 {
        return grants::keep(connection, grant).await;
    }
    let kept: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM application_grant WHERE key = $1 AND resource_id = $2 AND session = $3",
    )
    .bind(&grant.key.0)
    .bind(text(grant.person.as_str()))
    .bind(&grant.session.0)
    .fetch_one(connection)
    .await?;
    Ok(kept.unsigned_abs())
}

async fn guess(
    connection: &mut PgConnection,
    person: &ResourceId,
    (since, at_most): (Timestamp, i64),
) -> Result<u64, sqlx::Error> {
    let guessed = sqlx::query(
        "INSERT INTO user_code_guess (resource_id, since, guesses) VALUES ($1, $2, 1)
         ON CONFLICT (resource_id) DO UPDATE SET since = greatest(user_code_guess.since, excluded.since),
           guesses = CASE WHEN excluded.since > user_code_guess.since THEN 1 ELSE user_code_guess.guesses + 1 END
         WHERE excluded.since > user_code_guess.since OR user_code_guess.guesses < $3",
    )
    .bind(text(person.as_str()))
    .bind(since.as_millisecond())
    .bind(at_most)
    .execute(connection)
    .await?;
    Ok(guessed.rows_affected())
}

async fn forget(connection: &mut PgConnection, before: Timestamp) -> Result<u64, sqlx::Error> {
    let mut forgotten = 0;
    for over in [
        "DELETE FROM device_authorization WHERE seq IN (SELECT seq FROM device_authorization WHERE expires < $1 LIMIT $2)",
        "DELETE FROM user_code_guess WHERE resource_id IN
         (SELECT resource_id FROM user_code_guess WHERE since < $1 LIMIT $2)",
    ] {
        let over = sqlx::query(over)
            .bind(before.as_millisecond())
            .bind(FORGOTTEN_AT_ONCE)
            .execute(&mut *connection)
            .await?;
        forgotten += over.rows_affected();
    }
    Ok(forgotten)
}
