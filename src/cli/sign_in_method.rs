//! `usher sign-in-method`: how a person signs in.

use reqwest::Method;

use super::output;
use super::report::Report;

/// Whose method, and which one from now on.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id or user name of the person
    person: String,
    /// How the person signs in from now on; says how it is at present when left out
    #[arg(value_name = "METHOD")]
    method: Option<Wanted>,
    #[command(flatten)]
    report: Report,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
#[value(rename_all = "PascalCase")]
enum Wanted {
    /// Through the identity provider of a connector
    Entra,
    /// By a password
    BuiltIn,
    /// Through Entra whoever has its object id as externalId, else by a password
    Default,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let mut parameters = vec![("person", args.person.as_str())];
    let method = match args.method {
        None => Method::GET,
        Some(wanted) => {
            let name = match wanted {
                Wanted::Entra => "Entra",
                Wanted::BuiltIn => "BuiltIn",
                Wanted::Default => "Default",
            };
            parameters.push(("method", name));
            Method::POST
        }
    };
    let asked = args.report.ask(method, "/sign-in-method", &parameters);
    let said = asked.await?;
    let text = |name: &str| said[name].as_str().unwrap_or_default();
    let why = match said["declared"].as_str() {
        Some(declared) if declared == text("signInMethod") => "as declared",
        Some(_) => "the only way that there is",
        None => "by default",
    };
    output::print(&format!("{} {}\n", text("userName"), text("signInMethod")))?;
    output::remark(&format!("{why}\n"));
    Ok(())
}
