//! `usher dev`: the product without a cluster, drawn on a terminal or told to a script.

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

use crate::clock::{SystemClock, SystemRandom};
use crate::dev::{self, Settings, View};

use super::output;

/// What to serve, and how to show it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Folder of YAML; what Usher keeps goes into its folder .usher
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
    /// Address to serve on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address to serve report, metrics and links for passwords on; the token is in .usher/report-token
    #[arg(long, value_name = "ADDRESS")]
    report_listen: Option<SocketAddr>,
    /// Print one line of JSON once all is Ready; the tables go to standard error
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args {
        folder,
        listen,
        report_listen,
        json,
    } = args;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    let end = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let settings = Settings {
        folder,
        listen,
        report_listen,
        clock: Arc::new(SystemClock),
        random: Arc::new(SystemRandom),
    };
    let mut screen = Screen::new(json);
    dev::run(settings, |view| screen.show(view), end).await?;
    Ok(())
}

/// Where views go.
struct Screen {
    sink: Sink,
    told: bool,
    tables: String,
    remarks: String,
    drawn: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    /// A terminal: each view takes the place of the last one.
    Terminal,
    /// A file or a pipe: what is new is added.
    Pipe,
    /// Standard output is for one line of JSON, standard error for what is new.
    Json,
}

impl Screen {
    fn new(json: bool) -> Self {
        let sink = if json {
            Sink::Json
        } else if std::io::stdout().is_terminal() {
            Sink::Terminal
        } else {
            Sink::Pipe
        };
        Self {
            sink,
            told: false,
            tables: String::new(),
            remarks: String::new(),
            drawn: false,
        }
    }

    fn show(&mut self, view: &View) {
        match self.sink {
            Sink::Terminal => self.redraw(view),
            Sink::Pipe | Sink::Json => self.append(view),
        }
        if self.sink == Sink::Json && view.all_ready && !self.told {
            self.told = true;
            let mut line = json!({"connectors": view.connectors});
            if let Some(url) = &view.report_url {
                line["reportUrl"] = json!(url);
            }
            // Whoever asked for the line and went away is served all the same.
            drop(output::print(&format!("{line}\n")));
        }
    }

    /// Draws the view in the place of the last one.
    fn redraw(&mut self, view: &View) {
        if self.tables == view.tables && self.remarks == view.remarks {
            return;
        }
        (self.tables, self.remarks) = (view.tables.clone(), view.remarks.clone());
        let text = format!("{}{}", view.tables, view.remarks);
        // As `watch` does: lines may be longer than the terminal is wide, so they cannot be counted back.
        let place = if std::mem::replace(&mut self.drawn, true) {
            "\x1b[H\x1b[J"
        } else {
            "\x1b[2J\x1b[H"
        };
        drop(output::print(&format!("{place}{}\n", text.trim_end())));
    }

    /// Adds the part of the view that is new.
    fn append(&mut self, view: &View) {
        let mut text = String::new();
        if self.tables != view.timeless {
            self.tables.clone_from(&view.timeless);
            text.push_str(&view.tables);
        }
        if self.remarks != view.remarks {
            self.remarks.clone_from(&view.remarks);
            text.push_str(&view.remarks);
        }
        if text.is_empty() {
            return;
        }
        text.push('\n');
        if self.sink == Sink::Json {
            output::remark(&text);
        } else {
            drop(output::print(&text));
        }
    }
}
