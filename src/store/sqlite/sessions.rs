//! Who is signed in, and who is about to be.

use async_trait::async_trait;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row};

use super::{SqliteStore, grants, passwords};
use crate::store::candidate::time;
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{
    ATTEMPTS, Confirmation, KnownAs, Over, ProviderSignOut, SESSIONS_OF_ONE, SealedToken,
    SecretDigest, Session, SessionWrite, Sessions, SignInAttempt, SignedInBy,
};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Sessions for SqliteStore {
    async fn write_session(&self, write: SessionWrite) -> Result<u64, StoreError> {
        Ok(self.writer.write(Write::Session(write)).await?.rows())
    }

    async fn sign_in_attempt(
        &self,
        state: &SecretDigest,
        browser: &SecretDigest,
    ) -> Result<Option<SignInAttempt>, StoreError> {
        let found = |reader: &Connection| Ok(attempt(reader, state, browser)?);
        self.readers.look_up(found).await
    }

    async fn sessions_of(&self, person: &ResourceId) -> Result<Vec<Session>, StoreError> {
        let found = |reader: &Connection| Ok(sessions_of(reader, person)?);
        self.readers.look_up(found).await
    }

    async fn session(&self, digest: &SecretDigest) -> Result<Option<Session>, StoreError> {
        let found = |reader: &Connection| Ok(session(reader, digest)?);
        self.readers.look_up(found).await
    }

    async fn refresh_token(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<SealedToken>, StoreError> {
        let found = |reader: &Connection| Ok(refresh_token(reader, digest)?);
        self.readers.look_up(found).await
    }
}

/// Does one write inside the writer's transaction.
pub(super) fn apply(
    connection: &Connection,
    write: &SessionWrite,
) -> Result<Written, rusqlite::Error> {
    let changed = match write {
        SessionWrite::Begin(attempt) => begin(connection, attempt)?,
        SessionWrite::Redeem(state) => connection
            .prepare_cached("DELETE FROM sign_in_attempt WHERE state = ?1")?
            .execute([&state.0])?,
        SessionWrite::Open {
            session,
            password,
            replaced,
        } => {
            let opened = open(connection, session, password.as_ref())?;
            if let Some(replaced) = replaced {
                grants::follow(connection, replaced, session)?;
                end(connection, replaced)?;
            }
            opened
        }
        SessionWrite::See { digest, at } => connection
            .prepare_cached("UPDATE session SET seen = max(seen, ?2) WHERE digest = ?1")?
            .execute((&digest.0, at.as_millisecond()))?,
        SessionWrite::End(digest) => end(connection, digest)?,
        SessionWrite::EndOf {
            person, session, ..
        } => connection
            .prepare_cached(
                "DELETE FROM session WHERE resource_id = ?1 AND (?2 IS NULL OR digest = ?2)",
            )?
            .execute((person.as_str(), session.as_ref().map(|it| &it.0)))?,
        SessionWrite::EndOthers { person, kept } => connection
            .prepare_cached("DELETE FROM session WHERE resource_id = ?1 AND digest <> ?2")?
            .execute((person.as_str(), &kept.0))?,
        SessionWrite::Ask(question) => connection
            .prepare_cached(
                "UPDATE session SET asked = ?2 WHERE digest = ?1 AND (asked IS NULL OR asked < ?3) AND confirmed IS ?4",
            )?
            .execute((
                &question.digest.0,
                question.at.as_millisecond(),
                question.given_up.as_millisecond(),
                question.confirmed.map(Timestamp::as_millisecond),
            ))?,
        SessionWrite::Confirm { digest, token, at } => connection
            .prepare_cached(
                "UPDATE session SET confirmed = ?2, asked = NULL, refresh_token = coalesce(?3, refresh_token) WHERE digest = ?1",
            )?
            .execute((
                &digest.0,
                at.as_millisecond(),
                token.as_ref().map(|it| &it.0),
            ))?,
        SessionWrite::EndAtProvider(sign_out) => end_at_provider(connection, sign_out)?,
        SessionWrite::Forget(over) => forget(connection, over)?,
    };
    Ok(Written::Rows(changed as u64))
}

/// Ends the sessions of a person who is deactivated, deleted or has set a password, with the link to set one.
pub(super) fn end_all(connection: &Connection, person: &ResourceId) -> Result<(), rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM session WHERE resource_id = ?1")?
        .execute([person.as_str()])?;
    passwords::withdraw(connection, person)
}

fn begin(connection: &Connection, attempt: &SignInAttempt) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached(
            "DELETE FROM sign_in_attempt WHERE seq <= (SELECT max(seq) FROM sign_in_attempt) - ?1 + 1",
        )?
        .execute([ATTEMPTS])?;
    connection
        .prepare_cached(
            "INSERT INTO sign_in_attempt (state, browser, connector, nonce, verifier, return_to, began)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            &attempt.state.0,
            &attempt.browser.0,
            &attempt.connector,
            &attempt.nonce,
            &attempt.verifier,
            &attempt.return_to,
            attempt.began.as_millisecond(),
        ))
}

fn open(
    connection: &Connection,
    session: &Session,
    password: Option<&PasswordHash>,
) -> Result<usize, rusqlite::Error> {
    let (connector, provider, known_as) = session.by.columns();
    connection
        .prepare_cached(
            "INSERT INTO session (digest, resource_id, connector, provider, opened, seen, subject, provider_session, device)
             SELECT ?1, id, ?3, ?4, ?5, ?6, ?8, ?9, ?10 FROM resource WHERE kind = 0 AND id = ?2 AND active
             AND (?7 IS NULL OR EXISTS (SELECT 1 FROM password WHERE resource_id = ?2 AND hash = ?7))",
        )?
        .execute((
            &session.digest.0,
            session.person.as_str(),
            connector,
            provider,
            session.opened.as_millisecond(),
            session.seen.as_millisecond(),
            password.map(PasswordHash::reveal),
            known_as.and_then(|it| it.subject.as_deref()),
            known_as.and_then(|it| it.session.as_deref()),
            &session.device,
        ))
}

