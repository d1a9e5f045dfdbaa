//! Helm as a program, and the helm commands of the documents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The folder of the chart.
pub(super) fn chart() -> PathBuf {
    Path::new(ROOT).join("charts/usher")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment is where programs are found"
)]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The one on the path, or the one that the set-up built.
pub(crate) fn program() -> PathBuf {
    let under_home = |below: &str| variable("HOME").map(|home| format!("{home}/{below}"));
    let cache = variable("USHER_CACHE")
        .or_else(|| variable("XDG_CACHE_HOME").map(|folder| format!("{folder}/usher")))
        .or_else(|| under_home(".cache/usher"));
    let built = cache.map(|folder| PathBuf::from(folder).join("bin/helm"));
    let path = variable("PATH").unwrap_or_default();
    path.split(':')
        .map(|folder| Path::new(folder).join("helm"))
        .chain(built)
        .find(|program| program.exists())
        .expect("no helm: run scripts/setup.sh helm")
}

/// What `helm ARGUMENTS…` prints, in the folder of the repository, or what it complains about.
pub(super) fn helm(arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program());
    let output = command
        .args(arguments)
        .current_dir(ROOT)
        .output()
        .map_err(|e| format!("helm does not run: {e}"))?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    if output.status.success() {
        Ok(text(output.stdout))
    } else {
        Err(text(output.stderr))
    }
}

/// The objects of a release called `usher` in `namespace`, its test included.
pub(super) fn render(namespace: &str, arguments: &[&str]) -> Result<Vec<Value>, String> {
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

/// Name and text of the documents in which helm is used.
pub(super) fn documents() -> Vec<(String, String)> {
    ["README.md", "docs/install.md", "docs/kubernetes.md"]
        .map(|file| {
            let text = fs::read_to_string(Path::new(ROOT).join(file)).expect("a document");
            (file.to_owned(), text)
        })
        .into()
}

/// The commands in fenced blocks, one a line, whatever lines they were written on.
pub(super) fn commands(markdown: &str) -> Vec<String> {
    let joined = markdown.replace("\\\n", " ");
    let mut fenced = false;
    let mut found = Vec::new();
    for line in joined.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if fenced {
            let command = line.split(" #").next().unwrap_or_default();
            // No argument of ours has a space in it, so quotes only keep the shell away.
            found.push(command.trim().replace('\'', ""));
        }
    }
    found.retain(|it| it.split_whitespace().count() > 1);
    found
}
