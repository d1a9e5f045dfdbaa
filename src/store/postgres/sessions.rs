//! Who is signed in, and who is about to be.

use async_trait::async_trait;
use jiff::Timestamp;
use sqlx::PgConnection;

use super::failure::Retry;
use super::text::text;
use super::{Failure, PostgresStore, dispose, grants, passwords};
use crate::store::candidate::time;
use crate::store::passwords::PasswordHash;
use crate::store::sessions::{
    ATTEMPTS, Confirmation, KnownAs, Over, ProviderSignOut, SESSIONS_OF_ONE, SealedToken,
    SecretDigest, Session, SessionWrite, Sessions, SignInAttempt, SignedInBy,
};
use crate::store::write::{FORGOTTEN_AT_ONCE, Write, Written};
use crate::store::{ResourceId, StoreError};

#[async_trait]
impl Sessions for PostgresStore {
    async fn write_session(&self, write: SessionWrite) -> Result<u64, StoreError> {
        Ok(self.write(Write::Session(write)).await?.rows())
    }

    async fn sign_in_attempt(
        &self,
        state: &SecretDigest,
        browser: &SecretDigest,
    ) -> Result<Option<SignInAttempt>, StoreError> {
        read!(self, connection => attempt(&mut connection, state, browser))
    }

    async fn sessions_of(&self, person: &ResourceId) -> Result<Vec<Session>, StoreError> {
        read!(self, connection => sessions_of(&mut connection, person))
    }

    async fn session(&self, digest: &SecretDigest) -> Result<Option<Session>, StoreError> {
        read!(self, connection => session(&mut connection, digest))
    }

    async fn refresh_token(
        &self,
        digest: &SecretDigest,
    ) -> Result<Option<SealedToken>, StoreError> {
        read!(self, connection => refresh_token(&mut connection, digest))
    }
}

/// Does one write inside a transaction.
pub(super) async fn apply(
    connection: &mut PgConnection,
    write: &SessionWrite,
) -> Result<Written, sqlx::Error> {
    let changed = match write {
        SessionWrite::Begin(attempt) => begin(connection, attempt).await?,
        SessionWrite::Redeem(state) => sqlx::query("DELETE FROM sign_in_attempt WHERE state = $1")
            .bind(&state.0)
            .execute(connection)
            .await?
            .rows_affected(),
        SessionWrite::Open {
            session,
            password,
            replaced,
        } => {
            let opened = open(connection, session, password.as_ref()).await?;
            if let Some(replaced) = replaced {
                grants::follow(connection, replaced, session).await?;
                end(connection, replaced).await?;
            }
            opened
        }
        SessionWrite::See { digest, at } => {
            sqlx::query("UPDATE session SET seen = greatest(seen, $2) WHERE digest = $1")
                .bind(&digest.0)
                .bind(at.as_millisecond())
                .execute(connection)
                .await?
                .rows_affected()
        }
        SessionWrite::End(digest) => end(connection, digest).await?,
        SessionWrite::EndOf {
            person, session, ..
        } => end_of(connection, person, session.as_ref()).await?,
        SessionWrite::EndOthers { person, kept } => {
            sqlx::query("DELETE FROM session WHERE resource_id = $1 AND digest <> $2")
                .bind(text(person.as_str()))
                .bind(&kept.0)
                .execute(connection)
                .await?
                .rows_affected()
        }
        SessionWrite::Ask(question) => sqlx::query(
            "UPDATE session SET asked = $2 WHERE digest = $1 AND (asked IS NULL OR asked < $3)
             AND confirmed IS NOT DISTINCT FROM $4",
        )
        .bind(&question.digest.0)
        .bind(question.at.as_millisecond())
        .bind(question.given_up.as_millisecond())
        .bind(question.confirmed.map(Timestamp::as_millisecond))
        .execute(connection)
        .await?
        .rows_affected(),
        SessionWrite::Confirm { digest, token, at } => {
            confirm(connection, digest, token.as_ref(), *at).await?
        }
        SessionWrite::EndAtProvider(sign_out) => end_at_provider(connection, sign_out).await?,
        SessionWrite::Forget(over) => forget(connection, over).await?,
    };
    Ok(Written::Rows(changed))
}

async fn end_of(
    connection: &mut PgConnection,
    person: &ResourceId,
    session: Option<&SecretDigest>,
) -> Result<u64, sqlx::Error> {
    let end = "DELETE FROM session WHERE resource_id = $1 AND ($2::text IS NULL OR digest = $2)";
    let end = sqlx::query(end).bind(text(person.as_str()));
    let end = end.bind(session.map(|it| &it.0));
    Ok(end.execute(connection).await?.rows_affected())
}

