//! `usher emulator`: plays Entra against any SCIM server.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::Context;

use crate::emulator::{self, Connection, Cycle, Dialect, Population, Summary};

use super::output;

/// What to play.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Provision made-up people and groups in Entra's own request shapes
    Provision(Provision),
}

#[derive(Debug, clap::Args)]
struct Provision {
    /// What is pasted into Entra as Tenant URL
    #[arg(long, value_name = "URL")]
    scim_url: String,
    /// File with what is pasted into Entra as Secret Token
    #[arg(long, value_name = "FILE")]
    token_file: PathBuf,
    /// How many people
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    people: usize,
    /// How many groups
    #[arg(long, value_name = "NUMBER", default_value_t = 6)]
    groups: usize,
    /// How many people or groups are provisioned at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    at_once: u8,
    /// Everybody, or what has changed a working day later
    #[arg(long, value_enum, default_value_t = CycleName::Initial)]
    cycle: CycleName,
    /// How PATCH requests are written
    #[arg(long, value_enum, default_value_t = DialectName::Default)]
    dialect: DialectName,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum CycleName {
    Initial,
    Incremental,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DialectName {
    Default,
    #[value(name = "aadOptscim062020")]
    AadOptscim062020,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Provision(args) => provision(args).await,
    }
}

async fn provision(args: Provision) -> anyhow::Result<()> {
    let Provision {
        scim_url,
        token_file,
        people,
        groups,
        at_once,
        cycle,
        dialect,
    } = args;
    let token = tokio::fs::read_to_string(&token_file)
        .await
        .with_context(|| format!("cannot read {}", token_file.display()))?;
    let connection = Connection::new(&scim_url, token.trim())?.with_at_once(at_once.into());
    let cycle = match cycle {
        CycleName::Initial => Cycle::Initial,
        CycleName::Incremental => Cycle::Incremental,
    };
    let dialect = match dialect {
        DialectName::Default => Dialect::Default,
        DialectName::AadOptscim062020 => Dialect::AadOptscim062020,
    };
    let started = Instant::now();
    let population = Population::of(people, groups);
    let summary = emulator::provision(&connection, &population, cycle, dialect).await?;
    output::print(&table(cycle, &summary, started.elapsed().as_millis()))?;
    match summary.failures.len() {
        0 => Ok(()),
        failed => anyhow::bail!("{failed} could not be provisioned"),
    }
}

fn table(cycle: Cycle, summary: &Summary, milliseconds: u128) -> String {
    let Summary {
        requests,
        created,
        updated,
        deactivated,
        failures,
    } = summary;
    let cycle = match cycle {
        Cycle::Initial => "initial",
        Cycle::Incremental => "incremental",
    };
    let mut text = format!(
        "{:<13}{:<10}{:<9}{:<9}{:<13}{:<8}TIME\n{cycle:<13}{requests:<10}{created:<9}{updated:<9}{deactivated:<13}{:<8}{milliseconds} ms\n",
        "CYCLE",
        "REQUESTS",
        "CREATED",
        "UPDATED",
        "DEACTIVATED",
        "FAILED",
        failures.len()
    );
    for failure in failures {
        text.push_str("  ");
        text.push_str(&failure.request);
        text.extend([
            ": ",
            &failure.status.to_string(),
            " ",
            &failure.detail,
            "\n",
        ]);
    }
    text
}
