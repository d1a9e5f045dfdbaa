//! `usher crds`: the custom resource definitions, as `kubectl apply --server-side -f -` takes them.

use std::path::PathBuf;

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use crate::api;

use super::output;

/// What to print, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Write one file per definition into this folder instead of printing them
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    let Args { output: folder } = args;
    let documents = api::custom_resource_definitions()
        .iter()
        .map(|crd| Ok((format!("{}.yaml", name(crd)), yaml(crd)?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let Some(folder) = folder else {
        for (_, document) in documents {
            output::print(&format!("---\n{document}"))?;
        }
        return Ok(());
    };
    tokio::fs::create_dir_all(&folder)
        .await
        .with_context(|| format!("cannot make {}", folder.display()))?;
    for (file, document) in documents {
        let path = folder.join(file);
        tokio::fs::write(&path, document)
            .await
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn name(crd: &CustomResourceDefinition) -> &str {
    crd.metadata
        .name
        .as_deref()
        .expect("kube names every definition it derives")
}

fn yaml(crd: &CustomResourceDefinition) -> anyhow::Result<String> {
    serde_yaml::to_string(crd).context("cannot write a definition as YAML")
}
