//! The bare limits that the figures stand beside: an axum handler that returns the same bytes to every GET, and one that
//! inserts one indexed row for every POST, through one writer that commits many in one synced transaction.
//!
//! `bare ADDRESS ANSWER DATABASE`: where to listen, the file with what is returned, the SQLite file to insert into.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// Rows of one transaction at most.
const BATCH: usize = 256;

const SCIM_JSON: [(header::HeaderName, &str); 1] =
    [(header::CONTENT_TYPE, "application/scim+json")];

struct Row {
    key: String,
    body: Bytes,
    done: oneshot::Sender<()>,
}

#[derive(Clone)]
struct Bare {
    answer: Bytes,
    rows: mpsc::Sender<Row>,
}

async fn read(State(bare): State<Bare>) -> impl IntoResponse {
    (SCIM_JSON, bare.answer)
}

async fn insert(State(bare): State<Bare>, body: Bytes) -> impl IntoResponse {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Keys come in no order, as names do.
    let key = NEXT
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (done, committed) = oneshot::channel();
    let row = Row {
        key: format!("{key:016x}@load.example"),
        body: body.clone(),
        done,
    };
    if bare.rows.send(row).await.is_err() || committed.await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, SCIM_JSON, Bytes::new());
    }
    (StatusCode::CREATED, SCIM_JSON, body)
}

fn write(mut database: Connection, mut rows: mpsc::Receiver<Row>) -> rusqlite::Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while rows.blocking_recv_many(&mut batch, BATCH) > 0 {
        let transaction = database.transaction()?;
        let mut insert =
            transaction.prepare_cached("INSERT INTO row (key, body) VALUES (?1, ?2)")?;
        for row in &batch {
            insert.execute((&row.key, &*row.body))?;
        }
        drop(insert);
        transaction.commit()?;
        for row in batch.drain(..) {
            row.done.send(()).ok();
        }
    }
    Ok(())
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let database = Connection::open(path)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.execute_batch(
        "CREATE TABLE row (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, body BLOB NOT NULL)",
    )?;
    Ok(database)
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, answer, database] = arguments.as_slice() else {
        anyhow::bail!("bare ADDRESS ANSWER DATABASE");
    };
    let answer = tokio::fs::read(answer).await.context("no answer")?.into();
    let database = open(Path::new(database))?;
    let (sender, receiver) = mpsc::channel(BATCH);
    std::thread::spawn(move || write(database, receiver));
    let routes = Router::new()
        .route("/scim/v2/Users", get(read).post(insert))
        .with_state(Bare {
            answer,
            rows: sender,
        });
    let listener = tokio::net::TcpListener::bind(address.as_str()).await?;
    axum::serve(listener, routes).await?;
    Ok(())
}
