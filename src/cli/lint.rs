//! `usher lint`: checks YAML offline, as the API server and the operator would.

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::lint::{Outcome, Rules, Severity, Source};

use super::output;

/// What to check, and how to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// YAML files, and folders of them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Print the findings as one JSON array
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { paths, json } = args;
    let sources = tokio::task::spawn_blocking(move || sources(&paths)).await??;
    let outcome = Rules::of_this_version().check(&sources);
    if json {
        output::print(&format!("{}\n", serde_json::to_string(&outcome.findings)?))?;
    } else {
        for finding in &outcome.findings {
            output::print(&format!("{finding}\n"))?;
        }
    }
    let summary = summary(&outcome, sources.len());
    if outcome
        .findings
        .iter()
        .any(|it| it.severity == Severity::Error)
    {
        anyhow::bail!(summary);
    }
    output::complain(&summary);
    Ok(())
}

fn summary(outcome: &Outcome, files: usize) -> String {
    let count = |severity| {
        outcome
            .findings
            .iter()
            .filter(|it| it.severity == severity)
            .count()
    };
    let said =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    format!(
        "{}, {} in {}",
        said(count(Severity::Error), "error"),
        said(count(Severity::Warning), "warning"),
        said(files, "file"),
    )
}

/// The YAML files at and below `paths`.
pub(super) fn sources(paths: &[PathBuf]) -> anyhow::Result<Vec<Source>> {
    let mut files = Vec::new();
    for path in paths {
        collect(path, true, &mut files)?;
    }
    files
        .into_iter()
        .map(|path| {
            let text = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            Ok(Source {
                file: path.display().to_string(),
                text,
            })
        })
        .collect()
}

/// The YAML files at and below `path`, sorted; hidden folders are left out. A file that was `named` may have any extension.
fn collect(path: &Path, named: bool, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if path.is_dir() {
        let entries =
            std::fs::read_dir(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut below: Vec<PathBuf> = entries
            .map(|it| Ok(it?.path()))
            .collect::<std::io::Result<_>>()?;
        below.sort();
        for path in below {
            let hidden = path
                .file_name()
                .is_none_or(|it| it.to_string_lossy().starts_with('.'));
            if !hidden {
                collect(&path, false, files)?;
            }
        }
    } else if named
        || path
            .extension()
            .is_some_and(|it| it == "yaml" || it == "yml")
    {
        files.push(path.to_owned());
    }
    Ok(())
}