/// Ends the sessions of a person who is deleted or has set a password, with the link to set one. The row of the person is locked already:
/// whoever opens a session waits for it, and by a statement of its own this one sees what was opened before.
pub(super) async fn end_all(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM session WHERE resource_id = $1")
        .bind(text(person.as_str()))
        .execute(&mut *connection)
        .await?;
    passwords::withdraw(connection, person).await
}

async fn begin(connection: &mut PgConnection, attempt: &SignInAttempt) -> Result<u64, sqlx::Error> {
    sqlx::query(
        "DELETE FROM sign_in_attempt WHERE seq <= (SELECT max(seq) FROM sign_in_attempt) - $1 + 1",
    )
    .bind(ATTEMPTS)
    .execute(&mut *connection)
    .await?;
    let inserted = sqlx::query(
        "INSERT INTO sign_in_attempt (state, browser, connector, nonce, verifier, return_to, began)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (state) DO NOTHING",
    )
    .bind(&attempt.state.0)
    .bind(&attempt.browser.0)
    .bind(text(&attempt.connector))
    .bind(text(&attempt.nonce))
    .bind(text(&attempt.verifier))
    .bind(attempt.return_to.as_deref().map(text))
    .bind(attempt.began.as_millisecond())
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

/// Locks the person against who deactivates or deletes, who may not see this session yet: it is one from before the next sign-out.
/// Opened a second time, because the first answer was lost, it stays as it is.
async fn open(
    connection: &mut PgConnection,
    session: &Session,
    password: Option<&PasswordHash>,
) -> Result<u64, sqlx::Error> {
    if password.is_some() {
        // By a statement of its own: the next one sees the password that was set by whoever this one waits for.
        sqlx::query("SELECT 1 FROM resource WHERE kind = 0 AND id = $1 FOR SHARE")
            .bind(text(session.person.as_str()))
            .execute(&mut *connection)
            .await?;
    }
    let (connector, provider, known_as) = session.by.columns();
    let inserted = sqlx::query(
        "WITH person AS (SELECT id, sign_outs FROM resource WHERE kind = 0 AND id = $2 AND active
           AND ($7::TEXT IS NULL OR EXISTS (SELECT 1 FROM password WHERE resource_id = $2 AND hash = $7)) FOR SHARE)
         INSERT INTO session (digest, resource_id, connector, provider, opened, seen, sign_outs, subject, provider_session, device)
         SELECT $1, id, $3, $4, $5, $6, sign_outs, $8, $9, $10 FROM person
         ON CONFLICT (digest) DO UPDATE SET seen = excluded.seen",
    )
    .bind(&session.digest.0)
    .bind(text(session.person.as_str()))
    .bind(text(connector))
    .bind(provider)
    .bind(session.opened.as_millisecond())
    .bind(session.seen.as_millisecond())
    .bind(password.map(PasswordHash::reveal))
    .bind(known_as.and_then(|it| it.subject.as_deref()).map(text))
    .bind(known_as.and_then(|it| it.session.as_deref()).map(text))
    .bind(session.device.as_deref().map(text))
    .execute(connection)
    .await?;
    Ok(inserted.rows_affected())
}

async fn end(connection: &mut PgConnection, digest: &SecretDigest) -> Result<u64, sqlx::Error> {
    let ended = sqlx::query("DELETE FROM session WHERE digest = $1")
        .bind(&digest.0)
        .execute(connection)
        .await?;
    Ok(ended.rows_affected())
}

async fn confirm(
    connection: &mut PgConnection,
    digest: &SecretDigest,
    token: Option<&SealedToken>,
    at: Timestamp,
) -> Result<u64, sqlx::Error> {
    let confirmed = sqlx::query(
        "UPDATE session SET confirmed = $2, asked = NULL, refresh_token = coalesce($3, refresh_token) WHERE digest = $1",
    )
    .bind(&digest.0)
    .bind(at.as_millisecond())
    .bind(token.map(|it| &it.0))
    .execute(connection)
    .await?;
    Ok(confirmed.rows_affected())
}

/// A token that came before is followed again only in the moment in which it came: the answer may have been lost.
async fn end_at_provider(
    connection: &mut PgConnection,
    sign_out: &ProviderSignOut,
) -> Result<u64, sqlx::Error> {
    if let Some(token) = &sign_out.token {
        let kept = sqlx::query(
            "INSERT INTO logout_token (digest, received) VALUES ($1, $2)
             ON CONFLICT (digest) DO UPDATE SET received = excluded.received WHERE logout_token.received = excluded.received",
        )
        .bind(&token.0)
        .bind(sign_out.at.as_millisecond())
        .execute(&mut *connection)
        .await?;
        if kept.rows_affected() == 0 {
            return Ok(0);
        }
    }
    let KnownAs { subject, session } = &sign_out.known_as;
    let ended = sqlx::query(
        "DELETE FROM session WHERE provider = $1 AND coalesce($2::TEXT, $3::TEXT) IS NOT NULL
         AND ($2::TEXT IS NULL OR subject = $2) AND ($3::TEXT IS NULL OR provider_session = $3)",
    )
    .bind(&sign_out.provider)
    .bind(subject.as_deref().map(text))
    .bind(session.as_deref().map(text))
    .execute(connection)
    .await?;
    Ok(ended.rows_affected() + 1)
}

