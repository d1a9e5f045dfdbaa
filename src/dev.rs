//! The product without a cluster: a folder of YAML, reconciled as in Kubernetes and served by this process.
//!
//! The folder is looked at five times a second, by content. What is wrong in it is shown and the last good state goes on. Secrets,
//! people and statuses are in its folder `.usher`, for the eyes of its owner only.

mod files;
mod folder;
mod host;
mod objects;
mod secrets;
mod table;
mod view;

use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::api::{Kind, ObjectKey};
use crate::clock::{Clock, Random};
use crate::config::Token;
use crate::lint::{Finding, Rules};
use crate::plan::objects::WorkloadSettings;
use crate::platform::Retry;
use crate::reconcile::{self, Context, Next, ReconcileError};
use crate::workload::{self, Server, StartError};

use folder::Folder;
use host::Host;

pub use view::{ConnectorView, View};

/// How often the folder is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How often a failed object is tried again.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// Rounds of reconciling in one look; what is not settled then goes on with the next.
const ROUNDS: usize = 20;

/// What to run.
pub struct Settings {
    /// The folder of YAML.
    pub folder: PathBuf,
    /// Where to serve.
    pub listen: SocketAddr,
    /// Where to serve the report, to who has the token in the file `report-token`; nowhere when absent.
    pub report_listen: Option<SocketAddr>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
}

/// Why a folder cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum DevError {
    /// Another process has it.
    #[error("another `usher dev` works on {}; end it first", folder.display())]
    Locked {
        /// The folder.
        folder: PathBuf,
    },
    /// The folder or what is kept in it cannot be read or written.
    #[error("cannot {action}")]
    Files {
        /// Verb and path.
        action: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The server does not start.
    #[error("cannot serve")]
    Start(#[source] StartError),
}

/// Serves the folder until `end`; `show` is called whenever things are quiet after a look, with all there is to see.
pub async fn run(
    settings: Settings,
    mut show: impl FnMut(&View),
    end: impl Future<Output = ()>,
) -> Result<(), DevError> {
    let Settings {
        folder,
        listen,
        report_listen,
        clock,
        random,
    } = settings;
    let mut folder = Folder::open(folder)?;
    let lock = folder.lock()?;
    let report_token = Token::from_random(random.secret());
    if report_listen.is_some() {
        let file = folder.hidden().join("report-token");
        files::write(&file, report_token.reveal().as_bytes())?;
    }
    let listen = (listen, report_listen);
    let settings = server_settings(listen, &clock, &random);
    let nothing = host::nothing(report_token.digest());
    let server = Server::start(settings, nothing)
        .await
        .map_err(DevError::Start)?;
    let report_url = server.report_addr().map(|it| format!("http://{it}"));
    let host = Arc::new(Host::open(
        folder.hidden(),
        (server, report_token.digest()),
        Arc::clone(&clock),
        Arc::clone(&random),
    )?);
    let context = Context::new(Arc::clone(&host) as _, clock, random, reconcile_settings());
    let rules = Rules::of_this_version();
    let mut findings = Vec::new();
    let mut schedule = Schedule::default();

    tokio::pin!(end);
    loop {
        if let Some(sources) = folder.changed()? {
            findings = host.take_up(&rules, &sources).await?;
            schedule.everything_now();
        }
        look(&host, &context, &mut schedule).await;
        show(&View {
            report_url: report_url.clone(),
            ..host.view(&findings)
        });
        tokio::select! {
            () = &mut end => break,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
    host.shut_down().await;
    drop(lock);
    Ok(())
}

fn server_settings(
    (listen, report_listen): (SocketAddr, Option<SocketAddr>),
    clock: &Arc<dyn Clock>,
    random: &Arc<dyn Random>,
) -> workload::Settings {
    workload::Settings {
        listen,
        tls: None,
        report_listen,
        clock: Arc::clone(clock),
        random: Arc::clone(random),
    }
}

fn reconcile_settings() -> reconcile::Settings {
    // No pod is ever made here, so no image is named.
    let workload = WorkloadSettings::default();
    reconcile::Settings {
        counters_every: Duration::ZERO,
        resync: Duration::from_secs(30),
        ..reconcile::Settings::new(workload)
    }
}

/// Reconciles what is due until nothing changes any more.
async fn look(host: &Host, context: &Context, schedule: &mut Schedule) {
    if host.moved_by_others().await {
        schedule.everything_now();
    }
    for _ in 0..ROUNDS {
        if !schedule.is_due() {
            break;
        }
        let before = host.revision();
        let mut next = None;
        for (kind, key) in host.every_object() {
            let after = match reconciled(context, kind, &key).await {
                Ok(Next::OnChange) => continue,
                Ok(Next::After(after)) => after,
                Err(error) => match error.retry() {
                    Retry::Backoff | Retry::OnChange => TRY_AGAIN,
                    Retry::After(after) => after,
                },
            };
            next = Some(next.map_or(after, |soonest: Duration| soonest.min(after)));
        }
        schedule.next(next);
        if host.revision() != before {
            schedule.everything_now();
        }
    }
}

async fn reconciled(
    context: &Context,
    kind: Kind,
    key: &ObjectKey,
) -> Result<Next, ReconcileError> {
    match kind {
        Kind::ScimTenant => reconcile::scim_tenant(context, key).await,
        Kind::AzureConnector => reconcile::azure_connector(context, key).await,
        Kind::UserMapping => reconcile::user_mapping(context, key).await,
    }
}

/// When to reconcile again: a folder has few objects, so all of them at once.
#[derive(Debug, Default)]
struct Schedule {
    due: Option<Instant>,
}

impl Schedule {
    fn everything_now(&mut self) {
        self.due = Some(Instant::now());
    }

    fn next(&mut self, after: Option<Duration>) {
        self.due = after.map(|it| Instant::now() + it);
    }

    fn is_due(&self) -> bool {
        self.due.is_some_and(|it| it <= Instant::now())
    }
}

/// Findings that keep an object from being taken up.
fn errors(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings
        .iter()
        .filter(|it| it.severity == crate::lint::Severity::Error)
}
