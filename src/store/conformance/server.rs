//! The PostgreSQL server that all tests of a run share, and a schema in it for each test.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection};
use tempfile::TempDir;

use crate::store::{Location, PostgresLocation, Store, open};

/// A server that ends when nobody holds it any more.
pub(in crate::store) struct Server {
    pub(in crate::store) url: String,
    /// The folder of its data.
    data: PathBuf,
    _held: File,
}

impl Server {
    /// The server of `folder`, started if nobody did; over TLS too when the folder has a file `port` with a number.
    pub(in crate::store) fn in_folder(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let held = File::create(folder.join("users.lock")).unwrap();
        held.lock_shared().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let said = Command::new(script)
            .arg("url")
            .arg(folder)
            .output()
            .unwrap();
        let url = String::from_utf8(said.stdout).unwrap().trim().to_owned();
        assert!(said.status.success(), "{url}");
        let data = fs::read_to_string(folder.join("data")).unwrap();
        Self {
            url,
            data: data.trim().into(),
            _held: held,
        }
    }

    /// The one that all tests share.
    pub(in crate::store) fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        SHARED.get_or_init(|| {
            // The folder of the build: target/debug/deps/usher-….
            let program = fs::read_link("/proc/self/exe").unwrap();
            Self::in_folder(&program.ancestors().nth(3).unwrap().join("tmp/postgres"))
        })
    }

    /// Kills it, once it has been started again after the time before; its connections may live on for a while.
    pub(in crate::store) fn kill(&self) {
        let file = self.data.join("db/postmaster.pid");
        let began = Instant::now();
        loop {
            let pid = fs::read_to_string(&file).unwrap_or_default();
            let pid = pid.lines().next().unwrap_or_default();
            let killed = Command::new("kill").args(["-KILL", pid]).output().unwrap();
            if killed.status.success() {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(30), "{killed:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(in crate::store) async fn connect(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

/// An empty schema, and the file that says where it is.
pub(in crate::store) struct Schema {
    pub(in crate::store) location: PostgresLocation,
    _folder: TempDir,
}

impl Schema {
    /// One on the shared server; what a test before left under the same name is gone.
    pub(in crate::store) async fn new(name: &str) -> Self {
        Self::on(Server::shared(), name).await
    }

    pub(in crate::store) async fn on(server: &Server, name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let location = PostgresLocation {
            url_file: folder.path().join("url"),
            schema: name.chars().take(63).collect(),
            scim_tenant: "identity/contoso".to_owned(),
        };
        fs::write(&location.url_file, &server.url).unwrap();
        let drop = format!("DROP SCHEMA IF EXISTS \"{}\" CASCADE", location.schema);
        sqlx::raw_sql(sqlx::AssertSqlSafe(drop))
            .execute(&mut server.connect().await)
            .await
            .unwrap();
        Self {
            location,
            _folder: folder,
        }
    }

    /// Writes another URL into the file.
    pub(in crate::store) fn set_url(&self, url: &str) {
        fs::write(&self.location.url_file, url).unwrap();
    }

    /// A store of it, as another process would open it.
    pub(in crate::store) async fn store(&self) -> Arc<dyn Store> {
        open(&Location::Postgres(self.location.clone()))
            .await
            .unwrap()
    }
}
