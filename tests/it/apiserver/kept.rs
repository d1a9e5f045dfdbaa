//! What is left for a look when a test fails: objects without Secrets, events, logs of pods.

use std::fs;
use std::path::{Path, PathBuf};

use super::Cluster;

/// All that is made, but Secrets.
const KINDS: &str = "scimtenants,azureconnectors,usermappings,deployments,replicasets,pods,services,ingresses,\
                     networkpolicies,poddisruptionbudgets,persistentvolumeclaims,serviceaccounts,leases,events";

/// The folder of what is kept of a test, by its name.
pub(crate) fn kept(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    folder.join("kept").join(test)
}

impl Cluster {
    /// When the test fails: writes down what there is in its namespaces. For `drop`.
    pub(crate) fn keep_if_failing(&self, test: &str, namespaces: &[&str]) {
        if !std::thread::panicking() {
            return;
        }
        let folder = kept(test);
        let keep = || {
            fs::create_dir_all(&folder).expect("a folder");
            // A runtime of its own: the test's cannot be waited in.
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            for namespace in namespaces {
                runtime.block_on(self.keep(namespace, &folder));
            }
        };
        let all = match std::thread::scope(|scope| scope.spawn(keep).join()) {
            Ok(()) => "all",
            Err(_) => "not all",
        };
        eprintln!(
            "{all} objects and logs of {namespaces:?} are in {}",
            folder.display()
        );
    }

    async fn keep(&self, namespace: &str, folder: &Path) {
        let get = ["-n", namespace, "get", KINDS, "-o", "yaml"];
        let objects = self
            .kubectl(&get)
            .await
            .unwrap_or_else(|complaint| complaint);
        fs::write(folder.join(format!("{namespace}.yaml")), objects).expect("a file");
        let names = self
            .kubectl(&["-n", namespace, "get", "pods", "-o", "name"])
            .await;
        for pod in names.unwrap_or_default().lines() {
            let name = pod.trim_start_matches("pod/");
            // Those of a server without nodes have none.
            if let Ok(text) = self.kubectl(&["-n", namespace, "logs", pod]).await {
                fs::write(folder.join(format!("{namespace}-{name}.log")), text).expect("a file");
            }
        }
    }
}
