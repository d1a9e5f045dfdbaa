//! `usher mapping export` and `import`: between a `UserMapping` and Entra's own synchronization schema.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use crate::api::{GROUP, VERSION};
use crate::cli::output;
use crate::plan::synchronization;

use super::declared::Which;

/// A mapping, and a schema to write it into.
#[derive(Debug, clap::Args)]
pub(super) struct Export {
    #[command(flatten)]
    which: Which,
    /// The schema as it was downloaded from Entra: what the mapping does not name stays as it is. Without it the schema holds the lines
    /// of the mapping alone, and lacks the ids that Entra wants
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
}

/// A schema, and what the mapping that is made of it is called.
#[derive(Debug, clap::Args)]
pub(super) struct Import {
    /// The schema as it was downloaded from Entra
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Name of the UserMapping
    #[arg(long, value_name = "NAME")]
    name: String,
    /// Its namespace; left out if none is given
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Name of the AzureConnector that it belongs to
    #[arg(long, value_name = "NAME")]
    connector: String,
}

impl Export {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let declared = self.which.read()?;
        let base = self.into.as_deref().map(super::json).transpose()?;
        if base.is_none() {
            output::remark(
                "the schema holds the lines of the mapping alone; download Entra's and give it by --into, so that its own lines and ids stay\n",
            );
        }
        let tenant = declared.tenant.as_ref();
        let exported = synchronization::export(&declared.mapping.spec, tenant, base)?;
        for remark in &exported.remarks {
            output::remark(&format!("{remark}\n"));
        }
        let text = serde_json::to_string_pretty(&exported.schema)?;
        Ok(output::print(&format!("{text}\n"))?)
    }
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<()> {
        let imported = synchronization::import(&super::json(&self.file)?, &self.connector)?;
        for remark in &imported.remarks {
            output::remark(&format!("{remark}\n"));
        }
        output::remark(
            "ids, metadata and attribute lists are no part of a UserMapping; keep the schema, and write into it by usher mapping export --into\n",
        );
        let mut metadata = json!({"name": self.name});
        if let Some(namespace) = self.namespace {
            metadata["namespace"] = namespace.into();
        }
        let object = json!({
            "apiVersion": format!("{GROUP}/{VERSION}"),
            "kind": "UserMapping",
            "metadata": metadata,
            "spec": imported.spec,
        });
        let text = serde_yaml::to_string(&object).context("cannot write the mapping as YAML")?;
        Ok(output::print(&text)?)
    }
}
