//! What is kept of a test for a look: objects without Secrets, events, logs.

use std::fs;

use super::Site;

impl Site {
    /// Writes all that is known of the namespace into the test's folder; the texts written.
    pub(crate) async fn record(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let kinds = "scimtenants,azureconnectors,usermappings,deployments,pods,services,\
                     networkpolicies,persistentvolumeclaims,serviceaccounts,leases,events";
        let objects = self.try_kubectl(&["get", kinds, "-o", "yaml"]).await;
        texts.push(self.keep("objects.yaml", objects));
        let pods = self.try_kubectl(&["get", "pods", "-o", "name"]).await;
        for pod in pods.unwrap_or_default().lines() {
            let name = pod.trim_start_matches("pod/");
            let now = self.try_kubectl(&["logs", pod]).await;
            texts.push(self.keep(&format!("{name}.log"), now));
            let before = self.try_kubectl(&["logs", "--previous", pod]).await;
            texts.push(self.keep(&format!("{name}.previous.log"), before));
        }
        if let Some(log) = &self.cluster.audit_log {
            texts.push(fs::read_to_string(log).unwrap_or_default());
        }
        texts
    }

    fn keep(&self, name: &str, text: Result<String, String>) -> String {
        let text = text.unwrap_or_else(|complaint| complaint);
        self.file(name, &text);
        text
    }
}
