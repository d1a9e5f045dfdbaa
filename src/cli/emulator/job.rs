//! A provisioning job as it is asked for on the command line: the server and the mapping; and the tenant.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde_json::Value;

use crate::cli::mapping::Which;
use crate::emulator::{
    Connection, Dialect, EntraTenant, Provisioner, ProvisioningLog, Schema, Settings, Size,
    generated, read_tenant,
};
use crate::plan::synchronization;

/// The tenant.
#[derive(Debug, clap::Args)]
pub(super) struct TenantArgs {
    /// YAML file with the users, groups and assignments of an Entra tenant; without it they are made up
    #[arg(long, value_name = "FILE", conflicts_with_all = ["people", "groups"])]
    tenant: Option<PathBuf>,
    /// How many people to make up
    #[arg(long, value_name = "NUMBER", default_value_t = 50)]
    people: usize,
    /// How many groups to make up
    #[arg(long, value_name = "NUMBER", default_value_t = 6)]
    groups: usize,
    /// What chance follows from
    #[arg(long, value_name = "NUMBER", default_value_t = 7)]
    seed: u64,
}

/// The server and the mapping.
#[derive(Debug, clap::Args)]
pub(super) struct JobArgs {
    /// What is pasted into Entra as Tenant URL; ?aadOptscim062020 at its end asks for the other dialect
    #[arg(long, value_name = "URL")]
    scim: Option<String>,
    /// What is pasted into Entra as Secret Token
    #[arg(long, value_name = "TOKEN", requires = "scim")]
    token: Option<String>,
    /// File with what is pasted into Entra as Secret Token
    #[arg(long, value_name = "FILE", conflicts_with = "token", requires = "scim")]
    token_file: Option<PathBuf>,
    /// YAML file or folder with a UserMapping; without it Entra's own mapping is taken, with externalId from objectId and userType from
    /// companyName
    #[arg(long, value_name = "PATH", conflicts_with = "schema")]
    mapping: Vec<PathBuf>,
    /// Synchronization schema in JSON, as Entra gives it
    #[arg(long, value_name = "FILE")]
    schema: Option<PathBuf>,
    /// How PATCH requests are written, whatever the Tenant URL says
    #[arg(long, value_enum)]
    dialect: Option<DialectName>,
    /// How many people or groups are provisioned at once
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    at_once: u8,
    /// At most so many requests a second; 0 is as fast as possible, Entra's own rate is 25
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    rate: u32,
    /// "Prevent accidental deletion": stage more disables and deletions in a cycle than this
    #[arg(long, value_name = "NUMBER")]
    deletion_threshold: Option<usize>,
    /// `SkipOutOfScopeDeletions`: leave alone who merely leaves the scope
    #[arg(long)]
    skip_out_of_scope_deletions: bool,
    /// Write the provisioning log to this file, a JSON object on each line in the shape of Graph's provisioningObjectSummary
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum DialectName {
    Default,
    #[value(name = "aadOptscim062020")]
    AadOptscim062020,
}

impl TenantArgs {
    /// The tenant as it is at `now`, unless one is gone on with.
    pub(super) fn tenant(&self, now: Timestamp) -> anyhow::Result<EntraTenant> {
        let Some(path) = &self.tenant else {
            let size = Size {
                people: self.people,
                groups: self.groups,
                seed: self.seed,
            };
            return Ok(generated(size, now));
        };
        let tenant = read_tenant(&read(path)?);
        tenant.with_context(|| format!("{} is no tenant", path.display()))
    }

    /// What chance follows from.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }
}

impl JobArgs {
    /// Whether a server is given.
    pub(super) const fn is_given(&self) -> bool {
        self.scim.is_some()
    }

    /// The job.
    pub(super) fn provisioner(&self) -> anyhow::Result<Provisioner> {
        let Some(url) = &self.scim else {
            bail!("give --scim, the Tenant URL of the server");
        };
        let token = match (&self.token, &self.token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => read(file)?,
            (None, None) => bail!("give --token or --token-file"),
        };
        let mut connection = Connection::new(url, token.trim())?.with_rate(self.rate);
        if let Some(dialect) = self.dialect {
            connection = connection.with_dialect(match dialect {
                DialectName::Default => Dialect::Default,
                DialectName::AadOptscim062020 => Dialect::AadOptscim062020,
            });
        }
        let settings = Settings {
            at_once: self.at_once.into(),
            deletion_threshold: self.deletion_threshold,
            skip_out_of_scope_deletions: self.skip_out_of_scope_deletions,
        };
        let provisioner = Provisioner::new(connection, self.schema()?, settings);
        let Some(path) = &self.log else {
            return Ok(provisioner);
        };
        let file =
            File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        let lines = Lines(Mutex::new(BufWriter::new(file)));
        Ok(provisioner.with_log(Box::new(lines)))
    }

    fn schema(&self) -> anyhow::Result<Schema> {
        if let Some(path) = &self.schema {
            let json: Value = serde_json::from_str(&read(path)?)
                .with_context(|| format!("{} is not JSON", path.display()))?;
            return Ok(Schema::read(&json)?);
        }
        if self.mapping.is_empty() {
            return Ok(Schema::default());
        }
        let declared = Which::at(self.mapping.clone()).read()?;
        let mut spec = declared.mapping.spec;
        spec.users.attributes = crate::plan::mapping::preview::effective(&spec.users);
        let exported = synchronization::export(&spec, declared.tenant.as_ref(), None)?;
        Ok(Schema::read(&exported.schema)?)
    }
}

pub(super) fn read(path: &PathBuf) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// A log with an entry on each line.
struct Lines(Mutex<BufWriter<File>>);

impl ProvisioningLog for Lines {
    fn record(&self, entry: Value) {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A disk that is full ends the log, not the cycle.
        drop(writeln!(file, "{entry}"));
    }
}
