//! A cluster with a node, on which pods run: started once for a whole run, as the API server alone is.
//!
//! `scripts/cluster.sh` runs it. With `USHER_TEST_CLUSTER=existing` the cluster of the current kubeconfig is used, and
//! `USHER_TEST_IMAGE` names an image of Usher that its nodes can pull or have. Its Services must be reachable by their
//! addresses, if need be from the network namespace at `USHER_TEST_NETWORK`.

mod manual;
pub(crate) mod process;
mod record;
mod release;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::Value;

use crate::apiserver::server::{self, Shared};
use crate::apiserver::{self, Cluster, Request};
use crate::workload_server;

static NODE: Shared = Shared::new("cluster", "scripts/cluster.sh");

/// Two namespaces of the cluster under the Pod Security Standard `restricted`, and words for what a test does there.
pub(crate) struct Site {
    pub(crate) cluster: Cluster,
    /// That of the custom resources.
    pub(crate) namespace: String,
    /// That of the operator.
    pub(crate) system: String,
    /// Name of the release of the chart, and of what it makes.
    pub(crate) release: String,
    /// Name of the image of this very program.
    pub(crate) image: String,
    /// Of the cluster; None when it is not ours.
    folder: Option<PathBuf>,
    /// What nothing that is kept may tell.
    secrets: Mutex<BTreeSet<String>>,
    began: Instant,
}

impl Site {
    /// Fresh namespaces on the cluster, with our image there.
    pub(crate) async fn set(prefix: &str) -> Self {
        // Chooses the cryptography.
        workload_server::client();
        let (folder, image) = if server::is_existing() {
            let image = server::variable("USHER_TEST_IMAGE").expect(
                "with USHER_TEST_CLUSTER=existing, USHER_TEST_IMAGE names the image to try",
            );
            (None, image)
        } else {
            let ready = tokio::task::spawn_blocking(|| {
                let folder = NODE.started();
                let image = loaded(&folder);
                (Some(folder), image)
            });
            ready.await.expect("the starter ends")
        };
        let cluster = apiserver::reached(folder.clone()).await;
        let namespace = cluster.namespace(prefix).await;
        let system = cluster.namespace("usher").await;
        let site = Self {
            cluster,
            release: system.clone(),
            namespace,
            system,
            image,
            folder,
            secrets: Mutex::default(),
            began: Instant::now(),
        };
        // Of the run before.
        for folder in [site.kept(), site.private()] {
            std::fs::remove_dir_all(folder).ok();
        }
        let restricted = "pod-security.kubernetes.io/enforce=restricted";
        for namespace in [&site.namespace, &site.system] {
            site.kubectl(&["label", "namespace", namespace, restricted])
                .await;
        }
        site
    }

