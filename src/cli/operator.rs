//! `usher operator`: reconciles the custom resources of a cluster.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::clock::{Random, SystemClock, SystemRandom};
use crate::operator::connection::{self, Connection};
use crate::operator::{self, LeaseSettings, Settings};
use crate::plan::objects::WorkloadSettings;
use crate::reconcile::Settings as ReconcileSettings;
use crate::telemetry;

/// How the operator works.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image of the workloads: the one that holds this program
    #[arg(long, value_name = "IMAGE", env = "USHER_WORKLOAD_IMAGE")]
    workload_image: String,
    /// Secret with which that image is pulled, in the namespace of each `ScimTenant`; may be repeated
    #[arg(
        long,
        value_name = "NAME",
        env = "USHER_WORKLOAD_PULL_SECRETS",
        value_delimiter = ','
    )]
    workload_pull_secret: Vec<String>,
    /// Namespace from which the metrics of workloads may be read, besides the operator's; may be repeated
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "USHER_METRICS_NAMESPACES",
        value_delimiter = ','
    )]
    metrics_namespace: Vec<String>,
    /// Namespace to watch; may be repeated. Every namespace when left out
    #[arg(
        long,
        value_name = "NAMESPACE",
        env = "USHER_WATCH_NAMESPACE",
        value_delimiter = ','
    )]
    watch_namespace: Vec<String>,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Whether only the holder of a Lease acts, so that several replicas may run
    #[arg(
        long,
        value_name = "BOOL",
        default_value_t = true,
        action = clap::ArgAction::Set,
        env = "USHER_LEADER_ELECT"
    )]
    leader_elect: bool,
    /// Namespace of this operator: where its Lease is, and from where reports may be read
    #[arg(long, value_name = "NAMESPACE", env = "POD_NAMESPACE")]
    namespace: Option<String>,
    /// Name of this replica, unlike that of any other
    #[arg(long, value_name = "NAME", env = "POD_NAME", hide = true)]
    pod_name: Option<String>,
    /// Address of a workload's report, with {name} and {namespace} of the `ScimTenant`
    #[arg(
        long,
        value_name = "URL",
        default_value = "http://{name}-report.{namespace}.svc:9464/report",
        env = "USHER_REPORT_URL"
    )]
    report_url: String,
    /// Seconds between two looks at each report
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 5.0,
        env = "USHER_REPORT_EVERY"
    )]
    report_every: f64,
    /// Seconds between two writes of a status in which nothing but counters moved
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 60.0,
        env = "USHER_COUNTERS_EVERY"
    )]
    counters_every: f64,
    /// Seconds between two looks at a settled object
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 600.0,
        env = "USHER_RESYNC_EVERY"
    )]
    resync_every: f64,
    /// Address on which metrics, health and readiness are served
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "0.0.0.0:9465",
        env = "USHER_METRICS_LISTEN"
    )]
    metrics_listen: SocketAddr,
    /// What to log, in the form of `RUST_LOG`
    #[arg(long, value_name = "FILTER", default_value = "info", env = "USHER_LOG")]
    log: String,
}

/// The way to the API server, besides what the kubeconfig or the pod says of it.
#[derive(clap::Args)]
struct ConnectionArgs {
    /// Certificate authorities (PEM) to trust besides the cluster's own on the way to the API server
    #[arg(long, value_name = "FILE", env = "USHER_EXTRA_CA")]
    extra_ca: Option<PathBuf>,
    /// Proxy on the way to the API server
    #[arg(
        long,
        value_name = "URL",
        default_value = "",
        hide_default_value = true,
        env = "HTTPS_PROXY",
        hide_env_values = true
    )]
    https_proxy: String,
    /// Hosts, domains and networks that are reached without the proxy, with commas between
    #[arg(
        long,
        value_name = "HOSTS",
        default_value = "",
        hide_default_value = true,
        env = "NO_PROXY"
    )]
    no_proxy: String,
}

impl fmt::Debug for ConnectionArgs {
    /// The proxy may hold a password.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ConnectionArgs")
            .finish_non_exhaustive()
    }
}

impl From<ConnectionArgs> for Connection {
    fn from(args: ConnectionArgs) -> Self {
        Self {
            extra_ca: args.extra_ca,
            https_proxy: args.https_proxy,
            no_proxy: args.no_proxy,
        }
    }
}

/// Runs the operator until SIGTERM or SIGINT.
pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    telemetry::init(Some(&args.log));
    let (settings, connection) = settings(args)?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let end = CancellationToken::new();
    let running = operator::run(
        connection::client(&connection).await?,
        settings,
        Arc::new(SystemClock),
        Arc::new(SystemRandom),
        end.clone(),
    );
    tokio::pin!(running);
    tokio::select! {
        ended = &mut running => return Ok(ended?),
        _ = terminate.recv() => tracing::info!("SIGTERM, ending"),
        _ = interrupt.recv() => tracing::info!("SIGINT, ending"),
    }
    end.cancel();
    Ok(running.await?)
}

fn settings(args: Args) -> anyhow::Result<(Settings, Connection)> {
    let instance = args.pod_name.unwrap_or_else(random_name);
    let lease = if args.leader_elect {
        let namespace = args.namespace.clone().context(
            "--namespace (POD_NAMESPACE) is needed for the Lease; or use --leader-elect=false",
        )?;
        Some(LeaseSettings {
            namespace,
            name: "usher-operator".to_owned(),
            // A restarted container keeps its pod's name, and is another process.
            identity: format!("{instance}_{}", random_name()),
        })
    } else {
        None
    };
    let seconds = |name: &str, value: f64| {
        Duration::try_from_secs_f64(value)
            .ok()
            .filter(|it| !it.is_zero())
            .with_context(|| format!("--{name} must be a number of seconds above 0, got {value}"))
    };
    let mut reconcile = ReconcileSettings::new(WorkloadSettings {
        image: args.workload_image,
        pull_secrets: args.workload_pull_secret,
        operator_namespace: args.namespace,
        metrics_namespaces: args.metrics_namespace,
    });
    reconcile.counters_every = seconds("counters-every", args.counters_every)?;
    reconcile.resync = seconds("resync-every", args.resync_every)?;
    let settings = Settings {
        reconcile,
        namespaces: args.watch_namespace,
        lease,
        report_url: args.report_url,
        report_every: seconds("report-every", args.report_every)?,
        metrics_listen: Some(args.metrics_listen),
        instance,
    };
    Ok((settings, args.connection.into()))
}

fn random_name() -> String {
    let mut bytes = [0; 8];
    SystemRandom.fill(&mut bytes);
    format!("usher-operator-{:016x}", u64::from_be_bytes(bytes))
}
