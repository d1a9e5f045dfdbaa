//! The PostgreSQL server that all tests of a run share; `scripts/postgres.sh` says how.

#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;
use usher::config::StoreConfig;

/// The URL of its database; the server is there as long as this process.
pub(crate) fn url() -> &'static str {
    static SHARED: OnceLock<(File, String)> = OnceLock::new();
    let (_, url) = SHARED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
        fs::create_dir_all(&folder).unwrap();
        let held = File::create(folder.join("users.lock")).unwrap();
        held.lock_shared().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let said = Command::new(script).arg("url").arg(&folder).output();
        let said = said.unwrap();
        let url = String::from_utf8(said.stdout).unwrap().trim().to_owned();
        assert!(said.status.success(), "{url}");
        (held, url)
    });
    url
}

/// The store of a directory called `name` in the tests of the workload: SQLite, or with `USHER_TEST_STORE=postgres` PostgreSQL.
pub(crate) fn chosen(folder: &TempDir, name: &str) -> StoreConfig {
    #[expect(clippy::disallowed_methods, reason = "a test has no command line")]
    let wanted = std::env::var("USHER_TEST_STORE");
    match wanted.as_deref() {
        Ok("postgres") => store(folder, name),
        Ok(other) => panic!("USHER_TEST_STORE is {other}; it is postgres, or is not set"),
        Err(_) => StoreConfig::Sqlite {
            path: folder.path().join(format!("{name}.db")),
        },
    }
}

/// A store in a schema that nobody else has, with its URL in a file of `folder`.
pub(crate) fn store(folder: &TempDir, directory: &str) -> StoreConfig {
    let url_file = folder.path().join("url");
    fs::write(&url_file, url()).unwrap();
    // The random name of a temporary folder has letters of both cases.
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    let name = name
        .bytes()
        .fold(String::new(), |name, it| format!("{name}{it:02x}"));
    StoreConfig::Postgres {
        url_file,
        schema: format!("it_{name}_{directory}"),
    }
}
