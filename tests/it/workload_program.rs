//! `usher serve` as a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

/// The program at work.
pub(crate) struct Program {
    child: Child,
    /// Where SCIM is served.
    pub(crate) base: String,
    /// Where report and probes are served.
    pub(crate) report: String,
}

impl Program {
    /// Starts the program and waits until it says where it serves.
    pub(crate) fn start(config: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_usher"))
            .args([
                "serve",
                "--listen",
                "127.0.0.1:0",
                "--report-listen",
                "127.0.0.1:0",
            ])
            .args(["--log", "info,usher::workload::http=off", "--config"])
            .arg(config)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let serving = lines.by_ref().find_map(|line| {
            let line: Value = serde_json::from_str(&line.ok()?).ok()?;
            line.get("address").is_some().then_some(line)
        });
        // The pipe must not fill up.
        std::thread::spawn(move || lines.for_each(drop));
        let serving = serving.expect("the program serves");
        let address = |name: &str| serving[name].as_str().expect("an address").to_owned();
        Self {
            child,
            base: format!("http://{}/scim/v2", address("address")),
            report: format!("http://{}", address("report")),
        }
    }

    /// Ends it without warning.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it was running");
        self.child.wait().expect("it ends");
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").arg(pid).status();
        assert!(sent.is_ok_and(|it| it.success()));
    }

    /// How it ended.
    pub(crate) fn ended(mut self) -> ExitStatus {
        self.child.wait().expect("it ends")
    }
}

/// A test that fails leaves no program behind.
impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
