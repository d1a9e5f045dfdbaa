//! What is left for a look when a test fails: objects without Secrets, events, logs of pods.

use std::fs;
use std::path::{Path, PathBuf};

use super::Cluster;

/// All that is made, but Secrets, and what shows how it fares.
const KINDS: &str = "scimtenants,azureconnectors,usermappings,deployments,replicasets,pods,services,endpointslices,\
                     ingresses,networkpolicies,persistentvolumeclaims,poddisruptionbudgets,serviceaccounts,roles,\
                     rolebindings,configmaps,leases,events";

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
                runtime.block_on(self.keep(namespace, &folder, "failed"));
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

    /// Writes down what there is in a namespace at a moment.
    pub(crate) async fn keep(&self, namespace: &str, folder: &Path, moment: &str) {
        let get = ["-n", namespace, "get", KINDS, "-o", "yaml"];
        let objects = self.kubectl(&get).await;
        let objects = objects.unwrap_or_else(|complaint| complaint);
        fs::write(folder.join(format!("{moment}-{namespace}.yaml")), objects).expect("a file");
        self.keep_logs(namespace, folder, moment).await;
    }

    /// The same of what the pods printed, and of the programs before in the same pods.
    pub(crate) async fn keep_logs(&self, namespace: &str, folder: &Path, moment: &str) {
        let names = ["-n", namespace, "get", "pods", "-o", "name"];
        for pod in self.kubectl(&names).await.unwrap_or_default().lines() {
            let name = pod.trim_start_matches("pod/");
            for (previous, ending) in [("--previous=false", "log"), ("--previous", "previous.log")]
            {
                // Pods of a server without nodes have none, and few had a program before.
                let logs = ["-n", namespace, "logs", pod, previous];
                if let Ok(text) = self.kubectl(&logs).await {
                    let file = format!("{moment}-{name}.{ending}");
                    fs::write(folder.join(file), text).expect("a file");
                }
            }
        }
    }
}
