//! Helm as a program, and the helm commands of the documents.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::{documents, programs};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The folder of the chart.
pub(crate) fn chart() -> PathBuf {
    Path::new(ROOT).join("charts/usher")
}

/// What `helm ARGUMENTS…` prints, or what it complains about.
pub(crate) fn helm(arguments: &[&str]) -> Result<String, String> {
    programs::run("helm", arguments)
}

/// The objects of a release called `usher` in `namespace`, its test included.
pub(crate) fn render(namespace: &str, arguments: &[&str]) -> Result<Vec<Value>, String> {
    let mut all = vec![
        "template",
        "usher",
        "charts/usher",
        "--namespace",
        namespace,
    ];
    all.extend(arguments);
    let text = helm(&all)?;
    let objects: Vec<Value> =
        serde_yaml::from_multiple(&text).map_err(|e| format!("not YAML: {e}\n{text}"))?;
    Ok(objects.into_iter().filter(|it| !it.is_null()).collect())
}

/// The commands that begin with `helm`, with the document that shows them.
pub(super) fn commands_of_documents() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for path in documents::documents() {
        let text = fs::read_to_string(&path).expect("a document");
        for command in commands(&text) {
            found.push((path.display().to_string(), command));
        }
    }
    found.retain(|(_, command)| command.starts_with("helm "));
    found
}

/// The commands in fenced blocks for a shell, one a line, whatever lines they were written on.
pub(crate) fn commands(markdown: &str) -> Vec<String> {
    let joined = markdown.replace("\\\n", " ");
    let mut fenced = false;
    let mut found = Vec::new();
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced && line.ends_with("sh");
        } else if fenced {
            let command = line.split(" #").next().unwrap_or_default();
            found.push(command.trim().to_owned());
        }
    }
    found.retain(|it| it.split_whitespace().count() > 1);
    found
}
