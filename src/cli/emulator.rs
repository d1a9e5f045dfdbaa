//! `usher emulator`: plays Entra against any SCIM server.

mod cycle;
mod job;
mod state;

/// What to play.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Provision people and groups as Entra does, and say what Entra would think of the server
    Cycle(Box<cycle::Args>),
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Cycle(args) => args.run().await,
    }
}
