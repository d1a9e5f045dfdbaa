//! `usher serve`: the workload, as it runs in a pod or beside a test.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::{SystemClock, SystemRandom};
use crate::telemetry;
use crate::workload::{self, Settings, TlsFiles};

/// What to serve, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The workload configuration; it is taken up again whenever it changes
    #[arg(long, value_name = "FILE", env = "USHER_CONFIG")]
    config: PathBuf,
    /// Address on which SCIM is served
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:8080",
        env = "USHER_LISTEN"
    )]
    listen: SocketAddr,
    /// Address on which the report, health, readiness and metrics are served
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:9464",
        env = "USHER_REPORT_LISTEN"
    )]
    report_listen: SocketAddr,
    /// Certificate in PEM, with those between it and its authority; taken up again whenever it changes
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_key",
        env = "USHER_TLS_CERT"
    )]
    tls_cert: Option<PathBuf>,
    /// Private key of the certificate in PEM
    #[arg(
        long,
        value_name = "FILE",
        requires = "tls_cert",
        env = "USHER_TLS_KEY"
    )]
    tls_key: Option<PathBuf>,
    /// Seconds to go on serving at most after the end was asked for, until another process waits for the stores
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 15,
        env = "USHER_HAND_OVER_SECONDS"
    )]
    hand_over_seconds: u64,
    /// What to log, in the form of `RUST_LOG`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "USHER_LOG")]
    log: String,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(Some(&args.log));
    let tls = args
        .tls_cert
        .zip(args.tls_key)
        .map(|(certificate, key)| TlsFiles { certificate, key });
    let settings = Settings {
        listen: args.listen,
        tls,
        report_listen: Some(args.report_listen),
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let patience = Duration::from_secs(args.hand_over_seconds);
    workload::run(settings, &args.config, patience, end).await?;
    Ok(())
}
