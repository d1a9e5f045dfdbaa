//! The second factors of people who have a password.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::{SqliteStore, sessions};
use crate::store::candidate::time;
use crate::store::passwords::PasswordHash;
use crate::store::second_factors::{
    NewRecoveryCodes, Sealed, SecondFactor, SecondFactorWrite, SecondFactors, Totp,
};
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl SecondFactors for SqliteStore {
    async fn write_second_factor(&self, write: SecondFactorWrite) -> Result<u64, StoreError> {
        let written = self.writer.write(Write::SecondFactor(write));
        Ok(written.await?.rows())
    }

    async fn second_factor(&self, person: &ResourceId) -> Result<SecondFactor, StoreError> {
        let found = |reader: &Connection| Ok(second_factor(reader, person)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction. What refuses it comes before anything is changed.
pub(super) fn apply(
    connection: &Connection,
    write: &SecondFactorWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        SecondFactorWrite::Add { totp, with } => {
            let added = add(connection, totp, with)?;
            if added > 0 {
                keep_codes(connection, with)?;
            }
            added
        }
        SecondFactorWrite::Use { person, step } => connection
            .prepare_cached("UPDATE totp SET used = ?2 WHERE resource_id = ?1 AND used < ?2")?
            .execute((person.as_str(), step))?,
        SecondFactorWrite::Recover { person, code, .. } => connection
            .prepare_cached("DELETE FROM recovery_code WHERE resource_id = ?1 AND digest = ?2")?
            .execute((person.as_str(), &code.0))?,
        SecondFactorWrite::Renew(codes) => {
            let may = knows(connection, &codes.person, &codes.password)?
                && second_factor(connection, &codes.person)?.totp.is_some();
            if may {
                keep_codes(connection, codes)?
            } else {
                0
            }
        }
        SecondFactorWrite::Remove {
            person, password, ..
        } => {
            if knows(connection, person, password)? {
                forget(connection, person)?
            } else {
                0
            }
        }
        SecondFactorWrite::Reset { person, .. } => {
            let removed = forget(connection, person)?;
            if removed > 0 {
                sessions::end_all(connection, person)?;
            }
            removed
        }
    };
    Ok(Written::Rows(changed as u64))
}

/// Whether the person is active, and `password` still what is kept of the person's.
pub(super) fn knows(
    connection: &Connection,
    person: &ResourceId,
    password: &PasswordHash,
) -> Result<bool, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT 1 FROM resource r JOIN password p ON p.resource_id = r.id
             WHERE r.kind = 0 AND r.id = ?1 AND r.active AND p.hash = ?2",
        )?
        .exists((person.as_str(), password.reveal()))
}

fn add(
    connection: &Connection,
    totp: &Totp,
    with: &NewRecoveryCodes,
) -> Result<usize, rusqlite::Error> {
    if !knows(connection, &with.person, &with.password)? {
        return Ok(0);
    }
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO totp (resource_id, sealed, added, used) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute((
            with.person.as_str(),
            &totp.sealed.0,
            totp.added.as_millisecond(),
            totp.used,
        ))
}

/// Keeps these recovery codes and no others.
fn keep_codes(connection: &Connection, codes: &NewRecoveryCodes) -> Result<usize, rusqlite::Error> {
    let person = codes.person.as_str();
    connection
        .prepare_cached("DELETE FROM recovery_code WHERE resource_id = ?1")?
        .execute([person])?;
    let mut insert = connection
        .prepare_cached("INSERT INTO recovery_code (resource_id, digest) VALUES (?1, ?2)")?;
    for code in &codes.codes {
        insert.execute((person, &code.0))?;
    }
    Ok(codes.codes.len())
}

/// Forgets the second factors of a person, passkeys as well; says how many rows they were.
pub(super) fn forget(
    connection: &Connection,
    person: &ResourceId,
) -> Result<usize, rusqlite::Error> {
    let codes = connection
        .prepare_cached("DELETE FROM recovery_code WHERE resource_id = ?1")?
        .execute([person.as_str()])?;
    let totp = connection
        .prepare_cached("DELETE FROM totp WHERE resource_id = ?1")?
        .execute([person.as_str()])?;
    let passkeys = connection
        .prepare_cached("DELETE FROM passkey WHERE resource_id = ?1")?
        .execute([person.as_str()])?;
    Ok(codes + totp + passkeys)
}

fn second_factor(
    connection: &Connection,
    person: &ResourceId,
) -> Result<SecondFactor, rusqlite::Error> {
    let totp = connection
        .prepare_cached("SELECT sealed, added, used FROM totp WHERE resource_id = ?1")?
        .query_row([person.as_str()], |row| {
            Ok(Totp {
                sealed: Sealed(row.get(0)?),
                added: time(row.get(1)?),
                used: row.get(2)?,
            })
        })
        .optional()?;
    let recovery_codes = connection
        .prepare_cached("SELECT count(*) FROM recovery_code WHERE resource_id = ?1")?
        .query_row([person.as_str()], |row| row.get(0))?;
    Ok(SecondFactor {
        totp,
        recovery_codes,
    })
}