    /// What `kubectl ARGUMENTS…` prints in the namespace; it must succeed.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments)
            .await
            .unwrap_or_else(|complaint| panic!("kubectl {arguments:?}: {complaint}"))
    }

    /// The same; it may fail.
    pub(crate) async fn try_kubectl(&self, arguments: &[&str]) -> Result<String, String> {
        let mut all = vec!["--namespace", &self.namespace];
        all.extend(arguments);
        self.cluster.kubectl(&all).await
    }

    /// An object or a list as JSON; null when there is none.
    pub(crate) async fn get(&self, what: &str) -> Value {
        self.get_in(&self.namespace, what).await
    }

    /// The same in another namespace.
    pub(crate) async fn get_in(&self, namespace: &str, what: &str) -> Value {
        let arguments = [
            "-n",
            namespace,
            "get",
            what,
            "-o",
            "json",
            "--ignore-not-found",
        ];
        let printed = self.cluster.kubectl(&arguments).await;
        serde_json::from_str(&printed.unwrap_or_default()).unwrap_or_default()
    }

    /// Applies YAML.
    pub(crate) async fn apply(&self, yaml: &str) {
        let file = self.file("apply.yaml", yaml);
        let path = file.to_str().expect("a path in UTF-8").to_owned();
        self.kubectl(&["apply", "-f", &path]).await;
    }

    /// A file of this test.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        written(&self.kept(), name, text)
    }

    /// A file with a secret, which is not among what is kept.
    pub(crate) fn private_file(&self, name: &str, text: &str) -> PathBuf {
        written(&self.private(), name, text)
    }

    /// Where what this test leaves for a look is kept.
    pub(crate) fn kept(&self) -> PathBuf {
        apiserver::kept(self.name())
    }

    /// Where its secrets are.
    pub(crate) fn private(&self) -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("private")
            .join(self.name())
    }

    /// That of the test.
    fn name(&self) -> &str {
        self.namespace.rsplit_once('-').map_or("", |(it, _)| it)
    }

    /// Waits until the condition `Ready` of `what`, such as `scimtenant/contoso`, is `True`; how long it took.
    pub(crate) async fn ready(&self, what: &str, patience: Duration) -> Duration {
        self.within(patience, &format!("{what} is ready"), async || {
            (condition(&self.get(what).await, "Ready", "status") == "True").then_some(())
        })
        .await
    }

    /// Looks until `look` gives something; how long it took. With what is known of the objects when it does not.
    pub(crate) async fn within(
        &self,
        patience: Duration,
        what: &str,
        mut look: impl AsyncFnMut() -> Option<()>,
    ) -> Duration {
        let began = Instant::now();
        while look().await.is_none() {
            if began.elapsed() > patience {
                let objects = self
                    .try_kubectl(&["get", "scimtenants,azureconnectors,usermappings,pods"])
                    .await;
                panic!(
                    "waited {patience:?}, but not yet: {what}\n{}",
                    objects.unwrap_or_else(|complaint| complaint)
                );
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        began.elapsed()
    }

    /// Where a cluster of our own keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder
            .as_deref()
            .expect("this needs a cluster of our own")
    }

    /// What the API server was asked by our operators.
    pub(crate) fn requests(&self) -> Vec<Request> {
        let requests = self.cluster.requests_of(&self.operator());
        requests.unwrap_or_default()
    }

    /// The account of our operators.
    fn operator(&self) -> String {
        format!("system:serviceaccount:{}:{}", self.system, self.release)
    }

    /// What the operator in a pod changed, beside its Lease.
    pub(crate) fn writes_of(&self, pod: &str) -> Vec<Request> {
        let mut requests = self.requests();
        requests.retain(|it| it.pod == pod && it.is_write() && it.resource != "leases");
        requests
    }

    /// Waits for a Secret, and sees it within milliseconds.
    pub(crate) async fn made_soon(&self, secret: &str) {
        let secrets = Api::<Secret>::namespaced(self.cluster.client.clone(), &self.namespace);
        let patience = Instant::now() + Duration::from_mins(1);
        while secrets.get_opt(secret).await.expect("an answer").is_none() {
            assert!(Instant::now() < patience, "{secret} is not made");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// How often an object was made, by whichever operator.
    pub(crate) fn made(&self, resource: &str, name: &str) -> usize {
        let requests = self.requests();
        let made = requests.iter().filter(|it| {
            it.code == 201 && it.verb == "create" && it.resource == resource && it.name == name
        });
        made.count()
    }

    /// Whatever the operator asked for is among its rights; those that were not told yet, or any more, do not count.
    pub(crate) fn no_right_is_missing(&self) {
        let requests = self.requests();
        assert!(
            self.folder.is_none() || !requests.is_empty(),
            "{} asked for nothing",
            self.operator()
        );
        let missing = self.cluster.missing_rights_of(&self.operator());
        assert!(missing.is_empty(), "{missing:?}");
    }

    /// Whether it is a cluster that is here for the tests, parts of which may be stopped.
    pub(crate) fn is_ours(&self) -> bool {
        self.folder.is_some()
    }

    /// Runs a command in the network of the cluster, where Services have their addresses.
    pub(crate) async fn inside(&self, command: &[&str]) -> Output {
        if self.is_ours() {
            return self.tried("enter", command).await;
        }
        let mut all = Vec::from(command);
        let network = server::variable("USHER_TEST_NETWORK").map(|it| format!("--net={it}"));
        if let Some(network) = &network {
            all.splice(..0, ["nsenter", network]);
        }
        let mut command = Command::new(all[0]);
        command.args(&all[1..]);
        output(command).await
    }

    /// `scripts/cluster.sh VERB` with the cluster's folder; it must succeed.
    pub(crate) async fn script(&self, verb: &str, arguments: &[&str]) {
        let output = self.tried(verb, arguments).await;
        assert!(
            output.status.success(),
            "cluster.sh {verb} {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// The same; it may fail.
    async fn tried(&self, verb: &str, arguments: &[&str]) -> Output {
        let mut command = script("cluster.sh");
        command.arg(verb).arg(self.folder()).args(arguments);
        output(command).await
    }

    /// The address of a Service in the cluster.
    pub(crate) async fn service(&self, name: &str) -> String {
        let service = self.get(&format!("service/{name}")).await;
        let ip = service["spec"]["clusterIP"].as_str().expect("a Service");
        format!("http://{ip}")
    }

    /// One key of a Secret.
    pub(crate) async fn secret(&self, name: &str, key: &str) -> String {
        let template = format!("go-template={{{{index .data \"{key}\" | base64decode}}}}");
        self.kubectl(&["get", "secret", name, "-o", &template])
            .await
    }

    /// Remembers what must not be told.
    pub(crate) fn keep_secret(&self, secret: &str) {
        let mut secrets = self.secrets.lock().expect("no panic while held");
        secrets.insert(secret.to_owned());
    }

    /// Tells what is going on, with the time since the beginning.
    pub(crate) fn tell(&self, what: &str) {
        let line = format!("{:7.1} s  {what}\n", self.began.elapsed().as_secs_f64());
        eprint!("{line}");
        let folder = self.kept();
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("timings.txt");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        std::fs::write(path, before + &line).expect("a file");
    }
}

impl Drop for Site {
    /// However a test fails, what there is to look at is kept: its cluster will be gone.
    fn drop(&mut self) {
        let namespaces = [self.namespace.as_str(), &self.system];
        self.cluster.keep_if_failing(self.name(), &namespaces);
    }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    std::fs::create_dir_all(folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file");
    path
}

/// A field of a condition in the status of an object; empty when there is none.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str, field: &str) -> &'a str {
    object["status"]["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .find(|it| it["type"] == kind)
        .and_then(|it| it[field].as_str())
        .unwrap_or_default()
}

/// The image of this program, built unless it is there: its name, and an archive of the kind that `docker save` writes.
pub(crate) fn image() -> (String, PathBuf) {
    let archive = Path::new(env!("CARGO_TARGET_TMPDIR")).join("usher.tar");
    let built = script("image.sh")
        .arg("usher")
        .arg(env!("CARGO_BIN_EXE_usher"))
        .arg(&archive)
        .output()
        .expect("image.sh runs");
    assert!(
        built.status.success(),
        "no image: {}",
        String::from_utf8_lossy(&built.stderr)
    );
    let name = String::from_utf8(built.stdout).expect("a name");
    (name.trim().to_owned(), archive)
}

/// Brings the image to the node, unless it is there; its name.
fn loaded(folder: &Path) -> String {
    let (name, archive) = image();
    let there = script("cluster.sh")
        .arg("ctr")
        .arg(folder)
        .args(["image", "ls", "-q"])
        .output()
        .expect("cluster.sh runs");
    if !String::from_utf8_lossy(&there.stdout).contains(&name) {
        let load = script("cluster.sh")
            .arg("load")
            .arg(folder)
            .arg(&archive)
            .output()
            .expect("cluster.sh runs");
        assert!(
            load.status.success(),
            "not loaded: {}",
            String::from_utf8_lossy(&load.stderr)
        );
    }
    name
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("the command ends")
        .expect("the command runs")
}

fn script(name: &str) -> Command {
    Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("scripts")
            .join(name),
    )
}
