//! What is kept of a test for a look: objects without Secrets, events, logs.

use std::fs;

use super::Site;

/// All that is made, but Secrets.
const KINDS: &str = "scimtenants,azureconnectors,usermappings,deployments,replicasets,pods,services,endpointslices,\
                     networkpolicies,persistentvolumeclaims,serviceaccounts,leases,events";

impl Site {
    /// Writes all that is known of the namespaces into the test's folder; the texts written.
    pub(crate) async fn record(&self) -> Vec<String> {
        let mut texts = Vec::new();
        for namespace in [&self.namespace, &self.system] {
            let get = ["-n", namespace, "get", KINDS, "-o", "yaml"];
            let objects = self.cluster.kubectl(&get).await;
            texts.push(self.keep(&format!("{namespace}.yaml"), objects));
            let get = ["-n", namespace, "get", "pods", "-o", "name"];
            let pods = self.cluster.kubectl(&get).await;
            for pod in pods.unwrap_or_default().lines() {
                texts.extend(self.logs(namespace, pod).await);
            }
        }
        if let Some(log) = &self.cluster.audit_log {
            texts.push(fs::read_to_string(log).unwrap_or_default());
        }
        texts
    }

    /// What the program in a pod printed, and the one before it in the same pod.
    async fn logs(&self, namespace: &str, pod: &str) -> Vec<String> {
        let name = pod.trim_start_matches("pod/");
        let mut texts = Vec::new();
        for (previous, ending) in [("--previous=false", "log"), ("--previous", "previous.log")] {
            let logs = ["-n", namespace, "logs", pod, previous];
            if let Ok(text) = self.cluster.kubectl(&logs).await {
                texts.push(self.keep(&format!("{name}.{ending}"), Ok(text)));
            }
        }
        texts
    }

    fn keep(&self, name: &str, text: Result<String, String>) -> String {
        let text = text.unwrap_or_else(|complaint| complaint);
        self.file(name, &text);
        text
    }
}
