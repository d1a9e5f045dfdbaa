//! `usher login`: a person lets the commands in at a browser (RFC 8628).

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Url;
use serde::Deserialize;

use super::super::output;
use super::credentials::{Credentials, Place};
use super::server::{CLIENT, Given, Server};
use super::table::harmless;
use crate::clock::{Clock, SystemClock};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Seconds that are waited longer where too much was asked (RFC 8628, section 3.5).
const SLOWER: u64 = 5;

/// Where to sign in.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Args {
    /// The directory, such as `https://contoso.id.example.com`
    #[arg(long, value_name = "URL", env = "USHER_SERVER")]
    server: Url,
    #[command(flatten)]
    place: Place,
}

#[derive(Deserialize)]
struct Codes {
    device_code: String,
    user_code: String,
    verification_uri: String,
    verification_uri_complete: Option<String>,
    /// Seconds between two questions; RFC 8628, section 3.2, leaves it out where they are five.
    #[serde(default = "five")]
    interval: u64,
}

fn five() -> u64 {
    5
}

pub(in crate::cli) async fn login(args: Args) -> anyhow::Result<()> {
    let server = Server::at(&args.server, &args.place)?;
    let asked = [("client_id", CLIENT), ("scope", "openid offline_access")];
    let (status, answer) = server.form("/oauth2/device_authorization", &asked).await?;
    if !status.is_success() {
        let why = answer["error_description"].as_str();
        let why = why.unwrap_or("declare spec.portal of its ScimTenant");
        bail!("{} lets no command in: {}", server.base(), harmless(why));
    }
    let codes: Codes = serde_json::from_value(answer).context("the codes are not understood")?;
    let page = codes.verification_uri_complete.as_ref();
    output::remark(&format!(
        "open {}\nand compare the code {}\n",
        harmless(page.unwrap_or(&codes.verification_uri)),
        harmless(&codes.user_code)
    ));
    let given = wait(&server, &codes).await?;
    let credentials = Credentials::open(&args.place)?;
    let mut kept = credentials.read()?;
    let base = server.base().to_owned();
    let tokens = given.tokens(SystemClock.now());
    kept.servers.insert(base.clone(), tokens);
    kept.last = Some(base);
    credentials.write(&kept)?;
    drop(credentials);
    let me = server.ask(reqwest::Method::GET, "/me", &[], None).await?;
    let text = |name: &str| harmless(me[name].as_str().unwrap_or_default());
    output::remark(&format!(
        "signed in as {}, {}\n",
        text("name"),
        text("role")
    ));
    Ok(())
}

/// Asks until somebody said yes or no.
async fn wait(server: &Server, codes: &Codes) -> anyhow::Result<Given> {
    let mut seconds = codes.interval.clamp(1, 60);
    let asked = [
        ("grant_type", GRANT),
        ("client_id", CLIENT),
        ("device_code", codes.device_code.as_str()),
    ];
    loop {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let (status, answer) = server.form("/oauth2/token", &asked).await?;
        if status.is_success() {
            return serde_json::from_value(answer).context("the tokens are not understood");
        }
        match answer["error"].as_str() {
            Some("authorization_pending") => {}
            Some("slow_down") => seconds += SLOWER,
            Some("access_denied") => bail!("somebody said no at the browser"),
            Some("expired_token") => bail!("nobody said yes in time; run usher login again"),
            _ => {
                let why = answer["error_description"].as_str().unwrap_or_default();
                bail!(
                    "{} gives no token: {status} {}",
                    server.base(),
                    harmless(why)
                )
            }
        }
    }
}
