//! Starting shared servers, or finding them started.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Longer than a cold start on a machine that is busy compiling.
const PATIENCE: Duration = Duration::from_mins(3);

/// Servers that a script runs for all tests of a run, started by the first that needs them.
pub(crate) struct Shared {
    /// Below the folder for temporary files of tests.
    folder: &'static str,
    script: &'static str,
    held: OnceLock<(PathBuf, File)>,
}

/// The API server alone.
pub(super) static API_SERVER: Shared = Shared::new("apiserver", "scripts/apiserver.sh");

impl Shared {
    /// Those of `script`, which follows the protocol of `scripts/until_unused.sh`.
    pub(crate) const fn new(folder: &'static str, script: &'static str) -> Self {
        Self {
            folder,
            script,
            held: OnceLock::new(),
        }
    }

    /// Their folder, held for as long as this process lives.
    pub(crate) fn started(&self) -> PathBuf {
        self.held
            .get_or_init(|| {
                let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(self.folder);
                fs::create_dir_all(&folder).expect("a folder under the target folder");
                let held = lock_file(&folder, "users.lock");
                held.lock_shared().expect("a lock");
                let starting = lock_file(&folder, "start.lock");
                starting.lock().expect("a lock");
                start(&folder, self.script);
                (folder, held)
            })
            .0
            .clone()
    }
}

/// Waits until the server answers; the caller holds start.lock, so nobody else starts or stops one.
fn start(folder: &Path, script: &str) {
    let began = Instant::now();
    let mut supervisor = None;
    loop {
        let ready = folder.join("ready").exists();
        match &mut supervisor {
            None if is_dead(folder) => supervisor = Some(spawn(folder, script)),
            None | Some(_) if ready => return,
            Some(child) => assert!(
                child.try_wait().expect("a child has a state").is_none(),
                "{script} did not get it started: {}",
                fs::read_to_string(folder.join("supervisor.log")).unwrap_or_default()
            ),
            // One that is still starting, or one that is about to end.
            None => {}
        }
        assert!(
            began.elapsed() < PATIENCE,
            "it is not up: see {}",
            folder.display()
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether nobody serves the folder, be it ended, killed or never started.
fn is_dead(folder: &Path) -> bool {
    lock_file(folder, "server.lock").try_lock().is_ok()
}

fn spawn(folder: &Path, script: &str) -> Child {
    match fs::remove_file(folder.join("ready")) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            panic!("cannot clean {}: {e}", folder.display())
        }
        _ => {}
    }
    let log = File::create(folder.join("supervisor.log")).expect("a log file");
    // In a session of its own, so that the end of this test, in whatever way, does not end it.
    Command::new("setsid")
        .arg(Path::new(ROOT).join(script))
        .arg("serve")
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .spawn()
        .expect("setsid is there: it is in util-linux")
}

fn lock_file(folder: &Path, name: &str) -> File {
    let path = folder.join(name);
    OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .expect("a lock file")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the environment is how a run of tests is told"
)]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Whether the tests run against the cluster of the current kubeconfig.
pub(crate) fn is_existing() -> bool {
    match variable("USHER_TEST_CLUSTER").as_deref() {
        None => false,
        Some("existing") => true,
        Some(other) => panic!("USHER_TEST_CLUSTER is {other:?}; it may be unset or \"existing\""),
    }
}

/// The kubeconfig that kubectl would use; of several in a list the first.
pub(super) fn existing_kubeconfig() -> PathBuf {
    let home = || variable("HOME").map(|home| format!("{home}/.kube/config"));
    let named = variable("KUBECONFIG")
        .or_else(home)
        .expect("HOME or KUBECONFIG is set");
    PathBuf::from(named.split(':').next().unwrap_or_default())
}
