//! The mapping that is meant, and the `ScimTenant` that it is for, among YAML files.

use std::path::PathBuf;

use anyhow::bail;

use crate::api::scim_tenant::ScimTenantSpec;
use crate::api::{ObjectKey, UserMapping};
use crate::cli::lint::sources;
use crate::lint::{Object, Rules, Severity};

/// Where a mapping is declared.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Which {
    /// YAML files and folders with a UserMapping; the types of attributes are taken from its ScimTenant, if that is there as well
    #[arg(value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Name of the UserMapping, where there are several
    #[arg(long, value_name = "NAME")]
    mapping: Option<String>,
}

/// A mapping that the API server would take.
#[derive(Debug)]
pub(in crate::cli) struct Declared {
    pub(in crate::cli) mapping: UserMapping,
    /// What is wished of the `ScimTenant`, if it is among the files.
    pub(in crate::cli) tenant: Option<ScimTenantSpec>,
}

impl Which {
    /// The one UserMapping below `paths`.
    pub(in crate::cli) const fn at(paths: Vec<PathBuf>) -> Self {
        Self {
            paths,
            mapping: None,
        }
    }

    /// Reads the files.
    pub(in crate::cli) fn read(&self) -> anyhow::Result<Declared> {
        if self.paths.is_empty() {
            bail!("name a file or a folder with a UserMapping");
        }
        let outcome = Rules::of_this_version().read(&sources(&self.paths)?);
        let errors: Vec<String> = outcome
            .findings
            .iter()
            .filter(|it| it.severity == Severity::Error)
            .map(ToString::to_string)
            .collect();
        if !errors.is_empty() {
            bail!("{}", errors.join("\n"));
        }
        let (mut tenants, mut connectors, mut mappings) = (Vec::new(), Vec::new(), Vec::new());
        for declared in outcome.objects {
            match declared.object {
                Object::ScimTenant(it) => tenants.push(it),
                Object::AzureConnector(it) => connectors.push(it),
                Object::UserMapping(it) => mappings.push(*it),
            }
        }
        if let Some(name) = &self.mapping {
            mappings.retain(|it| it.metadata.name.as_ref() == Some(name));
        }
        let mapping = match mappings.len() {
            1 => mappings.remove(0),
            0 => bail!("there is no {} in {}", self.wanted(), self.places()),
            _ => {
                let names = mappings.iter().filter_map(|it| it.metadata.name.clone());
                let names: Vec<String> = names.collect();
                bail!(
                    "{} has several UserMappings; name one by --mapping: {}",
                    self.places(),
                    names.join(", ")
                )
            }
        };
        let key = ObjectKey::of(&mapping);
        let connector = connectors
            .iter()
            .find(|it| ObjectKey::of(it.as_ref()) == key.sibling(&mapping.spec.connector_ref));
        let tenant = connector.and_then(|connector| {
            let wanted = key.sibling(&connector.spec.scim_tenant_ref);
            tenants
                .iter()
                .find(|it| ObjectKey::of(it.as_ref()) == wanted)
        });
        Ok(Declared {
            tenant: tenant.map(|it| it.spec.clone()),
            mapping,
        })
    }

    fn wanted(&self) -> String {
        self.mapping.as_ref().map_or_else(
            || "UserMapping".to_owned(),
            |name| format!("UserMapping {name}"),
        )
    }

    fn places(&self) -> String {
        let paths = self.paths.iter().map(|it| it.display().to_string());
        paths.collect::<Vec<_>>().join(", ")
    }
}
