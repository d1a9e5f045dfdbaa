//! Connections: where to, how many, and anew when the database moved, was away or has another password.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use sqlx::ConnectOptions;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, Postgres};
use tokio::time::{Instant, timeout};

use super::url::ConnectionUrl;
use super::{migrations, owner};
use crate::store::PostgresLocation;

/// Connections of one process to one directory's database.
const CONNECTIONS: u32 = 16;

/// How long a request waits for a connection, or for the first one to come about.
const WAIT: Duration = Duration::from_secs(4);

/// A connection that was idle for longer is looked at before it is used.
const FRESH: Duration = Duration::from_secs(5);

/// How often the file with the connection URL is looked at.
const READ_URL_EVERY: Duration = Duration::from_secs(1);

/// How long a look at the database may take.
const LOOK: Duration = Duration::from_secs(1);

/// Milliseconds that one statement, a wait for a lock, or an open transaction may take at the server.
const STATEMENT_LIMIT: u32 = 15_000;

/// How long it may take to bring a large schema up to date.
const MIGRATION_LIMIT: Duration = Duration::from_hours(1);

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
    /// It has a parameter that means nothing here.
    #[error(
        "the connection URL in {} has the parameter {name}, which Usher does not know; take it out, or see docs/kubernetes.md for those that it knows",
        path.display()
    )]
    Parameter {
        /// The file.
        path: PathBuf,
        /// Name of the parameter.
        name: String,
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
    /// Another directory is in the schema.
    #[error(
        "schema {schema} holds the people of ScimTenant {owner}; give this one another schema in spec.store.postgres.schema, or, if it is to take those people over, see docs/kubernetes.md"
    )]
    Claimed {
        /// The schema.
        schema: String,
        /// Namespace and name of the `ScimTenant` that came first.
        owner: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

/// What connecting comes to, for everybody who waits for it.
type Connecting = Shared<BoxFuture<'static, Result<PgPool, Arc<ConnectError>>>>;

struct Current {
    url: ConnectionUrl,
    pool: PgPool,
    looked: Instant,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    /// The first connection, or one by another URL, as long as it is under way.
    connecting: Option<Connecting>,
    closed: bool,
}

/// The connections to one PostgreSQL schema.
#[derive(Clone)]
pub(super) struct Connections {
    location: Arc<PostgresLocation>,
    state: Arc<Mutex<State>>,
}

impl Connections {
    /// None yet: a database elsewhere comes and goes, and who serves does not wait for it.
    pub(super) fn new(location: PostgresLocation) -> Self {
        Self {
            location: Arc::new(location),
            state: Arc::default(),
        }
    }

    /// A connection, after a bounded wait.
    pub(super) async fn acquire(&self) -> Result<PoolConnection<Postgres>, Arc<ConnectError>> {
        loop {
            let pool = match timeout(WAIT, self.pool()).await {
                Ok(pool) => pool?,
                Err(_) => return Err(Arc::new(ConnectError::Silent)),
            };
            let error = match pool.acquire().await {
                Ok(connection) => return Ok(connection),
                // One by another URL took its place just then.
                Err(sqlx::Error::PoolClosed) => continue,
                Err(sqlx::Error::PoolTimedOut) if pool.size() >= CONNECTIONS => ConnectError::Busy,
                // The pool does not say why; one attempt of our own does.
                Err(sqlx::Error::PoolTimedOut) => {
                    match timeout(LOOK, pool.connect_options().connect()).await {
                        Ok(Err(error)) => ConnectError::Refused(error),
                        Ok(Ok(_)) | Err(_) => ConnectError::Silent,
                    }
                }
                Err(error) => ConnectError::Refused(error),
            };
            return Err(Arc::new(error));
        }
    }

    /// Whether there is a database to connect to: by a connection that is free, else by one more. One that is busy is there.
    pub(super) async fn look(&self) -> Result<(), Arc<ConnectError>> {
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
            one_more.map_err(ConnectError::Refused)?;
            Ok(())
        };
        let looked = timeout(LOOK, look).await;
        looked.unwrap_or_else(|_| Err(Arc::new(ConnectError::Silent)))
    }

    /// Ends all connections once their work is done; there are none afterwards.
    pub(super) async fn close(&self) {
        let current = {
            let mut state = self.state();
            state.closed = true;
            state.current.take()
        };
        if let Some(current) = current {
            current.pool.close().await;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The pool. What works does not wait for a look at the URL, and is not given up for one that does not work.
    async fn pool(&self) -> Result<PgPool, Arc<ConnectError>> {
        let first = {
            let mut state = self.state();
            if state.closed {
                return Err(Arc::new(ConnectError::Closed));
            }
            if let Some(current) = &mut state.current {
                let pool = current.pool.clone();
                if current.looked.elapsed() >= READ_URL_EVERY {
                    current.looked = Instant::now();
                    drop(self.connecting(&mut state));
                }
                return Ok(pool);
            }
            self.connecting(&mut state)
        };
        first.await
    }

    /// Connects aside, once for all who ask meanwhile; that goes on when nobody waits for it any more.
    fn connecting(&self, state: &mut State) -> Connecting {
        let begin = || {
            let connections = self.clone();
            let task = tokio::spawn(async move {
                let outcome = connections.connect().await.map_err(Arc::new);
                let mut state = connections.state();
                state.connecting = None;
                if let (Err(error), Some(_)) = (&outcome, &state.current) {
                    tracing::warn!(
                        error = &**error as &dyn std::error::Error,
                        "the connection URL is not taken up"
                    );
                }
                outcome
            });
            let outcome = task.map(|it| it.unwrap_or_else(|_| Err(Arc::new(ConnectError::Closed))));
            outcome.boxed().shared()
        };
        state.connecting.get_or_insert_with(begin).clone()
    }

    /// The pool for the URL as it is in its file.
    async fn connect(&self) -> Result<PgPool, ConnectError> {
        let url = ConnectionUrl::read(&self.location.url_file).await?;
        if let Some(current) = &self.state().current
            && current.url == url
        {
            return Ok(current.pool.clone());
        }
        let options = url.options(&self.location.url_file)?;
        let mut first = open(&options, &self.location.schema).await?;
        up_to_date(&mut first, &self.location).await?;
        drop(first);
        let pool = pool(options, self.location.schema.clone());
        let mut state = self.state();
        if state.closed {
            return Err(ConnectError::Closed);
        }
        let before = state.current.replace(Current {
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

/// A connection to the schema at `location`, which is brought up to date and belongs to its `ScimTenant`.
pub(super) async fn up_to_date(
    connection: &mut PgConnection,
    location: &PostgresLocation,
) -> Result<(), ConnectError> {
    let migrated = timeout(
        MIGRATION_LIMIT,
        migrations::run(connection, &location.schema),
    );
    migrated.await.unwrap_or(Err(ConnectError::Silent))?;
    owner::claim(connection, location).await
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
            Box::pin(async move { prepare(connection, &schema, STATEMENT_LIMIT).await })
        })
        .connect_lazy_with(options)
}

/// A connection for a task that may take as long as it takes.
pub(super) async fn alone(location: &PostgresLocation) -> Result<PgConnection, ConnectError> {
    let url = ConnectionUrl::read(&location.url_file).await?;
    open(&url.options(&location.url_file)?, &location.schema).await
}

/// What it takes to come about is limited.
async fn open(options: &PgConnectOptions, schema: &str) -> Result<PgConnection, ConnectError> {
    let open = async {
        let mut connection = options.connect().await?;
        prepare(&mut connection, schema, 0).await?;
        Ok(connection)
    };
    match timeout(WAIT, open).await {
        Ok(opened) => opened.map_err(ConnectError::Refused),
        Err(_) => Err(ConnectError::Silent),
    }
}

/// A name as SQL has it.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// By statements, not by parameters of the connection, which poolers in between refuse. A statement may take `limit`
/// milliseconds; as long as it takes, if that is 0.
async fn prepare(
    connection: &mut PgConnection,
    schema: &str,
    limit: u32,
) -> Result<(), sqlx::Error> {
    let schema = quoted(schema);
    let settings = format!(
        "SET search_path TO {schema}; SET statement_timeout = {limit}; \
         SET idle_in_transaction_session_timeout = {limit}"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(settings))
        .execute(connection)
        .await
        .map(|_| ())
}
