//! The command line: one subcommand per file, each with its arguments and what it does.

mod administration;
mod crds;
mod dev;
mod emulator;
mod lint;
mod mapping;
mod operator;
mod output;
mod password_link;
mod report;
mod serve;
mod sign_in_method;
mod store;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Usher connects Microsoft Entra ID to a platform: people and groups arrive by SCIM 2.0, and all of it is declared in YAML.
#[derive(Debug, Parser)]
#[command(name = "usher", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Reconcile the custom resources of a cluster
    Operator(Box<operator::Args>),
    /// Print the custom resource definitions
    Crds(crds::Args),
    /// Serve the directories of a workload configuration
    Serve(serve::Args),
    /// Back up, restore or check the store of a directory
    Store(store::Args),
    /// Make the link by which a person sets the first password
    Invite(password_link::Args),
    /// Make the link by which a person sets another password
    ResetPassword(password_link::Args),
    /// Say how a person signs in, or show it
    SignInMethod(sign_in_method::Args),
    /// Sign in to a directory as an administrator, by a browser
    Login(administration::LoginArgs),
    /// List people, show one, and act on them
    People(administration::PeopleArgs),
    /// List groups, and show one
    Groups(administration::GroupsArgs),
    /// List what SCIM clients asked lately, and show one request
    Requests(administration::RequestsArgs),
    /// Show what the brake holds
    Held(administration::HeldArgs),
    /// List the sessions of a person, and end them
    Sessions(administration::SessionsArgs),
    /// Say why somebody is here or not, and can sign in or not
    Explain(administration::ExplainArgs),
    /// Check YAML files offline, as the API server and the operator would
    Lint(lint::Args),
    /// Try and preview mappings, exchange them with Entra, explain their expressions
    Mapping(mapping::Args),
    /// Serve a folder of YAML without a cluster
    Dev(dev::Args),
    /// Play Entra, against a SCIM server and for those who sign in
    Emulator(emulator::Args),
}

/// Runs the command line of this process. Data goes to standard output, everything else to standard error.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    if rustls::crypto::ring::default_provider()
        .install_default()
        .is_err()
    {
        output::complain("another cryptography provider was chosen before ring");
        return ExitCode::FAILURE;
    }
    // With huge pages, two megabytes are taken where a part of them is used; where the system allows no change, they are.
    rustix::thread::disable_transparent_huge_pages(true).ok();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            output::complain(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(dispatch(cli.command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(command: Command) -> anyhow::Result<()> {
    match command {
        Command::Operator(args) => operator::run(*args).await,
        Command::Crds(args) => crds::run(args).await,
        Command::Serve(args) => serve::run(args).await,
        Command::Store(args) => store::run(args).await,
        Command::Invite(args) => password_link::invite(args).await,
        Command::ResetPassword(args) => password_link::reset(args).await,
        Command::SignInMethod(args) => sign_in_method::run(args).await,
        Command::Login(args) => administration::login(args).await,
        Command::People(args) => administration::people(args).await,
        Command::Groups(args) => administration::groups(args).await,
        Command::Requests(args) => administration::requests(args).await,
        Command::Held(args) => administration::held(args).await,
        Command::Sessions(args) => administration::sessions(args).await,
        Command::Explain(args) => administration::explain(args).await,
        Command::Lint(args) => lint::run(args).await,
        Command::Mapping(args) => mapping::run(args).await,
        Command::Dev(args) => dev::run(args).await,
        Command::Emulator(args) => emulator::run(args).await,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
