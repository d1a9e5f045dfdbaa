//! `usher emulator serve`: a whole tenant in a process, until it is told to end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use jiff::SignedDuration;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use url::Url;
use uuid::Uuid;

use crate::cli::output;
use crate::clock::{Clock, SystemClock, SystemRandom};
use crate::emulator::{CYCLE, EntraTenant, Job, Server, Serving, read_applications};
use crate::telemetry;

use super::job::{JobArgs, TenantArgs, read};

/// What to play, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    tenant: TenantArgs,
    /// Id of the tenant, in the place of the one that it has
    #[arg(long, value_name = "UUID")]
    tenant_id: Option<Uuid>,
    /// YAML file with a list of app registrations, in addition to those of the tenant
    #[arg(long, value_name = "FILE")]
    app: Vec<PathBuf>,
    #[command(flatten)]
    job: JobArgs,
    /// Address to serve on. Whoever reaches it signs in as anybody
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// The address by which others know it, if that is another one
    #[arg(long, value_name = "URL")]
    url: Option<Url>,
    /// How many times as fast provisioning goes; at 2400 the 40 minutes between two cycles take a second
    #[arg(long, value_name = "TIMES", default_value_t = 1.0, value_parser = speed, conflicts_with = "cycle_every")]
    speed: f64,
    /// How long it takes from one cycle to the next, such as 10s, in the place of a speed
    #[arg(long, value_name = "TIME")]
    cycle_every: Option<SignedDuration>,
    /// Print one line of JSON with the addresses once it serves
    #[arg(long)]
    json: bool,
    /// What to log, in the form of `RUST_LOG`
    #[arg(
        long = "log-filter",
        value_name = "FILTER",
        default_value = "info",
        env = "USHER_LOG"
    )]
    filter: String,
}

fn speed(text: &str) -> Result<f64, String> {
    let speed: f64 = text.parse().map_err(|_| "want a number".to_owned())?;
    if speed.is_finite() && speed > 0.0 {
        return Ok(speed);
    }
    Err("want a number above 0".to_owned())
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        telemetry::init(Some(&self.filter));
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let server = Server::start(Serving {
            listen: self.listen,
            base: self.url.clone(),
            tenant: self.tenant()?,
            speed: self.speed()?,
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
        });
        let server = server.await?;
        if self.job.is_given() {
            server.provision("scim", self.job.provisioner()?, Job::default());
        }
        let base = server.base();
        if self.json {
            let told = json!({
                "url": base,
                "authority": server.authority(),
                "control": format!("{base}/_emulator"),
            });
            output::print(&format!("{told}\n"))?;
        } else {
            let authority = server.authority();
            output::print(&format!(
                "An Entra tenant is played at {base}/\nAuthority  {authority}\n"
            ))?;
        }
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        server.shutdown().await;
        Ok(())
    }

    fn tenant(&self) -> anyhow::Result<EntraTenant> {
        let mut tenant = self.tenant.tenant(SystemClock.now())?;
        tenant.id = self.tenant_id.unwrap_or(tenant.id);
        for path in &self.app {
            let read = read_applications(&read(path)?);
            let read = read
                .with_context(|| format!("{} is no list of app registrations", path.display()))?;
            for application in read {
                tenant.put_application(application);
            }
        }
        Ok(tenant)
    }

    fn speed(&self) -> anyhow::Result<f64> {
        let Some(every) = self.cycle_every else {
            return Ok(self.speed);
        };
        anyhow::ensure!(
            every.is_positive(),
            "--cycle-every: got {every}, want a time such as 10s"
        );
        Ok(CYCLE.as_secs_f64() / every.as_secs_f64())
    }
}
