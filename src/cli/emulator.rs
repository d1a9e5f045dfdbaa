//! `usher emulator`: plays Entra against any SCIM server, and for whoever signs in.

mod cycle;
mod job;
mod serve;
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
    /// Serve a tenant: people sign in, jobs provision, and a control API makes things happen
    Serve(Box<serve::Args>),
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.command {
        Command::Cycle(args) => args.run().await,
        Command::Serve(args) => args.run().await,
    }
}
