//! Connections: where to, how many, and anew when the database moved, was away or has another password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use tokio::time::Instant;

use super::migrations;
use crate::store::PostgresLocation;

/// Connections of one process to one directory's database.
const CONNECTIONS: u32 = 16;

/// How long a request waits for a connection, or for the first one to come about.
const WAIT: Duration = Duration::from_secs(4);

/// A connection that was idle for longer is looked at before it is used.
const FRESH: Duration = Duration::from_secs(5);

/// How often the file with the connection URL is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// Milliseconds that one statement, a wait for a lock, or an open transaction may take at the server.
const STATEMENT_LIMIT: u32 = 15_000;

/// Why there is no connection to a PostgreSQL database.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file with the URL cannot be read, as when its Secret is missing.
    #[error("the connection URL cannot be read from {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It has something else in it.
    #[error("{} has no connection URL such as postgres://user:password@host/database", path.display())]
    Url {
        /// The file.
        path: PathBuf,
    },
    /// Nobody listens, or not to this user.
    #[error("the database does not take a connection")]
    Refused(#[source] sqlx::Error),
    /// Nothing came back.
    #[error("the database did not answer in time")]
    Silent,
    /// More is asked than can be answered.
    #[error("all {CONNECTIONS} connections were busy for {} s", WAIT.as_secs())]
    Busy,
    /// The schema cannot be made or brought up to date.
    #[error("the schema cannot be brought up to date")]
    Migration(#[source] sqlx::Error),
    /// A later version of this program has changed the schema in a manner that this one does not know.
    #[error(
        "the schema needs a program that knows {needed} migrations, this one knows {known}; install a later version"
    )]
    Newer {
        /// Migrations that a program must know.
        needed: i64,
        /// Those that this one knows.
        known: i64,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// A connection URL, which has a password in it.
#[derive(Clone, PartialEq, Eq)]
struct ConnectionUrl(String);

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ConnectionUrl(…)")
    }
}