async fn forget(connection: &mut PgConnection, over: &Over) -> Result<u64, sqlx::Error> {
    let sessions = sqlx::query(
        "DELETE FROM session WHERE digest IN (SELECT digest FROM session WHERE opened < $1 OR seen < $2 LIMIT $3)",
    )
    .bind(over.opened_before.as_millisecond())
    .bind(over.seen_before.as_millisecond())
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    let attempts = sqlx::query(
        "DELETE FROM sign_in_attempt WHERE seq IN (SELECT seq FROM sign_in_attempt ORDER BY seq LIMIT $2) AND began < $1",
    )
    .bind(over.began_before.as_millisecond())
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    let tokens = sqlx::query(
        "DELETE FROM logout_token WHERE digest IN (SELECT digest FROM logout_token WHERE received < $1 LIMIT $2)",
    )
    .bind(over.began_before.as_millisecond())
    .bind(FORGOTTEN_AT_ONCE)
    .execute(connection)
    .await?;
    Ok(sessions.rows_affected() + attempts.rows_affected() + tokens.rows_affected())
}

async fn attempt(
    connection: &mut PgConnection,
    state: &SecretDigest,
    browser: &SecretDigest,
) -> Result<Option<SignInAttempt>, Failure> {
    let row: Option<(String, String, String, Option<String>, i64)> = sqlx::query_as(
        "SELECT connector, nonce, verifier, return_to, began FROM sign_in_attempt WHERE state = $1 AND browser = $2",
    )
    .bind(&state.0)
    .bind(&browser.0)
    .fetch_optional(connection)
    .await?;
    Ok(row.map(
        |(connector, nonce, verifier, return_to, began)| SignInAttempt {
            state: state.clone(),
            browser: browser.clone(),
            connector,
            nonce,
            verifier,
            return_to,
            began: time(began),
        },
    ))
}

/// The columns of a session that [`Row`] has.
macro_rules! select {
    ($where:literal) => {
        concat!(
            "SELECT s.digest, s.resource_id, s.connector, s.provider, s.subject, s.provider_session, s.device, s.opened, s.seen, s.confirmed,
                    s.asked
             FROM session s JOIN resource r ON r.id = s.resource_id AND r.sign_outs = s.sign_outs WHERE ",
            $where
        )
    };
}

/// Digest, person, connector, provider, subject and session there, device, opened and seen, confirmed and asked.
type Row = (
    String,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
    i64,
    i64,
    Option<i64>,
    Option<i64>,
);

fn read(row: Row) -> Session {
    let (
        digest,
        person,
        connector,
        provider,
        subject,
        session,
        device,
        opened,
        seen,
        confirmed,
        asked,
    ) = row;
    let known_as = KnownAs { subject, session };
    let confirmation = Confirmation {
        confirmed: confirmed.map(time),
        asked: asked.map(time),
    };
    Session {
        digest: SecretDigest(digest),
        person: ResourceId::new(person),
        by: SignedInBy::of_columns((connector, provider), known_as, confirmation),
        device,
        opened: time(opened),
        seen: time(seen),
    }
}

async fn sessions_of(
    connection: &mut PgConnection,
    person: &ResourceId,
) -> Result<Vec<Session>, Failure> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "s.resource_id = $1 ORDER BY s.opened DESC, s.digest LIMIT $2"
    ))
    .bind(text(person.as_str()))
    .bind(SESSIONS_OF_ONE)
    .fetch_all(connection)
    .await?;
    Ok(rows.into_iter().map(read).collect())
}

async fn session(
    connection: &mut PgConnection,
    digest: &SecretDigest,
) -> Result<Option<Session>, Failure> {
    let row: Option<Row> = sqlx::query_as(select!("s.digest = $1"))
        .bind(&digest.0)
        .fetch_optional(connection)
        .await?;
    Ok(row.map(read))
}

async fn refresh_token(
    connection: &mut PgConnection,
    digest: &SecretDigest,
) -> Result<Option<SealedToken>, Failure> {
    let found: Option<Option<String>> =
        sqlx::query_scalar("SELECT refresh_token FROM session WHERE digest = $1")
            .bind(&digest.0)
            .fetch_optional(connection)
            .await?;
    Ok(found.flatten().map(SealedToken))
}