fn end(connection: &Connection, digest: &SecretDigest) -> Result<usize, rusqlite::Error> {
    connection
        .prepare_cached("DELETE FROM session WHERE digest = ?1")?
        .execute([&digest.0])
}

/// A token that came before is followed again only in the moment in which it came.
fn end_at_provider(
    connection: &Connection,
    sign_out: &ProviderSignOut,
) -> Result<usize, rusqlite::Error> {
    if let Some(token) = &sign_out.token {
        let kept = connection
            .prepare_cached(
                "INSERT INTO logout_token (digest, received) VALUES (?1, ?2)
                 ON CONFLICT (digest) DO UPDATE SET received = excluded.received WHERE received = excluded.received",
            )?
            .execute((&token.0, sign_out.at.as_millisecond()))?;
        if kept == 0 {
            return Ok(0);
        }
    }
    let KnownAs { subject, session } = &sign_out.known_as;
    let ended = connection
        .prepare_cached(
            "DELETE FROM session WHERE provider = ?1 AND coalesce(?2, ?3) IS NOT NULL
             AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR provider_session = ?3)",
        )?
        .execute((&sign_out.provider, subject, session))?;
    Ok(ended + 1)
}

fn forget(connection: &Connection, over: &Over) -> Result<usize, rusqlite::Error> {
    let sessions = connection
        .prepare_cached(
            "DELETE FROM session WHERE digest IN (SELECT digest FROM session WHERE opened < ?1 OR seen < ?2 LIMIT ?3)",
        )?
        .execute((
            over.opened_before.as_millisecond(),
            over.seen_before.as_millisecond(),
            FORGOTTEN_AT_ONCE,
        ))?;
    let attempts = connection
        .prepare_cached(
            "DELETE FROM sign_in_attempt WHERE seq IN (SELECT seq FROM sign_in_attempt ORDER BY seq LIMIT ?2) AND began < ?1",
        )?
        .execute((over.began_before.as_millisecond(), FORGOTTEN_AT_ONCE))?;
    let tokens = connection
        .prepare_cached(
            "DELETE FROM logout_token WHERE digest IN (SELECT digest FROM logout_token WHERE received < ?1 LIMIT ?2)",
        )?
        .execute((over.began_before.as_millisecond(), FORGOTTEN_AT_ONCE))?;
    Ok(sessions + attempts + tokens)
}

fn attempt(
    connection: &Connection,
    state: &SecretDigest,
    browser: &SecretDigest,
) -> Result<Option<SignInAttempt>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT connector, nonce, verifier, return_to, began FROM sign_in_attempt WHERE state = ?1 AND browser = ?2",
        )?
        .query_row((&state.0, &browser.0), |row| {
            Ok(SignInAttempt {
                state: state.clone(),
                browser: browser.clone(),
                connector: row.get(0)?,
                nonce: row.get(1)?,
                verifier: row.get(2)?,
                return_to: row.get(3)?,
                began: time(row.get(4)?),
            })
        })
        .optional()
}

fn sessions_of(
    connection: &Connection,
    person: &ResourceId,
) -> Result<Vec<Session>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT connector, provider, subject, provider_session, opened, seen, confirmed, asked, device, digest FROM session
             WHERE resource_id = ?1 ORDER BY opened DESC, digest LIMIT ?2",
        )?
        .query_map((person.as_str(), SESSIONS_OF_ONE), |row| {
            read(row, SecretDigest(row.get(9)?), person.clone())
        })?
        .collect()
}

fn session(
    connection: &Connection,
    digest: &SecretDigest,
) -> Result<Option<Session>, rusqlite::Error> {
    connection
        .prepare_cached(
            "SELECT connector, provider, subject, provider_session, opened, seen, confirmed, asked, device, resource_id FROM session
             WHERE digest = ?1",
        )?
        .query_row([&digest.0], |row| {
            let person = ResourceId::new(row.get::<_, String>(9)?);
            read(row, digest.clone(), person)
        })
        .optional()
}

/// The session of a row.
fn read(
    row: &Row<'_>,
    digest: SecretDigest,
    person: ResourceId,
) -> Result<Session, rusqlite::Error> {
    let known_as = KnownAs {
        subject: row.get(2)?,
        session: row.get(3)?,
    };
    let instant = |index| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(index)?.map(time));
    let confirmation = Confirmation {
        confirmed: instant(6)?,
        asked: instant(7)?,
    };
    let provider = (row.get(0)?, row.get(1)?);
    Ok(Session {
        digest,
        person,
        by: SignedInBy::of_columns(provider, known_as, confirmation),
        device: row.get(8)?,
        opened: time(row.get(4)?),
        seen: time(row.get(5)?),
    })
}

fn refresh_token(
    connection: &Connection,
    digest: &SecretDigest,
) -> Result<Option<SealedToken>, rusqlite::Error> {
    let found: Option<Option<String>> = connection
        .prepare_cached("SELECT refresh_token FROM session WHERE digest = ?1")?
        .query_row([&digest.0], |row| row.get(0))
        .optional()?;
    Ok(found.flatten().map(SealedToken))
}
