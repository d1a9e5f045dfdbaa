//! The tokens of the commands, in a file that nobody else reads.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// All that is kept.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kept {
    /// The directory that was signed in to last.
    pub(super) last: Option<String>,
    /// By directory.
    #[serde(default)]
    pub(super) servers: BTreeMap<String, Tokens>,
}

/// What is kept for one directory. It has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Tokens {
    pub(super) access_token: String,
    pub(super) expires: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
}

/// The file, which one command at a time changes.
pub(super) struct Credentials {
    file: PathBuf,
    /// Unlocked when it is dropped.
    _lock: File,
}

impl Credentials {
    /// Waits until nobody else has it.
    pub(super) fn open(place: &Place) -> anyhow::Result<Self> {
        Self::open_in(&place.folder()?)
    }

    fn open_in(folder: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("cannot use the folder {}", folder.display());
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(folder).with_context(cannot)?;
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(folder.join("credentials.lock"))
            .with_context(cannot)?;
        lock.lock().with_context(cannot)?;
        Ok(Self {
            file: folder.join("credentials.json"),
            _lock: lock,
        })
    }

    /// What is kept; nothing where nobody signed in.
    pub(super) fn read(&self) -> anyhow::Result<Kept> {
        match fs::read_to_string(&self.file) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not understood; remove it", self.file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Kept::default()),
            Err(error) => {
                Err(error).with_context(|| format!("cannot read {}", self.file.display()))
            }
        }
    }

    /// Keeps it in a file that is whole at any time.
    pub(super) fn write(&self, kept: &Kept) -> anyhow::Result<()> {
        let cannot = || format!("cannot write {}", self.file.display());
        let new = self.file.with_extension("new");
        // What an earlier run left has the mode that it was made with.
        if let Err(error) = fs::remove_file(&new)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error).with_context(cannot);
        }
        let mut file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(&new)
            .with_context(cannot)?;
        let text = serde_json::to_string_pretty(kept).with_context(cannot)?;
        file.write_all(text.as_bytes()).with_context(cannot)?;
        file.sync_all().with_context(cannot)?;
        fs::rename(&new, &self.file).with_context(cannot)
    }
}

/// Where the file is.
#[derive(Clone, Debug, clap::Args)]
pub(in crate::cli) struct Place {
    /// The folder for settings of the user
    #[arg(
        long,
        value_name = "FOLDER",
        env = "XDG_CONFIG_HOME",
        hide = true,
        global = true
    )]
    pub(super) config_home: Option<PathBuf>,
    /// The folder of the user
    #[arg(long, value_name = "FOLDER", env = "HOME", hide = true, global = true)]
    pub(super) home: Option<PathBuf>,
}

impl Place {
    /// `usher` below the folder for settings of the user.
    fn folder(&self) -> anyhow::Result<PathBuf> {
        let is_named = |it: &&PathBuf| !it.as_os_str().is_empty();
        if let Some(folder) = self.config_home.as_ref().filter(is_named) {
            return Ok(folder.join("usher"));
        }
        match self.home.as_ref().filter(is_named) {
            Some(home) => Ok(home.join(".config").join("usher")),
            None => bail!("there is no folder for the token; set HOME or XDG_CONFIG_HOME"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn tokens_are_kept_for_the_user_alone() {
        let folder = tempfile::TempDir::new().unwrap();
        let below = folder.path().join("usher");
        let tokens = Tokens {
            access_token: "a".to_owned(),
            expires: Timestamp::UNIX_EPOCH,
            refresh_token: None,
        };
        let credentials = Credentials::open_in(&below).unwrap();
        let mut kept = credentials.read().unwrap();
        assert!(kept.servers.is_empty());
        kept.servers
            .insert("https://contoso.example".to_owned(), tokens);
        credentials.write(&kept).unwrap();
        drop(credentials);

        let again = Credentials::open_in(&below).unwrap().read().unwrap();
        assert_eq!(again.servers["https://contoso.example"].access_token, "a");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&below), 0o700);
        assert_eq!(mode(&below.join("credentials.json")), 0o600);
    }
}
