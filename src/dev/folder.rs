//! The folder of YAML: its files, whether they changed, and the lock that keeps a second process out.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use crate::lint::Source;

use super::{DevError, files};

/// Name of the folder for what Usher keeps.
const HIDDEN: &str = ".usher";

/// A folder of YAML.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    hidden: PathBuf,
    last: Option<Vec<Source>>,
}

impl Folder {
    /// Opens the folder at `path` and makes the hidden one in it.
    pub(super) fn open(path: PathBuf) -> Result<Self, DevError> {
        fs::read_dir(&path).map_err(|source| files::failed("read", &path, source))?;
        let hidden = path.join(HIDDEN);
        files::make_folder(&hidden)?;
        // Nothing in it belongs into a repository.
        files::write(&hidden.join(".gitignore"), b"*\n")?;
        // Paths in it are shown to programs that run elsewhere.
        let hidden = hidden
            .canonicalize()
            .map_err(|source| files::failed("read", &hidden, source))?;
        Ok(Self {
            path,
            hidden,
            last: None,
        })
    }

    /// The folder for what Usher keeps.
    pub(super) fn hidden(&self) -> PathBuf {
        self.hidden.clone()
    }

    /// Keeps other processes out while the file is open.
    pub(super) fn lock(&self) -> Result<File, DevError> {
        let path = self.hidden().join("lock");
        let file = files::create(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(DevError::Locked {
                folder: self.path.clone(),
            }),
            Err(TryLockError::Error(source)) => Err(files::failed("lock", &path, source)),
        }
    }

    /// The YAML files, if they are not as they were at the last look.
    pub(super) fn changed(&mut self) -> Result<Option<Vec<Source>>, DevError> {
        let mut sources = Vec::new();
        collect(&self.path, &mut sources)?;
        if self.last.as_ref() == Some(&sources) {
            return Ok(None);
        }
        self.last = Some(sources.clone());
        Ok(Some(sources))
    }
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<(), DevError> {
    for name in files::names(folder)? {
        let path = folder.join(&name);
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            collect(&path, sources)?;
        } else if path
            .extension()
            .is_some_and(|it| it == "yaml" || it == "yml")
        {
            // An editor may have taken the file away a moment ago.
            if let Some(bytes) = files::read(&path)? {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                sources.push(Source {
                    file: path.display().to_string(),
                    text,
                });
            }
        }
    }
    Ok(())
}
