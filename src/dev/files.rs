//! Files for the eyes of their owner only, written whole or not at all.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use serde::Serialize;

use super::DevError;

/// Makes `folder` and the folders above it.
pub(super) fn make_folder(folder: &Path) -> Result<(), DevError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .and_then(|()| fs::set_permissions(folder, fs::Permissions::from_mode(0o700)))
        .map_err(|source| failed("make", folder, source))
}

/// Opens `path` for writing, empty.
pub(super) fn create(path: &Path) -> Result<File, DevError> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
        .map_err(|source| failed("write", path, source))
}

/// Writes `bytes` to `path`: a reader sees the old file or the new one.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), DevError> {
    let fresh = path.with_extension("new");
    let mut file = create(&fresh)?;
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&fresh, path))
        .map_err(|source| failed("write", path, source))
}

/// `value` as it is written to `path`.
pub(super) fn json(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, DevError> {
    serde_json::to_vec_pretty(value).map_err(|source| failed("write", path, source.into()))
}

/// What is in `path`; nothing when there is no such file.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, DevError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(failed("read", path, source)),
    }
}

/// Names in `folder` in their order; none when there is no such folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, DevError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(failed("read", folder, source)),
    };
    let names = entries.map(|it| Ok(it?.file_name().to_string_lossy().into_owned()));
    let mut names: Vec<String> = names
        .collect::<io::Result<_>>()
        .map_err(|source| failed("read", folder, source))?;
    names.sort();
    Ok(names)
}

/// Removes the file or folder at `path`; it is well when it is gone already.
pub(super) fn remove(path: &Path) -> Result<(), DevError> {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path, error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The error for `path`.
pub(super) fn failed(verb: &str, path: &Path, source: io::Error) -> DevError {
    DevError::Files {
        action: format!("{verb} {}", path.display()),
        source,
    }
}
