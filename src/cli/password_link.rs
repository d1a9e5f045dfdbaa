//! `usher invite` and `usher reset-password`: the link by which a person sets a password.

use anyhow::Context;
use reqwest::Method;

use super::output;
use super::report::Report;

/// Whose password, and for how long.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Id or user name of the person
    person: String,
    /// Hours that the link holds, 168 at most
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    hours: u32,
    /// Show the link, even where a mail server is declared
    #[arg(long)]
    show: bool,
    #[command(flatten)]
    report: Report,
}

/// Invites a person, who has no password yet.
pub(super) async fn invite(args: Args) -> anyhow::Result<()> {
    make(args, "invitation").await
}

/// Lets a person set another password.
pub(super) async fn reset(args: Args) -> anyhow::Result<()> {
    make(args, "reset").await
}

async fn make(args: Args, purpose: &str) -> anyhow::Result<()> {
    let hours = args.hours.to_string();
    let send = if args.show { "false" } else { "true" };
    let parameters = [
        ("person", args.person.as_str()),
        ("hours", &hours),
        ("for", purpose),
        ("send", send),
    ];
    let made = args.report.ask(Method::POST, "/password-link", &parameters);
    let made = made.await?;
    let text = |name: &str| made[name].as_str().unwrap_or_default();
    if let Some(address) = made["sentTo"].as_str() {
        output::remark(&format!(
            "a link goes to {address}; it holds once, until {}\n",
            text("expires")
        ));
        return Ok(());
    }
    let link = made["link"].as_str().context("the answer has no link")?;
    output::remark(&format!(
        "for {}, once, until {}; whoever has it can sign in:\n",
        text("userName"),
        text("expires")
    ));
    output::print(&format!("{link}\n"))?;
    Ok(())
}
