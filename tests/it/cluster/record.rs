//! What is kept of a test for a look: objects without Secrets, events, logs. It is searched for what it must not tell.

use std::path::PathBuf;
use std::process::Command;

use k8s_openapi::List;
use k8s_openapi::api::core::v1::Secret;

use super::Site;

/// The keys of our Secrets that hold what nobody may be told.
const SECRET_KEYS: [&str; 2] = ["password", "report-token"];

impl Site {
    /// Writes all that is known of the namespaces at this moment into the test's folder, and learns what is secret.
    pub(crate) async fn record(&self, moment: &str) {
        for namespace in [&self.namespace, &self.system] {
            self.learn_secrets(namespace).await;
            self.cluster.keep(namespace, &self.kept(), moment).await;
        }
    }

    /// The same of what the pods of a namespace printed.
    pub(crate) async fn record_logs(&self, moment: &str, namespace: &str) {
        self.cluster
            .keep_logs(namespace, &self.kept(), moment)
            .await;
    }

    async fn learn_secrets(&self, namespace: &str) {
        let get = ["-n", namespace, "get", "secrets", "-o", "json"];
        let printed = self.cluster.kubectl(&get).await.unwrap_or_default();
        let Ok(secrets) = serde_json::from_str::<List<Secret>>(&printed) else {
            return;
        };
        for (key, value) in secrets.items.into_iter().filter_map(|it| it.data).flatten() {
            if SECRET_KEYS.contains(&key.as_str()) {
                self.keep_secret(&String::from_utf8(value.0).expect("UTF-8"));
            }
        }
    }

    /// No secret is in any file that is kept, nor in what the cluster's programs and its API server wrote down.
    ///
    /// That it is searched at all is seen by `told`, each of which has to be found there.
    pub(crate) fn nothing_tells_a_secret(&self, told: &[&str]) {
        let secrets = self.secrets.lock().expect("no panic while held").clone();
        assert!(secrets.len() > 1, "no secret was learnt");
        let list: Vec<&str> = secrets.iter().map(String::as_str).collect();
        let list = self.private_file("secrets", &list.join("\n"));
        let places = self.places();
        let operator = self.operator();
        let audited = self.is_ours().then_some(operator.as_str());
        for text in told.iter().copied().chain(audited) {
            let found = grep(&["-e", text], &places);
            assert_ne!(found, "", "{text} is nowhere: what is searched?");
        }
        let found = grep(&["-f", list.to_str().expect("UTF-8")], &places);
        assert_eq!(found, "", "a secret is told");
        self.tell(&format!("none of {} secrets is told", secrets.len()));
    }

    /// Files and folders in which a secret might be.
    fn places(&self) -> Vec<PathBuf> {
        let mut places = vec![self.kept()];
        if self.is_ours() {
            places.push(self.folder().join("logs"));
            let files = std::fs::read_dir(self.folder()).expect("a folder");
            let files = files.flatten().map(|it| it.path());
            places.extend(files.filter(|it| {
                let name = it.file_name().unwrap_or_default().to_string_lossy();
                name.starts_with("audit") && name.ends_with(".log")
            }));
        }
        places
    }
}

/// The files in which something is, a line each.
fn grep(what: &[&str], places: &[PathBuf]) -> String {
    let output = Command::new("grep")
        .args(["-rlF"])
        .args(what)
        .args(places)
        .output()
        .expect("grep runs");
    // Files of pods may go while they are looked for.
    assert_ne!(output.status.code(), None);
    String::from_utf8_lossy(&output.stdout).into_owned()
}
