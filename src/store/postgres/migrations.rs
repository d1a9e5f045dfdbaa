//! The schema of the database and how it grows: numbered steps, forward only.
//!
//! Each statement of a step can be repeated (`IF NOT EXISTS`, `ON CONFLICT`), so that a step that was interrupted is done again, and
//! two replicas that start at once both do it. The program of the minor version before still serves beside the one that migrated;
//! hence a step adds and never takes away what that one uses.

use std::time::Duration;

use sqlx::{PgConnection, SqlSafeStr};

use super::connect::{ConnectError, quoted};

/// Number and text of each, in order; what was released is never edited.
const MIGRATIONS: &[(i64, &str)] = &[
    (1, include_str!("../migrations/postgres/0001_directory.sql")),
    (2, include_str!("../migrations/postgres/0002_owner.sql")),
    (3, include_str!("../migrations/postgres/0003_session.sql")),
    (
        4,
        include_str!("../migrations/postgres/0004_session_ends.sql"),
    ),
    (5, include_str!("../migrations/postgres/0005_password.sql")),
    (6, include_str!("../migrations/postgres/0006_grant.sql")),
    (
        7,
        include_str!("../migrations/postgres/0007_provider_session.sql"),
    ),
    (
        8,
        include_str!("../migrations/postgres/0008_refresh_token.sql"),
    ),
    (
        9,
        include_str!("../migrations/postgres/0009_second_factor.sql"),
    ),
    (10, include_str!("../migrations/postgres/0010_device.sql")),
    (11, include_str!("../migrations/postgres/0011_passkey.sql")),
    (
        12,
        include_str!("../migrations/postgres/0012_device_authorization.sql"),
    ),
    (13, include_str!("../migrations/postgres/0013_logout.sql")),
    (14, include_str!("../migrations/postgres/0014_browsing.sql")),
    (
        15,
        include_str!("../migrations/postgres/0015_client_assertion.sql"),
    ),
    (16, include_str!("../migrations/postgres/0016_payload.sql")),
    (17, include_str!("../migrations/postgres/0017_sign_in.sql")),
];

/// How often a statement is tried that another replica is in the way of.
const ATTEMPTS: u32 = 20;

/// How long it waits in between.
const PAUSE: Duration = Duration::from_millis(50);

/// Brings the PostgreSQL schema called `schema` up to date, making it if it does not exist.
pub(super) async fn run(connection: &mut PgConnection, schema: &str) -> Result<(), ConnectError> {
    let known = MIGRATIONS.last().map_or(0, |it| it.0);
    let present = version(connection).await;
    // A missing table is made, whatever the database calls that.
    let (done, needed) = present.unwrap_or_default();
    if needed > known {
        return Err(ConnectError::Newer { needed, known });
    }
    if done >= known {
        return Ok(());
    }
    // To make one takes a right that its owner may not have.
    if !exists(connection, schema).await? {
        let make = format!("CREATE SCHEMA IF NOT EXISTS {}", quoted(schema));
        insist(connection, make).await?;
    }
    let table = "CREATE TABLE IF NOT EXISTS migration (number BIGINT NOT NULL PRIMARY KEY, needed BIGINT NOT NULL)";
    insist(connection, table.to_owned()).await?;
    for (number, text) in MIGRATIONS.iter().filter(|it| it.0 > done) {
        for statement in statements(text) {
            insist(connection, statement.to_owned()).await?;
        }
        let record = format!(
            "INSERT INTO migration (number, needed) VALUES ({number}, 0) ON CONFLICT (number) DO NOTHING"
        );
        insist(connection, record).await?;
    }
    Ok(())
}

/// The last step that was done, and how many of them a program must know to use this database.
async fn version(connection: &mut PgConnection) -> Result<(i64, i64), sqlx::Error> {
    sqlx::query_as("SELECT coalesce(max(number), 0), coalesce(max(needed), 0) FROM migration")
        .persistent(false)
        .fetch_one(connection)
        .await
}

async fn exists(connection: &mut PgConnection, schema: &str) -> Result<bool, ConnectError> {
    sqlx::query_scalar("SELECT count(*) > 0 FROM pg_catalog.pg_namespace WHERE nspname = $1")
        .bind(schema)
        .fetch_one(connection)
        .await
        .map_err(ConnectError::Migration)
}

/// The statements of a step; none has a semicolon inside, nor a comment.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    text.split(';').map(str::trim).filter(|it| !it.is_empty())
}

/// Two replicas that make the same thing at once can be in each other's way, `IF NOT EXISTS` or not.
async fn insist(connection: &mut PgConnection, statement: String) -> Result<(), ConnectError> {
    let text = sqlx::AssertSqlSafe(statement).into_sql_str();
    let mut attempts = ATTEMPTS;
    loop {
        attempts -= 1;
        match sqlx::raw_sql(text.clone()).execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            Err(sqlx::Error::Database(error)) if attempts > 0 && !is_forbidden(&*error) => {
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => return Err(ConnectError::Migration(error)),
        }
    }
}

/// By SQLSTATE: insufficient privilege, which no replica is to blame for.
fn is_forbidden(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().as_deref() == Some("42501")
}

/// The statements of the steps up to `last` in order, for tests that stop in between.
#[cfg(test)]
pub(super) fn statements_until(last: i64) -> Vec<&'static str> {
    let steps = MIGRATIONS.iter().filter(|it| it.0 <= last);
    steps.flat_map(|it| statements(it.1)).collect()
}
