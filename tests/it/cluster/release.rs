//! The chart as it is installed, changed and removed.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::Site;
use crate::programs;

impl Site {
    /// Installs the chart, or changes what is installed, and waits until the operator is ready; `values` beside those of every test.
    pub(crate) async fn upgrade(&self, chart: &Path, values: &[(&str, Value)]) {
        let (repository, tag) = self.image.rsplit_once(':').expect("an image has a tag");
        let mut all = vec![
            ("image.repository", json!(repository)),
            ("image.tag", json!(tag)),
            // The usual five seconds and one minute are long for a test.
            (
                "extraArgs",
                json!(["--report-every=1", "--counters-every=2"]),
            ),
        ];
        all.extend_from_slice(values);
        let mut arguments: Vec<String> = ["upgrade", "--install", &self.release]
            .map(str::to_owned)
            .into();
        arguments.push(chart.display().to_string());
        for (name, value) in all {
            arguments.extend(["--set-json".to_owned(), format!("{name}={value}")]);
        }
        // The kinds may be there by other tests.
        for argument in [
            "--wait",
            "--timeout=2m",
            "--take-ownership",
            "--force-conflicts",
        ] {
            arguments.push(argument.to_owned());
        }
        self.helm(&arguments).await;
    }

    /// What `helm ARGUMENTS…` prints in the namespace of the operator; it must succeed.
    pub(crate) async fn helm(&self, arguments: &[String]) -> String {
        let mut command = Command::new(programs::program("helm"));
        command
            .args(arguments)
            .args(["--namespace", &self.system])
            .env("KUBECONFIG", &self.cluster.kubeconfig);
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("helm ends")
            .expect("helm runs");
        assert!(
            output.status.success(),
            "helm {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}
