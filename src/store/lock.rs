//! One process has a store at a time, and one more may be next in line; the kernel ends both when the process ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use super::OpenError;

/// The place of whoever is next in line for a store; given up when dropped.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "holds the lock")] File);

impl Claim {
    /// Gets in line for the store at `path`; nothing when somebody else is next.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn stake(path: &Path) -> Result<Option<Self>, OpenError> {
        let name = beside(path, "next");
        let file = private_file(&name).map_err(failed(&name))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(failed(&name)(source)),
        }
    }

    /// Whether another process is in line for the store at `path`; no, when that cannot be found out.
    pub fn is_staked(path: &Path) -> bool {
        let file = File::open(beside(path, "next"));
        file.is_ok_and(|it| matches!(it.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }
}

/// Takes the lock that keeps a second process out; the file beside the database holds it as long as it is open.
pub(super) fn take(path: &Path) -> Result<File, OpenError> {
    let lock = exclusive(path, "lock")?;
    // SQLite gives its other files the mode of this one.
    private_file(path).map_err(failed(path))?;
    Ok(lock)
}

/// Takes the lock that keeps a second restoration of the same store out.
pub(super) fn take_for_restore(path: &Path) -> Result<File, OpenError> {
    exclusive(path, "restore")
}

fn exclusive(path: &Path, ending: &str) -> Result<File, OpenError> {
    let name = beside(path, ending);
    let lock = private_file(&name).map_err(failed(&name))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse {
            path: path.to_owned(),
        }),
        Err(TryLockError::Error(source)) => Err(failed(&name)(source)),
    }
}

pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn failed(path: &Path) -> impl FnOnce(std::io::Error) -> OpenError {
    let path = path.to_owned();
    move |source| OpenError::File { path, source }
}

/// Opens a file for writing that only its owner may read, without changing its content.
pub(super) fn private_file(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_next_and_who_has_the_store_sees_it() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("people.db");
        let held = take(&path).unwrap();
        assert!(!Claim::is_staked(&path));

        let next = Claim::stake(&path).unwrap();

        assert!(next.is_some());
        assert!(Claim::is_staked(&path));
        assert!(Claim::stake(&path).unwrap().is_none());
        assert!(matches!(take(&path), Err(OpenError::InUse { .. })));
        drop((held, next));
        assert!(!Claim::is_staked(&path));
        take(&path).unwrap();
    }
}