impl ConnectionUrl {
    async fn read(path: &Path) -> Result<Self, ConnectError> {
        match tokio::fs::read_to_string(path).await {
            Ok(text) => Ok(Self(text.trim().to_owned())),
            Err(source) => Err(ConnectError::File {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// What is wrong with it is not said: it could repeat the password.
    fn options(&self) -> Option<PgConnectOptions> {
        let known = ["postgres://", "postgresql://"];
        let is_known = known.iter().any(|scheme| self.0.starts_with(scheme));
        let options: PgConnectOptions = self.0.parse().ok().filter(|_| is_known)?;
        Some(
            options
                .application_name("usher")
                .disable_statement_logging(),
        )
    }
}

struct Current {
    url: ConnectionUrl,
    pool: PgPool,
    looked: Instant,
}

/// The connections to one PostgreSQL schema.
pub(super) struct Connections {
    location: PostgresLocation,
    current: Mutex<Option<Current>>,
    /// Held by who connects for the first time, or anew.
    connecting: tokio::sync::Mutex<()>,
    closed: AtomicBool,
}

impl Connections {
    /// None yet: a database elsewhere comes and goes, and who serves does not wait for it.
    pub(super) fn new(location: PostgresLocation) -> Self {
        Self {
            location,
            current: Mutex::default(),
            connecting: tokio::sync::Mutex::default(),
            closed: false.into(),
        }
    }

    /// A connection, after a bounded wait.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, ConnectError> {
        let pool = match tokio::time::timeout(WAIT, self.pool()).await {
            Ok(pool) => pool?,
            Err(_) => return Err(ConnectError::Silent),
        };
        match pool.acquire().await {
            Ok(connection) => Ok(connection),
            Err(sqlx::Error::PoolClosed) => Err(ConnectError::Closed),
            Err(sqlx::Error::PoolTimedOut) if pool.size() >= CONNECTIONS => Err(ConnectError::Busy),
            // The pool does not say why; one attempt of our own does.
            Err(sqlx::Error::PoolTimedOut) => {
                let attempt = pool.connect_options();
                match tokio::time::timeout(LOOK, attempt.connect()).await {
                    Ok(Err(error)) => Err(ConnectError::Refused(error)),
                    Ok(Ok(_)) | Err(_) => Err(ConnectError::Silent),
                }
            }
            Err(error) => Err(ConnectError::Refused(error)),
        }
    }

    /// Whether there is a database to connect to: by a connection that is free, else by one more. One that is busy is there.
    pub(super) async fn look(&self) -> Result<(), ConnectError> {
        let look = async {
            let pool = self.pool().await?;
            if let Some(mut free) = pool.try_acquire() {
                if sqlx::Connection::ping(&mut *free).await.is_ok() {
                    return Ok(());
                }
                free.close_on_drop();
            } else if pool.size() >= CONNECTIONS {
                return Ok(());
            }
            let one_more = pool.connect_options().connect().await;
            let one_more = one_more.map_err(ConnectError::Refused)?;
            drop(one_more);
            Ok(())
        };
        let looked = tokio::time::timeout(LOOK, look).await;
        looked.unwrap_or(Err(ConnectError::Silent))
    }

    /// Ends all connections once their work is done; there are none afterwards.
    pub(super) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        let current = self.current().take();
        if let Some(current) = current {
            current.pool.close().await;
        }
    }

    fn current(&self) -> MutexGuard<'_, Option<Current>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool, and whether it is time to look at the URL again; that is said to one caller.
    fn known(&self) -> Option<(PgPool, bool)> {
        let mut current = self.current();
        let current = current.as_mut()?;
        let due = current.looked.elapsed() >= LOOK;
        if due {
            current.looked = Instant::now();
        }
        Some((current.pool.clone(), due))
    }

    async fn pool(&self) -> Result<PgPool, ConnectError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(ConnectError::Closed);
        }
        match self.known() {
            Some((pool, false)) => Ok(pool),
            Some((pool, true)) => match self.connect().await {
                Ok(pool) => Ok(pool),
                // What works is not given up for what does not.
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the connection URL is not taken up"
                    );
                    Ok(pool)
                }
            },
            None => self.connect().await,
        }
    }

    /// The pool for the URL as it is in its file.
    async fn connect(&self) -> Result<PgPool, ConnectError> {
        let _one_at_a_time = self.connecting.lock().await;
        let url = ConnectionUrl::read(&self.location.url_file).await?;
        let same = self
            .current()
            .as_ref()
            .filter(|it| it.url == url)
            .map(|it| it.pool.clone());
        if let Some(pool) = same {
            return Ok(pool);
        }
        let options = url.options().ok_or_else(|| ConnectError::Url {
            path: self.location.url_file.clone(),
        })?;
        let schema = self.location.schema.clone();
        let mut first = options.connect().await.map_err(ConnectError::Refused)?;
        prepare(&mut first, &schema)
            .await
            .map_err(ConnectError::Refused)?;
        migrations::run(&mut first, &schema).await?;
        drop(first);
        let pool = pool(options, schema);
        let before = self.current().replace(Current {
            url,
            pool: pool.clone(),
            looked: Instant::now(),
        });
        if let Some(before) = before {
            tracing::info!("connecting by a new URL");
            tokio::spawn(async move { before.pool.close().await });
        }
        Ok(pool)
    }
}

fn pool(options: PgConnectOptions, schema: String) -> PgPool {
    let schema: Arc<str> = schema.into();
    PgPoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(WAIT)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                if about.idle_for > FRESH {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |connection, _| {
            let schema = Arc::clone(&schema);
            Box::pin(async move { prepare(connection, &schema).await })
        })
        .connect_lazy_with(options)
}

/// A connection for a task that may take as long as it takes.
pub(super) async fn alone(location: &PostgresLocation) -> Result<PgConnection, ConnectError> {
    let url = ConnectionUrl::read(&location.url_file).await?;
    let options = url.options().ok_or_else(|| ConnectError::Url {
        path: location.url_file.clone(),
    })?;
    let mut connection = options.connect().await.map_err(ConnectError::Refused)?;
    let settings = format!(
        "SET search_path TO {}; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0",
        quoted(&location.schema)
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
        .execute(&mut connection)
        .await
        .map_err(ConnectError::Refused)?;
    Ok(connection)
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// By statements, not by parameters of the connection, which poolers in between refuse.
async fn prepare(connection: &mut PgConnection, schema: &str) -> Result<(), sqlx::Error> {
    let schema = quoted(schema);
    let settings = format!(
        "SET search_path TO {schema}; SET statement_timeout = {STATEMENT_LIMIT}; \
         SET idle_in_transaction_session_timeout = {STATEMENT_LIMIT}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
        .execute(connection)
        .await
        .map(|_| ())
}
