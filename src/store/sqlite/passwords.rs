//! By what people sign in who have a password, and the links by which they set one.

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension};

use super::{SqliteStore, sessions};
use crate::store::candidate::time;
use crate::store::passwords::{
    NewPassword, PasswordHash, PasswordLink, PasswordProof, PasswordWrite, Passwords,
};
use crate::store::sessions::SecretDigest;
use crate::store::write::{Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Passwords for SqliteStore {
    async fn write_password(&self, write: PasswordWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Password(write)).await?.rows())
    }

    async fn password(&self, person: &ResourceId) -> Result<Option<PasswordHash>, StoreError> {
        let found = |reader: &Connection| Ok(password(reader, person)?);
        self.readers.look_up(found).await
    }

    async fn password_link(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<PasswordLink>, StoreError> {
        let found = |reader: &Connection| Ok(link(reader, digest)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction. What refuses it comes before anything is changed.
pub(super) fn apply(
    connection: &Connection,
    write: &PasswordWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        PasswordWrite::Offer { link, .. } => offer(connection, link)?,
        PasswordWrite::Set(password) => set(connection, password)?,
        PasswordWrite::Rehash {
            person,
            before,
            after,
        } => connection
            .prepare_cached("UPDATE password SET hash = ?3 WHERE resource_id = ?1 AND hash = ?2")?
            .execute((person.as_str(), before.reveal(), after.reveal()))?,
    };
    Ok(Written::Rows(changed as u64))
}

fn offer(connection: &Connection, link: &PasswordLink) -> Result<usize, rusqlite::Error> {
    let text = if link.asked {
        "INSERT OR REPLACE INTO asked_password_link (resource_id, digest, expires)
         SELECT id, ?2, ?3 FROM resource WHERE kind = 0 AND id = ?1 AND active"
    } else {
        "INSERT OR REPLACE INTO password_link (resource_id, digest, expires)
         SELECT id, ?2, ?3 FROM resource WHERE kind = 0 AND id = ?1 AND active"
    };
    let offered = connection.prepare_cached(text)?.execute((
        link.person.as_str(),
        &link.digest.0,
        link.expires.as_millisecond(),
    ))?;
    if offered > 0 && !link.asked {
        withdraw_asked(connection, &link.person)?;
    }
    Ok(offered)
}

fn set(connection: &Connection, password: &NewPassword) -> Result<usize, rusqlite::Error> {
    let person = password.person.as_str();
    let set = match &password.proof {
        PasswordProof::Link(digest, at) => connection
            .prepare_cached(
                "INSERT OR REPLACE INTO password (resource_id, hash) SELECT id, ?2 FROM resource WHERE kind = 0 AND id = ?1 AND active
                 AND (EXISTS (SELECT 1 FROM password_link WHERE resource_id = ?1 AND digest = ?3 AND expires > ?4)
                   OR EXISTS (SELECT 1 FROM asked_password_link WHERE resource_id = ?1 AND digest = ?3 AND expires > ?4))",
            )?
            .execute((
                person,
                password.hash.reveal(),
                &digest.0,
                at.as_millisecond(),
            ))?,
        PasswordProof::Password(before) => connection
            .prepare_cached(
                "UPDATE password SET hash = ?2 WHERE resource_id = ?1 AND hash = ?3
                 AND EXISTS (SELECT 1 FROM resource WHERE kind = 0 AND id = ?1 AND active)",
            )?
            .execute((person, password.hash.reveal(), before.reveal()))?,
    };
    if set > 0 {
        sessions::end_all(connection, &password.person)?;
    }
    Ok(set)
}

/// Takes the links of a person who is deactivated, deleted or has set a password.
pub(super) fn withdraw(
    connection: &Connection,
    person: &ResourceId,
) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM password_link WHERE resource_id = ?1")?
        .execute([person.as_str()])?;
    withdraw_asked(connection, person)
}

fn withdraw_asked(connection: &Connection, person: &ResourceId) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM asked_password_link WHERE resource_id = ?1")?
        .execute([person.as_str()])
        .map(|_| ())
}

/// Forgets the password of a person who is deleted.
pub(super) fn forget(connection: &Connection, person: &ResourceId) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM password WHERE resource_id = ?1")?
        .execute([person.as_str()])
        .map(|_| ())
}

fn password(
    connection: &Connection,
    person: &ResourceId,
) -> Result<Option<PasswordHash>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT hash FROM password WHERE resource_id = ?1")?
        .query_row([person.as_str()], |row| {
            Ok(PasswordHash::new(row.get::<_, String>(0)?))
        })
        .optional()
}

fn link(
    connection: &Connection,
    digest: &SecretDigest,
) -> Result<Option<PasswordLink>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT resource_id, expires, 0 FROM password_link WHERE digest = ?1
             UNION ALL SELECT resource_id, expires, 1 FROM asked_password_link WHERE digest = ?1",
        )?
        .query_row([&digest.0], |row| {
            Ok(PasswordLink {
                digest: digest.clone(),
                person: ResourceId::new(row.get::<_, String>(0)?),
                expires: time(row.get(1)?),
                asked: row.get(2)?,
            })
        })
        .optional()
}
