//! `usher store`: a directory out of its store and in again, and whether it is sound; all of it while a workload serves.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::clock::{Clock, SystemClock};
use crate::config::{ScimTenantConfig, ScimTenantName, WorkloadConfig};
use crate::store::backup::{self, BackupReader, BackupWriter, Contents, FORMAT, Header};
use crate::store::{self, Location};
use crate::workload::location;

use super::output;

/// What to do with the store of a `ScimTenant`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Write everything in a store to a file, as it is at one moment; the workload serves on
    Backup {
        #[command(flatten)]
        of: Which,
        /// Where to write it, readable for its owner alone; `-` is standard output. It holds personal data
        #[arg(long, value_name = "FILE")]
        output: PathBuf,
    },
    /// Fill an empty store with a backup: all of it, or nothing
    Restore {
        #[command(flatten)]
        of: Which,
        /// The backup; `-` is standard input
        #[arg(long, value_name = "FILE")]
        input: PathBuf,
        /// Put it in the place of what is there; everything since the backup is lost
        #[arg(long)]
        replace: bool,
    },
    /// Look for damage; exits with 0 when there is none. The workload serves on
    Check {
        #[command(flatten)]
        of: Which,
    },
}

/// Which store.
#[derive(Debug, clap::Args)]
struct Which {
    /// The workload configuration, which says where stores are
    #[arg(long, value_name = "FILE", env = "USHER_CONFIG")]
    config: PathBuf,
    /// Namespace and name of the ScimTenant; may be left out when there is one
    #[arg(long, value_name = "NAMESPACE/NAME")]
    scim_tenant: Option<String>,
}

pub(super) async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Backup { of, output } => back_up(&of.find()?, &output).await,
        Action::Restore { of, input, replace } => restore(&of.find()?, &input, replace).await,
        Action::Check { of } => check(&of.find()?).await,
    }
}

impl Which {
    /// The `ScimTenant` that is meant.
    fn find(&self) -> anyhow::Result<ScimTenantConfig> {
        let path = self.config.display();
        let text =
            fs::read_to_string(&self.config).with_context(|| format!("cannot read {path}"))?;
        let config = WorkloadConfig::parse(&text).with_context(|| format!("cannot use {path}"))?;
        let names: Vec<&str> = config
            .scim_tenants
            .iter()
            .map(|it| it.name.0.as_str())
            .collect();
        let names = names.join(", ");
        let wanted = match (&self.scim_tenant, config.scim_tenants.len()) {
            (Some(name), _) => ScimTenantName(name.clone()),
            (None, 1) => config.scim_tenants[0].name.clone(),
            (None, 0) => bail!("{path} has no ScimTenant"),
            (None, _) => {
                bail!("{path} has several ScimTenants; name one by --scim-tenant: {names}")
            }
        };
        config
            .scim_tenants
            .into_iter()
            .find(|it| it.name == wanted)
            .with_context(|| format!("{path} has no ScimTenant {wanted}, but {names}"))
    }
}

async fn back_up(of: &ScimTenantConfig, output: &Path) -> anyhow::Result<()> {
    let mut snapshot = backup::snapshot(&location(of)).await?;
    let header = Header {
        usher_backup: FORMAT,
        program: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: SystemClock.now(),
        scim_tenant: of.name.to_string(),
        contents: snapshot.contents().await?,
    };
    let target = Target::open(output)?;
    let mut writer = BackupWriter::new(BufWriter::new(target), &header)?;
    snapshot.read(&mut writer).await?;
    writer
        .finish()?
        .into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .keep()?;
    output::remark(&format!("{} in the backup\n", amount(&header.contents)));
    Ok(())
}

/// Where a backup goes. A file gets its name only once it is whole.
enum Target {
    Stdout(io::Stdout),
    File {
        file: File,
        partial: PathBuf,
        path: PathBuf,
    },
}

impl Target {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::Stdout(io::stdout()));
        }
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options
            .open(&partial)
            .with_context(|| format!("cannot write {}", partial.display()))?;
        let path = path.to_owned();
        Ok(Self::File {
            file,
            partial,
            path,
        })
    }

    fn keep(self) -> io::Result<()> {
        match self {
            Self::Stdout(mut out) => out.flush(),
            Self::File {
                file,
                partial,
                path,
            } => {
                file.sync_all()?;
                fs::rename(partial, path)
            }
        }
    }
}

impl Write for Target {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout(out) => out.write(bytes),
            Self::File { file, .. } => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stdout(out) => out.flush(),
            Self::File { file, .. } => file.flush(),
        }
    }
}

async fn restore(of: &ScimTenantConfig, input: &Path, replace: bool) -> anyhow::Result<()> {
    let location = location(of);
    if !replace {
        refuse_unless_empty(&location, of).await?;
    }
    let from: Box<dyn BufRead + Send> = if input == Path::new("-") {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let file = File::open(input).with_context(|| format!("cannot read {}", input.display()))?;
        Box::new(BufReader::new(file))
    };
    let reader = BackupReader::new(from)?;
    let header = reader.header().clone();
    output::remark(&format!(
        "a backup of {} from {}, made by version {}\n",
        header.scim_tenant, header.made_at, header.program
    ));
    let target = backup::restoration(&location).await?;
    backup::restore(reader, target)
        .await
        .context("nothing was restored")?;
    let when = if store::is_restored(&location) {
        "; the workload that has the store takes it up within seconds"
    } else {
        ""
    };
    output::remark(&format!("{} restored{when}\n", amount(&header.contents)));
    Ok(())
}

async fn refuse_unless_empty(location: &Location, of: &ScimTenantConfig) -> anyhow::Result<()> {
    let Some(contents) = backup::contents(location).await.with_context(|| {
        format!(
            "the store of {} cannot be read; --replace puts the backup in its place",
            of.name
        )
    })?
    else {
        return Ok(());
    };
    if contents.users + contents.groups > 0 {
        bail!(
            "the store of {} has {}; --replace puts the backup in their place, and everything since it was made is lost",
            of.name,
            amount(&contents)
        );
    }
    Ok(())
}

async fn check(of: &ScimTenantConfig) -> anyhow::Result<()> {
    let findings = backup::check(&location(of)).await?;
    for wrong in &findings.wrong {
        output::print(&format!("{wrong}\n"))?;
    }
    if findings.count > 0 {
        bail!(
            "the store of {} is damaged: {} findings; restore a backup by `usher store restore --replace`",
            of.name,
            findings.count
        );
    }
    output::print(&format!(
        "the store of {} is sound: {} people and groups, {} memberships\n",
        of.name, findings.resources, findings.memberships
    ))?;
    Ok(())
}

fn amount(contents: &Contents) -> String {
    format!(
        "{} people, {} groups, {} memberships",
        contents.users, contents.groups, contents.memberships
    )
}
