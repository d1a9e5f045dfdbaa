//! Devices that wait until somebody lets them sign in.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, grants};
use crate::store::candidate::time;
use crate::store::devices::{DEVICES, Device, DeviceWrite, Devices};
use crate::store::grants::Grant;
use crate::store::sessions::SecretDigest;
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Devices for SqliteStore {
    async fn write_device(&self, write: DeviceWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Device(write)).await?.rows())
    }

    async fn device(&self, key: &SecretDigest) -> Result<Option<Device>, StoreError> {
        let found = |reader: &Connection| {
            let found = reader
                .prepare_cached("SELECT key, current, user_code, application, scopes, denied, polled, expires FROM device_authorization WHERE key = ?1")?
                .query_row([&key.0], device);
            Ok(found.optional()?)
        };
        self.readers.look_up(found).await
    }

    async fn device_by_code(&self, user_code: &SecretDigest) -> Result<Option<Device>, StoreError> {
        let found = |reader: &Connection| {
            let found = reader
                .prepare_cached("SELECT key, current, user_code, application, scopes, denied, polled, expires FROM device_authorization WHERE user_code = ?1")?
                .query_row([&user_code.0], device);
            Ok(found.optional()?)
        };
        self.readers.look_up(found).await
    }
}

fn device(row: &Row<'_>) -> Result<Device, rusqlite::Error> {
    Ok(Device {
        key: SecretDigest(row.get(0)?),
        current: SecretDigest(row.get(1)?),
        user_code: SecretDigest(row.get(2)?),
        application: row.get(3)?,
        scopes: row.get(4)?,
        denied: row.get(5)?,
        polled: time(row.get(6)?),
        expires: time(row.get(7)?),
    })
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &DeviceWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        DeviceWrite::Add(device) => add(connection, device)?,
        DeviceWrite::Poll { key, at } => connection
            .prepare_cached("UPDATE device_authorization SET polled = ?2 WHERE key = ?1")?
            .execute((&key.0, at.as_millisecond()))?,
        DeviceWrite::Allow(grant) => allow(connection, grant)?,
        DeviceWrite::Deny(key) => connection
            .prepare_cached("UPDATE device_authorization SET denied = 1 WHERE key = ?1")?
            .execute([&key.0])?,
        DeviceWrite::Guess {
            person,
            since,
            at_most,
        } => guess(connection, person, (*since, *at_most))?,
        DeviceWrite::Forgive(person) => connection
            .prepare_cached(
                "UPDATE user_code_guess SET guesses = guesses - 1 WHERE resource_id = ?1 AND guesses > 0",
            )?
            .execute([person.as_str()])?,
        DeviceWrite::Forget(before) => forget(connection, *before)?,
    };
    Ok(Written::Rows(changed as u64))
}

fn add(connection: &Connection, device: &Device) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "DELETE FROM device_authorization WHERE seq IN
             (SELECT seq FROM device_authorization ORDER BY seq DESC LIMIT -1 OFFSET ?1)",
        )?
        .execute([DEVICES - 1])?;
    connection
        .prepare_cached(
            "INSERT INTO device_authorization (key, current, user_code, application, scopes, denied, polled, expires)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
        )?
        .execute((
            &device.key.0,
            &device.current.0,
            &device.user_code.0,
            &device.application,
            &device.scopes,
            device.denied,
            device.polled.as_millisecond(),
            device.expires.as_millisecond(),
        ))
}

/// Done a second time, because the first answer was lost, it has been done.
fn allow(connection: &Connection, grant: &Grant) -> Result<usize, rusqlite::Error> {
    let waited = connection
        .prepare_cached("DELETE FROM device_authorization WHERE key = ?1 AND denied = 0")?
        .execute([&grant.key.0])?;
    if waited > 0 {
        return grants::keep(connection, grant);
    }
    connection
        .prepare_cached(
            "SELECT count(*) FROM application_grant WHERE key = ?1 AND resource_id = ?2 AND session = ?3",
        )?
        .query_row(
            (&grant.key.0, grant.person.as_str(), &grant.session.0),
            |row| row.get::<_, isize>(0),
        )
        .map(isize::unsigned_abs)
}

fn guess(
    connection: &Connection,
    person: &ResourceId,
    (since, at_most): (Timestamp, i64),
) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "INSERT INTO user_code_guess (resource_id, since, guesses) VALUES (?1, ?2, 1)
             ON CONFLICT (resource_id) DO UPDATE SET since = max(since, excluded.since),
               guesses = CASE WHEN excluded.since > since THEN 1 ELSE guesses + 1 END
             WHERE excluded.since > since OR guesses < ?3",
        )?
        .execute((person.as_str(), since.as_millisecond(), at_most))
}

fn forget(connection: &Connection, before: Timestamp) -> Result<usize, rusqlite::Error> {
    let devices = connection
        .prepare_cached(
            "DELETE FROM device_authorization WHERE seq IN (SELECT seq FROM device_authorization WHERE expires < ?1 LIMIT ?2)",
        )?
        .execute((before.as_millisecond(), FORGOTTEN_AT_ONCE))?;
    let guesses = connection
        .prepare_cached(
            "DELETE FROM user_code_guess WHERE resource_id IN
             (SELECT resource_id FROM user_code_guess WHERE since < ?1 LIMIT ?2)",
        )?
        .execute((before.as_millisecond(), FORGOTTEN_AT_ONCE))?;
    Ok(devices + guesses)
}
