//! Serving from a configuration file: read at the start, looked at again and again, taken up when it changed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Server, Settings, StartError};
use crate::config::{self, ConfigError, WorkloadConfig};
use crate::telemetry::chain;

/// How often the file is looked at; a mounted Secret changes by a swap of links, which no watch sees reliably.
const POLL: Duration = Duration::from_millis(200);

/// Why a workload cannot be run from a file.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is not a configuration.
    #[error("{} cannot be served", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: ConfigError,
    },
    /// The server does not start.
    #[error("the workload does not start")]
    Start(#[from] StartError),
}

/// Serves what the file at `path` says until `end` comes; then serves on until another process is there, for `patience` at most, and stops.
///
/// # Errors
/// When it cannot be started. Later faults of the file are reported, and the previous configuration goes on.
pub async fn run(
    settings: Settings,
    path: &Path,
    patience: Duration,
    end: impl Future<Output = ()>,
) -> Result<(), FileError> {
    let text = read(path).await.map_err(|source| FileError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let config = WorkloadConfig::parse(&text).map_err(|source| FileError::Config {
        path: path.to_owned(),
        source,
    })?;
    let server = Server::listen(settings, config.report_token.clone()).await?;
    tracing::info!(
        address = %server.local_addr(),
        report = server.report_addr().map(|it| it.to_string()),
        "serving on {}",
        server.local_addr()
    );
    tokio::pin!(end);
    let taking_over = server.take_over(config, config::digest(&text));
    let outcome = tokio::select! {
        outcome = taking_over => outcome,
        () = &mut end => {
            server.shutdown().await;
            return Ok(());
        }
    };
    if outcome.is_ok() {
        follow(&server, path, text, &mut end).await;
        tracing::info!("about to end");
        server.drain();
        server.hand_over(patience).await;
    }
    server.shutdown().await;
    tracing::info!("ended");
    Ok(outcome.map_err(StartError::from)?)
}

async fn read(path: &Path) -> std::io::Result<String> {
    tokio::fs::read_to_string(path).await
}

/// Takes up each change of the file until `end`.
async fn follow(
    server: &Server,
    path: &Path,
    mut known: String,
    end: &mut (impl Future<Output = ()> + Unpin),
) {
    let mut polls = tokio::time::interval(POLL);
    loop {
        tokio::select! {
            () = &mut *end => return,
            _ = polls.tick() => {}
        }
        // A file that is not there for a moment is being replaced.
        let text = match read(path).await {
            Ok(text) if text == known => continue,
            Ok(text) => text,
            Err(_) => continue,
        };
        match WorkloadConfig::parse(&text) {
            Ok(config) => {
                if server
                    .reload_document(config, config::digest(&text))
                    .await
                    .is_ok()
                {
                    tracing::info!("the new configuration is served");
                }
            }
            Err(error) => server.core.reject(chain(&error)),
        }
        known = text;
    }
}
