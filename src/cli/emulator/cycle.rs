//! `usher emulator cycle`: an initial cycle, working days, a second look, and a verdict.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::cli::output;
use crate::clock::{Clock, SystemClock};
use crate::emulator::{
    CYCLE, CycleKind, Dice, Job, Provisioner, Restart, Summary, Verdict, verdict, working_day,
};

use super::job::{JobArgs, TenantArgs};
use super::state::State;

/// What to play, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    tenant: TenantArgs,
    #[command(flatten)]
    job: JobArgs,
    /// Working days after the initial cycle, each with its changes and an incremental cycle
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    days: u32,
    /// Restart provisioning at the end: everybody is looked at again, and a good server needs no write
    #[arg(long)]
    restart: bool,
    /// Account discovery at the end: reads every account, page by page
    #[arg(long)]
    discover: bool,
    /// File with the tenant and what its job knows, to go on from; it is written at the end
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,
    /// Print the cycles and the verdict as one JSON object
    #[arg(long)]
    json: bool,
}

/// A cycle, and how long it took.
#[derive(Debug)]
struct Played {
    summary: Summary,
    took: Duration,
}

impl Args {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let provisioner = self.job.provisioner()?;
        let kept = self.state.as_deref().map(State::read).transpose()?;
        let mut state = if let Some(state) = kept.flatten() {
            state
        } else {
            let now = SystemClock.now();
            State {
                tenant: self.tenant.tenant(now)?,
                job: Job::default(),
                now,
            }
        };
        let mut played = Vec::new();
        if self.days == 0 || state.job.counts() == [0, 0, 0] {
            played.push(self.play(&provisioner, &mut state).await);
        }
        for _ in 0..self.days {
            let seed = self.tenant.seed() ^ state.tenant.version();
            working_day(&mut state.tenant, &mut Dice::new(seed));
            played.push(self.play(&provisioner, &mut state).await);
        }
        let mut again = None;
        if self.restart {
            // What joined a scope late is picked up by the first look, so the second tells of needless writes.
            for _ in 0..2 {
                state.job.restart(Restart::Button);
                played.push(self.play(&provisioner, &mut state).await);
            }
            again = played.last().map(|it| it.summary.clone());
        }
        let verdict = verdict(provisioner.connection(), &state.job, again.as_ref());
        let discovered = if self.discover {
            Some(provisioner.discover(&state.tenant, state.now).await?)
        } else {
            None
        };
        if let Some(path) = &self.state {
            state.write(path)?;
        }
        if self.json {
            let cycles: Vec<&Summary> = played.iter().map(|it| &it.summary).collect();
            let told =
                serde_json::json!({"cycles": cycles, "verdict": verdict, "discovery": discovered});
            output::print(&format!("{told}\n"))?;
        } else {
            output::print(&table(&played))?;
            if let Some(it) = &discovered {
                let unmatched = it.unmatched.len();
                output::print(&format!(
                    "DISCOVERY  {} accounts, {} matched, {unmatched} of nobody\n",
                    it.accounts, it.matched
                ))?;
            }
            output::print(&verdict.to_string())?;
        }
        judged(&verdict)
    }

    /// The next cycle, 40 minutes later by the job's clock.
    async fn play(&self, provisioner: &Provisioner, state: &mut State) -> Played {
        let started = Instant::now();
        let State { tenant, job, now } = state;
        tenant.purge_expired(*now);
        let shown = stderr().is_terminal();
        let cycle = provisioner.cycle(tenant, tenant.version(), job, *now);
        tokio::pin!(cycle);
        let mut every = tokio::time::interval(Duration::from_millis(500));
        let summary = loop {
            tokio::select! {
                summary = &mut cycle => break summary,
                _ = every.tick() => if shown { show(provisioner, started) },
            }
        };
        if shown {
            output::remark("\r\x1b[K");
        }
        *now = now.checked_add(CYCLE).unwrap_or(*now);
        Played {
            summary,
            took: started.elapsed(),
        }
    }
}

/// Progress on one line.
fn show(provisioner: &Provisioner, started: Instant) {
    let (done, all) = provisioner.progress().read();
    let filled = (30 * done).checked_div(all).unwrap_or_default();
    let requests = provisioner.connection().requests();
    output::remark(&format!(
        "\r[{:<30}] {done} of {all}, {requests} requests, {} s",
        "#".repeat(filled),
        started.elapsed().as_secs()
    ));
}

fn judged(verdict: &Verdict) -> anyhow::Result<()> {
    match verdict.failed {
        _ if verdict.is_good() => Ok(()),
        [0, _] => bail!("Entra would not be content with this server"),
        [failed, _] => bail!("{failed} could not be provisioned"),
    }
}

fn table(played: &[Played]) -> String {
    let head = format!(
        "{:<13}{:<10}{:<9}{:<9}{:<10}{:<9}{:<9}{:<8}TIME\n",
        "CYCLE", "REQUESTS", "CREATED", "UPDATED", "DISABLED", "DELETED", "SKIPPED", "FAILED"
    );
    std::iter::once(head)
        .chain(played.iter().map(row))
        .collect()
}

fn row(Played { summary, took }: &Played) -> String {
    let kind = match summary.kind {
        CycleKind::Initial => "initial",
        CycleKind::Incremental => "incremental",
        CycleKind::OnDemand => "on demand",
    };
    let mut lines = vec![format!(
        "{kind:<13}{:<10}{:<9}{:<9}{:<10}{:<9}{:<9}{:<8}{} ms\n",
        summary.requests,
        summary.created,
        summary.updated,
        summary.disabled,
        summary.deleted,
        summary.skipped,
        summary.failed,
        took.as_millis()
    )];
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for failure in &summary.failures {
        *counts.entry(failure.to_string()).or_default() += 1;
    }
    let failures = counts.iter().take(10);
    lines.extend(failures.map(|(failure, count)| format!("  {count} x {failure}\n")));
    if summary.staged > 0 {
        let staged = summary.staged;
        lines.push(format!("  {staged} disables and deletions are staged\n"));
    }
    let quarantine = summary.quarantine.iter();
    lines.extend(quarantine.map(|why| format!("  quarantine: {why}\n")));
    lines.concat()
}
